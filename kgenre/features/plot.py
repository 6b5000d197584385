"""Draws features of a song, over seconds and hertz, as a PNG."""

import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kgenre.core.errors import KgenreError
from kgenre.features.feature import Feature, FeatureSettings

if TYPE_CHECKING:
    import numpy as np

SECONDS = 30.0  # the length of a track of the usual collections


MAX_SECONDS = 300.0  # far more columns than an image has, and gigabytes of frames for a constant-Q transform


EXTEND = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}


LABELS = 22  # that an axis has room for


ROUND_HZ = tuple(digit * 10**power for power in range(1, 6) for digit in (1, 2, 5))


class Panel(NamedTuple):
    """One feature in a figure.

    title: text above it, taken as it is.
    spectrogram: NumPy (frames, bins), of `compute`.
    row, sample_rate, settings: that it was computed with.
    """

    title: str
    spectrogram: "np.ndarray"
    row: Feature
    sample_rate: int
    settings: FeatureSettings


def check_range(start: float, seconds: float) -> None:
    if not 0 <= start < float("inf"):
        raise KgenreError(f"`--start` must be 0 s or more. Received: {start}.")
    if not 0.1 <= seconds <= MAX_SECONDS:
        raise KgenreError(f"`--seconds` must be from 0.1 to {MAX_SECONDS:g}. Received: {seconds}.")


def compute(samples, row: Feature, sample_rate: int, settings: FeatureSettings):
    """A feature of a waveform: (samples,) -> NumPy (frames, bins)."""
    import keras

    return keras.ops.convert_to_numpy(row.build(sample_rate, settings)(samples[None]))[0]


def draw(panels: Sequence[Panel], path, start: float = 0.0, seconds: float | None = None) -> None:
    """Writes a PNG of features one below the other, frequency up, time across.

    Args:
        start, seconds: of the waveform in its song; `seconds` None is as far as the frames go.
    """
    import numpy as np

    from kgenre.core.figures import new_figure, save_figure

    figure, axes = new_figure(11, 4.5 * len(panels), rows=len(panels))
    for panel, place in zip(panels, np.atleast_1d(axes)):
        _draw_panel(figure, place, panel, start, seconds)
    with warnings.catch_warnings(action="ignore"):  # of letters in a song's name that the font lacks
        save_figure(figure, path)


def _draw_panel(figure, axes, panel: Panel, start: float, seconds: float | None) -> None:
    from matplotlib.colors import Normalize, SymLogNorm

    title, spectrogram, row, sample_rate, settings = panel
    hop = settings.hop_length / sample_rate
    frames, bins = spectrogram.shape
    bin_names, (low, high) = row.bins(sample_rate, settings), row.value_range(settings)
    signed = low == -high  # coefficients, of a few and of hundreds
    image = axes.imshow(
        spectrogram.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest" if isinstance(bin_names[0], str) else "auto",  # nothing between names
        extent=(start - hop / 2, start + (frames - 0.5) * hop, -0.5, bins - 0.5),
        norm=SymLogNorm(high / 200, vmin=low, vmax=high) if signed else Normalize(low, high),
        cmap="RdBu_r" if signed else "magma",
    )
    axes.set_xlim(start, start + (seconds or frames * hop))
    axes.set_yticks(*ticks(bin_names))
    axes.set(xlabel="time in s", ylabel=axis_name(bin_names))
    axes.set_title(textwrap.fill(title, 110, replace_whitespace=False), loc="left", fontsize=10, parse_math=False)
    beyond = (bool(spectrogram.min() < low), bool(spectrogram.max() > high))
    figure.colorbar(image, ax=axes, label=row.unit, extend=EXTEND[beyond], format="%g")


def ticks(bins) -> tuple[list[float], list[str]]:
    """Where an axis of bins is labelled, in bins from 0, and with what: round frequencies, or names.

    A frequency between the centres of two bins stands between them; where they crowd, the lower ones give way.
    Of more names than there is room for, each fifth is given.
    """
    import numpy as np

    if isinstance(bins[0], str):
        step = 1 if len(bins) <= LABELS else 5
        return list(range(0, len(bins), step)), list(bins[::step])
    kept: dict[float, str] = {}
    for hz in reversed([hz for hz in ROUND_HZ if bins[0] <= hz <= bins[-1]] or [round(float(bins[0]))]):
        place = float(np.interp(hz, bins, np.arange(len(bins))))
        if not kept or min(kept) - place >= len(bins) / LABELS:
            kept[place] = f"{hz:g}"
    return list(kept), list(kept.values())


def axis_name(bins) -> str:
    if not isinstance(bins[0], str):
        return "frequency in Hz"
    return "pitch class" if len(bins) == 12 else "coefficient"
