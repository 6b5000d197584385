"""The default model: put together, exported and asked as a user would; and what makes its head."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import musicnn_cache
from musicnn_reference import RATE, clip, drawn, mel_of, reference
from scipy.special import expit, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from kgenre import default_head, embed, export, predict
from kgenre.baselines import default_head as default_training
from kgenre.collections.demo.files import make_demo
from kgenre.embeddings.files import read_embeddings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving import catalogue
from kgenre.serving import default_model as default
from kgenre.serving.catalogue import open_model
from kgenre.serving.saved_model import SavedModel
from kgenre.weights import WEIGHTS
from kgenre.weights.musicnn import TAGS

GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"]


@pytest.fixture
def song(tmp_path):
    """9 s: three whole slices and a rest."""
    soundfile.write(tmp_path / "song.wav", np.tile(clip(3.0)[0], 3), RATE, subtype="FLOAT")
    return tmp_path / "song.wav"


@pytest.fixture
def ready(cache, monkeypatch, exported):
    """A cache in which the default model of the drawn weights lies exported."""
    monkeypatch.setattr(default, "saved_model", lambda: exported)


@pytest.fixture(scope="module")
def exported(wheel, tmp_path_factory):
    """The default model of the drawn weights, exported once for all tests, by way of the cache."""
    with pytest.MonkeyPatch.context() as patch:
        cache = musicnn_cache(wheel, tmp_path_factory.mktemp("cache"), patch)
        made = default.saved_model()
        assert made == cache / f"default-{default.identity()}" / "1"
        before = (made / "saved_model.pb").stat().st_mtime_ns
        assert default.saved_model() == made  # a second call finds it
        assert (made / "saved_model.pb").stat().st_mtime_ns == before
        return made


def test_head_matches_model_card():
    config, labels = default.settings()
    assert labels == GENRES
    assert (config.arch, config.weights, config.slice_seconds) == ("musicnn", "msd", 2.98)
    with np.load(default.head_directory() / "head.npz") as head:
        assert head["kernel"].shape == (1706, 10) and head["bias"].shape == (10,)
    assert sum(path.stat().st_size for path in default.head_directory().iterdir()) < 100_000
    metrics = json.loads((default.head_directory() / "metrics.json").read_text())
    card = (default.head_directory() / "README.md").read_text()
    assert f"{metrics['accuracy']:.1%}" in card and metrics["split"] == "valid"


def test_default_model_equals_head_on_reference_forward_pass(exported):
    waveforms = clip(2.98)
    embeddings, _, pooled = reference(mel_of(waveforms), drawn(0))
    with np.load(default.head_directory() / "head.npz") as head:
        logits = np.hstack([embeddings, pooled]) @ head["kernel"].astype("float64") + head["bias"]
    predictor = SavedModel(exported)
    probabilities, embedded = predictor(waveforms)
    assert list(predictor.task.labels) == GENRES
    # float32 under a softmax of logits of some tens
    np.testing.assert_allclose(probabilities, softmax(logits, axis=1), atol=1e-3)
    np.testing.assert_allclose(embedded, embeddings, atol=1e-4 * np.abs(embeddings).max())


def test_predict_without_a_model(ready, song, capsys):
    assert predict.main([str(song), "--json", "--tags"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert sorted(row["strengths"]) == GENRES and row["slices"] == 4
    assert sum(row["strengths"].values()) == pytest.approx(1, abs=1e-5)
    assert sorted(row["tags"]) == sorted(TAGS["msd"])
    assert list(row["tags"].values()) == sorted(row["tags"].values(), reverse=True)


def test_tags_equal_reference_forward_pass(ready):
    waveforms = clip(2.98)
    embeddings, logits, _ = reference(mel_of(waveforms), drawn(0))
    found = default.tags(embeddings.astype("float32"))
    expected = dict(zip(TAGS["msd"], expit(logits).mean(axis=0)))
    assert found == pytest.approx(expected, abs=1e-4)


def test_tags_of_another_model_are_refused(song, capsys):
    assert predict.main([str(song), "--tags", "--model", "models/x"]) == 2
    assert "`--tags` are of the default model. Leave out --tags, or --model." in capsys.readouterr().err


def test_embed_without_a_model(ready, song, tmp_path, capsys):
    assert embed.main([str(song), "--to", str(tmp_path / "e.npz")]) == 0
    written = read_embeddings(tmp_path / "e.npz")
    assert written.header["model"] == "default" and written.mean.shape == (1, 200)
    assert written.slice_embeddings.shape == (4, 200)
    assert open_model("musicnn").identity == open_model().identity  # the same network, its embedding musicnn's own


def test_export_without_a_model(cache, exported, tmp_path, capsys):
    assert export.main(["--to", str(tmp_path / "serve")]) == 0
    served = SavedModel(tmp_path / "serve")
    assert list(served.task.labels) == GENRES
    assert served.identity == SavedModel(exported).identity  # files differ from export to export, the model does not


@pytest.mark.parametrize(
    "removed", ["variables", "variables/variables.data-00000-of-00001", "variables/variables.index"]
)
def test_open_model_file_missing_in_cache_exports_again(cache, exported, removed):
    folder = cache / f"default-{default.identity()}" / "1"
    shutil.copytree(exported, folder)
    shutil.rmtree(folder / removed) if (folder / removed).is_dir() else (folder / removed).unlink()
    model = open_model()
    assert model.identity == SavedModel(exported).identity and (folder / removed).exists()
    assert np.isfinite(model(clip(2.98))[0]).all()


def test_identity_changes_with_graph_weights_and_head(monkeypatch, tmp_path):
    names = {default.identity()}
    with monkeypatch.context() as patch:
        patch.setattr(default, "GRAPH_VERSION", default.GRAPH_VERSION + 1)
        names.add(default.identity())
    with monkeypatch.context() as patch:
        row = dataclasses.replace(WEIGHTS[default.MUSICNN], sha256="0" * 64)
        patch.setitem(WEIGHTS, default.MUSICNN, row)
        names.add(default.identity())
    for number, name in enumerate(("config.json", "labels.txt", "head.npz")):
        head = shutil.copytree(default.head_directory(), tmp_path / str(number))
        (head / name).write_bytes((head / name).read_bytes() + b"\n")
        with monkeypatch.context() as patch:
            patch.setattr(default, "head_directory", lambda head=head: head)
            names.add(default.identity())
    assert len(names) == 6
    assert default.identity() in names


def test_predict_tags_writes_csv_columns(ready, song, tmp_path, capsys):
    assert predict.main([str(song), "--tags", "--csv", str(tmp_path / "out.csv")]) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    assert [name for name in table if name.startswith("tag:")] == [f"tag:{tag}" for tag in sorted(TAGS["msd"])]
    assert table.filter(like="tag:").to_numpy().min() >= 0


def test_names_of_models(song, capsys, monkeypatch):
    assert predict.main([str(song), "--model", "musicn"]) == 2
    assert "unknown model 'musicn'. Did you mean musicnn? Known: default, musicnn, vggish." in capsys.readouterr().err
    nameless = types.SimpleNamespace(name="vggish", task=SingleLabel(()))
    monkeypatch.setitem(catalogue.CATALOGUE, "vggish", lambda: nameless)
    assert predict.main([str(song), "--model", "vggish"]) == 2
    assert "vggish" in (said := capsys.readouterr().err) and "names no genres. Use `kgenre embed`" in said


def test_predict_offline_names_command_and_destination(cache, song, capsys, monkeypatch):
    (cache / WEIGHTS["musicnn-msd"].file).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert predict.main([str(song)]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("kgenre: musicnn's weights: musicnn-0.1.0-py3-none-any.whl could not be downloaded by pip (")
    assert "pip download --no-deps --only-binary=:all: musicnn==0.1.0" in last and str(cache) in last


def test_default_head_of_a_collection_leaves_out_test_tracks(cache, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(default_training, "COPIES", 1)
    genres = ("ambient", "house", "metal")
    made = make_demo(tmp_path / "demo", genres=genres, songs_per_genre=6, seconds=(2.0, 3.5))
    assert default_head.main(["--data", str(made / "manifest.csv"), "--out", str(tmp_path / "head")]) == 0
    assert (tmp_path / "head" / "labels.txt").read_text().split() == list(genres)
    metrics = json.loads((tmp_path / "head" / "metrics.json").read_text())
    assert metrics["split"] == "valid" and metrics["fitted_on"] + metrics["tracks"] < 18  # test tracks are left out
    with np.load(tmp_path / "head" / "head.npz") as head:
        assert head["kernel"].shape == (1706, 3) and np.isfinite(head["kernel"]).all()


def test_altered_copies_stay_sound():
    rng = np.random.default_rng(0)
    samples = clip(3.0)[0]
    copies = [default_training.altered(samples, RATE, rng) for _ in range(40)]
    lengths = np.array([len(copy) for copy in copies]) / len(samples)
    assert 0.85 < lengths.min() and lengths.max() < 1.17
    assert all(copy.dtype == np.float32 and np.isfinite(copy).all() for copy in copies)
    levels = np.array([copy.std() for copy in copies]) / samples.std()
    assert levels.min() < 0.5 and levels.max() > 1.3
    assert np.isfinite(default_training.altered(np.zeros(RATE, "float32"), RATE, rng)).all()


def test_equaliser_gains_are_those_asked_for():
    time = np.arange(RATE) / RATE
    for hz, db in ((300, 6.0), (3000, -12.0)):
        sine = np.sin(2 * np.pi * hz * time)
        gains = np.where(np.array([0, 100, 300, 1000, 3000, 8000]) == hz, db, 0.0)
        heard = default_training.equalised(sine, RATE, gains)
        assert 20 * np.log10(heard.std() / sine.std()) == pytest.approx(db, abs=0.05)


def test_discriminant_is_scikit_learns_where_tracks_weigh_alike():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 30)
    x = rng.standard_normal((90, 12)) + 0.7 * rng.standard_normal((3, 12))[y]
    kernel, bias = default_training.discriminant(x, y, np.ones(90), shrinkage=0.3)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3, priors=np.full(3, 1 / 3)).fit(x, y)
    ours = x @ kernel + bias
    np.testing.assert_allclose(softmax(ours, axis=1), theirs.predict_proba(x), atol=1e-6)


def test_slices_weigh_by_track_and_genre():
    truth = np.array([0, 0, 1])
    row = np.array([0, 0, 0, 0, 1, 2, 2])
    weights = default_training.slice_weights(row, truth)
    np.testing.assert_allclose(np.bincount(row, weights), np.array([1, 1, 2]) / 4 * 7)


def test_temperature_undoes_overconfidence():
    """Slices of one track each, whose features tell the genre of 70 %: probabilities should say about 0.7."""
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 2
    seen = np.where(rng.random(300) < 0.7, truth, 1 - truth)
    x = 0.01 * rng.standard_normal((300, 1706)) + seen[:, None] * (np.arange(1706) < 40)
    data = {"x": x.astype("float32"), "row": np.arange(300), "plain": np.ones(300, bool)}
    every = np.ones(300, bool)
    temperature = default_training.find_temperature(data, truth, every, np.arange(300).astype(str))
    head = default_training.fit(data, truth, every)
    sure = default_training.track_probabilities(data, head, np.arange(300), temperature).max(axis=1)
    assert 0.6 < sure.mean() < 0.8


def test_groups_keep_artists_whole():
    import pandas as pd

    table = pd.DataFrame({
        "genre": ["jazz", "jazz", "jazz", "rock"],
        "track_id": ["jazz.00011", "jazz.00019", "jazz.00020", "x"],
        "artist": ["", "", "", "Somebody"],
    }).astype("string")  # fmt: skip
    assert list(default_training.groups(table)) == ["jazz-1", "jazz-1", "jazz-2", "Somebody"]
