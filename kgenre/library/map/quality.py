"""How well a map keeps the neighbours of its tracks."""

from dataclasses import dataclass

import numpy as np

from kgenre.embeddings.neighbours import k_nearest, unit_vectors

NEIGHBOURS = 10  # nearest tracks of each track that are compared
SAMPLE = 2000  # tracks that the metrics are computed on: about a second, and within 1 % of the metrics of all


@dataclass(frozen=True)
class MapQuality:
    """Two metrics of a map, in [0, 1]; NaN for fewer than 30 tracks.

    trustworthiness: 1 less a penalty for tracks that are near on the map and far apart by their vectors.
    preservation: share of a track's 10 nearest by vectors that are among its 10 nearest on the map.
    """

    trustworthiness: float
    preservation: float

    @property
    def summary(self) -> str:
        """Both metrics as text."""
        if np.isnan(self.trustworthiness):
            return "too few to measure its quality"
        return f"trustworthiness {self.trustworthiness:.3f}, {self.preservation:.0%} of the {NEIGHBOURS} nearest kept"


def map_quality(vectors: np.ndarray, positions: np.ndarray, seed: int = 0) -> MapQuality:
    """Trustworthiness within a sample of SAMPLE tracks, and preservation of the sample's neighbours among all tracks.

    Args:
        vectors: float (tracks, d).
        positions: float (tracks, 2).
        seed: of the sample.

    Reference:
        Venna & Kaski, "Neighborhood preservation in nonlinear projection methods", 2001, for trustworthiness.
    """
    tracks = len(vectors)
    if tracks < 3 * NEIGHBOURS:
        return MapQuality(float("nan"), float("nan"))
    from sklearn.manifold import trustworthiness

    vectors = unit_vectors(vectors)
    rows = np.random.default_rng(seed).permutation(tracks)[:SAMPLE]
    trust = trustworthiness(vectors[rows], positions[rows], n_neighbors=NEIGHBOURS)
    # One more, because each track is its own nearest: on the map too, or beside a track in the same place.
    by_vector, _ = k_nearest(vectors[rows], vectors, NEIGHBOURS + 1, "euclidean")
    on_map, _ = k_nearest(positions[rows], positions, NEIGHBOURS + 1, "euclidean")
    shared = [len((set(a) & set(b)) - {row}) for a, b, row in zip(by_vector.tolist(), on_map.tolist(), rows.tolist())]
    return MapQuality(float(trust), float(np.mean(shared)) / NEIGHBOURS)
