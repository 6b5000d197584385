"""Draws every augmentation, each on the same slice of a song of the demo collection.

    python -m benchmarks.augmentations --out docs/augment.png

The feature is one that keeps the level, so that gain shows. Values that would not show are larger than the defaults;
each title names its own.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.augment import AUGMENTS
from kgenre.training.settings import RunSettings

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
# What the pipeline draws is given here: a value and its words.
SHOWN = {
    "tempo": (1.25, "1.25 times as fast"),
    "pitch": (5.0, "5 semitones up"),
    "equalizer": (4.0, "bands by 3 dB or so"),
    "mixup": (0.5, f"half {SONG}, half {OTHER}"),
}


def main(argv=None) -> int:
    description = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.augmentations", description=__doc__, formatter_class=description)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="PNG to write")
    return cli.run(_draw, parser.parse_args(argv))


def _draw(args: argparse.Namespace) -> int:
    settings = RunSettings.compose(SETTINGS)
    spec = settings.audio.slice_spec
    song, other = (waveform(genre, spec.sample_rate) for genre in (SONG, OTHER))
    images = {f"as it is ({SONG})": image("", settings, song, other)}
    for name, row in AUGMENTS.items():
        value = getattr(settings.augmentations[name], row.setting)
        _, words = SHOWN.get(name, (None, f"{row.setting} {value:g}"))
        images[f"{name} ({words})"] = image(name, settings, song, other)
    draw(images, spec.slice_seconds, args.out)
    return 0


def waveform(genre: str, sample_rate: int):
    """The first demo song of a genre from START_SECONDS on, mono: float32 (samples,)."""
    import soxr

    from kgenre.collections.demo.songs import plan, render

    [song] = plan(songs_per_genre=1, genres=[genre])
    mono = soxr.resample(render(song).mean(axis=1), song.rate, sample_rate)
    return mono[round(START_SECONDS * sample_rate) :]


def image(name: str, settings: RunSettings, song, other):
    """What the network sees of the first slice of `song` with one augmentation: float32 (height, width)."""
    import numpy as np

    from kgenre.model.build import front_end

    spec, row = settings.audio.slice_spec, AUGMENTS.get(name)
    change, place = (row.build(settings.augmentations[name], spec, SEED), row.place) if row else (None, "")
    value, _ = SHOWN.get(name, (None, ""))
    length = spec.slice_samples
    wave = song[:length]
    if place == "crop":
        wave = change.apply(song[: change.reads(length, value)], value, length)
    elif place == "batch":
        wave = change.apply(np.stack([wave, other[:length]]), np.eye(2), [value] * 2)[0][0]
    elif place == "waveform":
        wave = change(wave[None], training=True)[0]
    seen = front_end(settings)(np.asarray(wave)[None])
    if place == "spectrogram":
        seen = change(seen, training=True)
    return np.asarray(seen)[0, :, :, 0]


def draw(images: dict, seconds: float, path) -> None:
    """Draws {title: image} in rows of three on one colour scale."""
    from matplotlib import colormaps

    from kgenre.core.figures import new_figure, save_figure

    figure, grid = new_figure(10.5, 7.5, columns=3, rows=-(-len(images) // 3))
    # 16 colours and whole cells: a smooth image would make the file five times as large.
    options = {"cmap": colormaps["inferno"].resampled(16), "vmin": 0, "vmax": 0.8, "interpolation": "nearest"}
    for axes, (title, one) in zip(grid.flat, images.items()):
        drawn = axes.imshow(one, origin="lower", aspect="auto", extent=(0, seconds, 0, len(one)), **options)
        axes.set_title(title, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    for axes in grid[:, 0]:
        axes.set_ylabel("mel band")
    figure.colorbar(drawn, ax=grid, label="value in the image", shrink=0.5, extend="both")
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())
