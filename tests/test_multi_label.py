"""Several genres a track: labels of a tree, the task, its metrics, and a run from the collection to the library."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from kgenre import baseline, evaluate, explore, find, predict, train
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.folds import fold_collections
from kgenre.collections.labels import ancestors, label, strata
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import labels_of, trainable_genres, with_split
from kgenre.collections.tables import COLUMNS, finish_table, read_manifest
from kgenre.core.errors import KgenreError
from kgenre.core.genres import join_genres, split_genres
from kgenre.core.multi_label_metrics import best_threshold, mean_average_precision, multi_label_metrics
from kgenre.evaluation.protocol import EvaluationSet, known_genres
from kgenre.model.tasks import chosen_labels, make_task, task_from, task_values
from kgenre.training.run import Run

TREE = {"punk": "rock", "oi": "punk", "techno": "electronic"}


def table_of(*genres: str, main: str | None = None) -> pd.DataFrame:
    rows = [
        {"path": f"/{i}.mp3", "genres": text, "genre": main or "", "artist": f"a{i}"} for i, text in enumerate(genres)
    ]
    return finish_table(pd.DataFrame(rows).reindex(columns=COLUMNS).fillna(""), "made")


def labelled(*genres: str, parents=None, **options):
    return label("made", Tracks(table_of(*genres), parents or {}), CollectionOptions(**options))


# --- genres of a track -----------------------------------------------------------------------------


def test_join_genres_keeps_each_once_and_replaces_the_separator():
    assert join_genres([" rock", "R&B|soul", "rock", ""]) == "rock|R&B/soul"
    assert split_genres("rock| punk||") == ["rock", "punk"]


def test_read_manifest_with_genres_needs_no_genre(tmp_path):
    (tmp_path / "m.csv").write_text("path,genres\na.mp3,rock|punk\nb.mp3,jazz\n")
    table = read_manifest(tmp_path / "m.csv")
    assert table[["genre", "genres"]].to_numpy().tolist() == [["", "rock|punk"], ["jazz", "jazz"]]
    (tmp_path / "m.csv").write_text("path,genre,genres\na.mp3,metal,rock|punk\nb.mp3,jazz,\n")
    assert read_manifest(tmp_path / "m.csv")["genres"].tolist() == ["metal|rock|punk", "jazz"]
    (tmp_path / "m.csv").write_text("path,genre,genres\na.mp3,metal,rock|punk\nb.mp3,,\n")
    with pytest.raises(KgenreError, match="line 3: `genre` is empty"):
        read_manifest(tmp_path / "m.csv")


def test_label_without_a_task_is_multi_where_a_track_has_no_main_genre():
    assert labelled("rock", "jazz")[1] == "single"
    assert labelled("rock|jazz", "jazz")[1] == "multi"
    tracks, task = labelled("rock|jazz", "jazz", "rock", task="single")
    assert task == "single" and tracks.table["genre"].tolist() == ["jazz", "rock"]
    assert tracks.left_out == {"/0.mp3": "no genre, or several of which none is the main one."}


def test_label_of_a_tree_brings_ancestors_or_keeps_the_top():
    every, _ = labelled("oi", "techno|punk", task="multi", level="all", parents=TREE)
    assert [set(split_genres(text)) for text in every.table["genres"]] == [
        {"oi", "punk", "rock"},
        {"techno", "electronic", "punk", "rock"},
    ]
    assert every.parents == TREE
    top, _ = labelled("oi", "techno|punk", task="multi", parents=TREE)
    assert [set(split_genres(text)) for text in top.table["genres"]] == [{"rock"}, {"electronic", "rock"}]
    assert top.parents == {}


def test_label_of_rare_genres_leaves_out_genres_and_tracks_without_another():
    tracks, _ = labelled("rock|fado", "rock", "fado|polka", "jazz|rock", "jazz", task="multi", min_tracks_per_genre=2)
    assert tracks.table["genres"].tolist() == ["rock|fado", "rock", "fado", "jazz|rock", "jazz"]
    tracks, _ = labelled("rock", "rock", "polka", "jazz|rock", "jazz", task="multi", min_tracks_per_genre=2)
    assert tracks.left_out == {"/2.mp3": "none of its genres has 2 tracks."}


@pytest.mark.parametrize(
    ("options", "parents", "says"),
    [
        ({"level": "all"}, {}, "has no tree of genres. Received: level=all"),
        ({"level": "all", "task": "single"}, TREE, "several genres at the level `all`. Add --task multi"),
        (
            {"min_tracks_per_genre": 9},
            {},
            "at least two genres are needed. Received: none that has 9 tracks. Lower",
        ),
    ],
)
def test_label_with_options_that_do_not_fit_is_refused(options, parents, says):
    with pytest.raises(KgenreError, match=says):
        labelled("rock", "jazz", parents=parents, **options)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_label_at_the_top_of_a_tree_lifts_the_main_genre_too(task):
    table = table_of("punk", "rock", "jazz").assign(genre=pd.array(["punk", "rock", "jazz"], dtype="string"))
    tracks, _ = label("made", Tracks(table, {"punk": "rock"}), CollectionOptions(task=task))
    assert list(tracks.table["genre"]) == list(tracks.table["genres"]) == ["rock", "rock", "jazz"]


def test_ancestors_in_a_circle_end():
    assert ancestors("a", {"a": "b", "b": "c", "c": "a"}) == ["b", "c", "a"]


def test_strata_of_several_genres_is_the_rarest_whatever_the_main_one():
    table = table_of("rock|jazz", "rock", "rock|fado", "jazz")
    assert strata(table).tolist() == strata(table.assign(genre="rock")).tolist() == ["jazz", "rock", "fado", "jazz"]


def test_with_split_of_several_genres_keeps_artists_whole_and_every_genre_on_every_side():
    rng = np.random.default_rng(0)
    texts = [join_genres(rng.choice(["a", "b", "c", "d"], rng.integers(1, 4), replace=False)) for _ in range(200)]
    table = table_of(*texts).assign(artist=[f"artist {i // 4}" for i in range(200)])
    collection = with_split("made", table, 1, "multi")
    assert (collection.table.groupby("artist")["split"].nunique() == 1).all()
    for split in ("train", "valid", "test"):
        assert {genre for text in collection.rows(split)["genres"] for genre in split_genres(text)} == {*"abcd"}


@pytest.mark.parametrize("main", [True, False])
def test_split_and_folds_of_many_rare_genres_keep_each_of_them_in_train(main):
    """A split is balanced by one genre a track: the others may be nowhere but in test."""
    frequency = 1 / np.arange(1, 26)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(25, rng.integers(1, 4), replace=False, p=frequency / frequency.sum()) for _ in range(150)]
        texts = [join_genres(f"g{number:02d}" for number in numbers) for numbers in drawn]
        table = table_of(*texts).assign(artist=[f"artist {i // 3}" for i in range(150)])
        if main:
            table["genre"] = [split_genres(text)[0] for text in texts]
        collection = with_split("made", table, seed, "multi")
        assert set(collection.table["split"]) == {"train", "valid", "test"}
        assert trainable_genres(collection.table, "made") == collection.labels
        groups = table.groupby("artist")["genres"].apply(
            lambda texts: {g for text in texts for g in split_genres(text)}
        )
        several = table[[all(sum(g in own for own in groups) > 3 for g in split_genres(text)) for text in texts]]
        for fold in fold_collections(dataclasses.replace(collection, table=several.reset_index(drop=True)), 3, seed):
            assert trainable_genres(fold.table, "made") == labels_of(several)


# --- the task ---------------------------------------------------------------------------------------


def test_targets_are_ones_of_known_genres():
    task = make_task("multi", ("jazz", "punk", "rock"))
    tracks = pd.DataFrame({"genre": ["", "fado"], "genres": ["rock|jazz", "fado"]})
    np.testing.assert_array_equal(task.targets(tracks), [[1, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(task.strata(np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0]])), [0, 1, 0])


def test_chosen_are_those_at_or_above_their_threshold_with_ancestors_or_the_best():
    task = make_task("multi", ("oi", "punk", "rock"), {"thresholds": [0.5, 0.2, 0.9], "parents": [1, 2, -1]})
    probabilities = np.array([[0.5, 0.1, 0.1], [0.1, 0.2, 0.8], [0.4, 0.1, 0.3]], "float32")
    np.testing.assert_array_equal(task.chosen(probabilities), [[1, 1, 1], [0, 1, 1], [1, 1, 1]])
    flat = make_task("multi", ("oi", "punk", "rock"))
    np.testing.assert_array_equal(flat.chosen(probabilities), [[1, 0, 0], [0, 0, 1], [1, 0, 0]])
    assert chosen_labels(task, np.array([0.1, 0.3, 0.95], "float32")) == ("rock", "punk")


def test_chosen_in_a_circle_of_parents_ends():
    task = make_task("multi", ("a", "b"), {"parents": [1, 0]})
    assert task.chosen(np.array([0.9, 0.1])).tolist() == [True, True]


def test_task_values_of_json_and_of_a_graph_make_the_same_task():
    task = make_task("multi", ("a", "b"), {"thresholds": [0.1, 1 / 3], "parents": [-1, 0]})
    values = task_values(task)
    assert task_from(json.loads(json.dumps(values))) == task
    in_graph = {**values, "thresholds": np.array(values["thresholds"], "float32"), "parents": np.array([-1, 0])}
    assert task_from(in_graph) == task
    with pytest.raises(KgenreError, match="unknown task 'many'"):
        task_from({**values, "task": "many"})


def test_tuned_thresholds_maximise_f1_and_rare_labels_share_one():
    rng = np.random.default_rng(3)
    targets = (rng.random((200, 3)) < [0.3, 0.1, 0.01]).astype("float32")
    targets[:, 2] = 0
    targets[0, 2] = 1  # too rare for a threshold of its own
    probabilities = np.clip(0.25 * targets + rng.normal(0.2, 0.1, targets.shape), 0, 1).astype("float32")
    task = make_task("multi", ("a", "b", "c")).tuned(targets, probabilities)

    def f1(truth, p, threshold):
        chosen = p >= threshold
        return 2 * (chosen & (truth > 0)).sum() / (chosen.sum() + truth.sum())

    for i in range(2):  # no other threshold is better
        best = max(f1(targets[:, i], probabilities[:, i], t) for t in np.unique(probabilities[:, i]))
        assert f1(targets[:, i], probabilities[:, i], np.float32(task.thresholds[i])) == pytest.approx(best)
    shared = max(np.unique(probabilities), key=lambda t: f1(targets.ravel(), probabilities.ravel(), t))
    assert f1(targets.ravel(), probabilities.ravel(), np.float32(task.thresholds[2])) == pytest.approx(
        f1(targets.ravel(), probabilities.ravel(), shared)
    )
    assert best_threshold(np.zeros(4), np.ones(4)) == 0.5


def test_tuned_threshold_is_reached_by_probabilities_that_are_no_float32():
    """A nearest-neighbour classifier gives fifths in float64, and float32 rounds 0.2, 0.4 and 0.6 up."""
    targets = np.array([[1, 0]] * 4 + [[0, 1]] * 6, "float32")
    for fifth in (0.2, 0.4, 0.6):
        probabilities = np.where(targets > 0, fifth, fifth / 2)
        task = make_task("multi", ("a", "b")).tuned(targets, probabilities)
        np.testing.assert_array_equal(task.chosen(probabilities), targets > 0)
        np.testing.assert_array_equal(task.chosen(np.full(2, fifth)), [True, True])


def test_weighted_loss_is_that_of_tensorflow_and_survives_saving():
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    targets, logits = rng.integers(0, 2, (5, 3)).astype("float32"), rng.normal(0, 3, (5, 3)).astype("float32")
    weights = [1.0, 4.0, 20.0]
    loss = make_task("multi", ("a", "b", "c")).loss(False, weights)
    expected = tf.nn.weighted_cross_entropy_with_logits(targets, logits, tf.constant(weights))
    assert float(loss(targets, logits)) == pytest.approx(float(tf.reduce_mean(expected)), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(targets, logits)) == pytest.approx(float(loss(targets, logits)))


@pytest.mark.soak
def test_model_with_weighted_loss_is_gone_on_with_by_a_fresh_process(told_elsewhere):
    assert told_elsewhere["positive_weights"] == [1.0, 4.0]


# --- metrics ------------------------------------------------------------------------------------------


def ranked_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Average precision by its definition: mean over the positives of the precision at each one's rank."""
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order])
    return float((hits / np.arange(1, len(truth) + 1))[truth[order] > 0].mean())


def test_metrics_by_hand():
    rng = np.random.default_rng(5)
    targets, probabilities = (rng.random((60, 4)) < 0.3).astype(float), rng.random((60, 4))
    targets[:, 3] = 0  # no track has it: no area, and no part in the means
    chosen = probabilities > 0.6
    found = multi_label_metrics(targets, probabilities, chosen, ["a", "b", "c", "d"])
    areas = [ranked_precision(targets[:, i], probabilities[:, i]) for i in range(3)]
    assert found["mean_average_precision"] == pytest.approx(np.mean(areas))
    assert found["mean_average_precision"] == mean_average_precision(targets, probabilities)
    pairs = [
        np.mean(probabilities[targets[:, i] > 0, i][:, None] > probabilities[targets[:, i] == 0, i][None])
        for i in range(3)
    ]
    assert found["macro_roc_auc"] == pytest.approx(np.mean(pairs))
    true_positives = (chosen & (targets > 0)).sum()
    assert found["micro_f1"] == pytest.approx(2 * true_positives / (chosen.sum() + targets.sum()))
    per_label = 2 * (chosen & (targets > 0)).sum(0) / (chosen.sum(0) + targets.sum(0))
    assert found["macro_f1"] == pytest.approx(per_label.mean())  # d was answered, so it counts
    assert found["per_genre"]["d"]["average_precision"] is None and found["per_genre"]["d"]["f1"] == 0
    for name in ("mean_average_precision", "macro_roc_auc", "micro_f1", "macro_f1"):
        low, high = found[f"{name}_interval_95"]
        assert low < found[name] < high and high - low < 0.3
    json.dumps(found, allow_nan=False)


def test_known_genres_ignores_unknown_ones_of_several_and_refuses_unknown_single_ones():
    rows = table_of("rock|fado", "fado", "jazz")
    tracks = EvaluationSet("made", rows, "test", "protocol")
    kept = known_genres(tracks, make_task("multi", ("jazz", "rock")))
    assert kept.rows["genres"].tolist() == ["rock|fado", "jazz"]
    assert kept.note == "genres that the model does not know are ignored: 1; tracks without another: 1"
    with pytest.raises(KgenreError, match="genres that the model does not know: fado, rock. It knows: jazz"):
        known_genres(tracks, make_task("single", ("jazz",)))


# --- from the collection to the library --------------------------------------------------------------

PARTS = {"high": 3000.0, "low": 200.0, "middle": 900.0}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Songs of one to three tones; each tone is a genre."""
    folder, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(0)
    lines = ["path,genres,artist,split"]
    for number in range(42):
        names = [name for name in PARTS if rng.random() < 0.5] or ["low"]
        time = np.arange(2 * 8000) / 8000
        wave = sum(0.2 * np.sin(2 * np.pi * PARTS[name] * rng.uniform(0.9, 1.1) * time) for name in names)
        soundfile.write(folder / f"{number}.wav", wave + 0.003 * rng.standard_normal(len(time)), 8000)
        split = ("train", "train", "train", "train", "valid", "valid", "test")[number % 7]
        lines.append(f"{number}.wav,{'|'.join(names)},artist {number},{split}")
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(songs, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "several"
    flags = ["--sample-rate-hz", "8000", "--hop-length", "64", "--n-fft", "256", "--n-mels", "64", "--arch", "melcrop"]
    flags += ["--image-height", "64", "--image-width", "64"]
    flags += ["--batch-size", "8", "--epochs", "5", "--crops-per-track", "4", "--slice-seconds", "1"]
    flags += ["--positive-weights", "--balanced", "--augment", "mixup"]
    assert train.main(["--data", str(songs / "songs.csv"), "--out", str(out), *flags]) == 0
    return out


# A process of its own, where nothing has registered a loss: first TensorFlow alone, then kgenre.
ELSEWHERE = """
import json, sys
import tensorflow as tf
about = tf.saved_model.load(sys.argv[1]).signatures["about"]()
assert not [name for name in sys.modules if name.startswith("kgenre")]
told = {name: about[name].numpy().tolist() for name in ("thresholds", "parents")}
told["task"] = about["task"].numpy().decode()
from kgenre.model.build import load_model
told["positive_weights"] = load_model(sys.argv[2], compile=True).loss.positive_weights
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told_elsewhere(run, tmp_path_factory) -> dict:
    """What the export and a model with a weighted loss say to ELSEWHERE."""
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("adam", make_task("multi", ("a", "b")).loss(False, [1.0, 4.0]))
    path = tmp_path_factory.mktemp("weighted") / "model.keras"
    model.save(path)
    command = [sys.executable, "-c", ELSEWHERE, str(run / "saved_model" / "1"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_run_of_several_genres_learns_them_and_reports_their_metrics(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["task"] == "multi" and metrics["mean_average_precision"] > 0.8
    assert set(metrics["per_genre"]) == set(PARTS)
    report = (run / "report.txt").read_text()
    assert "mAP (PR-AUC)" in report and "genres a track" in report
    table = pd.read_csv(run / "genres.csv")
    task = Run(run).load_task()
    assert dict(zip(table["genre"], table["threshold"])) == pytest.approx(dict(zip(task.labels, task.thresholds)))
    assert set(task.thresholds) != {0.5} and (run / "genres.png").stat().st_size > 5000
    assert not (run / "confusion.csv").exists()
    assert json.loads((run / "config.json").read_text())["task"] == "multi"


def test_thresholds_of_a_run_are_those_that_its_model_needs_on_valid(run):
    from kgenre.serving.catalogue import open_model

    model, rows = open_model(run), Run(run).load_tracks()
    rows = rows[rows["split"] == "valid"]
    probabilities = np.stack([model.predict(path).probabilities for path in rows["path"]])
    expected = make_task("multi", model.labels).tuned(model.task.targets(rows), probabilities)
    np.testing.assert_allclose(model.task.thresholds, expected.thresholds, atol=1e-5)


def test_predict_shows_all_genres_at_or_above_their_threshold(run, songs, capsys):
    assert predict.main(["--model", str(run), str(songs / "0.wav"), "--format", "jsonl", "--slices"]) == 0
    record = json.loads(capsys.readouterr().out)
    task = Run(run).load_task()
    above = {name for name, t in zip(task.labels, task.thresholds) if record["probabilities"][name] >= t - 1e-6}
    assert record["task"] == "multi" and set(record["genres"]) == (above or {record["genre"]})
    assert all(part["genres"] for part in record["by_slice"])
    assert predict.main(["--model", str(run), str(songs / "0.wav")]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert [part.split()[0] for part in line.partition(": ")[2].split(", ")] == record["genres"]


@pytest.mark.soak
def test_export_tells_thresholds_to_a_process_with_tensorflow_alone(run, told_elsewhere):
    task = Run(run).load_task()
    assert told_elsewhere["task"] == "multi"
    assert told_elsewhere["thresholds"] == pytest.approx(task.thresholds)
    assert told_elsewhere["parents"] == list(task.parents)


def test_evaluate_of_another_split_has_its_own_report(run, tmp_path, capsys):
    assert evaluate.main(["--model", str(run), "--split", "valid", "--out", str(tmp_path)]) == 0
    assert "valid of " in capsys.readouterr().out and (tmp_path / "genres.csv").is_file()


def test_evaluate_of_few_tracks_counts_genres_that_were_frequent_in_training(run, songs, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "min_tracks_per_genre": 10}))
    lines = (songs / "songs.csv").read_text().splitlines()
    (songs / "few.csv").write_text("\n".join(lines[:1] + [line for line in lines if line.endswith(",test")]) + "\n")
    flags = ["--data", str(songs / "few.csv"), "--out", str(tmp_path / "out")]
    assert evaluate.main(["--model", str(tmp_path / "run"), *flags]) == 0
    found, expected = (json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "out", run))
    assert found["per_genre"] == expected["per_genre"] and found["tracks"] == 6


@pytest.mark.parametrize("classifier", ["logistic", "svc_linear"])
def test_baseline_of_several_genres_fits_a_classifier_a_label(run, songs, tmp_path, classifier, capsys):
    flags = ["--on", str(run), "--data", str(songs / "songs.csv"), "--classifier", classifier, "--out", str(tmp_path)]
    assert baseline.main(flags) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["task"] == "multi" and metrics["mean_average_precision"] > 0.8
    assert "mean average precision, on valid" in capsys.readouterr().out


def test_library_of_several_genres_finds_by_any_of_them(run, songs, tmp_path, capsys):
    from kgenre.library.search.filter_parser import probability_column
    from kgenre.library.search.songs import Songs
    from kgenre.library.store import Library
    from kgenre.web.explore import head_plan
    from kgenre.web.explore.explorer import Explorer

    place = ["--library", str(tmp_path / "songs.kgenre")]
    assert explore.main([str(songs), "--model", str(run), "--out", str(tmp_path / "map.html"), *place]) == 0
    capsys.readouterr()
    library = Library(tmp_path / "songs.kgenre")
    space = library.spaces()[0]
    assert space.task == Run(run).load_task()
    table = Songs(library, space).table
    several = table["predicted"].str.contains("|", regex=False)
    assert several.any()
    answered = table["predicted"].str.split("|").map(lambda genres: "low" in genres)
    reached = table[probability_column("low")] >= space.task.thresholds[space.task.labels.index("low")]
    # Where no genre reaches its threshold, the nearest is the answer, and has not reached it.
    assert reached.any() and (answered | ~reached).all()
    for filter, is_found in (("predicted = low", answered), ("low", reached)):
        assert find.main([filter, "--format", "csv", *place]) == 0
        listed = capsys.readouterr().out
        expected = list(table["path"][is_found])
        assert expected and all(Path(path).name in listed for path in expected)
        assert listed.count(".wav") == len(expected)
    explorer = Explorer(library, space)
    page = json.loads(explorer.data())
    assert page["several"] and page["genres_per_track"] == 3
    track = int(table.index[several][0])
    shown = explorer.track(track)
    assert "|".join(sorted(n for n, c in zip(shown["labels"], shown["chosen"]) if c)) == "|".join(
        sorted(table.at[track, "predicted"].split("|"))
    )
    library.correct(track, "low")
    with pytest.raises(KgenreError, match="Retraining is for models of one genre a track"):
        head_plan.preview(explorer, False)


# --- starting from another run -------------------------------------------------------------------------


@pytest.mark.soak
def test_init_of_a_run_with_other_genres_begins_with_its_weights(run, songs, tmp_path):
    manifest = songs / "parity.csv"
    lines = [f"{n}.wav,{'odd' if n % 2 else 'even'},{('train', 'valid', 'test')[n % 3]}" for n in range(12)]
    manifest.write_text("\n".join(["path,genre,split", *lines]) + "\n")
    out = tmp_path / "started"
    flags = ["--epochs", "1", "--learning-rate", "1e-9", "--batch-size", "4", "--augment"]
    assert train.main(["--data", str(manifest), "--init", str(run), "--out", str(out), *flags]) == 0
    config = json.loads((out / "config.json").read_text())
    assert (config["arch"], config["task"], config["n_mels"]) == ("melcrop", "single", 64)
    before, after = (Run(folder).load_model() for folder in (run, out))
    pairs = [(one, other) for one, other in zip(before.layers, after.layers) if one.weights and one.name != "logits"]
    for one, other in pairs:
        for weight, now in zip(one.trainable_weights, other.trainable_weights):
            np.testing.assert_allclose(now.numpy(), weight.numpy(), atol=1e-5)
    assert pairs and after.get_layer("logits").units == 2
    # The four test tracks were trained or selected on by the other run.
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["overlap"].startswith("100.0% of the tracks themselves were trained on")


def test_init_of_another_network_is_refused(run, songs, tmp_path, capsys):
    flags = ["--data", str(songs / "songs.csv"), "--out", str(tmp_path / "x")]
    assert train.main([*flags, "--init", str(run), "--arch", "convpool"]) == 2
    assert "`init` needs the same --arch. Received: arch=convpool" in capsys.readouterr().err
    assert train.main([*flags, "--init", str(run), "--embedding-size", "9"]) == 2
    error = capsys.readouterr().err
    assert f"{run}: has another network than this run" in error and not (tmp_path / "x").exists()
    assert train.main([*flags, "--init", str(tmp_path / "none")]) == 2
    assert "none: not a run folder" in capsys.readouterr().err


def test_positive_weights_of_one_genre_a_track_are_refused(songs, tmp_path, capsys):
    manifest = songs / "one.csv"
    lines = [f"{n}.wav,{'odd' if n % 2 else 'even'},{('train', 'valid', 'test')[n % 3]}" for n in range(12)]
    manifest.write_text("\n".join(["path,genre,split", *lines]) + "\n")
    assert train.main(["--data", str(manifest), "--out", str(tmp_path / "x"), "--positive-weights"]) == 2
    assert "`positive_weights` is for several genres a track" in capsys.readouterr().err
