"""ROC and precision-recall curves, areas and intervals, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from kgenre.core.metrics import f1_intervals, group_counts, group_samples, percentile_interval
from kgenre.core.ranking import (
    GRID,
    Curve,
    Ranking,
    macro,
    mean_precision_recall_curve,
    mean_roc_curve,
    precision_recall_curve,
    resampled_areas,
    roc_curve,
    thinned,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.random((120, 3)) < (0.1, 0.3, 0.7)
SCORES = np.round(RNG.random((120, 3)) + 0.3 * TRUTH, 1)  # many are equal
GROUPS = np.array([f"artist {i % 17}" for i in range(120)], object)


@pytest.mark.parametrize("counts", [None, RNG.integers(0, 4, 120), np.repeat([0, 1], 60)])
def test_areas_of_tied_scores_and_weights_are_those_of_scikit_learn(counts):
    for truth, scores in zip(TRUTH.T, SCORES.T):
        found, weights = Ranking(truth, scores).areas(counts), np.ones(120) if counts is None else counts
        assert found.roc_auc == pytest.approx(metrics.roc_auc_score(truth, scores, sample_weight=weights), abs=1e-12)
        expected = metrics.average_precision_score(truth, scores, sample_weight=weights)
        assert found.average_precision == pytest.approx(expected, abs=1e-12)


def test_areas_that_are_not_defined_are_nan():
    none, every = (Ranking(np.full(5, value), np.arange(5.0)).areas() for value in (False, True))
    assert np.isnan(none).all() and np.isnan(every.roc_auc) and every.average_precision == 1
    assert macro([every, Ranking(np.array([True, False]), np.array([1.0, 0.0])).areas()]) == (1.0, 1.0)


def test_resampled_areas_are_those_of_the_drawn_rows():
    found = resampled_areas(TRUTH, SCORES, GROUPS, seed=5, samples=20)
    for i, rows in enumerate(group_samples(GROUPS, 20, seed=5)):
        truth, scores = TRUTH[rows], SCORES[rows]
        for name, score in (("roc_auc", metrics.roc_auc_score), ("average_precision", metrics.average_precision_score)):
            own = [score(truth[:, label], scores[:, label]) for label in range(3)]
            expected = [*own, score(truth.ravel(), scores.ravel()), np.mean(own)]
            np.testing.assert_allclose(found[name][i], expected, atol=1e-12)


def test_curves_enclose_their_areas():
    roc = [roc_curve(*pair) for pair in zip(TRUTH.T, SCORES.T)]
    steps = [precision_recall_curve(*pair) for pair in zip(TRUTH.T, SCORES.T)]
    for (x, y), truth, scores in zip(steps, TRUTH.T, SCORES.T):
        assert x[0] == 0 and x[-1] == 1 and (np.diff(x) > 0).all()
        expected = metrics.average_precision_score(truth, scores)
        assert (np.diff(x) * y[1:]).sum() == pytest.approx(expected, abs=1e-12)
    areas = macro([Ranking(*pair).areas() for pair in zip(TRUTH.T, SCORES.T)])
    # The mean curves are known on GRID alone.
    assert np.trapezoid(*mean_roc_curve(roc)[::-1]) == pytest.approx(areas.roc_auc, abs=2 / len(GRID))
    assert mean_precision_recall_curve(steps).y[1:].mean() == pytest.approx(areas.average_precision, abs=2 / len(GRID))


@pytest.mark.parametrize("n", [1, 2, 199, 200, 201, 5000])
def test_thinned_keeps_the_ends_and_few_points(n):
    line = np.linspace(0, 1, n)
    x, y = thinned(Curve(line, 2 * line), 200)
    assert len(x) <= 201 and x[0] == 0 and x[-1] == line[-1] and len(x) >= min(n, 100)
    np.testing.assert_array_equal(y, 2 * x)


def test_f1_intervals_are_of_resampled_groups_and_leave_out_what_is_not_defined():
    chosen = RNG.random(TRUTH.shape) < 0.3
    truth, chosen = np.c_[TRUTH, np.zeros(120, bool)], np.c_[chosen, np.zeros(120, bool)]
    found = f1_intervals(truth, chosen, GROUPS, 50)
    samples = [
        metrics.f1_score(truth[r], chosen[r], average=None, zero_division=np.nan) for r in group_samples(GROUPS, 50)
    ]
    expected = [percentile_interval(column) for column in np.transpose(samples)]
    np.testing.assert_allclose(found[:3], expected[:3], atol=1e-12)
    assert found[3] is None


def test_group_samples_draw_each_group_as_a_whole():
    groups, rng = np.array(["b", "a", "c", "a", "b"], object), np.random.default_rng(3)
    rows = {"a": [1, 3], "b": [0, 4], "c": [2]}
    for found in group_samples(groups, 5, seed=3):
        expected = [row for number in rng.integers(3, size=3) for row in rows["abc"[number]]]
        assert found.tolist() == expected


def test_group_counts_count_the_rows_of_samples():
    assert all(counts.sum() == len(rows) for counts, rows in zip(group_counts(GROUPS, 3), group_samples(GROUPS, 3)))
