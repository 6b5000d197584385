"""The console script: `kgenre COMMAND`, the same as `python -m kgenre.COMMAND`."""

import importlib
import sys

import kgenre
from kgenre.core.errors import KgenreError, check_known

COMMANDS = {
    "train": "train a network, evaluate it once on test, export it",
    "evaluate": "accuracy of a trained model on whole tracks, with protocol and overlap",
    "predict": "name the genres of songs",
    "export": "write a SavedModel for TF Serving and check it",
    "features": "draw what a network looks at in a song",
    "embed": "write the embeddings of songs to a file",
    "explore": "a map of your music: scan, look, listen, make playlists",
    "baseline": "classic classifiers on embeddings or statistics, chosen without the test tracks",
    "similar": "list the songs of a library that are nearest to one",
    "path": "list songs that lead from one song of a library to another",
    "find": "list the songs of a library that a filter lets through",
    "tables": "print the tables of architectures, features and datasets",
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
    rows = "\n".join(f"  {name:<10} {says}" for name, says in COMMANDS.items())
    return f"usage: kgenre COMMAND ...\n\n{kgenre.__doc__}\n\n{rows}\n\n`kgenre COMMAND --help` tells of each."


if __name__ == "__main__":
    sys.exit(main())
