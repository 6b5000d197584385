"""Settings of a run on spectrograms that its data settle: frames, bins, value range."""

from collections.abc import Mapping, Sequence

import numpy as np

from kgenre.audio.decoders import AudioError
from kgenre.audio.fragments import find_part
from kgenre.audio.inputs import SPECTROGRAM
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.spectrograms import read_spectrogram
from kgenre.training.settings import RunSettings

SLICE_FRAMES, LEAST_FRAMES = 128, 8
TRACKS_READ, VALUES_READ = 256, 8192  # for the value range: tracks, and values of each
QUANTILES = (0.001, 0.999)


def settle_spectrograms(settings: RunSettings, paths: Sequence[str], shapes: Mapping[str, tuple[int, int]]) -> dict:
    """{name: value} for those fields of SpectrogramSettings that are not given.

    Args:
        paths: the train tracks.
        shapes: {path: (frames, bins)} of these at least; the bins are equal.
    """
    from kgenre.collections.spectrogram_facts import collection_facts

    own, facts = settings.spectrogram, collection_facts(settings.data)
    frames = int(np.median([shapes[path][0] for path in paths]))
    low, high = facts.value_range or value_range(paths)
    settled = {
        "slice_frames": max(LEAST_FRAMES, min(SLICE_FRAMES, frames)),
        "n_bins": shapes[paths[0]][1],
        "frames_per_second": facts.frames_per_second or 1.0,
        "value_low": low,
        "value_high": high,
    }
    return {name: value for name, value in settled.items() if getattr(own, name) is None}


def spec_to_cut(settings: RunSettings) -> SliceSpec:
    """The slices of a run as far as they are known before its collection is read: enough to cut tracks into them."""
    from kgenre.collections.spectrogram_facts import collection_facts

    if settings.input != SPECTROGRAM:
        return settings.slice_spec
    own, frames = settings.spectrogram, settings.spectrogram.slice_frames or SLICE_FRAMES
    rate = own.frames_per_second or collection_facts(settings.data).frames_per_second or 1.0
    return SliceSpec(float(rate), frames, frames, own.n_bins or 1)


def value_range(paths: Sequence[str]) -> tuple[float, float]:
    """The 0.1 % and 99.9 % quantiles of the values of tracks; of many tracks, of some at equal distances."""
    values = []
    for path in paths[:: -(-len(paths) // TRACKS_READ)]:
        try:
            flat = read_spectrogram(find_part(path).file).ravel()
        except AudioError:
            continue  # it fails where it is read
        values.append(flat[:: -(-len(flat) // VALUES_READ)])
    low, high = np.quantile(np.concatenate(values), QUANTILES) if values else (0.0, 1.0)
    low, high = float(f"{low:.6g}"), float(f"{high:.6g}")
    return low, high if high > low else low + 1.0  # of silence, which has one value
