"""Paired comparisons: McNemar and Holm by hand, bootstrap against closed forms, no difference where there is none."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from kgenre.collections.tables import COLUMNS
from kgenre.comparison.pairs import compare_pairs
from kgenre.comparison.resampling import RESAMPLES, SAMPLES, resample
from kgenre.comparison.results import Answers, Result, mean_and_deviation
from kgenre.core.genres import join_genres
from kgenre.core.metrics import percentile_interval, track_metrics
from kgenre.core.paired import group_draws, holm, mcnemar
from kgenre.evaluation.predictions import Predictions
from kgenre.model.tasks.multi_label import MultiLabel
from kgenre.model.tasks.single_label import SingleLabel

LABELS = ("ambient", "house", "metal")


def predictions(task, probabilities, truth, artists=None) -> Predictions:
    """Of tracks 0, 1, ... whose genres are named in `truth`."""
    n = len(truth)
    rows = pd.DataFrame({name: [""] * n for name in COLUMNS}, dtype="string")
    artists = [""] * n if artists is None else artists
    rows = rows.assign(path=[f"{i:04d}.wav" for i in range(n)], genre=truth, genres=truth, artist=artists)
    rows = rows.astype("string")
    probabilities = np.asarray(probabilities, "float32")
    # Of several genres a track the metrics take seconds, and no test here asks for them.
    metrics = {} if task.several else task.evaluate(task.targets(rows), probabilities)
    return Predictions(rows, probabilities, task, metrics)


def answering(share_right: float, truth: np.ndarray, rng) -> np.ndarray:
    """One-hot probabilities that are right for that share of the tracks, at random."""
    wrong = (truth + rng.integers(1, len(LABELS), len(truth))) % len(LABELS)
    answer = np.where(rng.random(len(truth)) < share_right, truth, wrong)
    return np.eye(len(LABELS))[answer]


def result(name: str, truth: np.ndarray, seeds: dict, artists=None) -> Result:
    """seeds: {seed: probabilities}."""
    names = [LABELS[number] for number in truth]
    return Result(name, {seed: predictions(SingleLabel(LABELS), p, names, artists) for seed, p in seeds.items()})


# --- tests of hypotheses ----------------------------------------------------------------------------


def test_mcnemar_is_the_binomial_by_hand():
    first, second = np.zeros(20, bool), np.zeros(20, bool)
    first[:9] = True  # nine that only the first has right
    second[9:10] = True  # one that only the second has
    first[10:15] = second[10:15] = True
    only_first, only_second, p = mcnemar(first, second)
    assert (only_first, only_second) == (9, 1)
    assert math.isclose(p, 2 * (1 + 10) / 2**10)  # of 10 coins 0 or 1 heads, two-sided
    assert mcnemar(second, first) == (1, 9, p)
    assert mcnemar(first, first) == (0, 0, 1.0)


def test_holm_multiplies_by_what_is_left_and_stays_in_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02]) and len(holm([])) == 0


def test_group_counts_draw_as_many_groups_each_as_often():
    counts = group_draws(50, 4000)
    assert (counts.sum(axis=1) == 50).all()
    # The mean of 4000 draws of variance 1 - 1/50 lies within 5 standard errors of 1.
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 / math.sqrt(4000)


# --- resampling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 10])
def test_interval_of_accuracy_is_the_normal_one_of_so_many_groups(size):
    """Groups whose tracks are all right or all wrong are as many tracks as there are groups."""
    n_groups, p = 400, 0.7
    right = np.repeat(np.arange(n_groups) < p * n_groups, size)
    groups = np.repeat(np.arange(n_groups), size).astype(str)
    truth = np.zeros(len(right), int)
    one = Answers(LABELS, np.arange(len(right)), truth, np.eye(3)[np.where(right, 0, 1)], groups)
    low, high = percentile_interval(resample("single", [one])["accuracy"])
    half = norm.ppf(0.975) * math.sqrt(p * (1 - p) / n_groups)
    # The quantile of 2000 samples has a standard error of about 0.06 standard deviations: five of them.
    assert [low, high] == pytest.approx([p - half, p + half], abs=0.3 * half / 1.96)


def test_samples_are_the_metrics_of_the_tracks_of_the_drawn_groups():
    rng = np.random.default_rng(3)
    truth, groups = rng.integers(0, 3, 40), rng.integers(0, 9, 40).astype(str)
    seeds = [answering(0.6, truth, rng), answering(0.5, truth, rng)]
    found = resample("single", [Answers(LABELS, np.arange(40), truth, p, groups) for p in seeds])
    names = sorted(set(groups))
    counts = group_draws(len(names), SAMPLES)
    for sample in (0, 7, 150):
        times = counts[sample][[names.index(group) for group in groups]]
        rows = np.repeat(np.arange(40), times)
        metrics = [track_metrics(truth[rows], p[rows], list(LABELS)) for p in seeds]
        for name, values in found.items():
            assert values[sample] == pytest.approx(np.mean([one[name] for one in metrics]))


def test_samples_of_several_genres_are_weighted_average_precisions():
    rng = np.random.default_rng(4)
    targets, p = (rng.random((30, 3)) < 0.4).astype("float32"), rng.random((30, 3)).astype("float32")
    groups = np.arange(30).astype(str)
    found = resample("multi", [Answers(LABELS, np.arange(30), targets, p, groups)])["mean_average_precision"]
    names, counts = sorted(groups), group_draws(30, RESAMPLES)
    weights = counts[5][[names.index(group) for group in groups]]
    by_label = [average_precision_score(targets[:, i], p[:, i], sample_weight=weights) for i in range(3)]
    assert found[5] == pytest.approx(np.mean(by_label))


def test_deviation_is_that_of_a_sample():
    assert mean_and_deviation([0.5, 0.7]) == pytest.approx((0.6, 0.1 * math.sqrt(2)))
    assert mean_and_deviation([0.5]) == (0.5, None) and mean_and_deviation([]) == (None, None)


# --- pairs ------------------------------------------------------------------------------------------


def test_shuffled_answers_give_no_significant_difference():
    """Answers drawn from one distribution, six configurations of three seeds: none of 15 pairs is different."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    results = [
        result(name, truth, {seed: rng.permutation(answering(0.5, truth, rng)) for seed in range(3)})
        for name in "abcdef"
    ]
    pairs = compare_pairs("single", "accuracy", results)
    assert len(pairs) == 15 and min(pair.p_holm for pair in pairs) > 0.05
    assert np.mean([pair.interval[0] <= 0 <= pair.interval[1] for pair in pairs]) >= 0.8


def test_better_configuration_is_found_with_its_difference():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 400)
    better, worse = (
        result(name, truth, {seed: answering(share, truth, rng) for seed in range(3)})
        for name, share in (("better", 0.8), ("worse", 0.6))
    )
    (pair,) = compare_pairs("single", "accuracy", [better, worse])
    means = [np.mean(one.metric("accuracy")) for one in (better, worse)]
    assert pair.difference == pytest.approx(means[0] - means[1])
    assert pair.interval[0] < pair.difference < pair.interval[1] and pair.interval[0] > 0
    assert pair.p_holm < 0.001 and pair.only_first > pair.only_second and (pair.tracks, pair.seeds) == (400, 3)


def test_equal_seeds_count_a_track_once():
    """Three copies of one run say no more than the run."""
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 60)
    first, second = answering(0.8, truth, rng), answering(0.6, truth, rng)
    one, three = (
        compare_pairs("single", "accuracy", [result("a", truth, dict.fromkeys(seeds, first)),
                                             result("b", truth, dict.fromkeys(seeds, second))])[0]
        for seeds in ((0,), (0, 1, 2))
    )  # fmt: skip
    assert (one.p, one.only_first, one.interval) == (three.p, three.only_first, pytest.approx(three.interval))


def test_tracks_of_one_artist_widen_the_interval():
    rng = np.random.default_rng(5)
    truth = np.repeat(rng.integers(0, 3, 40), 10)
    artists = [f"artist {i // 10}" for i in range(400)]
    right = np.repeat(rng.random((2, 40)) < 0.7, 10, axis=1)  # an artist's tracks are all right or all wrong
    seeds = [{0: np.eye(3)[np.where(own, truth, (truth + 1) % 3)]} for own in right]

    def width(artists):
        pairs = compare_pairs("single", "accuracy", [result(n, truth, p, artists) for n, p in zip("ab", seeds)])
        return np.diff(pairs[0].interval)[0]

    assert width(artists) == pytest.approx(math.sqrt(10) * width(None), rel=0.15)


def test_pairs_are_on_the_tracks_and_seeds_that_all_have():
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, 50)
    whole = result("whole", truth, {0: answering(0.6, truth, rng), 1: answering(0.6, truth, rng)})
    found = predictions(SingleLabel(LABELS), answering(0.6, truth, rng), [LABELS[i] for i in truth])
    part = dataclasses.replace(
        found, rows=found.rows[10:].reset_index(drop=True), probabilities=found.probabilities[10:]
    )
    (pair,) = compare_pairs("single", "accuracy", [whole, Result("part", {1: part})])
    assert (pair.tracks, pair.seeds) == (40, 1)
    expected = (whole.predictions[1].probabilities[10:].argmax(1) == truth[10:]).mean()
    expected -= (part.probabilities.argmax(1) == truth[10:]).mean()
    assert pair.difference == pytest.approx(expected)
    assert compare_pairs("single", "accuracy", [whole]) == []


def test_pairs_of_several_genres_have_an_interval_and_no_mcnemar():
    rng = np.random.default_rng(7)
    truth = [join_genres(np.array(LABELS)[rng.random(3) < 0.5]) or LABELS[0] for _ in range(60)]
    task = MultiLabel(LABELS)
    targets = task.targets(pd.DataFrame({"genres": truth}))
    good = predictions(task, 0.7 * targets + 0.3 * rng.random(targets.shape), truth)
    bad = predictions(task, rng.random(targets.shape), truth)
    (pair,) = compare_pairs("multi", "mean_average_precision", [Result("good", {0: good}), Result("bad", {0: bad})])
    assert pair.difference > 0.2 and pair.interval[0] > 0 and pair.p is None and pair.only_first is None


def test_mcnemar_is_of_the_mean_probabilities_over_the_seeds():
    """Of three seeds the last is wrong, or sure enough to decide."""
    truth = np.zeros(8, int)
    good, unsure, sure = ([share, 1 - share, 0.0] for share in (0.9, 0.4, 0.01))
    always = result("always", truth, dict.fromkeys((0, 1, 2), np.tile(good, (8, 1))))
    once = result("once", truth, {0: np.tile(good, (8, 1)), 1: np.tile(good, (8, 1)), 2: np.tile(unsure, (8, 1))})
    often = result("often", truth, {0: np.tile(good, (8, 1)), 1: np.tile(unsure, (8, 1)), 2: np.tile(sure, (8, 1))})
    pairs = {(pair.first, pair.second): pair for pair in compare_pairs("single", "accuracy", [always, once, often])}
    assert pairs["always", "once"].only_first == 0 and pairs["always", "once"].difference == pytest.approx(1 / 3)
    assert pairs["always", "often"].only_first == 8 and pairs["always", "often"].difference == pytest.approx(2 / 3)
