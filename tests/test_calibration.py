"""Calibration: scores and bins against scikit-learn and closed forms; the temperature from fit to export."""

import base64
import csv
import io
import json
import shutil

import numpy as np
import pytest
import sklearn.metrics
from exported_models import LABELS, SETTINGS, network
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from small_run import SMALL

from kgenre import explore, export, predict, train
from kgenre.audio.slicing import cut_slices
from kgenre.core import calibration
from kgenre.core.metrics import wilson_interval
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import make_task
from kgenre.model.temperature import calibrate, slice_scores, uncalibrated
from kgenre.model.unsure import UnsureRule
from kgenre.serving.catalogue import open_model
from kgenre.serving.exporters import export_model
from kgenre.serving.keras_model import KerasModel
from kgenre.training.run import Run
from kgenre.web.explore.explorer import Explorer

TASKS = {"single": make_task("single", "abcde"), "multi": make_task("multi", "abcde")}


def drawn(name: str, n: int = 20000, seed: int = 0):
    """Scores of tracks of one slice, and targets drawn with the probabilities of these scores."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (n, 5))
    if name == "multi":
        return scores, (rng.random(scores.shape) < expit(scores)).astype("float32")
    sums = softmax(scores, axis=1).cumsum(axis=1)
    return scores, (rng.random((n, 1)) > sums).sum(axis=1).clip(max=4)


@pytest.fixture(params=TASKS)
def name(request):
    return request.param


# --- scores and bins


def test_log_loss_and_brier_score_of_one_genre_are_those_of_scikit_learn():
    scores, truth = drawn("single", 500)
    p = softmax(scores, axis=1)
    found = calibration.calibration_metrics(truth, p)
    assert found["log_loss"] == pytest.approx(sklearn.metrics.log_loss(truth, p, labels=range(5)))
    columns = [sklearn.metrics.brier_score_loss(truth == label, p[:, label]) for label in range(5)]
    assert found["brier"] == pytest.approx(sum(columns))


def test_log_loss_and_brier_score_of_several_genres_are_means_over_labels():
    scores, targets = drawn("multi", 500)
    p = expit(scores)
    found = calibration.calibration_metrics(targets, p)
    for name, reference in (("log_loss", sklearn.metrics.log_loss), ("brier", sklearn.metrics.brier_score_loss)):
        assert found[name] == pytest.approx(np.mean([reference(y, q) for y, q in zip(targets.T, p.T)]), rel=1e-5)


def test_reliability_bins_are_those_of_scikit_learn_with_wilson_intervals(name):
    scores, targets = drawn(name, 700)
    p = TASKS[name].probabilities(scores)
    right = (p.argmax(axis=1) == targets) if name == "single" else targets.ravel() > 0
    confidence = p.max(axis=1) if name == "single" else p.ravel()
    share, mean = calibration_curve(right, confidence.astype("float64"), n_bins=10, strategy="quantile")
    bins = calibration.reliability_bins(targets, p)
    assert sum(one.count for one in bins) == len(confidence) and len(bins) == 10
    np.testing.assert_allclose([one.accuracy for one in bins], share, atol=1e-12)
    np.testing.assert_allclose([one.confidence for one in bins], mean, atol=1e-9)
    assert all(one.interval_95 == wilson_interval(round(one.accuracy * one.count), one.count) for one in bins)
    assert all(one.low <= one.confidence <= one.high for one in bins)
    gaps = [one.count * abs(one.accuracy - one.confidence) for one in bins]
    assert calibration.calibration_error(targets, p) == pytest.approx(sum(gaps) / len(confidence))


def test_answers_of_equal_confidence_stay_in_one_bin():
    p = np.tile([0.7, 0.3], (50, 1))
    (only,) = calibration.reliability_bins(np.arange(50) % 2, p)
    assert (only.count, only.accuracy, only.confidence) == (50, 0.5, pytest.approx(0.7))
    assert calibration.calibration_error(np.arange(50) % 2, p) == pytest.approx(0.2)


def test_calibration_error_is_near_zero_of_calibrated_answers_alone(name):
    scores, targets = drawn(name)
    task = TASKS[name]
    errors = [calibration.calibration_error(targets, task.probabilities(factor * scores)) for factor in (1, 3, 1 / 3)]
    assert errors[0] < 0.01 and min(errors[1:]) > 0.05  # of 20 000 draws; a bin of 2 000 is off by 1 % at most


def test_intervals_draw_whole_groups():
    """Each track four times, as the songs of an artist: an interval of tracks is half as wide as it should be."""
    scores, truth = drawn("single", 150)
    p = np.repeat(softmax(scores, axis=1), 4, axis=0)
    truth, groups = np.repeat(truth, 4), np.repeat(np.arange(150), 4)
    of_groups = calibration.calibration_intervals(truth, p, groups, 400)
    of_tracks = calibration.calibration_intervals(truth, p, np.arange(600), 400)
    for name in ("log_loss", "brier"):
        widths = [high - low for low, high in (of_groups[name], of_tracks[name])]
        assert widths[0] / widths[1] == pytest.approx(2, rel=0.25)
        assert of_groups[name][0] < calibration.calibration_metrics(truth, p)[name] < of_groups[name][1]


# --- the fit


@pytest.mark.parametrize("factor", [1 / 2, 1, 3])
def test_temperature_of_scores_that_are_too_large_is_their_factor(name, factor):
    scores, targets = drawn(name, 4000)
    found = TASKS[name].temperature(targets, factor * scores, np.ones(4000, int))
    assert np.shape(found) == (() if name == "single" else (5,))
    np.testing.assert_allclose(found, factor, rtol=0.1)  # 4 000 draws tell it to 5 %


def test_temperatures_of_several_genres_are_of_each_label():
    scores, targets = drawn("multi", 4000)
    factors = np.array([0.5, 1, 2, 3, 1])
    found = TASKS["multi"].temperature(targets, factors * scores, np.ones(4000, int))
    np.testing.assert_allclose(found, factors, rtol=0.1)


def test_rare_labels_share_a_temperature_and_none_is_worse_than_without():
    task, rng, shared = TASKS["multi"], np.random.default_rng(3), []
    for seed in range(10):
        scores, targets = drawn("multi", 60, seed)
        scores[:, :3] *= rng.uniform(0.3, 4, 3)
        scores[:, 3:], targets[:, 3:], targets[:2, 3] = scores[:, 3:] - 3, 0, 1
        found = task.temperature(targets, scores, np.ones(60, int))
        assert found[3] == found[4] and len(set(found)) > 2
        shared.append(found[3])
        for part in (np.s_[:, 3:], np.s_[:, :]):
            before, after = (
                calibration.log_losses(targets[part], task.probabilities(scores / t)[part]).mean() for t in (1.0, found)
            )
            assert after <= before
    assert 1 in shared and set(shared) != {1}  # both cases occur


def test_temperature_is_of_the_mean_over_slices():
    """Of tracks whose slices disagree; of each slice by itself it would be another."""
    rng, task = np.random.default_rng(0), TASKS["single"]
    scores, counts = rng.normal(0, 6, (3000, 5)), np.full(600, 5)
    means = softmax(scores / 2, axis=1).reshape(600, 5, 5).mean(axis=1)
    truth = (rng.random((600, 1)) > means.cumsum(axis=1)).sum(axis=1).clip(max=4)
    found = task.temperature(truth, scores, counts)

    def loss(temperature: float) -> float:
        p = softmax(scores / temperature, axis=1).reshape(600, 5, 5).mean(axis=1)
        return -np.log(p[np.arange(600), truth]).mean()

    grid = np.exp(np.linspace(-2, 2, 401))
    assert found == pytest.approx(grid[np.argmin([loss(t) for t in grid])], rel=0.05) and loss(found) <= loss(1.0)
    assert found == pytest.approx(2, rel=0.2)


def test_temperature_without_tracks_or_of_few_that_are_all_right(name):
    task = TASKS[name]
    targets = task.targets(tracks_of("abcde" * 2))
    assert np.all(task.temperature(targets[:0], np.zeros((0, 5)), np.zeros(0, int)) == 1)
    sure = task.temperature(targets, 6.0 * np.eye(5)[np.arange(10) % 5] - 3, np.ones(10, int))
    assert np.all(sure > 0.4) and np.all(sure < 1)  # the least loss is at exp(-2) = 0.14


def tracks_of(genres):
    import pandas as pd

    return pd.DataFrame({"genre": list(genres), "genres": list(genres)})


def test_uncalibrated_divides_a_temperature_out_again(name):
    task, temperature = TASKS[name], 2.5 if name == "single" else np.array([0.5, 1, 2, 3, 4])
    scores, _ = drawn(name, 300)
    found = uncalibrated(task, task.probabilities(scores / temperature), temperature)
    np.testing.assert_allclose(found, task.probabilities(scores), atol=1e-4)  # near 1, float32 leaves little


# --- networks and exports


@pytest.mark.parametrize(
    ("temperature", "format"),
    [
        pytest.param(2.5, "saved_model", id="single-saved_model"),
        pytest.param([0.5, 1.5, 4.0], "litert", id="multi-litert"),
        pytest.param(2.5, "litert", id="single-litert", marks=pytest.mark.soak),
        pytest.param([0.5, 1.5, 4.0], "saved_model", id="multi-saved_model", marks=pytest.mark.soak),
    ],
)
def test_export_of_a_calibrated_network_gives_its_logits_divided_by_the_temperature(format, temperature, tmp_path):
    several = isinstance(temperature, list)
    model, spec = network(), ModelSettings.compose(SETTINGS).slice_spec
    slices = cut_slices(np.random.default_rng(0).uniform(-0.5, 0.5, 100_000).astype("float32"), spec)
    logits = np.asarray(model(slices), "float64") / np.array(temperature)
    expected = expit(logits) if several else softmax(logits, axis=1)
    task = make_task("multi" if several else "single", LABELS)
    scores = slice_scores(model, KerasModel(model, task, spec)(slices).embeddings) / temperature
    np.testing.assert_allclose(scores, logits, atol=1e-3)  # of logits of about 100
    calibrate(model, temperature)
    path = tmp_path / ("model.tflite" if format == "litert" else "1")
    export_model(model, task, spec, path, format, temperature=temperature)
    opened = open_model(path, runtime="litert" if format == "litert" else "tensorflow")
    for answers in (KerasModel(model, task, spec)(slices), opened(slices)):
        np.testing.assert_allclose(answers.probabilities, expected, atol=1e-4)  # the two runtimes' convolutions
    if format == "saved_model":
        about = opened.module.signatures["about"]()["temperature"].numpy()
        np.testing.assert_array_equal(about, temperature)
        assert opened.metadata_of_graph()["temperature"] == temperature


# --- runs


@pytest.fixture(scope="module")
def unsure_run(collection, tmp_path_factory):
    """A run that answers "unsure" below 99 %, after one epoch."""
    out = tmp_path_factory.mktemp("unsure") / "run"
    flags = [*SMALL[:-1], "1", "--unsure-below", "0.99"]
    assert train.main(["--data", str(collection / "manifest.csv"), "--out", str(out), *flags]) == 0
    return Run(out)


def valid_losses(run: Run) -> tuple[float, float]:
    """On valid, by the weights as they were trained, and by the exported model."""
    task, tracks = run.load_task(), run.load_tracks().query("split == 'valid'")
    trained = KerasModel(run.load_trained(), task, run.load_settings().slice_spec)
    losses = []
    for model in (trained, open_model(run.folder, runtime="tensorflow")):
        answers = np.stack([aggregate(model.predict(path).slices.probabilities) for path in tracks["path"]])
        losses.append(calibration.negative_log_likelihood(task.targets(tracks), answers))
    return tuple(losses)


def test_run_answers_by_its_temperature_which_does_not_worsen_valid(run):
    temperature = run.load_facts()["temperature"]
    assert temperature == run.temperature != 1.0 and np.exp(-2) <= temperature <= np.exp(2)
    trained, answering = (model.get_layer("logits").get_weights() for model in (run.load_trained(), run.load_model()))
    for one, other in zip(trained, answering):
        np.testing.assert_array_equal(other, one / np.float32(temperature))
    before, after = valid_losses(run)
    assert after < before
    about = open_model(run.folder, runtime="tensorflow").module.signatures["about"]()
    assert float(about["temperature"]) == temperature
    kept = json.loads((run / "saved_model" / "1" / "assets.extra" / "about.json").read_text())
    assert kept["temperature"] == temperature


def test_report_of_a_run_has_its_calibration(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 <= metrics["ece"] <= 1 and 0 <= metrics["brier"] <= 2
    line = next(line for line in (run / "report.txt").read_text().splitlines() if "calibration" in line)
    assert f"log loss {metrics['log_loss']:.3f}, Brier score {metrics['brier']:.3f}" in line
    assert line.endswith(f"calibration error {metrics['ece']:.1%}")


@pytest.mark.soak
def test_run_that_was_killed_before_its_export_is_calibrated_once(unsure_run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(unsure_run.folder, out)
    shutil.rmtree(out / "saved_model")
    (out / "metrics.json").unlink()
    assert train.main(["--resume", "--out", str(out)]) == 0
    again = Run(out)
    assert again.temperature == pytest.approx(unsure_run.temperature, rel=1e-6)
    assert again.temperature != 1.0 and again.unsure == UnsureRule(0.99)
    songs = list(again.load_tracks()["path"][:3])
    for song in songs:
        found, expected = (open_model(one.folder).predict(song).probabilities for one in (again, unsure_run))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.soak
def test_run_with_unsure_below_says_so_in_each_format(unsure_run, capsys):
    assert unsure_run.load_facts()["unsure"] == {"below": 0.99}
    song, model = unsure_run.load_tracks()["path"][0], ["--model", str(unsure_run.folder)]
    capsys.readouterr()
    assert predict.main([song, *model]) == 0
    assert capsys.readouterr().out.startswith(f"{song}: unsure (")
    assert predict.main([song, *model, "--format", "jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["genre"] == "unsure"
    assert predict.main([song, *model, "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["genre"], row["genres"]) == ("unsure", "")
    assert predict.main([song, *model, "--format", "jsonl", "--unsure-below", "0.01"]) == 0
    assert json.loads(capsys.readouterr().out)["genre"] in unsure_run.load_labels()


def test_export_carries_the_rule_of_the_run_or_of_the_flag(unsure_run, tmp_path):
    model = ["--model", str(unsure_run.folder), "--format", "litert"]
    for flags, below in (([], 0.99), (["--unsure-below", "0.3"], 0.3)):
        file = tmp_path / f"{below}.tflite"
        assert export.main([*model, "--out", str(file), *flags]) == 0
        assert open_model(file).unsure == UnsureRule(below)


def test_library_and_page_of_a_run_with_unsure_below_show_it(unsure_run, collection, tmp_path):
    library, model = tmp_path / "songs.kgenre", ["--model", str(unsure_run.folder), "--workers", "1", "--scan-only"]
    for flags, share in (([], 1), (["--unsure-below", "0.01"], 0)):
        assert explore.main([str(collection), "--library", str(library), *model, *flags]) == 0
        with Library(library) as opened:
            page = json.loads(Explorer(opened, opened.space()).data())
        shown = np.frombuffer(base64.b64decode(page["unsure"]), "u1")
        assert len(shown) == 18 and (shown == share).all()


@pytest.mark.parametrize("command", [train, predict, export, explore])
@pytest.mark.parametrize("value", ["0", "1", "1.5", "-0.2"])
def test_unsure_below_outside_of_zero_to_one_is_refused_in_one_line(command, value, tmp_path, capsys):
    flags = {train: ["--data", "none"], predict: ["x.wav"], export: ["--out", str(tmp_path)], explore: [str(tmp_path)]}
    assert command.main([*flags[command], f"--unsure-below={value}"]) == 2
    error = capsys.readouterr().err
    assert "`unsure_below` must be from 0.001 to 0.999. Received: unsure_below=" in error and error.count("\n") == 1
