"""The flag that says how much of a track is analysed."""

import argparse

from kgenre.audio.policy import DEFAULT_POLICY, SLICES_PER_TRACK, ReadPolicy

ALL = "all"


def add_slices_flag(parser: argparse.ArgumentParser, default: ReadPolicy | None = DEFAULT_POLICY) -> None:
    """Adds --slices-per-track, whose value is a ReadPolicy in `args.policy`; `default` where it is not given."""
    as_before = "as last time, at first " if default is None else ""
    parser.add_argument(
        "--slices-per-track",
        dest="policy",
        type=read_policy,
        default=default,
        metavar="N|all",
        help=f"analyse at most N slices of a track, spread evenly, or all (default: {as_before}{SLICES_PER_TRACK})",
    )


def read_policy(text: str) -> ReadPolicy:
    """A number of slices, or "all", to a ReadPolicy."""
    if text == ALL:
        return ReadPolicy(None)
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, or {ALL}. Received: {text}")
    return ReadPolicy(int(text))
