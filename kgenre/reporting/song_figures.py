"""The figures of one song's page: the song over time, its genres as bars, and what decided in a slice."""

import numpy as np

from kgenre.reporting.figures import new_figure
from kgenre.reporting.song_spectrogram import LOWEST_HZ, RATE
from kgenre.serving.occlusion import Heat
from kgenre.serving.predict import TrackPrediction

NAMED = 6  # genres that have a colour of their own over time; the others share one
COLOURS = ("#2f6fb3", "#e08a1e", "#2e7d32", "#c0392b", "#7b4fa3", "#0e8f8f")
OTHERS = "#b9bec4"
HOT = "#d9480f"
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)  # seconds between ticks
MOST_TICKS = 12
TICKS_HZ = (100, 400, 1600, 6400)


def song_figure(prediction: TrackPrediction, spectrogram: np.ndarray | None, slice_seconds: float, deciding: int):
    """The spectrogram, and below it on the same axis of time the probabilities of the genres.

    Args:
        spectrogram: of `song_spectrogram`; None for a song that has none.
        deciding: number of the slice that is marked.
    """
    shown = spectrogram is not None
    figure, axes = new_figure(9, 5.0 if shown else 2.9, rows=2 if shown else 1)
    upper, lower = axes if shown else (None, axes)
    seconds = prediction.seconds
    if shown:
        _draw_spectrogram(upper, spectrogram, (0.0, seconds), RATE / 2)
    _draw_genres(lower, prediction, slice_seconds)
    start = prediction.facts.starts[deciding]
    for one in filter(None, (upper, lower)):
        one.set_xlim(0, seconds)
        _count_time(one, 0, seconds)
        one.axvspan(start, min(seconds, start + slice_seconds), fill=False, edgecolor=HOT, lw=1.5)
    lower.set_xlabel("time, min:s; framed: the slice that decided")
    return figure


def bars_figure(probabilities: dict[str, float], chosen: set[str], unit: str):
    """Horizontal bars from 0 to 100, the most probable first.

    Args:
        chosen: names whose bars stand out: the answer.
    """
    figure, axes = new_figure(6, 0.24 * len(probabilities) + 0.8)
    names, values = list(probabilities), 100 * np.array(list(probabilities.values()))
    axes.barh(names, values, color=[COLOURS[0] if name in chosen else OTHERS for name in names])
    for place, value in enumerate(values):
        axes.text(min(value, 93) + 0.8, place, f"{value:.0f}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"probability of the {unit}, %", fontsize=9)
    axes.tick_params(labelsize=8)
    return figure


def heat_figure(heat: Heat, start: float, seconds: float):
    """A slice's spectrogram, and over it the cells without which its genre loses probability."""
    figure, axes = new_figure(9, 3.6)
    highest = float(heat.edges_hz[-1])
    _draw_spectrogram(axes, heat.spectrogram / 255, (start, start + seconds), highest)
    times = np.linspace(start, start + seconds, heat.heat.shape[1] + 1)
    heights = [_height(edge, highest) for edge in heat.edges_hz]
    largest = max(float(heat.heat.max()), 1e-9)
    from matplotlib.patches import Rectangle

    for (band, part), loss in np.ndenumerate(heat.heat):
        if loss > 0:
            size = (times[part + 1] - times[part], heights[band + 1] - heights[band])
            place = (times[part], heights[band])
            axes.add_patch(Rectangle(place, *size, facecolor=HOT, alpha=0.7 * loss / largest, lw=0))
    _count_time(axes, start, start + seconds)
    axes.set_xlabel("time, min:s")
    return figure


def clock(seconds: float) -> str:
    """75.3 -> 1:15"""
    seconds = int(seconds + 1e-6)
    return f"{seconds // 60}:{seconds % 60:02d}"


def _count_time(axes, first: float, last: float) -> None:
    """Ticks at whole seconds, minutes or hours."""
    step = next((step for step in STEPS if (last - first) / step <= MOST_TICKS), STEPS[-1])
    ticks = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
    axes.set_xticks(ticks, [clock(tick) for tick in ticks])


def _height(hz: float, highest: float) -> float:
    """Where a frequency lies in [0, 1] of an axis from LOWEST_HZ to `highest`."""
    return float(np.log(max(hz, LOWEST_HZ) / LOWEST_HZ) / np.log(highest / LOWEST_HZ))


def _draw_spectrogram(axes, values: np.ndarray, span: tuple[float, float], highest: float) -> None:
    """Values in [0, 1], (bands, columns), evenly spaced in log frequency; dark is loud, as a page in the dark turns."""
    axes.imshow(values, origin="lower", aspect="auto", extent=(*span, 0, 1), cmap="Greys", interpolation="none")
    ticks = [hz for hz in TICKS_HZ if hz < highest]
    axes.set_yticks([_height(hz, highest) for hz in ticks], [f"{hz / 1000:g} kHz" if hz > 999 else hz for hz in ticks])


def _draw_genres(axes, prediction: TrackPrediction, slice_seconds: float) -> None:
    """Probabilities by slice: areas upon each other where they add up to one, else lines."""
    by_slice, task = prediction.slices.probabilities, prediction.task
    order = np.argsort(-by_slice.mean(axis=0), kind="stable")
    named = order[:NAMED]
    edges = _edges(np.array(prediction.facts.starts), slice_seconds, prediction.seconds)
    times = np.repeat(edges, 2)[1:-1]  # (2 slices,): a step for each slice
    values = np.repeat(by_slice, 2, axis=0).T  # (labels, 2 slices)
    labels = [task.labels[i] for i in named]
    if task.several:
        for label, colour, i in zip(labels, COLOURS, named):
            axes.plot(times, values[i], color=colour, label=label)
    else:
        rest = values[order[NAMED:]].sum(axis=0, keepdims=True)
        more = (["others"], [OTHERS], rest) if len(order) > NAMED else ([], [], rest[:0])
        layers = np.concatenate([values[named], more[2]])
        axes.stackplot(times, layers, labels=[*labels, *more[0]], colors=[*COLOURS[: len(named)], *more[1]])
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=NAMED + 1, fontsize=8, frameon=False)


def _edges(starts: np.ndarray, slice_seconds: float, seconds: float) -> np.ndarray:
    """Where the share of time of each slice ends, half-way between the middles of neighbours: (slices + 1,)."""
    middles = starts + slice_seconds / 2
    return np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [seconds]])
