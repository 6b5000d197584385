"""What the page shows when asked why a slice has its genre."""

import numpy as np

from kgenre.audio.decode import decode
from kgenre.audio.slicing import repeat_to_length
from kgenre.core.base64_arrays import packed
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import aggregate
from kgenre.serving import occlusion
from kgenre.web.explore.explorer import Explorer


def heat_map(explorer: Explorer, track: int, number: int, start: float | None = None) -> dict:
    """Heat-map of a track's genre in the slice of this number, by the model as it was trained.

    With `start`, in seconds, it is that of the nearest slice: a page may know slices of an earlier analysis.
    """
    with explorer.lock:
        model = explorer.opened_model()
    track = explorer.file(track)
    path = explorer.library.path_of(track)
    starts, _, by_slice = explorer.library.slices(explorer.space, track)
    if start is not None:
        number = int(np.abs(starts - start).argmin())
    if not 0 <= number < len(starts):
        raise KgenreError(f"The recording has the slices 0 to {len(starts) - 1}. Received: {number}.")
    label = int(explorer.space.task.main(aggregate(by_slice)))
    spec = model.slice_spec
    with explorer.lock:
        decoder = explorer.space.policy.decoder
        samples = decode(path, spec.sample_rate, float(starts[number]), spec.slice_seconds, decoder=decoder).samples
        samples = repeat_to_length(samples, spec.slice_samples)
        found = occlusion.heat_map(model, samples, spec.sample_rate, label)
    return {
        "genre": explorer.space.labels[label],
        "probability": round(found.probability, 4),
        "probability_loss": np.round(found.heat, 4).tolist(),
        "band_edges_hz": found.edges_hz.tolist(),
        "spectrogram": packed(found.spectrogram, "u1"),
        "spectrogram_shape": list(found.spectrogram.shape),
    }
