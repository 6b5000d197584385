"""The error analysis of a report: its tables against examples worked by hand, and its sections of a small run."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from kgenre.collections.tables import COLUMNS
from kgenre.core.metrics import wilson_interval
from kgenre.evaluation.accuracy_by import accuracy_by_duration, accuracy_by_position, score_by_slices, slices_taken
from kgenre.evaluation.errors import WAYS, hits, mistaken_counts, mistaken_for, mistakes_table
from kgenre.evaluation.predictions import Predictions
from kgenre.model.aggregate import aggregate
from kgenre.model.tasks import make_task
from kgenre.reporting.build import Asked, report
from kgenre.reporting.section import LeftOut, Options, Output
from kgenre.reporting.sections import calibration, durations, embeddings, mislabelled, mistakes
from kgenre.reporting.sections import mistaken_for as mistaken_section
from kgenre.reporting.subject import EvaluatedTrack, Subject

LABELS = ("blues", "folk", "jazz", "rock")
GENRES = ["blues", "blues", "blues", "folk", "folk", "jazz"]
PROBABILITIES = np.array(
    [
        [0.70, 0.10, 0.10, 0.10],  # right
        [0.05, 0.20, 0.60, 0.15],  # blues, predicted jazz; blues is last
        [0.26, 0.50, 0.19, 0.05],  # blues, predicted folk; blues is second
        [0.10, 0.60, 0.20, 0.10],  # right
        [0.05, 0.05, 0.10, 0.80],  # folk, predicted rock; of equal probabilities the earlier genre counts
        [0.40, 0.30, 0.05, 0.25],  # jazz, predicted blues; jazz is last
    ],
    "float32",
)


def predictions(genres=GENRES, probabilities=PROBABILITIES, task="single", labels=LABELS, **parameters) -> Predictions:
    """Of tracks t0, t1, ..., each by an artist of its own."""
    rows = pd.DataFrame(
        [
            dict.fromkeys(COLUMNS, "")
            | {"path": f"{i}.wav", "track_id": f"t{i}", "genre": text.split("|")[0], "genres": text, "artist": f"a{i}"}
            for i, text in enumerate(genres)
        ],
        dtype="string",
    )
    made = make_task(task, labels, parameters)
    return Predictions(rows, np.asarray(probabilities, "float32"), made, {"leaky": "", "split": "test"})


def several() -> Predictions:
    """Three tracks of several genres: a hit by the second genre, a mistake of two genres, a hit below the threshold."""
    answers = [[0.2, 0.9, 0.1, 0.1], [0.3, 0.2, 0.1, 0.8], [0.1, 0.1, 0.4, 0.2]]
    return predictions(["blues|folk", "blues|jazz", "jazz"], answers, "multi", thresholds=(0.5,) * 4, parents=(-1,) * 4)


def test_mistakes_table_of_an_example_is_the_one_worked_by_hand():
    table = mistakes_table(predictions())
    assert table.index.tolist() == [4, 1, 2, 5]  # 0.8, 0.6, 0.5, 0.4
    assert table.columns.tolist() == ["track_id", *LABELS, "label", "top1", "top3", "predicted"]
    assert table.to_numpy().tolist() == [
        ["t4", 5, 5, 10, 80, "folk", 0, 0, "rock"],
        ["t1", 5, 20, 60, 15, "blues", 0, 0, "jazz"],
        ["t2", 26, 50, 19, 5, "blues", 0, 1, "folk"],
        ["t5", 40, 30, 5, 25, "jazz", 0, 0, "blues"],
    ]


def test_mistakes_table_of_a_label_named_as_a_column_keeps_both():
    table = mistakes_table(predictions(["label", "top1"], [[0.1, 0.9], [0.8, 0.2]], labels=("label", "top1")))
    assert table.to_numpy().tolist() == [
        ["t0", 10, 90, "label", 0, 1, "top1"],
        ["t1", 80, 20, "top1", 0, 1, "label"],
    ]


def test_mistakes_table_without_mistakes_is_empty():
    assert mistakes_table(predictions(["blues"], PROBABILITIES[:1])).empty


def test_mistakes_table_of_several_genres_asks_the_main_answer():
    found = several()
    assert hits(found).tolist() == [True, False, True]
    assert mistakes_table(found).to_numpy().tolist() == [["t1", 30, 20, 10, 80, "blues, jazz", 0, 1, "rock"]]


def test_mistaken_for_of_an_example_is_the_one_worked_by_hand():
    for_, instead = WAYS
    assert mistaken_for(predictions()).to_numpy().tolist() == [
        ["blues", for_, "folk", 1, pytest.approx(1 / 3)],
        ["blues", for_, "jazz", 1, pytest.approx(1 / 3)],
        ["blues", instead, "jazz", 1, 0.5],
        ["folk", for_, "rock", 1, 0.5],
        ["folk", instead, "blues", 1, 0.5],
        ["jazz", for_, "blues", 1, 1.0],
        ["jazz", instead, "blues", 1, 1.0],
        ["rock", instead, "folk", 1, 1.0],
    ]


def test_mistaken_for_shares_are_what_recall_and_precision_lack():
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(0)
    found = predictions(rng.choice(LABELS, 200).tolist(), rng.dirichlet(np.ones(4), 200))
    precision, recall, _, _ = precision_recall_fscore_support(found.targets, found.probabilities.argmax(axis=1))
    shares = mistaken_for(found).groupby(["way", "genre"])["share"].sum()
    np.testing.assert_allclose(shares[WAYS[0]][list(LABELS)], 1 - recall, atol=1e-12)
    np.testing.assert_allclose(shares[WAYS[1]][list(LABELS)], 1 - precision, atol=1e-12)


def test_mistaken_counts_of_several_genres_count_in_the_row_of_each():
    counts = mistaken_counts(several())
    assert counts.sum() == 2 and counts[0, 3] == 1 and counts[2, 3] == 1


def test_accuracy_by_duration_has_bins_of_equal_mass_and_wilson_intervals():
    seconds, right = np.arange(20.0), np.arange(20) >= 4
    table = accuracy_by_duration(seconds[::-1], right[::-1])
    assert table["shortest"].tolist() == [0, 4, 8, 12, 16] and table["longest"].tolist() == [3, 7, 11, 15, 19]
    assert table["accuracy"].tolist() == [0, 1, 1, 1, 1] and table["tracks"].tolist() == [4] * 5
    np.testing.assert_allclose(table.loc[0, ["low", "high"]].astype(float), wilson_interval(0, 4))


def test_accuracy_by_duration_of_equal_lengths_is_one_bin():
    table = accuracy_by_duration(np.full(9, 30.0), np.arange(9) < 6)
    assert table[["tracks", "accuracy"]].to_numpy().tolist() == [[9, pytest.approx(2 / 3)]]


@pytest.mark.parametrize("n_slices", (1, 2, 5, 6, 17))
def test_slices_taken_are_different_slices_in_their_order(n_slices):
    for n in range(1, n_slices + 3):
        for spread in (True, False):
            taken = slices_taken(n_slices, n, spread)
            assert len(taken) == min(n, n_slices) and (np.diff(taken) > 0).all() and taken[-1] < n_slices
    assert slices_taken(5, 1, spread=True).tolist() == [2] and slices_taken(5, 1, spread=False).tolist() == [0]


def of_slices(seed: int = 0, n: int = 60, shuffled: bool = False):
    """Tracks of 1 to 9 slices whose answers mostly name the genre: slices, task, targets."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(4, size=n)
    slices = []
    for target in targets:
        scores = rng.normal(size=(rng.integers(1, 10), 4))
        scores[:, target] += 1.0
        slices.append((np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype("float32"))
    return slices, make_task("single", LABELS, {}), rng.permutation(targets) if shuffled else targets


def test_score_by_slices_of_all_is_the_metric_of_evaluate():
    slices, task, targets = of_slices()
    table = score_by_slices(slices, targets, task, np.arange(60))
    assert table["slices"].tolist() == [1, 2, 4, 8, 9] * 2
    expected = task.evaluate(targets, np.stack(list(map(aggregate, slices))))
    for _, row in table[table["slices"] == 9].iterrows():
        assert row["score"] == expected["accuracy"]
        assert (row["low"], row["high"]) == tuple(expected["accuracy_interval_95"])
    first = np.mean([part[0].argmax() == target for part, target in zip(slices, targets)])
    assert table[(table["way"] == "the first") & (table["slices"] == 1)]["score"].item() == pytest.approx(first)
    assert first < expected["accuracy"]  # the test could not tell them apart otherwise


def test_score_by_slices_of_several_genres_is_mean_average_precision():
    slices, _, targets = of_slices()
    task, shares = make_task("multi", LABELS, {}), np.eye(4, dtype="float32")[targets]
    table = score_by_slices(slices, shares, task, np.arange(60))
    expected = task.evaluate(shares, np.stack(list(map(aggregate, slices))))["mean_average_precision"]
    last = table.iloc[-1]
    assert last["score"] == pytest.approx(expected) and last["low"] < expected < last["high"]


def test_accuracy_by_position_weighs_tracks_alike():
    # Right in the first half of one track of ten slices, and in the one slice, which lies in the middle, of another.
    ten = np.repeat([[1, 0, 0, 0], [0, 1, 0, 0]], 5, axis=0).astype("float32")
    task, shares = make_task("single", LABELS, {}), np.eye(4)[[0, 0]]
    table = accuracy_by_position([ten, ten[:1]], shares, task, np.arange(2))
    assert table["accuracy"].tolist() == [1, 1, 0.75, 0, 0]  # of (1 + 0) / 2 and 1
    assert table["slices"].tolist() == [2, 2, 3, 2, 2] and table["tracks"].tolist() == [1, 1, 2, 1, 1]


def test_accuracy_of_shuffled_labels_is_chance():
    """With any labels but the tracks' own, every figure gives 1 in 4: within four deviations of 2 000 tracks."""
    slices, task, targets = of_slices(n=2000, shuffled=True)
    shares, bound = np.eye(4)[targets], 4 * np.sqrt(0.25 * 0.75 / 2000)
    answers = np.stack(list(map(aggregate, slices)))
    found = predictions([LABELS[i] for i in targets], answers)
    assert abs(len(mistakes_table(found)) / 2000 - 0.75) < bound
    assert abs(mistaken_for(found).groupby(["way", "genre"])["share"].sum() - 0.75).max() < 2 * bound
    by_slices = score_by_slices(slices, targets, task, np.arange(2000))
    assert (abs(by_slices["score"] - 0.25) < bound).all()
    by_position = accuracy_by_position(slices, shares, task, np.arange(2000))
    assert (abs(by_position["accuracy"] - 0.25) < 2 * bound).all()
    right = shares[np.arange(2000), answers.argmax(axis=1)] > 0
    by_duration = accuracy_by_duration(np.random.default_rng(1).uniform(10, 300, 2000), right)
    assert (abs(by_duration["accuracy"] - 0.25) < np.sqrt(5) * bound).all()


# The sections.


def made_subject(n: int = 60, n_labels: int = 4, run=None, hostile: bool = False) -> Subject:
    """A subject without a model: tracks of several lengths with slices and embeddings."""
    rng = np.random.default_rng(0)
    labels = tuple(f"<i>genre $x$ {i}</i>" if hostile else f"genre-{i}" for i in range(n_labels))
    targets = rng.integers(n_labels, size=n)
    scores = [rng.normal(size=(rng.integers(1, 10), n_labels)) + 1.2 * np.eye(n_labels)[target] for target in targets]
    slices = [(np.exp(part) / np.exp(part).sum(axis=1, keepdims=True)).astype("float32") for part in scores]
    found = predictions([labels[i] for i in targets], np.stack(list(map(aggregate, slices))), labels=labels)
    tracks = {
        f"{i}.wav": EvaluatedTrack(10.0 * len(part), np.arange(len(part)) * 10.0, part, aggregate(part))
        for i, part in enumerate(slices)
    }
    return Subject("made", None, "kgenre report", found, tracks, run=run)


@pytest.fixture(scope="module")
def reported(run, tmp_path_factory):
    """The page of the small run, and its folder of files."""
    out = tmp_path_factory.mktemp("reports") / "errors.html"
    page = report(Asked(run.folder, split="all", out=out), "kgenre report", Options(robustness_tracks=0))
    return page.read_text(encoding="utf-8"), out.with_suffix("")


def test_sections_of_a_run_agree_with_its_metrics(reported):
    text, folder = reported
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    mistaken = pd.read_csv(folder / "mistakes.csv")
    assert len(mistaken) == round((1 - metrics["accuracy"]) * metrics["tracks"])
    assert f"Mistakes: {len(mistaken)} of {metrics['tracks']} tracks" in text or mistaken.empty
    by_slices = pd.read_csv(folder / "score_by_slices.csv")
    assert by_slices["score"].iloc[-1] == pytest.approx(metrics["accuracy"])
    found = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    now = found.get("after temperature scaling") or found["as it answers"]
    assert now["metrics"]["log_loss"] == pytest.approx(metrics["log_loss"], rel=1e-6)
    assert now["metrics"]["brier"] == pytest.approx(metrics["brier"], rel=1e-6)
    places = pd.read_csv(folder / "embeddings.csv")
    assert len(places) == metrics["tracks"] and places["mistake"].sum() == len(mistaken)
    for name in ("reliability", "accuracy_by_duration", "score_by_slices", "accuracy_by_position", "embeddings"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_calibration_of_a_calibrated_run_shows_the_probabilities_before(tmp_path):
    class Calibrated:
        temperature = 2.0

    subject = made_subject(run=Calibrated())
    before = calibration.without_temperature(subject, 2.0)
    scores = [2 * np.log(subject.tracks[path].probabilities.astype(float)) for path in subject.rows["path"]]
    expected = [(np.exp(part) / np.exp(part).sum(axis=1, keepdims=True)).mean(axis=0) for part in scores]
    np.testing.assert_allclose(before, expected, atol=1e-5)  # float32
    text = calibration.make(subject, Output(tmp_path, Options()))
    assert "after temperature scaling" in text and "before" in text and "temperature 2.00" in text
    assert len(pd.read_csv(tmp_path / "reliability.csv")["probabilities"].unique()) == 2


def test_mistake_sections_open_the_tracks_they_count(tmp_path):
    subject, output = made_subject(), Output(tmp_path, Options())
    wrong = np.flatnonzero(~subject.right).tolist()
    assert len(wrong) > 3  # else it says nothing
    opened = [int(number) for number in re.findall(r'data-tracks="(\d+)"', mistakes.make(subject, output))]
    assert sorted(opened) == wrong[:20] or (len(opened) == mistakes.SHOWN and set(opened) < set(wrong))
    bars = re.findall(
        r'data-tracks="([\d ]+)" data-title="(\S+), predicted (\S+)"', mistaken_section.make(subject, output)
    )
    for numbers, genre, predicted in bars:
        for number in map(int, numbers.split()):
            assert subject.rows["genre"].iloc[number] == genre
            assert subject.labels[subject.main[number]] == predicted


def test_mislabelled_section_lists_a_planted_label_first(tmp_path):
    subject = made_subject()
    likely = int(np.argmax(subject.probabilities.max(axis=1)))
    others = [label for label in subject.labels if label != subject.labels[subject.main[likely]]]
    for name in ("genre", "genres"):
        subject.rows.loc[likely, name] = others[0]
    text = mislabelled.make(subject, Output(tmp_path, Options()))
    assert re.search(r'data-tracks="(\d+)"', text)[1] == str(likely)
    table = pd.read_csv(tmp_path / "mislabelled.csv")
    assert len(table) == 60 and table["track_id"][0] == f"t{likely}"
    assert table["suggested"][0] == subject.labels[subject.main[likely]]
    assert "repeats their labels" not in text
    subject.metrics["split"] = "all"
    assert "repeats their labels" in mislabelled.make(subject, Output(tmp_path, Options()))


def test_sections_of_hostile_genres_escape_them(tmp_path):
    subject, output = made_subject(hostile=True), Output(tmp_path, Options())
    for section in (mistakes, mistaken_section, mislabelled, embeddings):
        text = section.make(subject, output)
        assert "<i>" not in text and "&lt;i&gt;genre $x$" in text


def test_sections_without_slices_are_left_out_with_the_reason(tmp_path):
    subject, output = Subject("classic", None, "kgenre report", predictions()), Output(tmp_path, Options())
    for section in (durations, embeddings):
        with pytest.raises(LeftOut, match="answered without"):
            section.make(subject, output)
    assert "as it answers" in calibration.make(subject, output)


def test_sections_without_mistakes_are_left_out_with_the_reason(tmp_path):
    right = Subject("right", None, "kgenre report", predictions(["blues"], PROBABILITIES[:1]))
    for section in (mistakes, mistaken_section):
        with pytest.raises(LeftOut, match="among 1 tracks"):
            section.make(right, Output(tmp_path, Options()))
