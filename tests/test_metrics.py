"""Metrics against small examples worked by hand, and the plots."""

import warnings

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from kgenre.core.calibration import calibration_metrics
from kgenre.core.metrics import confusion_table, track_metrics, wilson_interval
from kgenre.evaluation.plots import draw_confusion
from kgenre.training.curves import draw_curves

LABELS = ["blues", "folk", "jazz", "rock"]
# No track is of rock, and none is predicted so.
TRUTH = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.70, 0.10, 0.10, 0.10],  # blues, right
        [0.40, 0.30, 0.20, 0.10],  # blues, right
        [0.25, 0.50, 0.20, 0.05],  # predicted folk, blues is second
        [0.10, 0.60, 0.20, 0.10],  # folk, right
        [0.05, 0.80, 0.10, 0.05],  # folk, right
        [0.40, 0.30, 0.05, 0.25],  # predicted blues, jazz is last
    ]
)


def one_hot(answer, n_classes: int) -> np.ndarray:
    return np.eye(n_classes)[answer]


def test_track_metrics_of_worked_example_are_those_by_hand():
    metrics = track_metrics(TRUTH, PROBABILITIES, LABELS)
    assert metrics["tracks"] == 6
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    # Recall: blues 2/3, folk 2/2, jazz 0/1. Precision: blues 2/3, folk 2/3, jazz 0.
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    assert metrics["top3_accuracy"] == pytest.approx(5 / 6)
    losses = -np.log([0.7, 0.4, 0.25, 0.6, 0.8, 0.05])
    assert calibration_metrics(TRUTH, PROBABILITIES)["log_loss"] == pytest.approx(losses.mean())
    assert metrics["accuracy_interval_95"] == wilson_interval(4, 6)
    table = pd.DataFrame(metrics["per_genre"]).T
    assert list(table.index) == LABELS
    np.testing.assert_allclose(table["precision"], [2 / 3, 2 / 3, 0, 0])
    np.testing.assert_allclose(table["recall"], [2 / 3, 1, 0, 0])
    np.testing.assert_allclose(table["f1"], [2 / 3, 4 / 5, 0, 0])
    np.testing.assert_array_equal(table["tracks"], [3, 2, 1, 0])


def test_track_metrics_of_genre_only_predicted_counts_in_f1_and_not_in_recall():
    truth, answer = np.array([0, 0, 1, 1]), np.array([0, 3, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what is usual in small test sets needs no warning
        metrics = track_metrics(truth, one_hot(answer, 4), LABELS)
    assert metrics["balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)


@pytest.mark.parametrize(("answer", "share"), [([2, 2, 2], 1.0), ([2, 0, 2], 2 / 3)])
def test_track_metrics_of_one_genre_are_defined(answer, share):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics = track_metrics(np.array([2, 2, 2]), one_hot(answer, 4), LABELS)
    assert metrics["accuracy"] == metrics["balanced_accuracy"] == pytest.approx(share)
    f1 = 2 * share / (1 + share)  # precision 1; blues, where it is predicted, has 0
    assert metrics["macro_f1"] == pytest.approx(f1 / len(set(answer)))


def test_log_loss_of_certain_and_wrong_is_finite():
    metrics = calibration_metrics(np.array([0, 1]), one_hot([0, 0], 4))
    assert metrics["log_loss"] == pytest.approx(-np.log(1e-12) / 2)


def test_top3_accuracy_of_tied_genres_takes_three():
    n = 40
    labels = [f"genre {i}" for i in range(n)]
    for probabilities, first in (
        (np.full((n, n), 1 / n), [0, 1, 2]),  # of equal ones the first, as with accuracy
        (one_hot([7] * n, n), [7, 0, 1]),  # a network that is certain leaves zeros: of them the first two
    ):
        others = np.setdiff1d(np.arange(n), first)
        assert track_metrics(np.array(first), probabilities[:3], labels)["top3_accuracy"] == 1.0
        assert track_metrics(others, probabilities[3:], labels)["top3_accuracy"] == 0.0


def test_track_metrics_of_float32_are_plain_numbers():
    p = PROBABILITIES.astype("float32")
    metrics, calibration = track_metrics(TRUTH, p, LABELS), calibration_metrics(TRUTH, p)
    numbers = [metrics[name] for name in ("accuracy", "balanced_accuracy", "macro_f1", "top3_accuracy")]
    numbers += calibration.values()
    numbers += [*metrics["accuracy_interval_95"], *metrics["per_genre"]["folk"].values()]
    assert {type(number) for number in numbers} == {float} and type(metrics["tracks"]) is int  # as JSON takes them


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (48, 100), (1, 3), (3801, 8000)])
def test_wilson_interval_equals_the_closed_form(hits, n):
    z, share = 1.959963984540054, hits / n  # the normal law's 97.5 % point
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert wilson_interval(hits, n) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_confusion_table_has_true_rows_and_predicted_columns():
    table = confusion_table(TRUTH, PROBABILITIES.argmax(axis=1), LABELS)
    assert list(table.index) == list(table.columns) == LABELS and table.index.name == "genre"
    np.testing.assert_array_equal(table, [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert table.loc["jazz", "blues"] == 1 and table.loc["blues", "jazz"] == 0


def read_png(path) -> np.ndarray:
    """(height, width, 3) in 0..1, and nothing else was left in the folder."""
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    return matplotlib.image.imread(path)[..., :3]


def share_near(image: np.ndarray, colour: tuple[float, float, float]) -> float:
    return (np.abs(image - colour).max(axis=-1) < 0.1).mean()


@pytest.mark.parametrize(("row", "column"), [(0, 2), (2, 0), (0, 0), (2, 2)])
def test_draw_confusion_of_one_cell_is_dark_there(row, column, tmp_path):
    table = confusion_table(np.array([row] * 7), np.array([column] * 7), ["blues", "folk", "jazz"])
    draw_confusion(table, "7 tracks", tmp_path / "confusion.png")
    image = read_png(tmp_path / "confusion.png")
    dark = np.abs(image - (0.03, 0.19, 0.42)).max(axis=-1) < 0.1  # the end of the colour map "Blues"
    assert 0.02 < dark.mean() < 0.15  # one cell of nine, less its number, in an image with labels
    y, x = np.argwhere(dark).mean(axis=0) / image.shape[:2]
    assert (y < 0.5, x > 0.5) == (row == 0, column == 2)


@pytest.mark.parametrize("n", [2, 10])
def test_draw_confusion_of_more_genres_is_larger(n, tmp_path):
    labels = [f"genre {i}" for i in range(n)]
    truth = np.repeat(np.arange(n), 4)
    draw_confusion(confusion_table(truth, np.roll(truth, 1), labels), "title", tmp_path / "confusion.png")
    height, width = read_png(tmp_path / "confusion.png").shape[:2]
    assert (height, width) == (pytest.approx(110 * (2.2 + 0.55 * n), abs=2), pytest.approx(110 * (3 + 0.55 * n), abs=2))
    assert np.unique(read_png(tmp_path / "confusion.png").reshape(-1, 3), axis=0).shape[0] > 20


def history(valid: float) -> pd.DataFrame:
    epochs = np.arange(1, 6)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "loss": 2.0 / epochs,
            "accuracy": 0.1 * epochs,
            "valid_loss": valid * 2.5 / epochs,
            "valid_accuracy": valid * 0.09 * epochs,
            "best": epochs == 4,
        }
    )


@pytest.mark.parametrize("valid", [1.0, float("nan")])
def test_draw_curves_shows_train_and_valid(valid, tmp_path):
    draw_curves(history(valid), tmp_path / "curves.png", "accuracy")
    image = read_png(tmp_path / "curves.png")
    assert image.shape[:2] == (pytest.approx(110 * 3.6, abs=2), pytest.approx(110 * 9, abs=2))
    left, right = np.array_split(image, 2, axis=1)
    for half in (left, right):
        train, validation = share_near(half, (0.12, 0.47, 0.71)), share_near(half, (1.0, 0.5, 0.05))
        assert 0.0005 < train < 0.1  # a thin line
        assert (validation > 0.5 * train) == (valid == 1.0)  # without valid tracks, its key alone
    assert share_near(image, (1.0, 1.0, 1.0)) < 0.98


def test_draw_curves_to_an_existing_file_replaces_it(tmp_path):
    (tmp_path / "curves.png").write_text("old")
    draw_curves(history(1.0), tmp_path / "curves.png", "accuracy")
    assert np.ptp(read_png(tmp_path / "curves.png")) > 0.9
