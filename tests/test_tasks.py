"""Tasks: targets, losses and decisions belong together."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from kgenre.core.calibration import calibration_metrics
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json
from kgenre.core.metrics import track_metrics
from kgenre.model.tasks import TASKS, make_task
from kgenre.model.tasks.single_label import SingleLabel

LABELS = ("blues", "jazz", "rock")


def of(*genres):
    """Tracks of one genre each."""
    return pd.DataFrame({"genre": genres, "genres": genres})


@pytest.fixture(params=TASKS)
def task(request):
    return make_task(request.param, LABELS)


def test_make_task_of_an_unknown_name_lists_the_known():
    with pytest.raises(KgenreError, match="unknown task 'singl'. Did you mean single?"):
        make_task("singl", LABELS)


def test_task_keeps_its_name_and_labels(task):
    assert TASKS[task.name] is type(task) and task.labels == LABELS


def test_activation_gives_float32_probabilities_under_mixed_precision(task):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = task.activation()(np.array([[2.0, -1.0, 0.5]], "float32"))
    finally:
        keras.config.set_dtype_policy(before)
    found = keras.ops.convert_to_numpy(found)
    assert found.dtype == np.float32 and (found > 0).all() and (found < 1).all()


def test_probabilities_in_numpy_are_those_of_the_activation(task):
    import keras

    scores = np.random.default_rng(1).normal(0, 5, (2, 4, 3)).astype("float32")
    found = task.probabilities(scores)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(task.activation()(scores)), atol=1e-6)  # 8 steps


def test_loss_of_targets_and_of_their_shares_agree_with_the_loss_of_tracks(task):
    import keras

    logits = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    targets = task.targets(of("rock", "blues", "jazz", "rock"))
    probabilities = keras.ops.convert_to_numpy(task.activation()(logits))
    expected = task.track_loss(targets, probabilities).mean()
    assert float(task.loss(mixed=False)(targets, logits)) == pytest.approx(expected, rel=1e-5)
    assert float(task.loss(mixed=True)(task.shares(targets), logits)) == pytest.approx(expected, rel=1e-5)


def test_track_loss_of_a_certain_mistake_is_finite(task):
    wrong = task.shares(task.targets(of("jazz")))
    assert np.isfinite(task.track_loss(task.targets(of("rock")), wrong)).all()


def test_decide_turns_the_shares_of_targets_back_into_targets(task):
    targets = task.targets(of("rock", "blues", "rock"))
    np.testing.assert_array_equal(task.main(task.shares(targets)), [2, 0, 2])


def test_single_label_decides_for_the_first_of_equal_probabilities():
    assert make_task("single", LABELS).main(np.array([0.2, 0.4, 0.4])) == 1


def test_evaluate_names_its_metrics(task):
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2]])
    targets = task.targets(of("blues", "jazz", "rock"))
    found = task.evaluate(targets, probabilities)
    assert set(task.metrics) <= set(found)
    assert found[task.metrics[0]] == pytest.approx(task.score(targets, probabilities))


def test_evaluate_of_a_single_label_gives_the_track_metrics_and_those_of_calibration():
    task, probabilities = make_task("single", LABELS), np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2]])
    targets = task.targets(of("blues", "jazz", "rock"))
    found = task.evaluate(targets, probabilities)
    expected = track_metrics(targets, probabilities, list(LABELS)) | calibration_metrics(targets, probabilities)
    assert found == expected and found["accuracy"] == 2 / 3


class Top2(SingleLabel):
    """A task whose main metric is another: whether the genre is among the two most probable."""

    name: ClassVar[str] = "top2"
    metrics: ClassVar[tuple[str, ...]] = ("top2_accuracy", "log_loss")

    def slice_metric(self, mixed):
        from keras import metrics

        return metrics.SparseTopKCategoricalAccuracy(k=2, name="top2_accuracy")

    def evaluate(self, targets, probabilities):
        best = np.argsort(-probabilities, axis=1)[:, :2]
        return {
            **super().evaluate(targets, probabilities),
            "top2_accuracy": (best == targets[:, None]).any(axis=1).mean(),
        }


def test_history_and_curves_are_of_the_main_metric_of_the_task_of_the_run(collection, tmp_path, monkeypatch):
    from kgenre.core.progress import SILENT
    from kgenre.training import curves
    from kgenre.training.fit import fit
    from kgenre.training.run import Run
    from kgenre.training.settings import RunSettings
    from kgenre.training.start import begin

    small = {"slice_seconds": 1.5, "hop_length": 256, "batch_size": 8, "crops_per_track": 1, "epochs": 2}
    run = Run(tmp_path / "run")
    settings = begin(RunSettings.compose({"data": str(collection / "manifest.csv"), **small}), run, SILENT)
    monkeypatch.setitem(TASKS, "top2", Top2)
    write_json(run / "run.json", {**run.load_facts(), "task": "top2"})
    figures = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, path: figures.append(figure))
    fit(settings, run)
    history = pd.read_csv(run / "history.csv")
    named = ["epoch", "loss", "top2_accuracy", "valid_loss", "valid_top2_accuracy", "learning_rate", "seconds", "best"]
    assert list(history) == named and history["top2_accuracy"].between(0, 1).all()
    assert history["valid_top2_accuracy"].max() == history.loc[history["best"], "valid_top2_accuracy"].item()
    right = figures[0].axes[1]
    assert right.get_ylabel() == "top2 accuracy"
    np.testing.assert_array_equal(right.lines[0].get_ydata(), history["top2_accuracy"])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), history["valid_top2_accuracy"])
