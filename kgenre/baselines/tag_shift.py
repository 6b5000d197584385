"""What the default model adds to the score of each of its tags, so that its mean probability is that of the taggers.

Its network is fitted by regression, which underestimates rare events, and sees five seconds where the taggers see 29.
Both make the scores of each tag too low, by an amount that differs between tags. The shift corrects the level and keeps
the order of songs.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from kgenre.baselines.songs import DrawnSong
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

SONGS = 300  # at most
LARGEST = 10.0  # shift


def fit_tag_shift(songs: Sequence[DrawnSong], arrays: dict, progress: Progress = SILENT) -> np.ndarray:
    """The shift of each tag of `compact`, float32 (tags,), in the order of its layer of tags.

    Args:
        songs: only those that are not held out and at least as long as a slice of the taggers are used.
        arrays: of `short_fcn`, as its weights have them.

    Raises:
        KgenreError: no song is long enough.
    """
    from kgenre.serving.packaged import COMPACT_TAGGERS, tagger_tags
    from kgenre.serving.taggers import Tagger
    from kgenre.weights import WEIGHTS

    teachers, network = [Tagger(WEIGHTS[name], name) for name in COMPACT_TAGGERS], short_network(arrays)
    layer, spec = tagger_tags(*COMPACT_TAGGERS), teachers[0].slice_spec
    truth, scores = [], []
    songs = [song for song in songs if not song.held_out][:SONGS]
    with progress.task("answering", len(songs), "songs") as advance:
        for song in songs:
            advance()
            samples = song.samples(spec.sample_rate)
            start = (len(samples) - spec.slice_samples) // 2
            if start < 0:
                continue
            excerpt = samples[start : start + spec.slice_samples]
            of_teachers = [teacher(excerpt[None]).embeddings for teacher in teachers]
            truth.append(layer.probabilities(np.concatenate(of_teachers, axis=1)))
            scores.append(network(excerpt) @ layer.kernel + layer.bias)
    if not truth:
        raise KgenreError(
            f"The fit of the tags needs songs of {spec.slice_seconds:.0f} s or more. Received none. Name longer songs."
        )
    return equal_means(np.stack(truth), scores)


def equal_means(truth: np.ndarray, scores: Sequence[np.ndarray]) -> np.ndarray:
    """The shift of the scores of each column that makes their mean probability that of `truth`.

    Args:
        truth: (songs, tags) in [0, 1].
        scores: (slices, tags) of each song, whose mean probability over slices is the song's.

    Returns:
        float32 (tags,), from -LARGEST to LARGEST.
    """

    def excess(shift: float, tag: int) -> float:
        return np.mean([expit(song[:, tag] + shift).mean() for song in scores]) - wanted[tag]

    wanted, found = truth.mean(axis=0), np.empty(truth.shape[1], "float32")
    for tag in range(len(found)):
        low, high = excess(-LARGEST, tag), excess(LARGEST, tag)
        inside = low < 0 < high
        found[tag] = brentq(excess, -LARGEST, LARGEST, args=(tag,)) if inside else LARGEST * (1 if high <= 0 else -1)
    return found


def short_network(arrays: dict):
    """`short_fcn` of arrays, as a function of samples: (n,) -> embeddings of their slices, (slices, 128)."""
    from kgenre.archs.short_fcn import make_network, set_weights
    from kgenre.audio.slicing import cut_slices
    from kgenre.model.build import front_end
    from kgenre.model.settings import ModelSettings

    settings = ModelSettings.compose({"arch": "short_fcn"})
    image, spec = front_end(settings), settings.slice_spec
    network = make_network(image(np.zeros((1, spec.slice_samples), "float32")).shape[1:])
    set_weights(network, arrays)
    return lambda samples: np.asarray(network(image(cut_slices(samples, spec)), training=False))
