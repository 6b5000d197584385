"""What a classic classifier declares."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Classifier:
    """One row of CLASSIFIERS.

    build: seed -> unfitted scikit-learn estimator.
    grid: its hyper-parameters and the values to try, in every combination.
    description: what it is, for `--help`.
    source: the published system that it comes from.
    """

    build: Callable[[int], object]
    grid: dict[str, tuple]
    description: str
    source: str
