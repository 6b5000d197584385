"""The map: track vectors laid out in two dimensions, so that tracks that sound alike lie together.

Vectors are compared by angle (they are scaled to length one), as the nearest tracks are. Positions are
float32 (tracks, 2); what they mean is which tracks are near each other, not the distance between islands.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kgenre.core.errors import KgenreError

STEPS = 15  # of 50 of t-SNE's iterations, 250 of them with early exaggeration
METHODS = ("tsne", "umap")
NEIGHBOURS = 10  # tracks around each that the two figures of quality look at
SAMPLE = 2000  # tracks that the figures are computed on: about a second, and within 1 % of all of them
DIMENSIONS = 50  # that t-SNE gets of longer vectors; its neighbours are approximate anyway
FEWEST = 8  # tracks under which there are no neighbourhoods to preserve: their two principal axes are drawn
LARGE = 10_000  # tracks from which FIt-SNE's grid is quicker than Barnes-Hut's tree: 18 s and 5 s at 2 000
BLOCK_BYTES = 64 << 20  # of distances held at a time


@dataclass(frozen=True)
class Quality:
    """How well the map keeps neighbours, in [0, 1]; NaN of too few tracks.

    trustworthiness: 1 less a penalty for tracks that are near on the map and far in the vectors.
    preservation: share of a track's 10 nearest in the vectors that are among its 10 nearest on the map.
    """

    trustworthiness: float
    preservation: float


def perplexity_of(tracks: int) -> float:
    """About how many neighbours each track listens to: sqrt(tracks) / 2 within [5, 50], and at most a third of them.

    100 tracks get 5, 2 000 get 22, 10 000 and more get 50.
    """
    return float(min(max(np.sqrt(tracks) / 2, 5.0), 50.0, max(1.0, (tracks - 1) / 3)))


def layout(
    vectors: np.ndarray,
    seed: int = 0,
    method: str = "tsne",
    workers: int = 2,
    advance: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Positions of all tracks from nothing: t-SNE begun at the two principal axes.

    Args:
        vectors: float (tracks, d).
        seed: the same vectors and seed give the same map, up to the order in which threads add.
        method: a name in METHODS; umap needs umap-learn.
        workers: threads.
        advance: called STEPS times by t-SNE.

    Reference:
        Linderman et al., "Fast interpolation-based t-SNE", 2019, is what openTSNE does from 10 000 tracks on.
    """
    unit = unit_vectors(vectors)
    if len(unit) < FEWEST:
        return principal_axes(unit, 2)
    reduced = principal_axes(unit, DIMENSIONS)
    if method == "umap":
        return _umap(reduced, seed)
    from openTSNE import TSNE

    large = len(unit) >= LARGE
    tsne = TSNE(
        perplexity=perplexity_of(len(unit)),
        initialization="pca",
        negative_gradient_method="fft" if large else "bh",
        random_state=seed,
        n_jobs=workers if large else 1,  # of 2 000 tracks two threads take twice as long as one
        callbacks=lambda *_: advance(),
        callbacks_every_iters=750 // STEPS,
    )
    return np.asarray(tsne.fit(reduced), "float32")


def umap_class() -> type:
    """umap-learn's UMAP.

    Raises:
        KgenreError: it is not installed.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise KgenreError("umap-learn is not installed: `pip install umap-learn`, or use --map tsne.") from error
    return UMAP


def _umap(vectors: np.ndarray, seed: int) -> np.ndarray:
    neighbours = min(15, len(vectors) - 1)
    points = umap_class()(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(vectors)
    return np.asarray(points, "float32")


def place(new: np.ndarray, held: np.ndarray, positions: np.ndarray, method: str = "tsne") -> np.ndarray:
    """Positions of new tracks on a map that is held still: no track of it moves.

    A track begins at the median of its nearest tracks' positions; t-SNE then settles it among them.

    Args:
        new: float (new, d), vectors of the tracks to place.
        held: float (tracks, d), vectors of the tracks on the map.
        positions: float (tracks, 2), of the map.
        method: how the map was made. On a map of UMAP's the median is the answer.

    Returns:
        float32 (new, 2).
    """
    k = min(3 * NEIGHBOURS, len(held))
    number, distance = nearest(unit_vectors(new), unit_vectors(held), k)
    begin = np.median(positions[number[:, :NEIGHBOURS]], axis=1).astype("float32")
    if method != "tsne" or len(held) < FEWEST:
        return begin
    return _settle(begin, number, distance, positions)


def _settle(begin, number, distance, positions) -> np.ndarray:
    """Gradient descent of the new points alone; the same steps as openTSNE's transform."""
    from openTSNE.affinity import Affinities, joint_probabilities_nn
    from openTSNE.tsne import PartialTSNEEmbedding, TSNEEmbedding
    from scipy.sparse import csr_matrix

    strengths = joint_probabilities_nn(
        number,
        distance.astype("float64"),
        [min(5.0, number.shape[1] / 3)],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(positions),
        n_jobs=1,
    )
    method = "fft" if len(positions) >= LARGE else "bh"
    # openTSNE's grid has its origin in the middle of the map, and it moves the map there: a copy, moved back after.
    middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
    settings = {"negative_gradient_method": method, "dof": 1.0, "n_jobs": 1}
    still = Affinities()
    still.P = csr_matrix((len(positions), len(positions)))  # of the held tracks only their number is asked
    held = TSNEEmbedding((positions - middle).astype("float64"), still, **settings)
    moving = PartialTSNEEmbedding((begin - middle).astype("float64"), held, P=strengths, **settings)
    moving.optimize(250, exaggeration=1.5, learning_rate=0.1, momentum=0.8, max_grad_norm=0.25, inplace=True)
    return np.asarray(moving + middle, "float32")


def align(positions: np.ndarray, old: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The map turned and mirrored (orthogonal Procrustes) and moved to lie on the old one as well as it can.

    Args:
        positions: float (tracks, 2), the map to turn.
        old: float (kept, 2), where tracks were on the old map.
        kept: int (kept,), row numbers of the same tracks in `positions`.
    """
    from scipy.linalg import orthogonal_procrustes

    if len(kept) == 0:
        return positions
    now_middle, old_middle = positions[kept].mean(axis=0), old.mean(axis=0)
    turn, _ = orthogonal_procrustes(positions[kept] - now_middle, old - old_middle)
    return ((positions - now_middle) @ turn + old_middle).astype("float32")


def quality(vectors: np.ndarray, positions: np.ndarray, seed: int = 0) -> Quality:
    """The two figures: trustworthiness of a sample of SAMPLE tracks, preservation of the same tracks among all."""
    tracks = len(vectors)
    if tracks < 3 * NEIGHBOURS:
        return Quality(float("nan"), float("nan"))
    from sklearn.manifold import trustworthiness

    unit = unit_vectors(vectors)
    rows = np.random.default_rng(seed).permutation(tracks)[:SAMPLE]
    trust = trustworthiness(unit[rows], positions[rows], n_neighbors=NEIGHBOURS)
    # One more, for each track is its own nearest: on the map too, or beside a track in the same place.
    near, _ = nearest(unit[rows], unit, NEIGHBOURS + 1)
    drawn, _ = nearest(positions[rows], positions, NEIGHBOURS + 1)
    shared = [len((set(a) & set(b)) - {row}) for a, b, row in zip(near.tolist(), drawn.tolist(), rows.tolist())]
    return Quality(float(trust), float(np.mean(shared)) / NEIGHBOURS)


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length one, float32; a vector of zeros stays."""
    vectors = np.nan_to_num(np.asarray(vectors, "float32"))  # one bad track must not spoil the map
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def principal_axes(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """Vectors along their `dimensions` principal axes, float32 (n, dimensions); zeros where there are fewer."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh((centred.T @ centred).astype("float64"))
    found = centred @ axes[:, ::-1][:, :dimensions].astype("float32")
    return np.pad(found, ((0, 0), (0, max(0, min(dimensions, 2) - found.shape[1])))).astype("float32")


def nearest(query: np.ndarray, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest of `vectors` to each row of `query`, exactly, in blocks: numbers and distances, nearest first."""
    squares = (vectors**2).sum(axis=1)
    numbers, distances = [], []
    rows = max(1, BLOCK_BYTES // (4 * len(vectors)))
    for start in range(0, len(query), rows):
        part = query[start : start + rows]
        squared = squares + (part**2).sum(axis=1, keepdims=True) - 2 * part @ vectors.T
        best = np.argpartition(squared, min(k, len(vectors)) - 1, axis=1)[:, :k]
        squared = np.take_along_axis(squared, best, axis=1)
        order = np.argsort(squared, axis=1, kind="stable")
        numbers.append(np.take_along_axis(best, order, axis=1))
        distances.append(np.sqrt(np.maximum(np.take_along_axis(squared, order, axis=1), 0)))
    return np.concatenate(numbers), np.concatenate(distances)
