"""Trains a network on music without labels, as the start of a training with few of them.

    kgenre pretrain --data ~/Music --out models/start
    kgenre pretrain --data mels.npz --arch crnn --out models/start
    kgenre pretrain --resume --out models/start
    kgenre train --init models/start --data LABELLED --out models/mine

Each batch holds two random slices of each of its songs, changed by the augmentations, and the network learns which
belong together. --data is any folder of audio, or of spectrograms as spectrograms:DIR; or what `kgenre train` takes,
without its test tracks where it says which they are, and with its genres unread. The run folder has no genres:
`kgenre train --init` goes on with it, and `kgenre baseline --on RUN --layer embedding` fits classifiers on it.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.core.keras_backends import NEEDED, training_backend
from kgenre.core.packages import check_installed
from kgenre.training.pretraining.settings import PRETRAINING
from kgenre.training.settings import read_config


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    early.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: models/ARCH-DATE-TIME)")
    early.add_argument(
        "--resume", action="store_true", help="go on with the run in --out (default: the newest unfinished)"
    )
    parser = cli.make_parser("pretrain", __doc__, parents=[early])
    return cli.run_applicable(_pretrain, parser, early, PRETRAINING.selectors, argv, _applicable)


def _applicable(args: argparse.Namespace, selected: dict):
    kept = _run_to_resume(args) / "config.json" if args.resume else None
    return PRETRAINING.applicable(read_config(kept) if kept and kept.is_file() else {}, selected)


def _run_to_resume(args: argparse.Namespace) -> Path:
    from kgenre.training.start import unfinished_run

    return args.out or unfinished_run()


def _pretrain(args: argparse.Namespace, given: dict) -> int:
    check_installed(*NEEDED[training_backend()])  # before the music is read
    from kgenre.training.pretraining.start import new_pretraining, pretrain, resumed_pretraining
    from kgenre.training.run import Run

    progress = cli.BarProgress()
    run = Run(_run_to_resume(args)) if args.resume else None
    if run and run.begun:
        work = resumed_pretraining(run, given)
        print(f"resuming {run.folder}")
    else:
        work = new_pretraining(given, args.out, args.resume, progress)
    if not work.run.finished:
        pretrain(work, progress)
    print((work.run / "report.txt").read_text(encoding="utf-8"))
    print(f"run folder   {work.run.folder}")
    print(f"next         kgenre train --init {work.run.folder} --data LABELLED")
    return 0


if __name__ == "__main__":
    sys.exit(main())
