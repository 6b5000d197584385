"""Tags of tracks beside the genres: a layer on the embedding, with the names of its outputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from kgenre.core.files import write_beside
from kgenre.model.aggregate import aggregate


@dataclass(frozen=True, eq=False)
class TagLayer:
    """Tags as a function of the embedding of each slice: sigmoid(embedding @ kernel + bias).

    labels: names of the tags, as many as there are outputs, n. kernel: float32 (d, n). bias: float32 (n,).
    """

    labels: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray

    def probabilities(self, slice_embeddings: np.ndarray) -> np.ndarray:
        """Of a track, aggregated over its slices: embeddings (slices, d) -> float32 (n,) in [0, 1]."""
        scores = np.clip(slice_embeddings @ self.kernel + self.bias, -80, 80)  # beyond it the exponential overflows
        return aggregate(1 / (1 + np.exp(-scores)))

    @classmethod
    def read(cls, path) -> Self:
        """The layer that `write` wrote.

        Args:
            path: a Path, or a Traversable of the package.
        """
        with path.open("rb") as file, np.load(file) as arrays:
            return cls(tuple(arrays["labels"].tolist()), arrays["kernel"], arrays["bias"])

    def write(self, path: Path) -> None:
        """Writes the layer as an .npz file of `labels`, `kernel` and `bias`."""
        arrays = {"labels": np.array(self.labels), "kernel": self.kernel, "bias": self.bias}
        write_beside(path, lambda part: np.savez(part, **arrays))


def ranked(names, probabilities: np.ndarray) -> dict[str, float]:
    """{name: probability}, the most probable first; those of equal probability in their order."""
    return {names[i]: float(probabilities[i]) for i in np.argsort(-probabilities, kind="stable")}
