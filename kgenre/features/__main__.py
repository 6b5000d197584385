"""Draws a feature of a song: what a network sees, over seconds and hertz.

    kgenre features SONG.mp3
    kgenre features SONG.mp3 --feature cqt --start 60 --seconds 10 --out cqt.png

The ends of the scale are the 0 and 1 of the image that the network is given. The settings below are those of the
feature that is chosen; for another's, name it: `kgenre features --feature cqt --help`.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import AudioSettings
from kgenre.cli.output import read_output
from kgenre.core.settings import Applicable, fields_of
from kgenre.features import FEATURES
from kgenre.features.plot import MAX_SECONDS, SECONDS, check_range, compute, draw
from kgenre.model.settings import ModelSelection, ModelSettings

SELECTOR = fields_of(ModelSelection)["feature"]


def main(argv=None) -> int:
    parser = cli.make_parser("features", __doc__)
    parser.add_argument("song", metavar="SONG", help="an audio file")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where to begin (default: 0)")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"how much to draw at most (default: {SECONDS:g})"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="plot to write (default: SONG-FEATURE.png, here)")
    args, given = cli.parse_applicable(parser, cli.Parser(add_help=False), [SELECTOR], argv, _applicable)
    return cli.run(lambda args: _features(args, given), args)


def _applicable(args: argparse.Namespace, selected: dict) -> Applicable:
    row = FEATURES[selected.get("feature", SELECTOR.default)]
    rate = fields_of(AudioSettings)["sample_rate_hz"]
    rate = dataclasses.replace(rate, default=row.defaults.get(rate.name, rate.default))
    own = fields_of(row.settings)
    every = {name: field for other in FEATURES.values() for name, field in fields_of(other.settings).items()}
    return Applicable(
        {"feature": [SELECTOR, *own.values(), rate]}, [field for name, field in every.items() if name not in own]
    )


def _features(args: argparse.Namespace, given: dict) -> int:
    check_range(args.start, args.seconds)
    # No slices here, whose length could be too short for a frame.
    chosen = ModelSettings.compose(given, {"slice_seconds": MAX_SECONDS})
    row, sample_rate, settings = FEATURES[chosen.feature], chosen.audio.sample_rate_hz, chosen.spectrogram
    png = args.out or Path(f"{Path(args.song).stem}-{chosen.feature}.png")
    png = read_output(png, ("png",), needs_ending=True).path

    from kgenre.audio.decode import decode

    audio = decode(args.song, sample_rate, args.start, args.seconds)
    title = f"{cli.one_line(Path(args.song).name)}\n{chosen.feature}: {row.description}"
    spectrogram = compute(audio.samples, row, sample_rate, settings)
    draw(spectrogram, row, sample_rate, settings, title, png, args.start, audio.seconds)
    note = f" ({', '.join(audio.flags)})" if audio.flags else ""
    print(f"{cli.one_line(str(png))}: {chosen.feature} of {audio.seconds:.1f} s from {args.start:.1f} s{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
