"""Linear heads: logistic regression as a kernel and a bias, and changes of a head that is given by its scores.

Pure functions of arrays; scikit-learn and SciPy do the fitting. A head is applied as softmax(x @ kernel + bias).
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


def fit_change(
    x: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    scores: np.ndarray,
    penalty: float,
    max_iterations: int = 200,
) -> LinearHead:
    """Multinomial logistic regression on top of given scores: the kernel and the bias with the smallest

        sum(weights * cross_entropy(targets, softmax(scores + x @ kernel + bias)))
        + penalty / 2 * (d * |kernel|**2 + |bias|**2)

    Where all targets are softmax(scores) they are 0, so samples of such targets hold the head where it is. With the
    factor d, a penalty means the same for standardized columns, however many there are.

    Args:
        x: float (samples, d).
        targets: float (samples, classes), shares of 1.
        weights: float (samples,).
        scores: float (samples, classes), of the head that is changed.
        penalty: of the kernel and the bias.
        max_iterations: when the solver stops.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    root = np.sqrt(x.shape[1])
    columns = np.column_stack([x / root, np.ones(len(x))])
    shape = columns.shape[1], targets.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        change = values.reshape(shape)
        logs = log_softmax(scores + columns @ change, axis=1)
        slope = columns.T @ (weights[:, None] * (np.exp(logs) - targets)) + penalty * change
        return -np.sum(weights[:, None] * targets * logs) + penalty / 2 * values @ values, slope.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": max_iterations})
    *kernel, bias = found.x.reshape(shape)
    return LinearHead(np.array(kernel) / root, bias)


def fit_standardized(fit: Fit, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> LinearHead:
    """A head fitted to standardized columns, as a head of the columns as they are.

    With z = (x - mean) / scale: z @ kernel + bias = x @ (kernel / scale) + (bias - mean @ (kernel / scale)).

    Args:
        fit: called with standardized x, y and weights.
        x: float (samples, d). A constant column keeps its scale.
        y: (samples,) or (samples, classes), as `fit` takes it.
        weights: float (samples,), of the means and deviations too.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x, sample_weight=weights)
    kernel, bias = fit(scaler.transform(x), y, weights)
    kernel = kernel / scaler.scale_[:, None]
    return LinearHead(kernel, bias - scaler.mean_ @ kernel)
