"""Classic classifiers: what they are fitted on, how they are chosen, and the statistics that they see."""

import dataclasses
import json
import sys

import librosa
import numpy as np
import pandas as pd
import pytest
import scipy.signal
import scipy.stats
from audio_files import music, write_sound
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from kgenre import baseline
from kgenre.baselines import hyperparameters as tuning
from kgenre.baselines import model_selection as choosing
from kgenre.baselines import statistics as stats
from kgenre.baselines import vectors
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.baselines.hyperparameters import make_pipeline
from kgenre.baselines.vectors import Request, Vectors, read_fma_features, track_vectors
from kgenre.collections.demo.files import make_demo
from kgenre.collections.splits import Collection
from kgenre.collections.tables import COLUMNS
from kgenre.core.errors import KgenreError
from kgenre.embeddings.files import read_embeddings

GENRES = ("folk", "jazz", "rock")


def toy(n_train=10, n_valid=4, n_test=4, d=6, apart=4.0, seed=0):
    """A collection of tracks that are not there, three artists a genre and split, and vectors for them."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.standard_normal((len(GENRES), d))
    rows, of = [], {}
    for split, number in (("train", n_train), ("valid", n_valid), ("test", n_test)):
        for genre, centre in zip(GENRES, centres):
            for i in range(number):
                path = f"/{split}/{genre}/{i}.mp3"
                rows.append({"path": path, "genre": genre, "split": split, "artist": f"{split} {genre} {i % 3}"})
                of[path] = centre + rng.standard_normal(d)
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    return Collection("toy", table, "split given"), Vectors(of, {}, "toy vectors")


def judge(collection, made, out, names=("bayes",), choose="valid", pca=None):
    return choosing.baseline(made, collection, list(names), choose, pca, 0, 1, out)


# --- the table ------------------------------------------------------------------------------------


@pytest.fixture
def small_grids(monkeypatch):
    """The first and the last value of each hyper-parameter, together."""
    for name, row in CLASSIFIERS.items():
        monkeypatch.setitem(CLASSIFIERS, name, dataclasses.replace(row, grid={k: v[:1] for k, v in row.grid.items()}))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_tells_genres_that_are_apart(name, small_grids, tmp_path):
    if name == "xgboost":
        pytest.importorskip("xgboost", reason="xgboost is not installed")
    collection, made = toy()
    metrics = judge(collection, made, tmp_path, [name])
    assert metrics["accuracy"] >= 0.9 and metrics["split"] == "test" and metrics["tracks"] == 12
    assert (metrics["log_loss"] is None) == name.startswith("svc")
    assert (
        metrics["method"].startswith(f"{name} (") and "chosen on valid, fitted on train and valid" in metrics["method"]
    )
    assert not metrics["choosing"]["left_out"]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore")  # about fits that are cut short to be quick
def test_every_value_of_every_grid_can_be_fitted(name):
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
            answer = tuning.strengths(fitted, x, 3)
            assert np.isfinite(answer).all() and np.allclose(answer.sum(axis=1), 1), (key, value)
            assert (answer.argmax(axis=1) == fitted.predict(x)).mean() > 0.99, (key, value)


def test_missing_xgboost_is_left_out_with_the_reason(monkeypatch, small_grids, tmp_path):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    collection, made = toy()
    metrics = judge(collection, made, tmp_path, ["bayes", "xgboost"])
    assert metrics["choosing"]["left_out"] == {"xgboost": "xgboost is not installed: `pip install xgboost-cpu`."}
    assert "left out: xgboost is not installed" in choosing.ranking(metrics["choosing"])
    with pytest.raises(KgenreError, match="xgboost is not installed"):
        judge(collection, made, tmp_path, ["xgboost"])


# --- what is fitted on what -----------------------------------------------------------------------


@pytest.mark.parametrize("choose", ["valid", "cv"])
@pytest.mark.parametrize("pca", [None, 2])
def test_scaler_and_pca_never_see_what_is_judged(choose, pca, tmp_path, monkeypatch):
    """A value beyond all bounds in the rows that are judged reaches no fit, and nothing of test reaches any."""
    seen = []
    fit = StandardScaler.fit
    monkeypatch.setattr(
        StandardScaler,
        "fit",
        lambda self, x, *more, **options: seen.append(np.array(x)) or fit(self, x, *more, **options),
    )
    collection, made = toy()
    poisoned = {path: vector + 1e9 * path.startswith("/test") for path, vector in made.of.items()}
    clean = judge(collection, made, tmp_path / "clean", choose=choose, pca=pca)
    fits, seen[:] = [x.copy() for x in seen], []
    judge(collection, dataclasses.replace(made, of=poisoned), tmp_path / "poisoned", choose=choose, pca=pca)
    assert len(fits) == len(seen) and all(np.array_equal(one, other) for one, other in zip(fits, seen))
    if choose == "valid":
        train = np.stack([made.of[path] for path in collection.rows("train")["path"]])
        assert all(np.array_equal(x, train) for x in seen[:-1])
    assert len(seen[-1]) == 42  # the chosen one: train and valid
    assert "fitted on train and valid" in clean["method"]


def test_grouped_folds_keep_artists_apart():
    collection, _ = toy(n_train=20)
    rows = collection.rows("train").copy()
    rows.loc[:3, "artist"] = ""
    rows.loc[10:14, "artist"] = "X"
    rows.loc[15:17, "artist"] = "x"  # one artist whatever the case
    folds = choosing.grouped_folds(rows, 0)
    judged = np.concatenate([judge for _, judge in folds])
    assert sorted(judged) == list(range(len(rows))) and len(folds) == 5
    names = rows["artist"].str.casefold()
    for fit, judge in folds:
        assert not set(names.iloc[fit]) & set(names.iloc[judge]) - {""}
        assert not set(fit) & set(judge)


def test_labels_that_are_shuffled_are_not_learnt(tmp_path):
    collection, made = toy(n_train=40, n_valid=40, n_test=60)
    table = collection.table.copy()
    table["genre"] = np.random.default_rng(1).permutation(table["genre"].to_numpy())
    metrics = judge(dataclasses.replace(collection, table=table), made, tmp_path, ["svc_rbf", "knn"])
    assert metrics["accuracy_interval_95"][0] < 1 / 3 < metrics["accuracy_interval_95"][1] + 0.03


def test_without_test_rows_the_report_says_what_valid_is_worth(tmp_path):
    collection, made = toy(apart=0.6, n_test=0)
    metrics = judge(collection, made, tmp_path, ["bayes", "knn", "lda"])
    assert metrics["split"] == "valid" and metrics["tracks"] == 12
    assert metrics["note"] == (
        "no test rows: valid, on which the classifier was chosen, is reported, so the figure is a little optimistic"
    )
    scores = [row["score"] for row in metrics["choosing"]["tried"]]
    assert scores == sorted(scores, reverse=True) and metrics["accuracy"] == pytest.approx(scores[0])
    assert metrics["method"].endswith("chosen on valid, fitted on train")
    table = pd.read_csv(tmp_path / "classifiers.csv")
    assert table["classifier"].tolist() == [row["classifier"] for row in metrics["choosing"]["tried"]]
    by_folds = judge(collection, made, tmp_path, ["bayes"], choose="cv")
    assert by_folds["note"] == "no test rows: valid, which took no part in the choice, is reported"
    assert by_folds["method"].endswith("5-fold cross-validation by artist over train, fitted on train")


def test_report_tells_the_overlap_with_all_that_was_fitted_on(tmp_path):
    collection, made = toy()
    table = collection.table.copy()
    table.loc[table["path"].isin(["/test/folk/0.mp3", "/valid/folk/0.mp3"]), "artist"] = "shared with valid"
    metrics = judge(dataclasses.replace(collection, table=table), made, tmp_path)
    assert metrics["overlap"].startswith("8.3% of the tracks have an artist")
    text = (tmp_path / "report.txt").read_text()
    assert "  method             bayes (" in text and "  protocol           split given" in text
    assert {path.name for path in tmp_path.iterdir()} == {
        "classifiers.csv", "confusion.csv", "confusion.png", "metrics.json", "report.txt",
    }  # fmt: skip


def test_tracks_that_the_network_was_trained_on_count_as_overlap(tmp_path):
    """Vectors of a run: the report's overlap is with the run's own tracks too."""
    collection, made = toy()
    reported = collection.rows("test").head(1)
    taught = dataclasses.replace(made, taught=reported)
    assert "of the tracks themselves were trained on" not in judge(collection, made, tmp_path / "a")["overlap"]
    assert "8.3% of the tracks themselves were trained on" in judge(collection, taught, tmp_path / "b")["overlap"]


def test_a_run_tells_its_tracks_and_its_seed(tmp_path):
    from kgenre.training.run import Run
    from kgenre.training.settings import RunSettings

    collection, _ = toy()
    run = Run(tmp_path / "run")
    run.save_setup(RunSettings.compose({"seed": 3}), collection.labels, collection.table, {})
    assert baseline.seed_of(str(run.folder)) == {"seed": 3} and baseline.seed_of("stats") == {}
    taught = vectors.taught_by(str(run.folder))
    assert len(taught) == len(collection.rows("train")) + len(collection.rows("valid"))
    assert len(vectors.taught_by("stats")) == 0


def test_results_of_two_collections_have_two_folders():
    names = [("models/a/saved_model", "data/x/manifest.csv"), ("models/b/saved_model", "y"), ("stats", "y")]
    folders = [baseline.default_folder(on, data).as_posix() for on, data in names]
    assert folders == ["models/baseline-a-x", "models/baseline-b-y", "models/baseline-stats-y"]


def test_needed_splits(tmp_path):
    collection, made = toy(n_valid=0)
    with pytest.raises(KgenreError, match="toy: no usable valid tracks. Use --choose cv, or give the manifest"):
        judge(collection, made, tmp_path)
    assert judge(collection, made, tmp_path, choose="cv")["split"] == "test"
    for counts in ({"n_train": 0}, {"n_valid": 0, "n_test": 0}):
        collection, made = toy(**counts)
        with pytest.raises(KgenreError, match=r"toy: no usable (train|valid) tracks\. Give the manifest"):
            judge(collection, made, tmp_path, choose="cv")
    with pytest.raises(KgenreError, match=r"Received: 7, with 30 tracks and 6 features\."):
        judge(*toy(), tmp_path, pca=7)


# --- statistics -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Precision loss")  # SciPy's, about that row
def test_statistics_are_those_of_librosa_and_scipy():
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
def test_statistics_of_silence_and_of_little_are_finite(samples):
    values = stats.track_statistics(samples)
    assert values.shape == (518,) and np.isfinite(values).all()


@pytest.fixture(scope="module")
def songs_by_genre(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music") / "demo"
    return make_demo(folder, genres=("ambient", "metal"), songs_per_genre=6, seconds=(2.0, 2.5), workers=1)


def test_command_on_statistics_keeps_them_and_goes_on(songs_by_genre, tmp_path, capsys, monkeypatch):
    manifest = songs_by_genre / "manifest.csv"
    arguments = ["--on", "stats", "--data", str(manifest), "--classifier", "bayes", "--workers", "1", "--out"]
    compute, done = stats._of_track, []

    def stop_after_five(path):
        done.append(path)
        if len(done) > 5:
            raise KeyboardInterrupt
        return compute(path)

    monkeypatch.setattr(stats, "_of_track", stop_after_five)
    assert baseline.main([*arguments, str(tmp_path)]) == 130
    done.clear()
    monkeypatch.setattr(stats, "_of_track", lambda path: done.append(path) or compute(path))
    assert baseline.main([*arguments, str(tmp_path)]) == 0
    assert len(done) == 12 - 5
    out = capsys.readouterr().out
    assert "bayes" in out and "accuracy on valid" in out and f"written to {tmp_path}" in out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["split"] == "test" and metrics["settings"]["vectors"]["model"] == "stats"
    assert read_embeddings(tmp_path / "features.npz").mean.shape == (12, 518)
    done.clear()
    assert baseline.main([*arguments, str(tmp_path)]) == 0 and not done
    other = ["--on", str(tmp_path / "features.npz"), "--data", str(manifest), "--classifier", "bayes", "--out"]
    assert baseline.main([*other, str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert again["per_genre"] == metrics["per_genre"] and not done


def test_statistics_leave_bad_files_out(tmp_path):
    write_sound(tmp_path / "good.wav", music(1.0, 22050, 1), 22050)
    write_sound(tmp_path / "silent.wav", np.zeros((22050, 1), "float32"), 22050)
    (tmp_path / "bad.mp3").write_text("no music")
    failures = {}
    paths = [str(tmp_path / name) for name in ("good.wav", "silent.wav", "bad.mp3")]
    [one] = stats.of_tracks(paths, 1, failures)
    assert one.path == paths[0] and one.slices.shape == (1, 518)
    assert list(failures) == paths[1:] and failures[paths[1]].startswith("silent")


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
    options = {"on": "fma_features", "pool": None, "fma_features": str(tmp_path / "features.csv"), **more}
    return Request(rows=table, out=tmp_path, workers=1, **options)


def test_fma_features_are_joined_by_track_id(tmp_path, capsys):
    path = write_fma(tmp_path / "features.csv", [2, 5, 10, 155320])
    assert path.read_text().splitlines()[3].startswith("track_id,")  # as the original has it
    np.testing.assert_allclose(read_fma_features(path, {10})[10], [10.0, 10.001, 10.002], rtol=1e-6)
    for options in ({}, {"on": str(path), "fma_features": None}):
        made = track_vectors(request(tmp_path, ["155320", "000002", "7", "intro"], **options))
        assert list(made.of) == ["/155320.mp3", "/000002.mp3"] and set(made.failures) == {"/7.mp3", "/intro.mp3"}
        np.testing.assert_allclose(made.of["/000002.mp3"], [2.0, 2.001, 2.002], rtol=1e-6)
        [line] = capsys.readouterr().err.splitlines()
        assert line == f"left out: 2 tracks that have no row in {path}: 7, intro"


def test_values_that_are_not_finite_leave_the_track_out(tmp_path):
    write_fma(tmp_path / "features.csv", [2, 5], lambda number, column: np.nan if number == 5 else 1.0)
    made = track_vectors(request(tmp_path, ["2", "5"]))
    assert list(made.of) == ["/2.mp3"] and made.failures == {"/5.mp3": vectors.NOT_FINITE}


@pytest.mark.parametrize("text", ["", "a,b\n", "track_id,x\n1,2\n", None, "a,b\nc,d\ne,f\ntrack_id,\n2,word\n"])
def test_csv_that_is_not_fmas_is_one_line(tmp_path, text):
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
        (["--on", "no/such/model"], "no/such/model: no such model."),
        (["--on", "musicn"], "a model is a run folder, a SavedModel folder or a name: unknown model 'musicn'. Did"),
    ],
)
def test_user_errors_are_one_line(songs_by_genre, tmp_path, capsys, arguments, message):
    given = ["--on", "stats", "--data", str(songs_by_genre / "manifest.csv"), "--out", str(tmp_path), *arguments]
    assert baseline.main(given) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kgenre: {message}")
