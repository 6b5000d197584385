"""The flags of `kgenre compare` that name its rows, and the networks that they name."""

import argparse
from pathlib import Path

from kgenre.archs import ARCHS
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.recipes import Recipe, select_recipes
from kgenre.recipes.catalogue import ALL
from kgenre.training.applicable import SELECTORS
from kgenre.training.config import config_values, holds_spectrograms, named_config

GRID = ("arch", "feature")  # selectors that a grid takes several of
SEVERAL = {"nargs": "+", "default": [], "type": lambda text: text.split(",")}  # names, with commas between
OF_GRID = ("arch", "feature", "classifier", "config")  # flags that a preset does without


def add_grid_flags(parser: argparse.ArgumentParser) -> None:
    text = f"networks, with commas between: {', '.join(ARCHS)}"
    parser.add_argument("--arch", metavar="NAME,NAME", help=text, **SEVERAL)
    text = f"features: {', '.join(FEATURES)}; cqt+mfcc: both in one network (default: each network's own)"
    parser.add_argument("--feature", metavar="NAME,NAME", help=text, **SEVERAL)
    text = f"classic classifiers, or all: {', '.join(CLASSIFIERS)}"
    parser.add_argument("--classifier", metavar="NAME,NAME", help=text, **SEVERAL)
    text = "vectors for the classifiers, as of kgenre baseline: stats, default, best, a model, ... (default: stats); "
    text += "with --preset a file of embeddings in place of VGGish's"
    parser.add_argument("--on", metavar="NAME,NAME", help=text, **{**SEVERAL, "type": _sources})
    parser.add_argument("--config", type=named_config, metavar="NAME|FILE", help="settings to begin with, as of train")


def add_preset_flags(parser: argparse.ArgumentParser) -> None:
    text = f"recipes as rows: names of `kgenre recipes`, or what they begin with, with commas between; {ALL} for all"
    parser.add_argument("--preset", metavar="NAME,NAME", help=text, **SEVERAL)
    text = "with --preset: CPU-hours that a run of a network may take; its epochs are lowered to what fits"
    parser.add_argument("--budget", type=float, metavar="HOURS", help=text)
    text = (
        "with --preset: Markdown files in which to replace tables, between `<!-- table: SYSTEM -->` (or the folder's "
    )
    text += "name) and `<!-- end -->`"
    parser.add_argument("--update", type=Path, nargs="+", default=[], metavar="FILE", help=text)
    parser.add_argument("--finished", action="store_true", help="with --preset: tables of finished rows; train nothing")


def _sources(text: str) -> list[str]:
    return [text] if text.startswith("mix:") else text.split(",")  # a mixture has commas of its own


def flat(lists) -> list[str]:
    """The names of lists, each once."""
    return list(dict.fromkeys(name for names in lists for name in names if name))


def named_archs(args: argparse.Namespace) -> list[str]:
    own = config_values(args.config, {}).get("arch")
    return flat(args.arch) or ([own] if own else [])


def named_features(args: argparse.Namespace) -> list[str]:
    """What `feature` is in each row: a comma is between rows here, and + between the features of one network."""
    return [names.replace("+", ",") for names in flat(args.feature)]


def networks(args: argparse.Namespace, given: dict) -> list[dict]:
    """The selectors of each network that is named: its architecture, its feature if said; all of a recipe."""
    if args.preset:
        found = [recipe.settings for recipe in preset_recipes(args) if recipe.command == "train"]
        names = [one.name for one in SELECTORS if one.name != "feature" or not holds_spectrograms(given)]
        chosen = [{name: own[name] for name in names if name in own} for own in found]
        return list({repr(one): one for one in chosen}.values())
    features = [{"feature": names} for names in named_features(args)] or [{}]
    return [{"arch": arch, **feature} for arch in named_archs(args) for feature in features]


def preset_recipes(args: argparse.Namespace) -> list[Recipe]:
    """The recipes of --preset.

    Raises:
        KgenreError: no such recipe.
    """
    return select_recipes(flat(args.preset))


def check_preset_flags(args: argparse.Namespace) -> None:
    """Raises KgenreError for flags of a grid beside --preset, or of a preset without it."""
    if args.preset:
        wrong = [name for name in OF_GRID if getattr(args, name)]
        rule = "names its rows by itself"
    else:
        wrong = [name for name in ("budget", "update", "finished") if getattr(args, name) not in (None, False, [])]
        rule = "is what these are for"
    if wrong:
        raise KgenreError(f"`--preset` {rule}. Received: --{' --'.join(wrong)}. Leave one or the other out.")
    if args.budget is not None and not args.budget > 0:
        raise KgenreError(f"`--budget` must be above 0 CPU-hours. Received: {args.budget:g}.")
    if args.preset and len(flat(args.on)) > 1:
        raise KgenreError(f"`--on` with --preset is one file of embeddings. Received: {' '.join(flat(args.on))}.")
