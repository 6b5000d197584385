"""Lists the recipes: settings by name, one for each row that one of five projects published.

    kgenre recipes
    kgenre recipes cnn_rnn
    kgenre recipes cnn_rnn/frequency/cqt
    kgenre train --config cnn_rnn/frequency/cqt --data fma_small
    kgenre baseline --config genre_pred/embeddings_pca/svc_rbf --data fma_small
    kgenre compare --preset cnn_rnn --data fma_small

A name may be cut off at a slash and then stands for all below it. Of a single recipe its file is printed: where it is
from, what differs from what was published and why, its settings. Save that as a .toml file to change it, and name the
file with --config.
"""

import argparse
import itertools
import sys

from kgenre import cli
from kgenre.recipes import SYSTEMS, all_recipes, select_recipes


def main(argv=None) -> int:
    parser = cli.make_parser("recipes", __doc__)
    text = "a recipe, or what its name begins with: SYSTEM or SYSTEM/FILE (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=text)
    return cli.run(_recipes, parser.parse_args(argv), pandas=False)


def _recipes(args: argparse.Namespace) -> int:
    found = select_recipes(args.names) if args.names else list(all_recipes().values())
    if len(found) == 1:
        print(f"{found[0].text()}\n# {found[0].line}")
        return 0
    width = max(len(recipe.name) for recipe in found)
    for (system, protocol), recipes in itertools.groupby(found, lambda one: (one.system, one.protocol)):
        print(f"{SYSTEMS.get(system, system)}{protocol and f' (published: {protocol})'}")
        for recipe in recipes:
            accuracy = "" if recipe.accuracy is None else f"{recipe.accuracy} %"
            print(f"  {recipe.name:<{width}}  {accuracy}".rstrip())
    print("\nBeside the names: published accuracy. `kgenre recipes NAME` prints a recipe and what to type.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
