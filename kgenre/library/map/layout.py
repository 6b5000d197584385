"""Track vectors laid out in two dimensions, so that tracks that sound alike lie together.

Vectors are compared by angle (they are scaled to length 1), as nearest tracks are. Positions are float32
(tracks, 2); they show which tracks are near each other, and the distance between islands means nothing.
"""

from collections.abc import Callable

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.library.search.neighbours import k_nearest, unit_vectors

TSNE_ITERATIONS = 750  # 250 of them with early exaggeration
STEPS = 15  # of progress that t-SNE reports
DIMENSIONS = 50  # that longer vectors are reduced to for t-SNE, whose neighbours are approximate anyway
MIN_TRACKS = 8  # fewer have no neighbourhoods to preserve: they are drawn along their two principal axes
LARGE = 10_000  # tracks from which FIt-SNE's grid is faster than Barnes-Hut's tree: at 2 000 it takes 18 s against 5 s
PLACEMENT_NEIGHBOURS = 30  # of a new track, that attract it
MEDIAN_NEIGHBOURS = 10  # of a new track, among which it starts


def perplexity_of(tracks: int) -> float:
    """t-SNE's perplexity, about how many neighbours attract each track: sqrt(tracks) / 2 within [5, 50].

    At most a third of the other tracks, which openTSNE requires. 100 tracks get 5, 2 000 get 22, 10 000 get 50.
    """
    return float(min(max(np.sqrt(tracks) / 2, 5.0), 50.0, max(1.0, (tracks - 1) / 3)))


def layout(
    vectors: np.ndarray,
    seed: int = 0,
    method: str = "tsne",
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Positions of all tracks: t-SNE that starts from the two principal axes, or UMAP.

    Args:
        vectors: float (tracks, d).
        seed: the same vectors and seed give the same map, up to the order in which threads add.
        method: a name in map.METHODS; umap needs umap-learn.
        workers: threads.
        advance: called STEPS times by t-SNE.

    Returns:
        float32 (tracks, 2).

    Reference:
        Linderman et al., "Fast interpolation-based t-SNE", 2019, is what openTSNE does from 10 000 tracks on.
    """
    vectors = unit_vectors(vectors)
    if len(vectors) < MIN_TRACKS:
        return principal_axes(vectors, 2)
    reduced = principal_axes(vectors, DIMENSIONS)
    if method == "umap":
        return _umap(reduced, seed)
    from openTSNE import TSNE

    large = len(vectors) >= LARGE
    tsne = TSNE(
        perplexity=perplexity_of(len(vectors)),
        initialization="pca",
        negative_gradient_method="fft" if large else "bh",
        random_state=seed,
        n_jobs=workers if large else 1,  # with 2 000 tracks two threads take twice as long as one
        callbacks=lambda *_: advance(),
        callbacks_every_iters=TSNE_ITERATIONS // STEPS,
    )
    return np.asarray(tsne.fit(reduced), "float32")


def umap_class() -> type:
    """umap-learn's UMAP.

    Raises:
        KgenreError: umap-learn is not installed.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise KgenreError(
            "--map umap needs umap-learn, which is not installed. Run `pip install umap-learn`, or use --map tsne."
        ) from error
    return UMAP


def _umap(vectors: np.ndarray, seed: int) -> np.ndarray:
    neighbours = min(15, len(vectors) - 1)
    points = umap_class()(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(vectors)
    return np.asarray(points, "float32")


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


def principal_axes(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """Vectors (n, d) projected on their `dimensions` principal axes: float32 (n, dimensions).

    Of fewer than two axes the missing columns are zero.
    """
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh((centred.T @ centred).astype("float64"))
    projected = centred @ axes[:, ::-1][:, :dimensions].astype("float32")
    return np.pad(projected, ((0, 0), (0, max(0, min(dimensions, 2) - projected.shape[1])))).astype("float32")
