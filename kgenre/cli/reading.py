"""The flags that say how tracks are read: how much of each, and by which decoder."""

import argparse

from kgenre.audio.decoders import check_decoder
from kgenre.audio.policy import DEFAULT_POLICY, SLICES_PER_TRACK, ReadPolicy
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.flags import add_settings_flags

ALL = "all"


def add_reading_flags(parser: argparse.ArgumentParser, before: str = "") -> None:
    """Adds --slices-per-track and --decoder. `before`: what the default number of slices depends on, as text."""
    parser.add_argument(
        "--slices-per-track",
        type=_slices_per_track,
        metavar="N|all",
        help=f"analyse at most N slices of a track, spread evenly, or all (default: {before}{SLICES_PER_TRACK})",
    )
    add_settings_flags(parser, ReaderSettings, "decoder")


def read_policy(args: argparse.Namespace, default: ReadPolicy = DEFAULT_POLICY) -> ReadPolicy:
    """What the flags of `add_reading_flags` say.

    Raises:
        KgenreError: a decoder that does not work in this environment.
    """
    decoder, n_slices = getattr(args, "decoder", default.decoder), args.slices_per_track
    check_decoder(decoder)
    if n_slices is None:
        n_slices = default.slices_per_track
    return ReadPolicy(None if n_slices == ALL else n_slices, decoder)


def _slices_per_track(text: str) -> int | str:
    if text == ALL:
        return ALL
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, or {ALL}. Received: {text}")
    return int(text)
