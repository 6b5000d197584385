"""Compares networks, features and classic classifiers on one collection: a row for each, with seeds and intervals.

    kgenre compare --data DATA --arch convpool,bandattn --feature logmel,mfcc --seeds 3 [settings as of kgenre train]
    kgenre compare --data DATA --arch convpool --classifier logistic,knn --on stats,default
    kgenre compare --data DATA --arch convpool,crnn --estimate
    kgenre compare --data DATA --preset five-systems --seeds 3 --budget 0.5 --update results.md

Every row is one run with one seed, in a process and a run folder of its own: trained, its epoch chosen on valid, and
evaluated once on test. What it will cost is estimated and printed beforehand. Writes table.md, table.csv, table.html,
table.json and pairs.csv, with paired tests between the rows. The same command goes on where it was stopped; what is
finished is not repeated, and a row that failed is tried again. With --preset the rows are recipes (`kgenre recipes`),
and systems.md has what was published beside what they reach here.
"""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from kgenre import cli
from kgenre.cli import grid
from kgenre.core.errors import KgenreError
from kgenre.training.applicable import SELECTORS, applicable_to_any
from kgenre.training.config import config_values


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    grid.add_grid_flags(early)
    grid.add_preset_flags(early)
    early.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each configuration (default: 1)")
    early.add_argument("--parallel", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    early.add_argument("--estimate", action="store_true", help="print what it will cost, and do nothing")
    early.add_argument("--out", type=Path, metavar="DIR", help="folder (default: models/compare-DATA)")
    parser = cli.make_parser("compare", __doc__, parents=[early])
    typed = [one for one in (sys.argv[1:] if argv is None else argv) if one != "--finished"]  # which changes no row
    command = shlex.join(["kgenre", "compare", *typed])
    selectors = [setting for setting in SELECTORS if setting.name not in grid.GRID]
    return cli.run_applicable(lambda args, given: _compare(args, given, command), parser, early, selectors, argv, _any)


def _any(args: argparse.Namespace, selected: dict):
    """The settings that any of the networks has."""
    choices = [{**chosen, **selected} for chosen in grid.networks(args, selected)] or [selected]
    found = applicable_to_any(config_values(args.config, selected), choices).without(grid.GRID)
    found = replace(found, others=[one for one in found.others if one.name not in grid.GRID])  # which are its own flags
    return found.required("data", "here or in --config")


def _compare(args: argparse.Namespace, given: dict, command: str) -> int:
    from kgenre.comparison.process import ended_by_signals

    grid.check_preset_flags(args)
    for name, value in (("seeds", args.seeds), ("parallel", args.parallel)):
        if value < 1:
            raise KgenreError(f"`--{name}` must be at least 1. Received: {value}.")
    with ended_by_signals():
        return (_compare_preset if args.preset else _compare_grid)(args, given, command)


def _compare_grid(args: argparse.Namespace, given: dict, command: str) -> int:
    from kgenre.comparison.compare import compare, cost_text, estimate
    from kgenre.comparison.rows import grid_rows
    from kgenre.comparison.table import markdown_table

    named = (grid.named_archs(args), grid.named_features(args), *map(grid.flat, (args.classifier, args.on)))
    rows = grid_rows(config_values(args.config, given), given, *named, args.seeds)
    out = args.out or Path("models") / f"compare-{Path(rows[0].settings['data']).stem}"
    progress = cli.BarProgress()
    costs, causes = estimate(rows, out, progress)
    print(cost_text(rows, costs, causes, out, args.parallel), flush=True)
    if args.estimate:
        return 0
    comparison = compare(rows, costs, out, args.parallel, command, progress)
    print(markdown_table(comparison))
    print(f"tables written to {out}")
    return 1 if comparison.failed else 0


def _compare_preset(args: argparse.Namespace, given: dict, command: str) -> int:
    from kgenre.cli.tables import check_marks, update_file
    from kgenre.comparison.compare import cost_text
    from kgenre.comparison.preset import make_preset
    from kgenre.comparison.systems import Systems, default_folder

    preset = make_preset(grid.preset_recipes(args), given, args.seeds, next(iter(grid.flat(args.on)), None))
    out = args.out or default_folder(grid.flat(args.preset), given["data"])
    systems = Systems(preset, out, args.budget, command, cli.BarProgress())
    for file in args.update:
        check_marks(file, [*(recipe.system for recipe in preset.recipes), out.name])
    if not args.finished:
        causes = systems.estimate()
        print(cost_text(systems.preset.rows, systems.costs, causes, out, args.parallel), flush=True)
        if args.estimate:
            return 0
    tables = systems.run(args.parallel, args.finished)
    for file in args.update:
        update_file(file, {name: lambda text=text: text for name, text in tables.items()})
    print((out / "systems.md").read_text(encoding="utf-8"))
    print(f"tables written to {', '.join(map(str, [out, *args.update]))}")
    return 1 if systems.failed else 0


if __name__ == "__main__":
    sys.exit(main())
