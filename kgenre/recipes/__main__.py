"""Lists the recipes: settings by name, one for each row that one of five projects published.

    kgenre recipes
    kgenre recipes cnn_rnn
    kgenre recipes cnn_rnn/frequency/cqt
    kgenre train --config cnn_rnn/frequency/cqt --data fma_small
    kgenre baseline --config genre_pred/embeddings_pca/svc_rbf --data fma_small
    kgenre compare --preset cnn_rnn --data fma_small

Of a single recipe it prints the file: where it is from, what differs from what was published and why, its settings.
Copy it to a .toml file of yours to change it, and name that with --config.
"""

import argparse
import sys

from kgenre import cli
from kgenre.recipes import all_recipes, select_recipes


def main(argv=None) -> int:
    parser = cli.make_parser("recipes", __doc__)
    text = "a recipe, or what its name begins with: SYSTEM or SYSTEM/FILE (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=text)
    return cli.run(_recipes, parser.parse_args(argv), pandas=False)


def _recipes(args: argparse.Namespace) -> int:
    found = select_recipes(args.names) if args.names else list(all_recipes().values())
    if len(found) == 1:
        print(found[0].path.read_text(encoding="utf-8"))
        print(f"next  {found[0].line}")
        return 0
    width = max(len(recipe.name) for recipe in found)
    for recipe in found:
        told = recipe.published
        accuracy = f"{told.accuracy} %" if told and told.accuracy is not None else ""
        print(f"{recipe.name:<{width}}  {accuracy:>7}  {told.protocol if told else ''}".rstrip())
    print("\nPublished accuracies, with their protocol. `kgenre recipes NAME` prints one and what to type.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
