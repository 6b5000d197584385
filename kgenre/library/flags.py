"""The flags that `kgenre similar`, `kgenre path` and `kgenre find` share."""

import argparse
from pathlib import Path


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--library", type=Path, metavar="FILE", help="library (default: the one of the folder of the song, or of this)"
    )
    parser.add_argument("--model", metavar="NAME", help="use what this model said (default: the one used last)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write the list there instead of printing it")
    parser.add_argument("--csv", action="store_true", help="a CSV table instead of an m3u8 playlist")
    parser.add_argument("--relative", action="store_true", help="paths relative to the list (or to this folder)")


def add_where_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--where", metavar="FILTER", help="only songs that `kgenre find FILTER` would list")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
