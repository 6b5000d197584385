"""Paired comparisons of classifiers that answered the same tracks, as pure functions."""

import numpy as np


def mcnemar(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """McNemar's exact test: whether two classifiers are right on as many of the same tracks.

    Under the hypothesis, of the tracks that only one has right, either has each with probability 1/2.

    Args:
        first, second: bool (tracks,), whether the answer is right; the tracks are taken as independent.

    Returns:
        Tracks that only the first has right, tracks that only the second has right, and the two-sided p-value; 1 where
        there are none of either.

    Reference: McNemar (1947), Psychometrika 12.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    n = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, n).pvalue) if n else 1.0


def holm(p_values) -> np.ndarray:
    """p-values corrected for their number: the chance of any false rejection among them stays below the level.

    The smallest is multiplied by their number m, the next by m - 1, and so on; none may be below the one before.

    Args:
        p_values: float (m,), in any order.

    Returns:
        float (m,), in that order.

    Reference: Holm (1979), Scandinavian Journal of Statistics 6.
    """
    p_values = np.asarray(p_values, float)
    order, m = np.argsort(p_values, kind="stable"), len(p_values)
    corrected = np.empty(m)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * (m - np.arange(m))), 1.0)
    return corrected


def group_draws(n_groups: int, samples: int, seed: int = 0) -> np.ndarray:
    """How often each group is in each bootstrap sample of as many groups, int (samples, n_groups)."""
    return np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=samples)
