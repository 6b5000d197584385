"""The console script: `kgenre COMMAND`, the same as `python -m kgenre.COMMAND`."""

import importlib
import sys

import kgenre
from kgenre.core.errors import KgenreError, check_known

COMMANDS = {
    "train": "train a network, export it, evaluate it once on test",
    "pretrain": "train a network on music without labels, as the start of a training",
    "distill": "teach a small network what a larger model gives, on music without labels",
    "evaluate": "evaluate a trained model on whole tracks, with protocol and overlap",
    "report": "show what a model gets wrong, as one HTML page",
    "compare": "compare networks, features and classifiers: a table with intervals, paired tests and cost",
    "leak": "measure how much of an accuracy is leakage, as a ladder of protocols",
    "predict": "predict the genres of songs",
    "export": "export a model for TF Serving and check the export",
    "prepare": "decode a collection once, to files that training reads at random",
    "features": "plot what a network sees of a song, or write it for every track of a collection",
    "embed": "write the embeddings of songs to a file",
    "merge": "merge what parts K/N of a command computed into its result",
    "baseline": "tune and evaluate classic classifiers on embeddings or statistics",
    "explore": "scan a folder of music and show it as a map in the browser",
    "similar": "list the songs of a library that are nearest to one",
    "path": "list songs that lead from one song of a library to another",
    "find": "list the songs of a library that match a filter",
    "client": "predict the genres of songs through TensorFlow Serving",
    "serve": "serve a page that classifies songs, with a JSON API",
    "datasets": "list, download and describe datasets; find duplicates in a collection",
    "recipes": "list the recipes: settings by name, one for each row that one of five projects published",
    "tables": "print the tables of networks, features, augmentations, optimizers, datasets and weights",
    "default_network": "fit the network of the default model to published taggers",
    "default_head": "fit the genre head of the default model",
}


def main(argv=None) -> int:
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(f"kgenre {kgenre.__version__}")
        return 0
    try:
        check_known("command", arguments[0], COMMANDS)
    except KgenreError as error:
        print(f"kgenre: {error}", file=sys.stderr)
        return 2
    return command_module(arguments[0]).main(arguments[1:])


def command_module(name: str):
    """The module that `python -m kgenre.NAME` runs: of a package, its __main__."""
    module = importlib.import_module(f"kgenre.{name}")
    return importlib.import_module(f"kgenre.{name}.__main__") if hasattr(module, "__path__") else module


def usage() -> str:
    rows = "\n".join(f"  {name:<15} {text}" for name, text in COMMANDS.items())
    about = kgenre.__doc__.splitlines()[0]
    return f"usage: kgenre COMMAND ...\n\n{about}\n\n{rows}\n\n`kgenre COMMAND --help` describes each."


if __name__ == "__main__":
    sys.exit(main())
