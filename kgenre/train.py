"""Trains a network to name genres, evaluates it once on test, and exports it.

    kgenre train --arch resnet50
    kgenre train --arch convpool --data ~/Music/by_genre --out models/mine
    kgenre train --resume --out models/mine

Writes a run folder: config.json, labels.txt, tracks.csv (the split), history.csv, curves.png,
model.keras, saved_model/1/, metrics.json, confusion.csv, confusion.png, and logs/ for TensorBoard.
A run that was killed goes on with --resume; nothing but its running epoch is lost.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.model.settings import read_config
from kgenre.training.start import new_run, resumed_config, train, unfinished_run


def main(argv=None) -> int:
    parser = cli.make_parser("train", __doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help=".toml recipe, or the config.json of another run")
    parser.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: models/ARCH-DATE-TIME)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out (default: the newest unfinished)"
    )
    cli.add_config_flags(parser)
    return cli.run(_train, parser.parse_args(argv))


def _train(args: argparse.Namespace) -> int:
    from kgenre.evaluation.evaluate import evaluate_run
    from kgenre.training.run import Run

    progress = cli.BarProgress()
    given = {**(read_config(args.config) if args.config else {}), **cli.config_flags(args)}
    run = Run(args.out or unfinished_run()) if args.resume else None
    if run and run.begun:
        config = resumed_config(run, given)
        print(f"resuming {run.folder}")
    else:
        config, run = new_run(given, args.out, args.resume, progress)
    if not run.finished:
        print(f"run folder {run.folder}; if stopped, go on with: kgenre train --resume --out {run.folder}", flush=True)
        train(config, run, progress)
        # By the exported model: the metrics are those of the very model that is served.
        evaluate_run(run, config.workers, config.max_bad_share, progress)
    print_result(run)
    return 0


def print_result(run) -> None:
    print((run / "report.txt").read_text(encoding="utf-8", errors="surrogateescape"))
    print(f"run folder   {run.folder}")
    print(f"SavedModel   {run / 'saved_model'}")
    print(f"next         kgenre predict --model {run.folder} SONG.mp3")


if __name__ == "__main__":
    sys.exit(main())
