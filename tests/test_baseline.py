"""Classic classifiers: what they are fitted on, how they are selected, and the statistics that they are given."""

import dataclasses
import json
import re
import sys

import librosa
import numpy as np
import pandas as pd
import pytest
import scipy.signal
import scipy.special
import scipy.stats
from audio_files import music, write_sound
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from kgenre import baseline
from kgenre.baselines import baseline as engine
from kgenre.baselines import statistics as stats
from kgenre.baselines import vectors
from kgenre.baselines.answers import FOLDER
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.baselines.fma_features import read_fma_features
from kgenre.baselines.hyperparameters import TuningSettings, class_probabilities, make_pipeline
from kgenre.baselines.model_selection import artist_folds, format_ranking
from kgenre.baselines.vectors import VectorRequest, Vectors, track_vectors
from kgenre.collections.demo.files import make_demo
from kgenre.collections.splits import Collection
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder
from kgenre.core.progress import Progress
from kgenre.embeddings.files import read_embeddings
from kgenre.evaluation.predictions import read_predictions, read_probabilities

GENRES = ("folk", "jazz", "rock")


def toy(n_train=10, n_valid=4, n_test=4, d=6, apart=4.0, seed=0):
    """A collection of tracks without files, three artists for each genre and split, and vectors for them."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.standard_normal((len(GENRES), d))
    rows, by_path = [], {}
    for split, number in (("train", n_train), ("valid", n_valid), ("test", n_test)):
        for genre, centre in zip(GENRES, centres):
            for i in range(number):
                path = f"/{split}/{genre}/{i}.mp3"
                rows.append({"path": path, "genre": genre, "split": split, "artist": f"{split} {genre} {i % 3}"})
                by_path[path] = centre + rng.standard_normal(d)
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    table = table.assign(genres=table["genre"])
    return Collection("toy", table, "split given"), Vectors(by_path, {}, "toy vectors")


def evaluate(collection, made, out, names=("bayes",), selection="valid", pca=None):
    settings = TuningSettings(pca=pca, seed=0, workers=1)
    return engine.baseline(made, collection, list(names), selection, settings, make_output_folder(out))


# --- the table ------------------------------------------------------------------------------------


@pytest.fixture
def small_grids(monkeypatch):
    """The first and the last value of each hyper-parameter, together."""
    for name, row in CLASSIFIERS.items():
        monkeypatch.setitem(CLASSIFIERS, name, dataclasses.replace(row, grid={k: v[:1] for k, v in row.grid.items()}))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_on_separate_genres_is_accurate(name, small_grids, tmp_path):
    if name == "xgboost":
        pytest.importorskip("xgboost", reason="xgboost is not installed")
    collection, made = toy()
    metrics = evaluate(collection, made, tmp_path, [name])
    assert metrics["accuracy"] >= 0.9 and metrics["split"] == "test" and metrics["tracks"] == 12
    assert 0 <= metrics["log_loss"] < np.log(3) and np.exp(-2) <= metrics["temperature"] <= np.exp(2)
    assert (
        metrics["method"].startswith(f"{name} (")
        and "selected on valid, fitted on train and valid" in metrics["method"]
    )
    assert not metrics["selection"]["left_out"]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore")  # about fits that are cut short to be quick
def test_classifier_with_each_grid_value_is_fitted(name):
    """Also with fewer tracks than features, as statistics of a small collection are."""
    if name == "xgboost":
        pytest.importorskip("xgboost", reason="xgboost is not installed")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 80)), np.arange(60) % 3
    pipeline = make_pipeline(name, 0, None)
    for setting in {"n_estimators": 3, "max_iter": 5}.items():
        if setting[0] in pipeline["classifier"].get_params():
            pipeline["classifier"].set_params(**dict([setting]))
    for key, values in CLASSIFIERS[name].grid.items():
        for value in values:
            fitted = clone(pipeline).set_params(**{f"classifier__{key}": value}).fit(x, y)
            answer = class_probabilities(fitted, x, 3)
            assert np.isfinite(answer).all() and np.allclose(answer.sum(axis=1), 1), (key, value)
            assert (answer.argmax(axis=1) == fitted.predict(x)).mean() > 0.99, (key, value)


def test_xgboost_not_installed_is_left_out_with_the_cause(monkeypatch, small_grids, tmp_path):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    collection, made = toy()
    metrics = evaluate(collection, made, tmp_path, ["bayes", "xgboost"])
    assert metrics["selection"]["left_out"] == {"xgboost": "xgboost is not installed: `pip install xgboost-cpu`."}
    assert "left out: xgboost is not installed" in format_ranking(metrics["selection"])
    with pytest.raises(KgenreError, match="xgboost is not installed"):
        evaluate(collection, made, tmp_path, ["xgboost"])


# --- what is fitted on what -----------------------------------------------------------------------


@pytest.mark.parametrize("selection", ["valid", "cv"])
@pytest.mark.parametrize("pca", [None, 2])
def test_scaler_and_pca_are_never_fitted_on_evaluated_rows(selection, pca, tmp_path, monkeypatch):
    """An extreme value in the evaluated rows reaches no fit, and nothing of test reaches any."""
    seen = []
    fit = StandardScaler.fit
    monkeypatch.setattr(
        StandardScaler,
        "fit",
        lambda self, x, *more, **options: seen.append(np.array(x)) or fit(self, x, *more, **options),
    )
    collection, made = toy()
    poisoned = {path: vector + 1e9 * path.startswith("/test") for path, vector in made.by_path.items()}
    clean = evaluate(collection, made, tmp_path / "clean", selection=selection, pca=pca)
    fits, seen[:] = [x.copy() for x in seen], []
    evaluate(
        collection, dataclasses.replace(made, by_path=poisoned), tmp_path / "poisoned", selection=selection, pca=pca
    )
    assert len(fits) == len(seen) and all(np.array_equal(one, other) for one, other in zip(fits, seen))
    if selection == "valid":
        train = np.stack([made.by_path[path] for path in collection.rows("train")["path"]])
        assert all(np.array_equal(x, train) for x in seen[:-1])
    assert len(seen[-1]) == 42  # the selected one: train and valid
    assert "fitted on train and valid" in clean["method"]


# --- what lies beside the report ------------------------------------------------------------------


@pytest.mark.parametrize("selection", ["valid", "cv"])
def test_answers_of_each_classifier_are_those_of_it_alone(selection, small_grids, tmp_path):
    """The selected one's are predictions.csv; each is fitted on what the selected one is fitted on."""
    collection, made = toy(apart=0.8)
    names = ["bayes", "knn", "svc_linear", "tree"]
    metrics = evaluate(collection, made, tmp_path / "all", names, selection)
    files = {path.stem: read_probabilities(path) for path in (tmp_path / "all" / FOLDER).glob("*.csv")}
    assert sorted(files) == names
    best = metrics["selection"]["tried"][0]["classifier"]
    assert np.array_equal(files[best][1], read_predictions(tmp_path / "all").probabilities)
    for name in names:
        evaluate(collection, made, tmp_path / name, [name], selection)
        alone = read_predictions(tmp_path / name)
        assert np.array_equal(files[name][1], alone.probabilities) and files[name][0].equals(alone.rows)
    evaluate(collection, made, tmp_path / "all", ["knn"], selection)
    assert [path.name for path in (tmp_path / "all" / FOLDER).iterdir()] == ["knn.csv"]


def test_answers_of_test_tracks_do_not_change_the_selection(small_grids, tmp_path):
    """Test tracks on which the classifier of the lowest score would be right and the selected one is wrong."""
    collection, made = toy(apart=0.8)
    names = ["bayes", "knn", "tree"]
    before = evaluate(collection, made, tmp_path / "before", names)["selection"]
    worst = before["tried"][-1]["classifier"]
    probabilities = read_probabilities(tmp_path / "before" / FOLDER / f"{worst}.csv")[1]
    table = collection.table.copy()
    table.loc[table["split"] == "test", "genre"] = np.array(sorted(GENRES))[probabilities.argmax(axis=1)]
    relabelled = dataclasses.replace(collection, table=table.assign(genres=table["genre"]))
    after = evaluate(relabelled, made, tmp_path / "after", names)
    assert after["selection"] == before and after["accuracy"] < 1
    assert read_probabilities(tmp_path / "after" / FOLDER / f"{worst}.csv")[1].argmax(axis=1).tolist() == (
        probabilities.argmax(axis=1).tolist()
    )


def test_classifier_that_fails_on_all_rows_is_left_out_with_the_cause(small_grids, tmp_path, monkeypatch):
    collection, made = toy()
    fit = KNeighborsClassifier.fit

    def refuse_all(self, x, y):
        if len(x) == 42:  # train and valid
            raise ValueError("too many rows")
        return fit(self, x, y)

    monkeypatch.setattr(KNeighborsClassifier, "fit", refuse_all)
    cause = "knn: could not be fitted to all tracks (too many rows)."
    metrics = evaluate(collection, made, tmp_path / "both", ["bayes", "knn"])
    assert metrics["selection"]["left_out"] == {"knn": cause}
    assert [path.name for path in (tmp_path / "both" / FOLDER).iterdir()] == ["bayes.csv"]
    with pytest.raises(KgenreError, match=re.escape(f"{cause} Choose another --classifier.")):
        evaluate(collection, made, tmp_path / "alone", ["knn"])


@pytest.mark.parametrize("selection", ["valid", "cv"])
def test_wrong_labels_of_the_selection_are_first_in_mislabelled_csv(selection, tmp_path):
    collection, made = toy(n_train=40, n_valid=40)
    table = collection.table.copy()
    splits = ("valid",) if selection == "valid" else ("train", "valid")
    wrong = [f"/{split}/{genre}/{i}.mp3" for split in splits for genre, i in zip(GENRES, (3, 7, 11))]
    genres = dict(zip(GENRES, (*GENRES[1:], GENRES[0])))
    chosen = table["path"].isin(wrong)
    table.loc[chosen, "genre"] = table.loc[chosen, "genre"].map(genres)
    collection = dataclasses.replace(collection, table=table.assign(genres=table["genre"]))
    evaluate(collection, made, tmp_path, selection=selection)
    found = pd.read_csv(tmp_path / "mislabelled.csv", dtype="string", keep_default_na=False)
    first = found.head(len(wrong))
    assert sorted(first["path"]) == sorted(wrong)
    assert first["suggested"].tolist() == [path.split("/")[2] for path in first["path"]]
    assert sorted(found["path"]) == sorted(table["path"][table["split"].isin(splits)])


def test_margins_are_divided_by_a_temperature_of_validation_rows(small_grids, tmp_path):
    collection, made = toy(n_train=40, n_valid=40, n_test=60, apart=0.5)
    metrics = evaluate(collection, made, tmp_path, ["svc_linear"])
    x, y = ({split: part(collection.rows(split)) for split in ("train", "valid", "test")} for part in (
        lambda rows: np.stack([made.by_path[path] for path in rows["path"]]),
        lambda rows: np.array([GENRES.index(genre) for genre in rows["genre"]]),
    ))  # fmt: skip
    parameters = {f"classifier__{key}": values[0] for key, values in CLASSIFIERS["svc_linear"].grid.items()}
    pipeline = make_pipeline("svc_linear", 0, None).set_params(**parameters).fit(x["train"], y["train"])
    margins = pipeline.decision_function(x["valid"])

    def loss(margins, truth, temperature):
        return -scipy.special.log_softmax(margins / temperature, axis=1)[np.arange(len(truth)), truth].mean()

    logarithms = np.linspace(-2, 2, 801)
    losses = [loss(margins, y["valid"], np.exp(one)) + 2 * one**2 / len(margins) for one in logarithms]
    assert metrics["temperature"] == pytest.approx(np.exp(logarithms[np.argmin(losses)]), rel=0.03)
    assert abs(np.log(metrics["temperature"])) > 0.1
    pipeline.fit(*(np.concatenate([part["train"], part["valid"]]) for part in (x, y)))
    reported = pipeline.decision_function(x["test"])
    assert metrics["log_loss"] == pytest.approx(loss(reported, y["test"], metrics["temperature"]), rel=1e-4)


def test_artist_folds_of_known_and_unknown_artists_separate_none():
    collection, _ = toy(n_train=20)
    rows = collection.rows("train").copy()
    rows.loc[:3, "artist"] = ""
    rows.loc[10:14, "artist"] = "X"
    rows.loc[15:17, "artist"] = "x"  # one artist whatever the case
    folds = artist_folds(rows, 0)
    validated = np.concatenate([validate for _, validate in folds])
    assert sorted(validated) == list(range(len(rows))) and len(folds) == 5
    names = rows["artist"].str.casefold()
    for fit, validate in folds:
        assert not set(names.iloc[fit]) & set(names.iloc[validate]) - {""}
        assert not set(fit) & set(validate)


def test_baseline_of_shuffled_labels_is_no_better_than_chance(tmp_path):
    collection, made = toy(n_train=40, n_valid=40, n_test=60)
    table = collection.table.copy()
    table["genre"] = np.random.default_rng(1).permutation(table["genre"].to_numpy())
    metrics = evaluate(dataclasses.replace(collection, table=table), made, tmp_path, ["svc_rbf", "knn"])
    assert metrics["accuracy_interval_95"][0] < 1 / 3 < metrics["accuracy_interval_95"][1] + 0.03


def test_baseline_without_test_rows_reports_valid_with_a_note(tmp_path):
    collection, made = toy(apart=0.6, n_test=0)
    metrics = evaluate(collection, made, tmp_path, ["bayes", "knn", "lda"])
    assert metrics["split"] == "valid" and metrics["tracks"] == 12
    assert metrics["note"] == (
        "no test rows: valid is reported, on which the classifier was selected, so the metrics are a little high"
    )
    scores = [row["score"] for row in metrics["selection"]["tried"]]
    assert scores == sorted(scores, reverse=True) and metrics["accuracy"] == pytest.approx(scores[0])
    assert metrics["method"].endswith("selected on valid, fitted on train")
    table = pd.read_csv(tmp_path / "classifiers.csv")
    assert table["classifier"].tolist() == [row["classifier"] for row in metrics["selection"]["tried"]]
    by_folds = evaluate(collection, made, tmp_path, ["bayes"], selection="cv")
    assert by_folds["note"] == "no test rows: valid is reported, which took no part in the selection"
    assert by_folds["method"].endswith("5-fold cross-validation by artist over train, fitted on train")


def test_report_of_shared_artist_gives_overlap_with_all_fitted_rows(tmp_path):
    collection, made = toy()
    table = collection.table.copy()
    table.loc[table["path"].isin(["/test/folk/0.mp3", "/valid/folk/0.mp3"]), "artist"] = "shared with valid"
    metrics = evaluate(dataclasses.replace(collection, table=table), made, tmp_path)
    assert metrics["overlap"].startswith("8.3% of the tracks have an artist")
    text = (tmp_path / "report.txt").read_text()
    assert "  method             bayes (" in text and "  protocol           split given" in text
    assert {path.name for path in tmp_path.iterdir()} == {
        "classifiers", "classifiers.csv", "confusion.csv", "confusion.png", "metrics.json", "mislabelled.csv",
        "predictions.csv", "report.txt",
    }  # fmt: skip


def test_report_on_embeddings_counts_the_networks_training_rows_as_overlap(tmp_path):
    """Vectors of a run: the overlap is with the run's own tracks too."""
    collection, made = toy()
    reported = collection.rows("test").head(1)
    trained = dataclasses.replace(made, training_rows=reported)
    assert "of the tracks themselves were trained on" not in evaluate(collection, made, tmp_path / "a")["overlap"]
    assert "8.3% of the tracks themselves were trained on" in evaluate(collection, trained, tmp_path / "b")["overlap"]


def test_vectors_of_a_run_have_its_seed_and_training_rows(tmp_path):
    from kgenre.training.run import Run
    from kgenre.training.settings import RunSettings

    collection, _ = toy()
    run = Run(tmp_path / "run")
    run.save_setup(RunSettings.compose({"seed": 3}), collection.labels, collection.table, {})
    assert vectors.run_seed(str(run.folder)) == {"seed": 3} and vectors.run_seed("stats") == {}
    rows = vectors.training_rows_of(str(run.folder))
    assert len(rows) == len(collection.rows("train")) + len(collection.rows("valid"))
    assert len(vectors.training_rows_of("stats")) == 0


def test_default_folder_of_two_collections_differs():
    names = [("models/a/saved_model", "data/x/manifest.csv"), ("models/b/saved_model", "y"), ("stats", "y")]
    folders = [vectors.folder_name(on, data) for on, data in names]
    assert folders == ["a-x", "b-y", "stats-y"]
    assert vectors.folder_name("models/a", "y", "dense") == "a-dense-y"


def test_baseline_without_a_needed_split_or_with_too_many_components_is_refused(tmp_path):
    collection, made = toy(n_valid=0)
    with pytest.raises(KgenreError, match="toy: no usable valid tracks. Use --selection cv, or give the manifest"):
        evaluate(collection, made, tmp_path)
    assert evaluate(collection, made, tmp_path, selection="cv")["split"] == "test"
    for counts in ({"n_train": 0}, {"n_valid": 0, "n_test": 0}):
        collection, made = toy(**counts)
        with pytest.raises(KgenreError, match=r"toy: no usable (train|valid) tracks\. Give the manifest"):
            evaluate(collection, made, tmp_path, selection="cv")
    with pytest.raises(KgenreError, match=r"Received: 7, with 30 tracks and 6 features\."):
        evaluate(*toy(), tmp_path, pca=7)


# --- statistics -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Precision loss")  # SciPy's, about that row
def test_track_statistics_equal_librosa_and_scipy():
    samples = music(3.0, 22050, 1)[:, 0]
    found = dict(zip(
        [(name, moment, row) for name, size in stats.SIZES.items() for moment in stats.MOMENTS for row in range(size)],
        stats.track_statistics(samples),
    ))  # fmt: skip
    assert len(found) == 518
    feature = librosa.feature
    windowed = librosa.util.frame(np.pad(samples, 1024), frame_length=2048, hop_length=512)
    windowed = windowed * scipy.signal.get_window("hann", 2048)[:, None]
    cens = feature.chroma_cens(y=samples, sr=22050, bins_per_octave=12)
    direct = {
        "chroma_cens": cens,
        "tonnetz": feature.tonnetz(chroma=cens),
        "rmse": np.sqrt(np.mean(windowed**2, axis=0, keepdims=True)),  # by Parseval
        "mfcc": feature.mfcc(y=samples, sr=22050, n_mfcc=20),
        "chroma_stft": feature.chroma_stft(y=samples, sr=22050, tuning=None),
        "chroma_cqt": feature.chroma_cqt(y=samples, sr=22050, bins_per_octave=12),
        "spectral_centroid": feature.spectral_centroid(y=samples, sr=22050),
        "spectral_bandwidth": feature.spectral_bandwidth(y=samples, sr=22050),
        "spectral_contrast": feature.spectral_contrast(y=samples, sr=22050),
        "spectral_rolloff": feature.spectral_rolloff(y=samples, sr=22050),
        "zcr": feature.zero_crossing_rate(samples),
    }
    moments = {
        "mean": np.mean, "std": np.std, "median": np.median, "min": np.min, "max": np.max,
        "skew": scipy.stats.skew, "kurtosis": scipy.stats.kurtosis,
    }  # fmt: skip
    for name, values in direct.items():
        for moment, compute in moments.items():
            expected = np.nan_to_num(compute(values.astype("float64"), axis=1))  # SciPy's of a row that is all 1 is NaN
            rows = [found[name, moment, row] for row in range(len(values))]
            # float32 frames and their sums: 1e-4 of the value, and of the feature's scale where that is nearly 0
            np.testing.assert_allclose(
                rows, expected, rtol=1e-4, atol=1e-4 * np.abs(values).max(), err_msg=f"{name} {moment}"
            )


@pytest.mark.parametrize("samples", [np.zeros(66150, "float32"), np.zeros(1, "float32"), music(0.1, 22050, 1)[:, 0]])
def test_track_statistics_of_silence_and_short_tracks_are_finite(samples):
    values = stats.track_statistics(samples)
    assert values.shape == (518,) and np.isfinite(values).all()


@pytest.fixture(scope="module")
def songs_by_genre(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music") / "demo"
    return make_demo(folder, genres=("ambient", "metal"), songs_per_genre=6, seconds=(2.0, 2.5), workers=1)


def test_command_on_statistics_stopped_continues_with_kept_vectors(songs_by_genre, tmp_path, capsys, monkeypatch):
    manifest = songs_by_genre / "manifest.csv"
    arguments = ["--on", "stats", "--data", str(manifest), "--classifier", "bayes", "--workers", "1", "--out"]
    compute, done = stats._of_track, []

    def stop_after_five(path, decoder):
        done.append(path)
        if len(done) > 5:
            raise KeyboardInterrupt
        return compute(path, decoder)

    monkeypatch.setattr(stats, "_of_track", stop_after_five)
    assert baseline.main([*arguments, str(tmp_path)]) == 130
    done.clear()
    monkeypatch.setattr(stats, "_of_track", lambda path, decoder: done.append(path) or compute(path, decoder))
    assert baseline.main([*arguments, str(tmp_path)]) == 0
    assert len(done) == 12 - 5
    out = capsys.readouterr().out
    assert "bayes" in out and "accuracy, on valid" in out and f"written to {tmp_path}" in out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["split"] == "test" and metrics["settings"]["vectors"]["model"] == "stats"
    assert read_embeddings(tmp_path / "features.npz").mean.shape == (12, 518)
    done.clear()
    assert baseline.main([*arguments, str(tmp_path)]) == 0 and not done
    other = ["--on", str(tmp_path / "features.npz"), "--data", str(manifest), "--classifier", "bayes", "--out"]
    assert baseline.main([*other, str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert again["per_genre"] == metrics["per_genre"] and not done


def test_statistics_of_bad_files_are_failures(tmp_path):
    write_sound(tmp_path / "good.wav", music(1.0, 22050, 1), 22050)
    write_sound(tmp_path / "silent.wav", np.zeros((22050, 1), "float32"), 22050)
    (tmp_path / "bad.mp3").write_text("no music")
    paths = [str(tmp_path / name) for name in ("good.wav", "silent.wav", "bad.mp3")]
    found = dict(stats.of_tracks(paths, 1))
    assert list(found) == paths and found[paths[0]].path == paths[0] and found[paths[0]].slices.shape == (1, 518)
    assert found[paths[1]].startswith("silent") and isinstance(found[paths[2]], str)


# --- FMA's features.csv ---------------------------------------------------------------------------


def write_fma(path, numbers, value=lambda number, column: number + column / 1000):
    """A features.csv as FMA's: three header rows, then the index's name, then a row a track."""
    head = [("chroma_cens", "kurtosis", "01"), ("chroma_cens", "kurtosis", "02"), ("zcr", "std", "01")]
    columns = pd.MultiIndex.from_tuples(head, names=("feature", "statistics", "number"))
    data = [[value(number, column) for column in range(3)] for number in numbers]
    pd.DataFrame(data, columns=columns, index=pd.Index(numbers, name="track_id")).to_csv(path)
    return path


def request(tmp_path, ids, **more):
    rows = [{"path": f"/{number}.mp3", "genre": "rock", "track_id": number} for number in ids]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    table = table.assign(genres=table["genre"])
    options = {"on": "fma_features", "pool": None, "fma_features": str(tmp_path / "features.csv"), **more}
    return VectorRequest(rows=table, out=tmp_path, workers=1, **options)


class Lines(Progress):
    """Keeps the lines that it is given."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


def test_fma_features_of_listed_track_ids_are_joined(tmp_path):
    path = write_fma(tmp_path / "features.csv", [2, 5, 10, 155320])
    assert path.read_text().splitlines()[3].startswith("track_id,")  # as the original has it
    np.testing.assert_allclose(read_fma_features(path, {10})[10], [10.0, 10.001, 10.002], rtol=1e-6)
    for options in ({}, {"on": str(path), "fma_features": None}):
        told = Lines()
        made = track_vectors(request(tmp_path, ["155320", "000002", "7", "intro"], progress=told, **options))
        assert list(made.by_path) == ["/155320.mp3", "/000002.mp3"] and set(made.failures) == {"/7.mp3", "/intro.mp3"}
        np.testing.assert_allclose(made.by_path["/000002.mp3"], [2.0, 2.001, 2.002], rtol=1e-6)
        assert told.lines == [f"left out: 2 tracks that have no row in {path}: 7, intro"]


def test_vectors_with_nan_leave_the_track_out(tmp_path):
    write_fma(tmp_path / "features.csv", [2, 5], lambda number, column: np.nan if number == 5 else 1.0)
    made = track_vectors(request(tmp_path, ["2", "5"]))
    assert list(made.by_path) == ["/2.mp3"] and made.failures == {"/5.mp3": vectors.NOT_FINITE}


@pytest.mark.parametrize("text", ["", "a,b\n", "track_id,x\n1,2\n", None, "a,b\nc,d\ne,f\ntrack_id,\n2,word\n"])
def test_fma_features_of_another_csv_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "features.csv").write_text(text)
    with pytest.raises(KgenreError) as caught:
        track_vectors(request(tmp_path, ["2"]))
    assert str(caught.value).startswith(f"{tmp_path / 'features.csv'}: ") and len(str(caught.value).splitlines()) == 1


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classifier", "svc"], "unknown classifier 'svc'. Did you mean "),
        (["--pca", "0"], "`--pca` must be none or a number of components from 1. Received: 0."),
        (["--pca", "many"], "`--pca` must be none or a number of components from 1. Received: many."),
        (["--pool", "max"], "`--pool` is for embeddings of slices; stats has one vector a track. Leave it out."),
        (["--on", "fma_features"], "fma_features needs the file: name features.csv of FMA's metadata with --fma-feat"),
        (["--on", "nothing.npz"], "nothing.npz: not a readable embedding file (No such file or directory)."),
        (
            ["--on", "no/such/model"],
            "no/such/model: no such model. A model is a run folder, a SavedModel folder, a .tflite file or a name",
        ),
        (
            ["--on", "musicn"],
            "A model is a run folder, a SavedModel folder, a .tflite file or a name such as default: unknown model",
        ),
    ],
)
def test_command_with_wrong_flags_is_one_line(songs_by_genre, tmp_path, capsys, arguments, message):
    given = ["--on", "stats", "--data", str(songs_by_genre / "manifest.csv"), "--out", str(tmp_path), *arguments]
    assert baseline.main(given) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kgenre: {message}")
