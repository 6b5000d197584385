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

from kgenre import cli
from kgenre.core.keras_backends import NEEDED, training_backend
from kgenre.core.packages import check_installed
from kgenre.training.pretraining.settings import PRETRAINING


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    cli.add_run_flags(early)
    parser = cli.make_parser("pretrain", __doc__, parents=[early])
    return cli.run_applicable(_pretrain, parser, early, PRETRAINING.selectors, argv, _applicable)


def _applicable(args: argparse.Namespace, selected: dict):
    return PRETRAINING.applicable(cli.resumed_values(args), selected)


def _pretrain(args: argparse.Namespace, given: dict) -> int:
    check_installed(*NEEDED[training_backend()])  # before the music is read
    from kgenre.training.pretraining.start import new_pretraining, pretrain, resumed_pretraining
    from kgenre.training.run import Run

    progress = cli.BarProgress()
    run = Run(cli.run_to_resume(args)) if args.resume else None
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
