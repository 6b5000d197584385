"""Shows what a model gets wrong: one HTML page that needs no network, and the figures and tables behind it.

    kgenre report --model models/RUN
    kgenre report --model models/RUN --data NAME|DIR|MANIFEST --split all --out report.html
    kgenre report --model models/baseline-stats-demo
    kgenre report --model default --track SONG.mp3

Writes RUN/report.html, and the PNG, CSV and JSON files behind it into RUN/report/. The sections that a model, a task
or tracks without audio cannot have are left out, and the page says why.

With --track it writes a page for each song instead: spectrogram, genres over time, what decided, nearest train tracks.
"""

import argparse
import shlex
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.core.errors import KgenreError
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("report", __doc__)
    cli.add_evaluated_flags(parser)
    text = "the page (default: in the run folder; required for a model that is no run)"
    parser.add_argument("--out", type=Path, metavar="FILE.html", help=text)
    text = (
        "songs, each of which gets a page, NAME.html in this folder or in that of --out; of one song --out is the page"
    )
    parser.add_argument("--track", nargs="+", metavar="FILE", help=text)
    parser.add_argument("--no-audio", action="store_true", help="no excerpts of tracks in the page")
    text = "tracks that are altered and predicted again, for the section on robustness; 0 leaves it out (default: 100)"
    parser.add_argument("--robustness-tracks", type=int, default=100, metavar="N", help=text)
    cli.add_collection_flags(parser, "task")
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers", "max_bad_share")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    argv = sys.argv[1:] if argv is None else argv
    args, command = parser.parse_args(argv), shlex.join(["kgenre", "report", *map(str, argv)])
    return cli.run(lambda args: (_report_songs if args.track else _report)(args, command), args)


def _report(args: argparse.Namespace, command: str) -> int:
    from kgenre.evaluation.evaluate import collection_defaults, reader_settings
    from kgenre.reporting.build import Asked, report
    from kgenre.reporting.section import Options

    reading = cli.settings_from(ReaderSettings, args, **dict(reader_settings(args.model)))
    seed = cli.settings_from(TrainingSettings, args).seed
    asked = Asked(
        args.model,
        args.data,
        args.split,
        args.out,
        reading.max_bad_share,
        cli.read_policy(args, reading.policy),
        cli.collection_options(args, **dict(collection_defaults(args.model))),
    )
    options = Options(not args.no_audio, reading.workers, args.robustness_tracks, seed, reading.decoder)
    print(f"report written to {report(asked, command, options, cli.BarProgress())}")
    return 0


def _report_songs(args: argparse.Namespace, command: str) -> int:
    from kgenre.audio.walk import expand_paths
    from kgenre.reporting.nearest import open_train_tracks
    from kgenre.reporting.track import write_track_pages
    from kgenre.reporting.track_files import page_paths
    from kgenre.serving.catalogue import open_model

    if args.data:
        raise KgenreError(
            f"--track names songs, --data a collection. Received both: --data {args.data}. Leave one out."
        )
    model, progress = open_model(args.model), cli.BarProgress()
    if not model.labels:
        raise KgenreError(f"{model.name} names no genres. Use another --model.")
    pages = page_paths(expand_paths(args.track, model.slice_spec.input), args.out)
    cli.warn_if_leaky(model)
    policy, workers = cli.read_policy(args), cli.settings_from(ReaderSettings, args).workers
    train = open_train_tracks(model, args.model, workers, policy, progress)
    failures = write_track_pages(model, pages, command, policy, train, not args.no_audio, progress)
    for song, page in pages.items():
        if song not in failures:
            print(f"page written to {page}")
    progress.failures(failures, "failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
