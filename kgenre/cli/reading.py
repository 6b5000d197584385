"""The flags that say how tracks are read: how much of each, and by which decoder."""

import argparse
import functools
from dataclasses import replace

from kgenre.audio.decoders import check_decoder
from kgenre.audio.policy import AUTO, DEFAULT_POLICY, PROGRESSIVE_POLICY, SLICES_PER_TRACK, ReadPolicy
from kgenre.audio.settings import ReaderSettings
from kgenre.cli.flags import add_settings_flags

ALL = "all"


def add_reading_flags(parser: argparse.ArgumentParser, progressive: bool = False) -> None:
    """Adds --slices-per-track and --decoder. `progressive`: for a library, whose tracks may be read in two passes."""
    words, default, more = (ALL,), SLICES_PER_TRACK, ""
    if progressive:
        words, default = (ALL, AUTO), f"as last time, at first {AUTO}"
        more = f"; {AUTO}: {PROGRESSIVE_POLICY.first_slices} of each track for the map, then all while it is used"
    parser.add_argument(
        "--slices-per-track",
        type=functools.partial(_slices_per_track, words),
        metavar="|".join(("N", *words)),
        help=f"analyse at most N slices of a track, spread evenly, or all{more} (default: {default})",
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
        return replace(default, decoder=decoder)
    if n_slices == AUTO:
        return replace(PROGRESSIVE_POLICY, decoder=decoder)
    return ReadPolicy(None if n_slices == ALL else n_slices, decoder)


def _slices_per_track(words: tuple[str, ...], text: str) -> int | str:
    if text in words:
        return text
    if not text.isdecimal() or int(text) < 1:
        known = " or ".join(words)
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, or {known}. Received: {text}")
    return int(text)
