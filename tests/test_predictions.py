"""predictions.csv: the answers for single tracks that an evaluation leaves beside its metrics."""

import json

import numpy as np
import pandas as pd
import pytest

from kgenre.cli.run import python_strings
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.evaluation.predictions import read_predictions, read_probabilities, write_predictions
from kgenre.evaluation.protocol import EvaluationSet
from kgenre.evaluation.report import write_report
from kgenre.model.tasks import make_task

LABELS = ("genre", "a,b", "path")  # names of columns, and what CSV quotes
TRACKS = [  # path, genre, genres, artist, id
    ("x/1.mp3", "genre", "genre", "Ann", "1"),
    ("x/\udcff.mp3", "path", "path", "", 'a "b"'),
    ("x/3.mp3", "a,b", "a,b", "ann", "007"),
]


@pytest.fixture(autouse=True)
def as_in_commands():
    with python_strings():
        yield


def table() -> pd.DataFrame:
    rows = [dict(path=p, genre=g, genres=gs, split="test", artist=a, album="", track_id=i) for p, g, gs, a, i in TRACKS]
    return pd.DataFrame(rows)[COLUMNS].astype("string")


def probabilities() -> np.ndarray:
    return np.random.default_rng(3).dirichlet(np.ones(3), 3).astype("float32")


def written(folder, task):
    tracks = EvaluationSet("songs", table(), "test", "by hand")
    metrics = write_report(tracks, dict(zip(table()["path"], probabilities())), {}, task, None, folder)
    return metrics, read_predictions(folder)


@pytest.mark.parametrize("name", ["single", "multi"])
def test_predictions_read_again_are_those_written(name, tmp_path):
    task = make_task(name, LABELS, {"thresholds": (0.2, 0.3, 0.4)} if name == "multi" else None)
    metrics, found = written(tmp_path, task)
    pd.testing.assert_frame_equal(found.rows, table(), check_dtype=False)
    np.testing.assert_array_equal(found.probabilities, probabilities())  # nine digits are all of a float32
    assert found.task == task
    again = task.evaluate(found.targets, found.probabilities)
    assert {name: found.metrics[name] for name in again} == json.loads(json.dumps(again))
    assert metrics["labels"] == list(LABELS)


def test_predictions_groups_are_artists_else_tracks(tmp_path):
    _, found = written(tmp_path, make_task("single", LABELS))
    assert found.groups[0] == found.groups[2] != found.groups[1]


def test_read_predictions_of_other_folder_names_next_step(tmp_path):
    with pytest.raises(KgenreError, match="no evaluation of tracks in it.*kgenre evaluate"):
        read_predictions(tmp_path)


def test_read_predictions_of_other_labels_is_refused(tmp_path):
    written(tmp_path, make_task("single", LABELS))
    write_predictions(tmp_path / "predictions.csv", table(), probabilities()[:, :2], LABELS[:2])
    with pytest.raises(KgenreError, match="has 2 labels, metrics.json beside it 3"):
        read_predictions(tmp_path)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(COLUMNS) + ",genre:rock\nx,rock,rock,test,,,1,loud\n"])
def test_read_probabilities_of_unreadable_file_names_it(text, tmp_path):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(KgenreError, match=r"p.csv: not a readable file of predictions \("):
        read_probabilities(tmp_path / "p.csv")


def test_train_leaves_predictions_that_give_its_metrics(run):
    found = read_predictions(run.folder)
    assert list(found.rows["split"].unique()) == [found.metrics["split"]]
    assert found.task.evaluate(found.targets, found.probabilities)["accuracy"] == found.metrics["accuracy"]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
