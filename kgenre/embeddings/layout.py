"""Track vectors laid out in two dimensions, so that tracks that sound alike lie together.

Vectors are compared by angle (they are scaled to length 1), as nearest tracks are. Positions are float32
(tracks, 2); they show which tracks are near each other, and the distance between islands means nothing.
"""

from collections.abc import Callable

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.embeddings.neighbours import unit_vectors

TSNE_ITERATIONS = 750  # 250 of them with early exaggeration
STEPS = 15  # of progress that t-SNE reports
DIMENSIONS = 50  # that longer vectors are reduced to for t-SNE, whose neighbours are approximate anyway
MIN_TRACKS = 8  # fewer have no neighbourhoods to preserve: they are drawn along their two principal axes
LARGE = 10_000  # tracks from which FIt-SNE's grid is faster than Barnes-Hut's tree: at 2 000 it takes 18 s against 5 s


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
        method: "tsne" or "umap"; umap needs umap-learn.
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


def principal_axes(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """Vectors (n, d) projected on their `dimensions` principal axes: float32 (n, dimensions).

    Of fewer than two axes the missing columns are zero.
    """
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh((centred.T @ centred).astype("float64"))
    projected = centred @ axes[:, ::-1][:, :dimensions].astype("float32")
    return np.pad(projected, ((0, 0), (0, max(0, min(dimensions, 2) - projected.shape[1])))).astype("float32")
