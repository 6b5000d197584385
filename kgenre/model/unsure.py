"""When a model's answer is "unsure": the rule, and how it is kept with a model.

The less a song resembles what the head was fitted on, the more probable its genre must be. A song is unsure where

    highest probability < below + slope * distance,    distance = |((embedding - mean) / scale) @ kernel|

with its mean probabilities and its mean embedding. With `kernel @ kernel.T` the inverse of the covariance of the
standardised embeddings, the distance is Mahalanobis' (Lee et al. 2018 use it alone, Hendrycks and Gimpel 2017 the
highest probability alone). docs/default_model.md has what each of them finds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from kgenre.core.base64_arrays import packed, unpacked

UNSURE = "unsure"  # stands in the place of a genre
# As they are kept. A kernel of 160 values has 50 kB, and gives the distance to 0.1 %.
ARRAYS = {"mean": "<f4", "scale": "<f4", "kernel": "<f2"}


@dataclass(frozen=True)
class Distance:
    """How far an embedding is from those that a head was fitted on.

    mean, scale: float32 (d,). kernel: float32 (d, d).
    """

    mean: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (..., d) -> distances (...,), float64."""
        return np.linalg.norm((np.asarray(embeddings, "float64") - self.mean) / self.scale @ self.kernel, axis=-1)


@dataclass(frozen=True)
class UnsureRule:
    """The rule of this module.

    below: what the highest probability must reach, in [0, 1] where there is no distance.
    slope: by how much more for each unit of distance.
    distance: Distance; None for a rule of probabilities alone.
    """

    below: float
    slope: float = 0.0
    distance: Distance | None = field(default=None, compare=False)

    def __call__(self, probabilities: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Whether tracks are unsure: bool (...,).

        Args:
            probabilities: (..., classes), means over slices.
            embeddings: (..., d), means over slices; not read where there is no distance.
        """
        if np.size(probabilities) == 0:  # no track, whose embedding has no values either
            return np.zeros(np.shape(probabilities)[:-1], bool)
        needed = self.below if self.distance is None else self.below + self.slope * self.distance(embeddings)
        return np.asarray(probabilities).max(axis=-1) < needed

    def values(self) -> dict:
        """As JSON takes it, for `rule_from`."""
        if self.distance is None:
            return {"below": self.below}
        kept = {name: packed(getattr(self.distance, name), kind) for name, kind in ARRAYS.items()}
        return {"below": self.below, "slope": self.slope, **kept}


def rule_from(values: Mapping | str | None) -> UnsureRule | None:
    """The rule of what `values` gave, or of its JSON; None of None or "", for models without a rule.

    Raises:
        ValueError: they are none of a rule.
    """
    if not values:
        return None
    try:
        values = json.loads(values) if isinstance(values, str) else values
        return UnsureRule(float(values["below"]), float(values.get("slope", 0)), _distance(values))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a rule of when it is unsure: {error}") from error


def is_unsure(rule: UnsureRule | None, probabilities: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """As the rule says, bool (...,); all False without one."""
    return np.zeros(np.shape(probabilities)[:-1], bool) if rule is None else rule(probabilities, embeddings)


def _distance(values: Mapping) -> Distance | None:
    if "kernel" not in values:
        return None
    mean, scale, kernel = (unpacked(values[name], kind).astype("float32") for name, kind in ARRAYS.items())
    if not len(mean) == len(scale) == len(kernel) ** 0.5:
        raise ValueError(f"`scale` and `kernel` must be of {len(mean)} values, as `mean` is")
    return Distance(mean, scale, kernel.reshape(len(mean), -1))
