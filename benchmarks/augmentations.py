"""Draws every augmentation, each on the same slice of a song of the demo collection.

    python -m kgenre.augment --out docs/augment.png

The feature is one that keeps the level, so that gain shows. Strengths that would not show are larger than
the defaults; each picture names its own.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.augment import AUGMENTS
from kgenre.model.settings import Config, make_config

SONG, OTHER = "reggae", "classical"  # genres; their first songs
START_SECONDS = 4.0  # past the intro
SEED = 3  # of the layers
SETTINGS = {
    "feature": "musicnn_mel",
    "slice_seconds": 3.0,
    "augment": list(AUGMENTS),
    "gain_db": 15.0,
    "noise_std": 0.1,
}
# What the pipeline draws is given here: a strength and its words.
SHOWN = {
    "tempo": (1.25, "1.25 times as fast"),
    "pitch": (5.0, "5 semitones up"),
    "mixup": (0.5, f"half {SONG}, half {OTHER}"),
}


def main(argv=None) -> int:
    description = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m kgenre.augment", description=__doc__, formatter_class=description)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="PNG to write")
    return cli.run(_draw, parser.parse_args(argv))


def _draw(args: argparse.Namespace) -> int:
    config = make_config(SETTINGS, {})
    song, other = (waveform(genre, config.sample_rate_hz) for genre in (SONG, OTHER))
    pictures = {f"as it is ({SONG})": picture("", config, song, other)}
    for name, row in AUGMENTS.items():
        _, words = SHOWN.get(name, (None, f"{row.strength} {getattr(config, row.strength):g}"))
        pictures[f"{name} ({words})"] = picture(name, config, song, other)
    draw(pictures, config.slice_seconds, args.out)
    return 0


def waveform(genre: str, sample_rate: int):
    """The first demo song of a genre from START_SECONDS on, mono: float32 (samples,)."""
    import soxr

    from kgenre.collections.demo.songs import plan, render

    [song] = plan(songs_per_genre=1, genres=[genre])
    mono = soxr.resample(render(song).mean(axis=1), song.rate, sample_rate)
    return mono[round(START_SECONDS * sample_rate) :]


def picture(name: str, config: Config, song, other):
    """What the network sees of the first slice of `song` with one augmentation: float32 (height, width)."""
    import numpy as np

    from kgenre.model.build import front_end

    row, clip = AUGMENTS.get(name), config.slice_samples
    made, where = (row.build(config, SEED), row.where) if row else (None, "")
    strength, _ = SHOWN.get(name, (None, ""))
    wave = song[:clip]
    if where == "window":
        wave = made.apply(song[: made.reads(clip, strength)], strength, clip)
    elif where == "batch":
        wave = made.apply(np.stack([wave, other[:clip]]), np.eye(2), [strength] * 2)[0][0]
    elif where == "waveform":
        wave = made(wave[None], training=True)[0]
    image = front_end(config)(np.asarray(wave)[None])
    if where == "picture":
        image = made(image, training=True)
    return np.asarray(image)[0, :, :, 0]


def draw(pictures: dict, seconds: float, path) -> None:
    """Draws {title: picture} in rows of three on one colour scale."""
    from matplotlib import colormaps

    from kgenre.core.figures import new_figure, save_figure

    figure, grid = new_figure(10.5, 7.5, columns=3, rows=-(-len(pictures) // 3))
    # 16 value_range and whole cells: a smooth picture would make the file five times as large.
    options = {"cmap": colormaps["inferno"].resampled(16), "vmin": 0, "vmax": 0.8, "interpolation": "nearest"}
    for axes, (title, image) in zip(grid.flat, pictures.items()):
        drawn = axes.imshow(image, origin="lower", aspect="auto", extent=(0, seconds, 0, len(image)), **options)
        axes.set_title(title, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    for axes in grid[:, 0]:
        axes.set_ylabel("mel band")
    figure.colorbar(drawn, ax=grid, label="value in the picture", shrink=0.5, extend="both")
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())
