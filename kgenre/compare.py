"""Compares networks, features and classic classifiers on one collection: a row for each, with seeds and intervals.

    kgenre compare --data DATA --arch convpool,bandattn --feature logmel,mfcc --seeds 3 [settings as of kgenre train]
    kgenre compare --data DATA --arch convpool --classifier logistic,knn --on stats,default
    kgenre compare --data DATA --arch convpool,crnn --estimate

Every row is one run with one seed, in a process and a run folder of its own: trained, its epoch chosen on valid, and
evaluated once on test. What it will cost is estimated and printed beforehand. Writes table.md, table.csv, table.html,
table.json and pairs.csv, with paired tests between the rows. The same command goes on where it was stopped; what is
finished is not repeated, and a row that failed is tried again.
"""

import argparse
import shlex
import sys
from pathlib import Path

from kgenre import cli
from kgenre.archs import ARCHS
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.training.applicable import SELECTORS, applicable_to_any
from kgenre.training.recipes import find_recipe
from kgenre.training.settings import read_config

GRID = ("arch", "feature")  # selectors that the grid takes several of


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    several = {"nargs": "+", "default": [], "type": lambda text: text.split(",")}
    text = f"networks, with commas between: {', '.join(ARCHS)}"
    early.add_argument("--arch", metavar="NAME,NAME", help=text, **several)
    text = f"features: {', '.join(FEATURES)}; cqt+mfcc: both in one network (default: each network's own)"
    early.add_argument("--feature", metavar="NAME,NAME", help=text, **several)
    text = f"classic classifiers, or all: {', '.join(CLASSIFIERS)}"
    early.add_argument("--classifier", metavar="NAME,NAME", help=text, **several)
    text = "vectors for the classifiers, as of kgenre baseline: stats, default, best, a model, ... (default: stats)"
    early.add_argument("--on", metavar="NAME,NAME", help=text, **{**several, "type": _sources})
    early.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each configuration (default: 1)")
    early.add_argument("--parallel", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    early.add_argument("--estimate", action="store_true", help="print what it will cost, and do nothing")
    early.add_argument("--config", type=find_recipe, metavar="NAME|FILE", help="settings to begin with, as of train")
    early.add_argument("--out", type=Path, metavar="DIR", help="folder (default: models/compare-DATA)")
    parser = cli.make_parser("compare", __doc__, parents=[early])
    command = shlex.join(["kgenre", "compare", *(sys.argv[1:] if argv is None else argv)])
    selectors = [setting for setting in SELECTORS if setting.name not in GRID]
    return cli.run_applicable(lambda args, given: _compare(args, given, command), parser, early, selectors, argv, _any)


def _sources(text: str) -> list[str]:
    return [text] if text.startswith("mix:") else text.split(",")  # a mixture has commas of its own


def _any(args: argparse.Namespace, selected: dict):
    """The settings that any of the networks has."""
    choices = [{**selected, **chosen} for chosen in _networks(args)] or [selected]
    found = applicable_to_any(_file_values(args), choices)
    sections = {title: [one for one in own if one.name not in GRID] for title, own in found.sections.items()}
    return type(found)(sections, [one for one in found.others if one.name not in GRID])


def _networks(args: argparse.Namespace) -> list[dict]:
    features = [{"feature": names} for names in _features(args)] or [{}]
    return [{"arch": arch, **feature} for arch in _archs(args) for feature in features]


def _features(args: argparse.Namespace) -> list[str]:
    """What `feature` is in each row: a comma is between rows here, and + between the features of one network."""
    return [names.replace("+", ",") for names in _flat(args.feature)]


def _archs(args: argparse.Namespace) -> list[str]:
    own = _file_values(args).get("arch")
    return _flat(args.arch) or ([own] if own else [])


def _flat(lists) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names if name))


def _file_values(args: argparse.Namespace) -> dict:
    return read_config(args.config) if args.config else {}


def _compare(args: argparse.Namespace, given: dict, command: str) -> int:
    from kgenre.comparison.compare import compare, cost_text, estimate
    from kgenre.comparison.process import ended_by_signals
    from kgenre.comparison.rows import grid_rows
    from kgenre.comparison.table import markdown_table

    for name, value in (("seeds", args.seeds), ("parallel", args.parallel)):
        if value < 1:
            raise KgenreError(f"`--{name}` must be at least 1. Received: {value}.")
    grid = (_archs(args), _features(args), _flat(args.classifier), _flat(args.on))
    rows = grid_rows(_file_values(args), given, *grid, args.seeds)
    out = args.out or Path("models") / f"compare-{Path(rows[0].settings['data']).stem}"
    progress = cli.BarProgress()
    with ended_by_signals():
        costs, causes = estimate(rows, out, progress)
        print(cost_text(rows, costs, causes, out, args.parallel), flush=True)
        if args.estimate:
            return 0
        comparison = compare(rows, costs, out, args.parallel, command, progress)
    print(markdown_table(comparison))
    print(f"tables written to {out}")
    return 1 if comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main())
