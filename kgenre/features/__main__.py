"""Draws a feature of a song: what a network looks at, over seconds and hertz.

    kgenre features SONG.mp3
    kgenre features SONG.mp3 --feature cqt --start 60 --seconds 10 --out cqt.png

The ends of the scale are the 0 and 1 of the picture that the network is given.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.cli.output import read_output
from kgenre.features import FEATURES
from kgenre.features.plot import MAX_SECONDS, SECONDS, check_window, compute, draw
from kgenre.model.settings import make_config

FLAGS = ("feature", "sample_rate_hz", "n_fft", "hop_length", "n_mels", "fmin_hz", "fmax_hz", "top_db")


def main(argv=None) -> int:
    parser = cli.make_parser("features", __doc__)
    parser.add_argument("song", metavar="SONG", help="an audio file")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where to begin (default: 0)")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"how much to draw at most (default: {SECONDS:g})"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: SONG-FEATURE.png, here)")
    cli.add_config_flags(parser, FLAGS)
    return cli.run(_features, parser.parse_args(argv))


def _features(args: argparse.Namespace) -> int:
    check_window(args.start, args.seconds)
    # No slices here, whose length could be too short for a frame.
    config = make_config({}, {**cli.config_flags(args), "slice_seconds": MAX_SECONDS})
    png = read_output(
        args.out or Path(f"{Path(args.song).stem}-{config.feature}.png"), ("png",), needs_ending=True
    ).path

    from kgenre.audio.decode import decode

    audio = decode(args.song, config.sample_rate_hz, args.start, args.seconds)
    title = f"{cli.one_line(Path(args.song).name)}\n{config.feature}: {FEATURES[config.feature].says}"
    draw(compute(audio.samples, config), config, title, png, args.start, audio.seconds)
    note = f" ({', '.join(audio.flags)})" if audio.flags else ""
    print(f"{cli.one_line(str(png))}: {config.feature} of {audio.seconds:.1f} s from {args.start:.1f} s{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
