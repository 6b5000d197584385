"""Linear heads against scikit-learn."""

import functools

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kgenre.core.errors import KgenreError
from kgenre.core.heads import fit_change, fit_logistic, fit_standardized


def samples(classes: int, n: int = 200, d: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of different scales, with a constant column."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d)) + 1.5 * np.eye(classes, d)[y]
    x = 5 + x * np.geomspace(0.1, 100, d)
    x[:, -1] = 3.0
    return x, y


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_fit_standardized_logistic_equals_scikit_learn_pipeline(classes):
    x, y = samples(classes)
    fit = functools.partial(fit_logistic, n_classes=classes, inverse_penalty=0.1, tolerance=1e-8)
    kernel, bias = fit_standardized(fit, x, y)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, tol=1e-8)).fit(x, y)
    assert kernel.shape == (6, classes) and bias.shape == (classes,)
    np.testing.assert_allclose(softmax(x @ kernel + bias, axis=1), pipeline.predict_proba(x), atol=1e-6)


def test_fit_logistic_weight_of_two_equals_sample_twice():
    x, y = samples(3, n=60)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    weighted = fit_logistic(x, y, weights, n_classes=3, tolerance=1e-8)
    twice = fit_logistic(np.concatenate([x, x[:20]]), np.concatenate([y, y[:20]]), n_classes=3, tolerance=1e-8)
    np.testing.assert_allclose(weighted.kernel, twice.kernel, atol=1e-4)
    np.testing.assert_allclose(weighted.bias, twice.bias, atol=1e-4)


def test_fit_logistic_absent_classes_get_probability_zero():
    x, y = samples(2)
    fit = functools.partial(fit_logistic, n_classes=5)
    kernel, bias = fit_standardized(fit, x, np.array([1, 4])[y])
    probabilities = softmax(x @ kernel + bias, axis=1)
    assert np.isfinite(kernel).all() and (probabilities[:, [0, 2, 3]] == 0).all()
    assert (probabilities.argmax(axis=1) == np.array([1, 4])[y]).mean() > 0.8


def test_fit_logistic_one_class_is_refused():
    with pytest.raises(KgenreError, match="at least 2 classes. Received: 1"):
        fit_logistic(np.eye(3), np.zeros(3, int), n_classes=2)


def test_fit_change_without_a_wish_is_exactly_nothing():
    x, _ = samples(3)
    scores = np.random.default_rng(1).normal(size=(len(x), 3))
    kernel, bias = fit_change(x, softmax(scores, axis=1), np.ones(len(x)), scores=scores, penalty=0.1)
    assert kernel.shape == (6, 3) and not kernel.any() and not bias.any()


def test_fit_change_of_equal_scores_equals_scikit_learn_with_the_same_penalty():
    x, y = samples(3)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    weights = np.where(y == 1, 2.0, 1.0)
    change = fit_change(x, np.eye(3)[y], weights, scores=np.full((len(x), 3), 0.7), penalty=0.5, max_iterations=2000)
    # Columns over the root of d, and one of ones for the bias: so scikit-learn penalizes what fit_change does.
    columns = np.column_stack([x / np.sqrt(6), np.ones(len(x))])
    model = LogisticRegression(C=1 / 0.5, fit_intercept=False, tol=1e-8, max_iter=2000).fit(columns, y, weights)
    np.testing.assert_allclose(
        softmax(x @ change.kernel + change.bias, axis=1), model.predict_proba(columns), atol=1e-3
    )
