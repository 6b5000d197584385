"""New tracks on an existing map, and a new map laid on the old one."""

import numpy as np

from kgenre.embeddings.layout import LARGE, MIN_TRACKS
from kgenre.embeddings.neighbours import k_nearest, unit_vectors

PLACEMENT_NEIGHBOURS = 30  # of a new track, that attract it
MEDIAN_NEIGHBOURS = 10  # of a new track, among which it starts


def place_new_tracks(new: np.ndarray, vectors: np.ndarray, positions: np.ndarray, method: str = "tsne") -> np.ndarray:
    """Positions of new tracks on an existing map, no track of which moves.

    A new track starts at the median of its nearest tracks' positions; t-SNE then optimizes the new positions alone.

    Args:
        new: float (new, d), vectors of the new tracks.
        vectors: float (tracks, d), vectors of the tracks on the map.
        positions: float (tracks, 2), of the tracks on the map.
        method: how the map was made. On a UMAP map the median is the result.

    Returns:
        float32 (new, 2).
    """
    neighbours = min(PLACEMENT_NEIGHBOURS, len(vectors))
    rows, distances = k_nearest(unit_vectors(new), unit_vectors(vectors), neighbours, "euclidean")
    start = np.median(positions[rows[:, :MEDIAN_NEIGHBOURS]], axis=1).astype("float32")
    if method != "tsne" or len(vectors) < MIN_TRACKS:
        return start
    return _optimize_new(start, rows, distances, positions)


def _optimize_new(start, rows, distances, positions) -> np.ndarray:
    """Gradient descent of the new points alone, with the steps of openTSNE's transform."""
    from openTSNE.affinity import Affinities, joint_probabilities_nn
    from openTSNE.tsne import PartialTSNEEmbedding, TSNEEmbedding
    from scipy.sparse import csr_matrix

    attraction = joint_probabilities_nn(
        rows,
        distances.astype("float64"),
        [min(5.0, rows.shape[1] / 3)],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(positions),
        n_jobs=1,
    )
    method = "fft" if len(positions) >= LARGE else "bh"
    # openTSNE's grid has its origin in the middle of the map and moves the map there: a copy, moved back afterwards.
    middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
    settings = {"negative_gradient_method": method, "dof": 1.0, "n_jobs": 1}
    unused = Affinities()
    unused.P = csr_matrix((len(positions), len(positions)))  # of the existing tracks only their number is read
    existing = TSNEEmbedding((positions - middle).astype("float64"), unused, **settings)
    points = PartialTSNEEmbedding((start - middle).astype("float64"), existing, P=attraction, **settings)
    points.optimize(250, exaggeration=1.5, learning_rate=0.1, momentum=0.8, max_grad_norm=0.25, inplace=True)
    return np.asarray(points + middle, "float32")


def align(positions: np.ndarray, old: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The map rotated, mirrored and moved so that it lies on the old one as well as possible (orthogonal Procrustes).

    Args:
        positions: float (tracks, 2), the map to move.
        old: float (kept, 2), positions of tracks on the old map.
        kept: int (kept,), row numbers of the same tracks in `positions`.
    """
    from scipy.linalg import orthogonal_procrustes

    if len(kept) == 0:
        return positions
    new_mean, old_mean = positions[kept].mean(axis=0), old.mean(axis=0)
    rotation, _ = orthogonal_procrustes(positions[kept] - new_mean, old - old_mean)
    return ((positions - new_mean) @ rotation + old_mean).astype("float32")
