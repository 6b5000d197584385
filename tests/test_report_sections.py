"""The numbers in the sections of a report: of metrics.json, of chance, and of tracks that are counted by hand."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_predictions import made_predictions, write_baseline, write_evaluation
from sklearn.metrics import average_precision_score, roc_auc_score

from kgenre.cli.run import python_strings
from kgenre.core.errors import KgenreError
from kgenre.evaluation.evaluate import collection_defaults
from kgenre.evaluation.pooled import has_folds, pooled_predictions
from kgenre.reporting.build import Asked, report
from kgenre.reporting.figures import new_figure
from kgenre.reporting.section import LeftOut, Options, Output
from kgenre.reporting.sections import classification, classifiers, confusion, curves, roc
from kgenre.reporting.subject import Subject
from kgenre.training.run import Run

LABELS = ("blues", "folk", "jazz", "rock")
INTERVALS = ("precision", "recall", "f1", "average_precision", "roc_auc")


def subject_of(predictions, **more) -> Subject:
    return Subject("made", Path("made"), "kgenre report", predictions, **more)


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Bootstrap samples of metrics.json; those of the report's own intervals stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgenre.core.multi_label_metrics.RESAMPLES", 40)
        yield


@pytest.fixture
def output(tmp_path):
    return Output(tmp_path, Options())


@pytest.fixture(scope="module", params=["single", "multi"])
def predictions(request):
    return made_predictions(request.param, LABELS, 300)


def wilson(hits: int, n: int) -> list[float]:
    """Wilson (1927), z = 1.96."""
    z, share = 1.959964, hits / n
    middle, half = share + z * z / 2 / n, z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    return [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]


def test_classification_report_is_that_of_metrics_json_with_intervals(predictions, output):
    html = classification.make(subject_of(predictions), output)
    table = pd.read_csv(output.folder / "classification_report.csv").set_index("genre")
    chosen = predictions.task.chosen(predictions.probabilities)
    there = predictions.task.shares(predictions.targets) > 0
    for i, label in enumerate(LABELS):
        own = predictions.metrics["per_genre"][label]
        for name in INTERVALS:
            if name in own:
                assert table.loc[label, name] == pytest.approx(own[name], abs=1e-12) and f">{own[name]:.3f}<" in html
                low, high = table.loc[label, [f"{name}_low", f"{name}_high"]]
                assert low < own[name] < high and high - low < 0.4
        hits = int((there & chosen)[:, i].sum())
        found = table.loc[label, ["precision_low", "precision_high", "recall_low", "recall_high"]]
        expected = [*wilson(hits, int(chosen[:, i].sum())), *wilson(hits, int(there[:, i].sum()))]
        np.testing.assert_allclose(found.to_numpy(float), expected, atol=1e-6)
    assert ("roc_auc" in table) == (predictions.task.name == "multi")


def test_classification_report_of_a_genre_that_is_never_predicted_has_no_precision(output):
    predictions = made_predictions("single", LABELS, 40)
    predictions.probabilities[:, 2] = 0
    predictions.metrics.update(predictions.task.evaluate(predictions.targets, predictions.probabilities))
    table = classification.classification_table(subject_of(predictions)).set_index("genre")
    assert np.isnan(table.loc["jazz", "precision"]) and table.loc["jazz", "recall"] == 0


def buttons(html: str) -> dict[str, list[int]]:
    """{title: numbers of tracks} of the buttons that open tracks."""
    found = re.findall(r'data-tracks="([\d ]+)" data-title="([^"]*)"', html)
    return {title: [int(number) for number in numbers.split()] for numbers, title in found}


def test_confusion_has_each_track_in_the_cell_of_its_genres(output):
    predictions = made_predictions("single", LABELS, 300, signal=1.0)
    html, answers = confusion.make(subject_of(predictions), output), predictions.probabilities.argmax(axis=1)
    cells = buttons(html)
    for i, label in enumerate(LABELS):
        for j, other in enumerate(LABELS):
            own = [t for t in range(300) if predictions.targets[t] == i and answers[t] == j]
            assert cells.get(f"{label}, predicted {other}: {len(own)} tracks", []) == own
    assert sorted(sum(cells.values(), [])) == list(range(300))
    table = pd.read_csv(output.folder / "confusion.csv", index_col="genre")
    assert np.trace(table.to_numpy()) / 300 == pytest.approx(predictions.metrics["accuracy"])
    row = re.search(r'<th scope="row" title="blues">.*?</tr>', html)[0]
    rates = [int(rate) for rate in re.findall(r'class="rate">(\d+)<', row)]
    assert rates == [round(100 * n / table.loc["blues"].sum()) for n in table.loc["blues"] if n]
    assert (output.folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_confusion_of_several_genres_counts_what_is_right_missed_and_added(output):
    predictions = made_predictions("multi", LABELS, 200)
    cells = buttons(confusion.make(subject_of(predictions), output))
    chosen, there = predictions.task.chosen(predictions.probabilities), predictions.targets > 0
    for i, label in enumerate(LABELS):
        for part, truth in (
            ("right", there[:, i] & chosen[:, i]),
            ("missed", there[:, i] & ~chosen[:, i]),
            ("wrongly added", chosen[:, i] & ~there[:, i]),
        ):
            assert cells[f"{label}, {part}: {truth.sum()} tracks"] == np.flatnonzero(truth).tolist()


def test_areas_are_those_of_scikit_learn_and_of_metrics_json(predictions, output):
    html = roc.make(subject_of(predictions), output)
    table = pd.read_csv(output.folder / "areas.csv").set_index("genre")
    shares, p = predictions.task.shares(predictions.targets), predictions.probabilities
    # As the bootstrap takes them, and not one part in a million from scikit-learn's, whose scores are float32.
    same = {"rel": 1e-6}
    for i, label in enumerate(LABELS):
        assert table.loc[label, "roc_auc"] == pytest.approx(roc_auc_score(shares[:, i], p[:, i]), **same)
        expected = average_precision_score(shares[:, i], p[:, i])
        assert table.loc[label, "average_precision"] == pytest.approx(expected, **same)
        assert table.loc[label, "chance"] == pytest.approx(shares[:, i].mean())
    micro = roc_auc_score(shares.ravel(), p.ravel())
    assert table.loc["micro average", "roc_auc"] == pytest.approx(micro, **same) and f">{micro:.3f}<" in html
    for name in ("roc_auc", "average_precision"):
        assert (table[f"{name}_low"] < table[name]).all() and (table[name] < table[f"{name}_high"]).all()
    if predictions.task.name == "multi":
        named = {"macro_roc_auc": "roc_auc", "mean_average_precision": "average_precision"}
        for metric, name in named.items():
            assert table.loc["macro average", name] == pytest.approx(predictions.metrics[metric], **same)
        for label, own in predictions.metrics["per_genre"].items():
            assert table.loc[label, "roc_auc"] == pytest.approx(own["roc_auc"], **same)
    points = pd.read_csv(output.folder / "curves.csv")
    assert set(points["curve"]) == {"roc", "precision_recall"} and points[["x", "y"]].stack().between(0, 1).all()
    assert points.groupby(["curve", "of"]).size().max() <= 203


@pytest.mark.parametrize("name", ["single", "multi"])
def test_shuffled_labels_give_chance_in_every_figure(name, output):
    predictions = made_predictions(name, LABELS, 2000, signal=0.0, seed=3, artists=2000)
    subject = subject_of(predictions, classifiers={"one": predictions.probabilities})
    areas = roc.areas_table(subject).set_index("genre")
    assert areas["roc_auc"].between(0.45, 0.55).all()
    np.testing.assert_allclose(areas["average_precision"], areas["chance"], atol=0.05)
    mean = areas.loc["macro average"]
    assert mean["roc_auc_low"] < 0.5 < mean["roc_auc_high"]
    # A sample with replacement has tracks twice, which lifts the average precision of its chance a little.
    assert mean["average_precision_low"] - 0.01 < mean["chance"] < mean["average_precision_high"]
    shares = subject.shares.mean(axis=0)
    report = classification.classification_table(subject).set_index("genre").loc[list(LABELS)]
    assert ((report["precision_low"] < shares) & (shares < report["precision_high"])).all()
    chosen = predictions.task.chosen(predictions.probabilities).mean(axis=0)
    assert ((report["recall_low"] < chosen) & (chosen < report["recall_high"])).all()
    found = classifiers.classifiers_table(subject).iloc[0]
    assert found["roc_auc_low"] < 0.5 < found["roc_auc_high"]
    if name == "single":
        low, high = predictions.metrics["accuracy_interval_95"]
        assert low < 0.25 < high and found["accuracy_low"] == low < 0.25 < found["accuracy_high"] == high
        counts = np.array([len(numbers) for numbers in buttons(confusion.make(subject, output)).values()])
        assert len(counts) == 16 and (abs(counts - 125) < 4 * math.sqrt(125)).all()


def test_curves_of_many_genres_are_of_the_most_frequent(output):
    labels = [f"genre {i}" for i in range(20)]
    predictions = made_predictions("single", labels, 410)
    html = roc.make(subject_of(predictions), output)
    assert "4 more are in the table" in html and html.count('<th scope="row">') == 22
    drawn = set(re.findall(r">(genre \d+) 0", html))
    most = pd.Series(predictions.task.shares(predictions.targets).sum(axis=0), index=labels)
    assert len(drawn) == 16 and most[list(drawn)].min() >= most[[x for x in labels if x not in drawn]].max()


def test_sections_take_genres_of_any_name(output):
    labels = ("genre", "path", "constructor", "caf\udce9", "two\nlines", "$\\none$")
    with python_strings():
        subject = subject_of(made_predictions("single", labels, 60))
        parts = [section.make(subject, output) for section in (classification, confusion, roc)]
    for html in parts:
        assert "caf\\udce9" in html and "two\\nlines" in html
    names = (output.folder / "confusion.csv").read_bytes().decode("utf-8", "surrogateescape").split("\n")[0]
    assert names.startswith("genre,genre,path,constructor,caf\udce9,")


def test_curves_of_one_genre_are_left_out(output):
    predictions = made_predictions("single", ("rock",), 10)
    with pytest.raises(LeftOut, match="the same genres"):
        roc.make(subject_of(predictions), output)
    with pytest.raises(LeftOut, match="no training run"):
        curves.make(subject_of(predictions), output)


def test_curves_of_a_run_are_those_of_its_history(output):
    predictions, run = made_predictions("single", LABELS, 40), Run(output.folder / "run")
    with pytest.raises(LeftOut, match=r"no history.csv"):
        curves.make(subject_of(predictions, run=run), output)
    columns = {"epoch": [1, 2, 3], "loss": [2.0, 1.5, 1.2], "accuracy": [0.3, 0.4, 0.6], "valid_loss": [2.0, 1.4, 1.5]}
    history = pd.DataFrame({**columns, "valid_accuracy": [0.25, 0.5, 0.45], "best": [False, True, False]})
    run.folder.mkdir()
    history.to_csv(run / "history.csv", index=False)
    html = curves.make(subject_of(predictions, run=run), output)
    assert "Epoch 2 of 3 was kept: accuracy 0.500 on valid" in html
    pd.testing.assert_frame_equal(pd.read_csv(output.folder / "history.csv"), history)
    assert (output.folder / "curves-loss.png").is_file() and html.count("<svg") == 2
    history.rename(columns={"accuracy": "r2", "valid_accuracy": "valid_r2"}).to_csv(run / "history.csv", index=False)
    with pytest.raises(LeftOut, match="taught by another model"):
        curves.make(subject_of(predictions, run=run), output)


@pytest.mark.parametrize("name", ["single", "multi"])
def test_report_of_a_baseline_compares_its_classifiers(name, tmp_path):
    predictions = made_predictions(name, LABELS, 200)
    folder = write_baseline(tmp_path / "baseline", predictions, ["svc", "knn", "trees"])
    html = report(Asked(folder), "kgenre report").read_text(encoding="utf-8")
    table = pd.read_csv(folder / "report" / "classifiers.csv")
    assert table["classifier"][0] == "svc" and table["selected"].tolist() == [True, False, False]
    main = "accuracy" if name == "single" else "mean_average_precision"
    column = "accuracy" if name == "single" else "average_precision"
    assert (
        table[column][0] == pytest.approx(predictions.metrics[main], rel=1e-6) and table[column].is_monotonic_decreasing
    )
    assert "<b>svc</b> (selected)" in html and "nothing was chosen by them" in html
    assert {path.name for path in (folder / "report").glob("classifier-*.png")} == {
        "classifier-svc.png", "classifier-knn.png", "classifier-trees.png"
    }  # fmt: skip
    with pytest.raises(KgenreError, match="Leave out --data"):
        report(Asked(folder, data="demo"), "kgenre report")


@pytest.fixture
def folds(tmp_path):
    """The folder of a cross-validation in two folds, as `kgenre train --folds 2` leaves it, and their predictions."""
    parts = [made_predictions("multi", LABELS, 60, seed=seed) for seed in (1, 2)]
    for number, part in enumerate(parts, 1):
        own = {**part.metrics, "thresholds": [0.2 * number] * 4, "overlap": f"{number} artists"}
        folder = write_evaluation(
            tmp_path / f"fold-{number}", type(part)(part.rows, part.probabilities, part.task, own)
        )
        (folder / "run.json").write_text("{}")
    facts = {"folds": 2, "task": "multi", "protocol": "cross-validation in 2 folds", "leaky": ""}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    (tmp_path / "config.json").write_text("{}")
    return Run(tmp_path), parts


def test_report_of_folds_is_of_all_their_tracks(folds):
    run, parts = folds
    assert has_folds(run) and collection_defaults(run.folder).min_tracks_per_genre == 1
    found = pooled_predictions(run)
    assert len(found.rows) == 120 and found.task.thresholds == pytest.approx((0.3,) * 4)
    np.testing.assert_allclose(found.probabilities, np.concatenate([part.probabilities for part in parts]))
    truth = np.concatenate([part.targets for part in parts])
    expected = average_precision_score(truth, found.probabilities, average="macro")
    assert found.metrics["mean_average_precision"] == pytest.approx(expected)
    assert found.metrics["overlap"] == "by fold: 1 artists; 2 artists"
    page = report(Asked(run.folder), "kgenre report").read_text(encoding="utf-8")
    assert "cross-validation in 2 folds" in page and f"<b>{expected:.3f}</b>" in page
    with pytest.raises(KgenreError, match="only its folds"):
        report(Asked(run.folder, data="demo"), "kgenre report")


def test_report_of_unfinished_folds_is_refused(folds):
    (folds[0] / "fold-2" / "metrics.json").unlink()
    with pytest.raises(KgenreError, match=r"not finished: fold-2. `kgenre train --resume"):
        pooled_predictions(folds[0])


def test_figures_in_one_page_have_ids_of_their_own_and_no_style_element(output):
    svgs = []
    for name in ("one", "other"):
        figure, axes = new_figure(3, 2)
        axes.plot([0, 2], [0, 1], "o")
        axes.set(title="A$AP & Ke$ha <b>")
        svgs.append(output.figure(name, figure, "a figure"))
    ids = [re.findall(r' id="([^"]+)"', svg) for svg in svgs]
    assert ids[0] and not set(ids[0]) & set(ids[1]) and all(each.startswith("one-") for each in ids[0])
    for svg, own in zip(svgs, ids):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) == set(own) and "<style" not in svg
        assert "A$AP &amp; Ke$ha &lt;b&gt;" in svg  # and no mathematics
