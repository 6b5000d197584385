"""Linear heads: logistic regression as a kernel and a bias.

Pure functions of arrays; scikit-learn does the fitting. A head is applied as softmax(x @ kernel + bias).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kgenre.core.errors import KgenreError


class LinearHead(NamedTuple):
    """Logits of features x (..., d) are x @ kernel + bias.

    kernel: (d, classes). bias: (classes,), -inf for a class that no sample had.
    """

    kernel: np.ndarray
    bias: np.ndarray


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray | None], LinearHead]


def fit_logistic(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    n_classes: int,
    inverse_penalty: float = 1.0,
    max_iterations: int = 300,
    tolerance: float = 1e-4,
) -> LinearHead:
    """Multinomial logistic regression with an L2 penalty on the kernel.

    Args:
        x: float (samples, d).
        y: int (samples,), class numbers in [0, n_classes).
        weights: float (samples,), 1 each if not given.
        n_classes: columns of the head; classes that `y` lacks get the probability 0.
        inverse_penalty: scikit-learn's C.
        max_iterations, tolerance: when the solver stops.

    Raises:
        KgenreError: `y` holds fewer than two classes.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(y)
    if len(present) < 2:
        raise KgenreError(f"A head needs samples of at least 2 classes. Received: {len(present)}.")
    model = LogisticRegression(C=inverse_penalty, max_iter=max_iterations, tol=tolerance)
    model.fit(x, y, sample_weight=weights)
    kernel, bias = np.zeros((x.shape[1], n_classes)), np.full(n_classes, -np.inf)
    if len(present) == 2:  # scikit-learn gives the difference of the two logits
        kernel[:, present], bias[present] = model.coef_.T * [-0.5, 0.5], model.intercept_ * [-0.5, 0.5]
    else:
        kernel[:, present], bias[present] = model.coef_.T, model.intercept_
    return LinearHead(kernel, bias)


def fit_standardized(fit: Fit, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> LinearHead:
    """A head fitted to standardized columns, as a head of the columns as they are.

    With z = (x - mean) / scale: z @ kernel + bias = x @ (kernel / scale) + (bias - mean @ (kernel / scale)).

    Args:
        fit: called with standardized x, y and weights.
        x: float (samples, d). A constant column keeps its scale.
        y: int (samples,).
        weights: float (samples,), of the means and deviations too.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x, sample_weight=weights)
    kernel, bias = fit(scaler.transform(x), y, weights)
    kernel = kernel / scaler.scale_[:, None]
    return LinearHead(kernel, bias - scaler.mean_ @ kernel)
