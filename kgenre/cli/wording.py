"""The flags --data, those of how a collection is read, and --model, in the same words for all commands."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kgenre.cli.flags import add_settings_flags, settings_from
from kgenre.collections.settings import DATA, DATA_METAVAR, CollectionOptions
from kgenre.model.answer_settings import AnswerSettings
from kgenre.serving.runtimes import AUTO, RUNTIMES

if TYPE_CHECKING:
    from kgenre.model.unsure import UnsureRule

MODEL = (
    "default (which is compact), best, musicnn, vggish, fcn-TAGS or crnn-TAGS (TAGS: msd, mtt, jamendo), a run folder, "
    "a SavedModel folder, a .tflite file, or a mixture of several, mix:NAME,NAME"
)


def add_data_flag(parser: argparse.ArgumentParser, before: str = "", default: str = "", **options) -> None:
    """Adds --data. `before`: text before the help; `default`: what is read without it, as text."""
    after = f" (default: {default})" if default else ""
    parser.add_argument("--data", metavar=DATA_METAVAR, help=f"{before}{DATA}{after}", **options)


def add_collection_flags(parser: argparse.ArgumentParser, *without: str) -> None:
    """Adds the flags of CollectionOptions but for those named in `without`."""
    group = parser.add_argument_group("how --data is read")
    add_settings_flags(
        group, CollectionOptions, *(name for name in CollectionOptions.model_fields if name not in without)
    )


def collection_options(args: argparse.Namespace, **defaults) -> CollectionOptions:
    """What the flags of `add_collection_flags` say, on top of `defaults`."""
    return settings_from(CollectionOptions, args, **defaults)


def add_model_flag(
    parser: argparse.ArgumentParser, default: str = "the default model", known: str = MODEL, **options
) -> None:
    """Adds --model. `default`: what is used without it, as text; `known`: what it takes."""
    after = f" (default: {default})" if default else ""
    parser.add_argument("--model", type=Path, metavar="MODEL", help=f"{known}{after}", **options)


def add_unsure_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --unsure-below."""
    add_settings_flags(parser, AnswerSettings, "unsure_below")


def unsure_rule(args: argparse.Namespace) -> "UnsureRule | None":
    """The rule of --unsure-below, which stands in the place of the model's own; None without the flag."""
    return settings_from(AnswerSettings, args).rule


def add_evaluated_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --data and --split: the tracks that a model is evaluated on."""
    add_model_flag(parser, default="", required=True)
    add_data_flag(parser, default="the run's own tracks; a model that is not a run needs it")
    parser.add_argument(
        "--split",
        default="test",
        choices=("train", "valid", "test", "all"),
        help="the tracks to evaluate (default: test)",
    )


def warn_if_leaky(model) -> None:
    """Tells on standard error what makes the metrics of a serving.Model too high, if anything is known to."""
    if model.leaky:
        print(f"{model.name} is LEAKY, its metrics are too high: {model.leaky}", file=sys.stderr)


def add_runtime_flag(parser: argparse.ArgumentParser) -> None:
    """Adds --runtime."""
    rows = "; ".join(f"{name}: {text}" for name, text in RUNTIMES.items())
    parser.add_argument("--runtime", choices=RUNTIMES, default=AUTO, help=f"what computes ({rows}; default: {AUTO})")
