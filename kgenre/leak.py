"""Measures how much of an accuracy is leakage: one network and budget under protocols that leak, and that do not.

    kgenre leak --data DATA --arch ARCH [--seeds N] [--out DIR] [settings as of kgenre train]

Each rung is trained with the same settings and number of steps under one way to split: random slices of tracks,
augmented copies dealt at random, random tracks, the epoch chosen on test, by artist, and the collection's own.
Writes leak.csv, leak.json, leak.png and report.txt, and a run folder for each rung and seed. The same command goes on
where it was stopped; what is finished is not repeated.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.core.errors import KgenreError, check_known
from kgenre.training.applicable import SELECTORS, applicable
from kgenre.training.config import config_values, named_config

# Runs that are compared should differ in their splits alone.
DEFAULTS = {"deterministic": True}
OWN = ("protocol", "allow_leak", "patience")  # the ladder's own


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    early.add_argument("--config", type=named_config, metavar="NAME|FILE", help="settings to begin with, as of train")
    early.add_argument("--out", type=Path, metavar="DIR", help="folder of the ladder (default: models/leak-ARCH-DATA)")
    early.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each rung (default: 1)")
    early.add_argument("--rungs", nargs="+", metavar="NAME", help="only these rungs (default: all that DATA allows)")
    parser = cli.make_parser("leak", __doc__, parents=[early])
    return cli.run_applicable(_leak, parser, early, SELECTORS, argv, _applicable)


def _applicable(args: argparse.Namespace, selected: dict):
    found = applicable(_file_values(args, selected), selected).without(OWN)
    return found.required("data", "here or in --config")


def _file_values(args: argparse.Namespace, given: dict) -> dict:
    return {**DEFAULTS, **config_values(args.config, given)}


def _leak(args: argparse.Namespace, given: dict) -> int:
    from kgenre.audio.decoders import check_decoder
    from kgenre.evaluation.leak.ladder import climb
    from kgenre.evaluation.leak.report import ladder_text
    from kgenre.evaluation.leak.rungs import RUNGS
    from kgenre.training.run import network_of
    from kgenre.training.settings import RunSettings

    for name in OWN:
        if name in given:
            raise KgenreError(f"`{name}` is the ladder's own. Received: --{name.replace('_', '-')}. Leave it out.")
    if args.seeds < 1:
        raise KgenreError(f"`--seeds` must be at least 1. Received: {args.seeds}.")
    for name in args.rungs or ():
        check_known("rung", name, RUNGS)
    file_values = _file_values(args, given)
    both = {**file_values, **given}
    settings = RunSettings.compose(network_of(both.get("init"), both), file_values, given)
    if "data" not in both:
        raise KgenreError("`kgenre leak` needs a collection. Name it with --data.")
    check_decoder(settings.reader.policy.decoder)
    out = args.out or Path("models") / f"leak-{settings.arch}-{Path(settings.data).stem}"
    rungs = [name for name in RUNGS if name in (args.rungs or RUNGS)]
    ladder = climb(settings, out, rungs, args.seeds, "the same command", cli.BarProgress())
    print(ladder_text(ladder))
    print(f"ladder written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
