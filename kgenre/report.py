"""Shows what a model gets wrong: one HTML page that needs no network, and the figures and tables behind it.

    kgenre report --model models/RUN
    kgenre report --model models/RUN --data NAME|DIR|MANIFEST --split all --out report.html
    kgenre report --model models/baseline-stats-demo

Writes RUN/report.html, and the PNG, CSV and JSON files behind it into RUN/report/. The sections that a model, a task
or tracks without audio cannot have are left out, and the page says why.
"""

import argparse
import shlex
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("report", __doc__)
    cli.add_model_flag(parser, default="", required=True)
    cli.add_data_flag(parser, default="the run's own tracks; a model that is not a run needs it")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"), help="(default: test)")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="the page (default: in the run folder)")
    parser.add_argument("--no-audio", action="store_true", help="no excerpts of tracks in the page")
    text = "tracks that are altered and predicted again, for the section on robustness; 0 leaves it out (default: 100)"
    parser.add_argument("--robustness-tracks", type=int, default=100, metavar="N", help=text)
    cli.add_collection_flags(parser, "task")
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers", "max_bad_share")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    argv = sys.argv[1:] if argv is None else argv
    return cli.run(
        lambda args: _report(args, shlex.join(["kgenre", "report", *map(str, argv)])), parser.parse_args(argv)
    )


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
    options = Options(not args.no_audio, reading.workers, args.robustness_tracks, seed)
    print(f"report written to {report(asked, command, options, cli.BarProgress())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
