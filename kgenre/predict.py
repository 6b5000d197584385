"""Predicts the genres of songs.

    kgenre predict SONG.mp3 --tags
    kgenre predict ~/Music --out genres.csv
    kgenre predict --model models/RUN 'albums/**/*.flac' --format jsonl --slices
    kgenre predict --model models/SPECTROGRAM_RUN song.npy song.png tracks.npz#3
    kgenre predict --model genres.tflite SONG.mp3     # what `kgenre export --format litert` wrote

Probabilities are averaged over the slices of the whole track. JSON output has one object a line. Files that
cannot be used are listed on stderr with the reason, and the exit status is then 1; all others are predicted. A
name that does not exist ends the command before its first prediction.
"""

import argparse
import sys

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.audio.walk import expand_paths
from kgenre.cli.output import add_output_flags
from kgenre.cli.predictions import (
    FORMATS,
    add_slices_flag,
    add_songs,
    compute_predictions,
    prediction_output,
    write_predictions,
)
from kgenre.core.errors import KgenreError


def main(argv=None) -> int:
    parser = cli.make_parser("predict", __doc__)
    add_songs(parser)
    cli.add_model_flag(parser)
    cli.add_runtime_flag(parser)
    add_output_flags(parser, FORMATS)
    add_slices_flag(parser)
    parser.add_argument("--tags", action="store_true", help="also the tags of the track, of a model that has tags")
    cli.add_unsure_flag(parser)
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    cli.add_engine_flags(parser)
    return cli.run(_predict, parser.parse_args(argv), pandas=False)


def _predict(args: argparse.Namespace) -> int:
    from kgenre.serving.catalogue import model_input, open_model

    output, engine = prediction_output(args.out, args.format), cli.engine_settings(args)
    if not output.is_file and not (engine.engine == "local" and engine.is_whole):
        raise KgenreError("--engine ray and --part K/N need a file for the predictions. Name it with --out.")
    unsure, workers = cli.unsure_rule(args), cli.settings_from(ReaderSettings, args).workers
    paths = expand_paths(args.songs, model_input(args.model))

    from kgenre.audio.fetched import FetchingReader
    from kgenre.serving.model_source import ModelSource
    from kgenre.serving.predict_work import Answering, PredictWork

    predictor = open_model(args.model, args.runtime)
    if not predictor.task.labels:
        raise KgenreError(
            f"{predictor.name} names no genres. Use `kgenre embed` for its embeddings, or another --model."
        )
    if args.tags and not predictor.tag_names:
        raise KgenreError(
            f"--tags needs a model that has tags. Received: {predictor.name}. Leave out --tags, or use another --model."
        )
    cli.warn_if_leaky(predictor)
    policy = cli.read_policy(args)
    if not output.is_file:
        predictor.unsure = unsure or predictor.unsure
        reader = FetchingReader(predictor.slice_spec, policy)
        return write_predictions(predictor, reader, paths, output, args.slices, args.tags, workers=workers)
    source = ModelSource(args.model, args.runtime, predictor)
    answering = Answering(policy, unsure and unsure.below, args.tags, args.slices)
    with cli.stoppable(engine, output.path):
        progress = cli.BarProgress()
        work = PredictWork(source, answering, workers)
        failures, n_songs = compute_predictions(work, paths, output, engine, progress)
    if engine.is_whole:
        output.report_songs(n_songs)
    else:
        cli.print_part(engine, output.path, n_songs)
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
