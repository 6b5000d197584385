"""Predicts the genres of songs.

    kgenre predict SONG.mp3 --tags
    kgenre predict ~/Music --out genres.csv
    kgenre predict --model models/RUN 'albums/**/*.flac' --format json --slices
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
from kgenre.cli.output import Output, add_output_flags, read_output
from kgenre.core.errors import KgenreError
from kgenre.serving.answers import record_json, record_text, records_csv, track_record

FORMATS = ("text", "csv", "json")


def main(argv=None) -> int:
    parser = cli.make_parser("predict", __doc__)
    parser.add_argument("songs", nargs="+", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    cli.add_model_flag(parser)
    cli.add_runtime_flag(parser)
    add_output_flags(parser, FORMATS)
    parser.add_argument("--slices", action="store_true", help="also the probabilities of each slice")
    parser.add_argument("--tags", action="store_true", help="also the 50 tags of the default model")
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_predict, parser.parse_args(argv), pandas=False)


def _predict(args: argparse.Namespace) -> int:
    from kgenre.serving.catalogue import MUSICNN_NAMES, model_input, open_model

    output = read_output(args.out, FORMATS, args.format)
    if args.tags and args.model and str(args.model) not in MUSICNN_NAMES:
        raise KgenreError(f"--tags needs the default model. Received: --model {args.model}. Leave out one of the two.")
    workers = cli.settings_from(ReaderSettings, args).workers
    paths = expand_paths(args.songs, model_input(args.model))

    from kgenre.audio.open_reader import open_reader
    from kgenre.serving import default_model
    from kgenre.serving.predict import predict_tracks

    predictor = open_model(args.model, args.runtime)
    if not predictor.task.labels:
        raise KgenreError(
            f"{predictor.name} names no genres. Use `kgenre embed` for its embeddings, or another --model."
        )
    if predictor.leaky:
        print(f"{predictor.name} is LEAKY, its metrics are too high: {predictor.leaky}", file=sys.stderr)
    reader = open_reader(predictor.slice_spec, policy=cli.read_policy(args))
    records, progress, streamed = [], cli.BarProgress(), output.path is None and output.format != "csv"
    with progress.task("analysing", len(paths), "tracks") as advance:
        for prediction in predict_tracks(predictor, reader, paths, workers=workers, advance=advance):
            tags = default_model.tags(prediction.slices.embeddings) if args.tags else None
            record = track_record(prediction, tags)
            if streamed:
                output.write_text(_text([record], output, predictor.task.labels, args.slices))
            else:
                records.append(record)
    if not streamed:
        order = {path: number for number, path in enumerate(paths)}
        records.sort(key=lambda record: order[record["path"]])  # predictions come as they are ready
        output.write_text(_text(records, output, predictor.task.labels, args.slices))
    output.report_songs(len(records))
    progress.failures(reader.failures, "failed")
    return 1 if reader.failures else 0


def _text(records: list[dict], output: Output, labels, by_slice: bool) -> str:
    if output.format == "csv":
        return records_csv(records, labels, by_slice)
    write = record_json if output.format == "json" else record_text
    return "".join(write(record, by_slice) for record in records)


if __name__ == "__main__":
    sys.exit(main())
