"""Tracks that are likely to be mislabelled: planted ones are found, by chance no more than chance."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

from kgenre.collections.tables import COLUMNS
from kgenre.core.genres import join_genres
from kgenre.evaluation import mislabelled
from kgenre.evaluation.mislabelled import mislabelled_tracks, neighbour_shares, suspicion, write_mislabelled
from kgenre.model.tasks import make_task

GENRES = ("folk", "metal", "punk", "techno")
TRACKS, PLANTED = 400, 20


def table(genres) -> pd.DataFrame:
    """Tracks of these genres, each a list of names."""
    rows = [
        {"path": f"/{i}.mp3", "track_id": str(i), "genre": own[0] if len(own) == 1 else "", "genres": join_genres(own)}
        for i, own in enumerate(genres)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype("string").fillna("")


def planted(several: bool, seed=0):
    """Gaussian clouds, of which PLANTED tracks have a wrong genre: embeddings, rows, task, numbers of these tracks."""
    rng = np.random.default_rng(seed)
    centres = 2.5 * rng.standard_normal((len(GENRES), 6))
    truth = rng.integers(len(GENRES), size=(TRACKS, 1 + several))
    x = centres[truth].mean(axis=1) + rng.standard_normal((TRACKS, 6))
    wrong = rng.choice(TRACKS, PLANTED, replace=False)
    labels = truth.copy()
    while (same := (np.sort(labels[wrong]) == np.sort(truth[wrong])).all(axis=1)).any():
        labels[wrong[same], 0] = rng.integers(len(GENRES), size=same.sum())
    task = make_task("multi" if several else "single", GENRES)
    return x, table([sorted({GENRES[i] for i in row}) for row in labels]), task, wrong


def out_of_fold(x, rows, task):
    classifier = LogisticRegression(C=0.1)
    classifier = OneVsRestClassifier(classifier) if task.several else classifier
    return cross_val_predict(classifier, x, task.targets(rows), cv=5, method="predict_proba")


def found(ranking, wrong) -> float:
    """Share of the planted tracks among the first tenth of the list."""
    return np.isin(wrong, ranking.index[: TRACKS // 10]).mean()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("with_embeddings", [False, True])
def test_planted_labels_are_found_far_above_chance(several, with_embeddings):
    x, rows, task, wrong = planted(several)
    ranking = mislabelled_tracks(rows, out_of_fold(x, rows, task), task, x if with_embeddings else None)
    assert found(ranking, wrong) >= 0.8  # 0.1 by chance
    assert sorted(ranking.index) == list(range(TRACKS)) and ranking["score"].is_monotonic_decreasing
    assert ranking["score"].between(0, 1).all()
    assert (ranking["path"] == rows["path"].loc[ranking.index]).all()


@pytest.mark.parametrize("several", [False, True])
def test_shuffled_probabilities_find_planted_labels_by_chance(several):
    x, rows, task, wrong = planted(several)
    p, rng = out_of_fold(x, rows, task), np.random.default_rng(0)
    shares = [found(mislabelled_tracks(rows, rng.permutation(p), task), wrong) for _ in range(20)]
    # Of 400 tracks in all a tenth is expected, with a standard deviation of 1.5 points.
    assert np.mean(shares) == pytest.approx(0.1, abs=0.06)


def test_suspicion_of_one_genre_is_one_minus_its_probability():
    task = make_task("single", ("a", "b"))
    p = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    assert suspicion(np.array([0, 0, 1]), p, task) == pytest.approx([0.1, 0.7, 0.5])


def test_suspicion_of_several_genres_is_that_of_the_least_certain_most():
    """cleanlab's moving average: 0.8 of the least certain, and the others in order, 0.8 of what is left to each."""
    task = make_task("multi", ("a", "b", "c"))
    p = np.array([[0.9, 0.2, 0.3]])  # of a track that is labelled a and b: confidence 0.9, 0.2, 0.7
    expected = 0.8 * 0.2 + 0.2 * (0.8 * 0.7 + 0.2 * 0.9)
    assert suspicion(np.array([[1, 1, 0]]), p, task) == pytest.approx([1 - expected])


def test_suggestion_is_the_answer_where_it_is_another_than_the_label():
    single, multi = make_task("single", ("a", "b")), make_task("multi", ("a", "b", "c"))
    ranking = mislabelled_tracks(table([["a"], ["a"]]), np.array([[0.9, 0.1], [0.2, 0.8]]), single)
    assert ranking[["genre", "suggested"]].to_numpy().tolist() == [["a", "b"], ["a", ""]]
    p = np.array([[0.9, 0.2, 0.6], [0.9, 0.7, 0.1]])
    ranking = mislabelled_tracks(table([["a", "b"], ["a", "b"]]), p, multi)
    assert ranking[["genre", "suggested"]].to_numpy().tolist() == [["a|b", "a|c"], ["a|b", ""]]


def test_neighbour_shares_are_of_the_other_tracks_by_inverse_distance():
    x, shares = np.array([[0.0], [1.0], [3.0], [4.0]]), np.eye(2)[[0, 1, 1, 0]]
    expected = [[1 / 4, 1 + 1 / 3], [1 + 1 / 3, 1 / 2], [1 / 3 + 1, 1 / 2], [1 / 4, 1 / 3 + 1]]
    expected = np.array(expected) / np.sum(expected, axis=1, keepdims=True)
    assert neighbour_shares(x, shares) == pytest.approx(expected)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.filterwarnings("error")
def test_ranking_of_few_equal_tracks_is_in_their_order(several, n):
    """Ties, equal embeddings, a genre of one track and genres of none, certain and all-zero answers."""
    task = make_task("multi" if several else "single", GENRES)
    rows = table([["folk"]] * (n - 1) + [["metal"]])
    for p in (np.full((n, 4), 0.25), np.eye(4)[[0] * n], np.zeros((n, 4))):
        ranking = mislabelled_tracks(rows, p, task, np.ones((n, 3)))
        assert len(ranking) == n and ranking["score"].between(0, 1).all()
    ties = mislabelled_tracks(table([["folk"]] * n), np.full((n, 4), 0.25), task)
    assert list(ties.index) == list(range(n))


@pytest.mark.parametrize("several", [False, True])
def test_ranking_with_one_label_or_no_tracks(several):
    task = make_task("multi" if several else "single", ("folk",))
    assert len(mislabelled_tracks(table([["folk"]] * 3), np.ones((3, 1)), task)) == 3
    empty = mislabelled_tracks(table([]), np.zeros((0, 1)), task)
    assert len(empty) == 0 and list(empty.columns) == mislabelled.COLUMNS


def test_ranking_is_written_in_its_order(tmp_path):
    task = make_task("single", ("a", "b"))
    ranking = mislabelled_tracks(table([["a"], ["a"]]), np.array([[0.9, 0.1], [0.2, 0.8]]), task)
    write_mislabelled(tmp_path / mislabelled.FILE, ranking)
    assert (tmp_path / mislabelled.FILE).read_text().splitlines() == [
        "path,track_id,genre,suggested,score",
        "/1.mp3,1,a,b,0.800000",
        "/0.mp3,0,a,,0.100000",
    ]
