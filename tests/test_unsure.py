"""When a model is unsure: the rule, its fit, how models keep it, and what answers, libraries and tags make of it."""

import csv
import io
import json
import os

import numpy as np
import pytest
import soundfile
from libraries import LevelModel
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from kgenre import find, predict
from kgenre.baselines.unsure import fit_distance, fit_unsure
from kgenre.core.errors import KgenreError
from kgenre.library.head import Head, save_heads
from kgenre.library.scan.scan import scan
from kgenre.library.search.songs import Songs
from kgenre.library.store import Library
from kgenre.model.unsure import UnsureRule, is_unsure, rule_from
from kgenre.serving.answers import track_record
from kgenre.serving.clients.about import read_about
from kgenre.serving.litert_file import add_facts
from kgenre.serving.metadata import metadata_values
from kgenre.web.explore import tag_writing
from kgenre.web.explore.explorer import Explorer

LEVELS = {"loud": 0.9, "middle": 0.52, "quiet": 0.1}  # the peaks of songs: LevelModel's probability of "loud"
RULE = UnsureRule(0.6)  # middle is 52 % loud


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for name, peak in LEVELS.items():
        tone = peak * np.sin(np.arange(24000) * 0.3)
        soundfile.write(folder / f"{name}.flac", tone.astype("float32"), 8000, subtype="PCM_24")
    return folder


def songs_of_genres(rng, n: int = 400, d: int = 5):
    """Embeddings of two genres, probabilities of a good head, and the true genres."""
    truth = rng.integers(0, 2, n)
    embeddings = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 2 * truth[:, None]
    own = rng.beta(6, 2, n)
    probabilities = np.stack([1 - own, own], axis=1)
    probabilities[truth == 0] = probabilities[truth == 0, ::-1]
    return embeddings.astype("float32"), probabilities.astype("float32"), truth


def halves(n: int):
    rows = np.arange(n)
    return [(rows[1::2], rows[::2]), (rows[::2], rows[1::2])]


# --- the rule and its fit


def test_distance_equals_scipy_mahalanobis_of_scikit_learns_shrunken_covariance():
    x, _, _ = songs_of_genres(np.random.default_rng(0))
    x = x * [1, 100, 1e-3, 1, 5]  # units differ
    mean, scale = x.mean(axis=0), x.std(axis=0)
    precision = np.linalg.inv(ledoit_wolf((x - mean) / scale, assume_centered=True)[0])
    outside = x[:20] + 3 * scale
    expected = [mahalanobis((row - mean) / scale, np.zeros(5), precision) for row in outside]
    np.testing.assert_allclose(fit_distance(x)(outside), expected, rtol=1e-5)  # float32 arrays


def test_fit_unsure_rejects_the_share_of_correct_songs_and_what_lies_far_away():
    x, probabilities, truth = songs_of_genres(np.random.default_rng(1))
    rule = fit_unsure(x, probabilities, truth, halves(len(x)), rejected=0.1)
    right = probabilities.argmax(axis=1) == truth
    assert rule(probabilities[right], x[right]).mean() == pytest.approx(0.1, abs=0.03)  # known songs are a bit nearer
    far = x.mean(axis=0) + 20 * x.std(axis=0) * np.random.default_rng(2).normal(size=(50, 5))
    sure = np.tile([0.05, 0.95], (50, 1))
    assert rule(sure, far).mean() > 0.95 and not rule(sure, np.tile(x.mean(axis=0), (50, 1))).any()
    typical = x[np.argsort(rule.distance(x))[len(x) // 2]]
    assert rule(np.array([0.5, 0.5]), typical)


def test_fit_unsure_takes_distances_of_songs_that_it_does_not_know():
    """With more values than songs, those that a Gaussian was fitted to lie much nearer than others."""
    rng = np.random.default_rng(3)
    x, probabilities, truth = rng.normal(size=(60, 100)), *songs_of_genres(rng, 60)[1:]
    rule = fit_unsure(x, probabilities, truth, halves(60))
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    others = np.concatenate([fit_distance(x[fit])(x[rows]) for fit, rows in halves(60)])
    order = np.concatenate([rows for _, rows in halves(60)])
    distance = np.empty(60)
    distance[order] = others
    assert rule.slope == pytest.approx(best.std() / distance.std())
    assert rule.below == pytest.approx(np.quantile((best - rule.slope * distance)[right], 0.05))


def test_rule_survives_json_and_gives_the_same_answers():
    x, probabilities, truth = songs_of_genres(np.random.default_rng(4))
    rule = fit_unsure(x, probabilities, truth, halves(len(x)))
    for kept in (rule_from(json.loads(json.dumps(rule.values()))), rule_from(json.dumps(rule.values()))):
        assert (kept.below, kept.slope) == (rule.below, rule.slope)
        np.testing.assert_allclose(kept.distance(x), rule.distance(x), rtol=1e-3)  # the kernel is float16
    assert rule_from(UnsureRule(0.4).values()) == UnsureRule(0.4)
    assert rule_from("") is None and rule_from(None) is None


def test_rule_without_distance_reads_no_embeddings_and_no_rule_is_never_unsure():
    probabilities = np.array([[0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    assert UnsureRule(0.5)(probabilities, np.zeros((2, 0))).tolist() == [True, False]
    assert is_unsure(None, probabilities, np.zeros((2, 0))).tolist() == [False, False]


def test_rule_without_tracks_answers_for_none():
    """Of a library in which nothing is analysed: its embeddings have no values either."""
    rule = UnsureRule(0.3, 0.1, fit_distance(np.random.default_rng(0).normal(size=(20, 4))))
    assert rule(np.zeros((0, 10)), np.zeros((0, 0))).shape == (0,)


@pytest.mark.parametrize("told", ["[1]", "{}", "no JSON", '{"below": 0.5, "kernel": "AAAA", "mean": "", "scale": ""}'])
def test_server_that_tells_another_rule_is_refused_in_one_line(told):
    model = LevelModel()
    values = metadata_values(model.task, model.slice_spec)
    assert read_about("genres", {**values, "unsure": json.dumps(RULE.values())}).unsure
    with pytest.raises(KgenreError, match="genres: not a model that kgenre exported"):
        read_about("genres", {**values, "unsure": told})


# --- answers


def test_record_of_an_unsure_track_names_no_genre_and_keeps_the_probabilities(music):
    model = LevelModel()
    sure = track_record(model.predict(music / "middle.flac"))
    model.unsure = RULE
    found = track_record(model.predict(music / "middle.flac"))
    assert (sure["genre"], sure["genres"]) == ("loud", ["loud"])
    assert (found["genre"], found["genres"]) == ("unsure", [])
    assert found["probabilities"] == sure["probabilities"] and found["by_slice"] == sure["by_slice"]
    assert track_record(model.predict(music / "loud.flac"))["genre"] == "loud"


def test_predict_with_a_tflite_file_that_has_a_rule_says_unsure_in_each_format(run, songs, tmp_path, capsys):
    from kgenre import export

    file, song = tmp_path / "model.tflite", str(next(iter(songs.values())))
    assert export.main(["--model", str(run.folder), "--format", "litert", "--out", str(file)]) == 0
    add_facts(file, {"unsure": UnsureRule(1.1).values()})  # of no song is a genre so probable
    capsys.readouterr()
    assert predict.main([song, "--model", str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"{song}: unsure (")
    assert predict.main([song, "--model", str(file), "--format", "jsonl"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["genre"], record["genres"]) == ("unsure", []) and sum(record["probabilities"].values()) > 0.99
    assert predict.main([song, "--model", str(file), "--format", "csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["genre"], row["genres"]) == ("unsure", "")


@pytest.mark.soak
def test_export_of_a_run_with_a_rule_keeps_it_in_both_formats(run, tmp_path):
    import shutil

    from kgenre import export
    from kgenre.serving.catalogue import open_model

    own = tmp_path / "run"
    shutil.copytree(run.folder, own)
    facts = json.loads((own / "run.json").read_text())
    (own / "run.json").write_text(json.dumps({**facts, "unsure": RULE.values()}))
    assert export.main(["--model", str(own), "--format", "litert", "--out", str(tmp_path / "m.tflite")]) == 0
    assert export.main(["--model", str(own), "--out", str(tmp_path / "served")]) == 0
    assert open_model(tmp_path / "m.tflite").unsure == RULE
    saved = open_model(tmp_path / "served", runtime="tensorflow")
    assert saved.unsure == RULE and rule_from(saved.metadata_of_graph()["unsure"]) == RULE
    told = saved.module.signatures["about"]()["unsure"].numpy().decode()
    assert rule_from(told) == RULE  # what a client of a server asks
    assert open_model(run.folder, runtime="tensorflow").unsure is None


# --- libraries


@pytest.fixture
def library(music, tmp_path):
    model = LevelModel()
    model.unsure = RULE
    library = Library(tmp_path / "songs.kgenre")
    scan(library, music, model, workers=1)
    return library


def test_library_says_unsure_in_tables_playlists_filters_and_the_page(library, capsys):
    table = Songs(library, library.space()).table
    names = table["path"].map(os.path.basename)
    assert dict(zip(names, table["predicted"])) == {
        "loud.flac": "loud", "middle.flac": "unsure", "quiet.flac": "quiet",
    }  # fmt: skip
    assert find.main(["predicted = unsure", "--library", str(library.path)]) == 0
    listed = capsys.readouterr().out
    assert "middle.flac" in listed and "loud.flac" not in listed
    explorer = Explorer(library, library.space())
    page = json.loads(explorer.data())
    assert set(page) >= {"unsure", "top", "chosen"}
    text = explorer.playlist([int(track) for track in table.index], "csv").decode()
    assert {row["predicted"] for row in csv.DictReader(io.StringIO(text))} == {"loud", "unsure", "quiet"}


def predicted(path) -> list[str]:
    library = Library(path)  # of its own: Songs keeps a snapshot
    return sorted(Songs(library, library.space()).table["predicted"])


def test_retrained_head_is_unsure_where_it_answers_as_the_model_and_a_rule_that_goes_is_forgotten(library, music):
    space, nothing = library.space(), np.zeros((3, 2), "float32")
    assert predicted(library.path) == ["loud", "quiet", "unsure"]
    save_heads(library, space, [Head(("loud", "quiet"), nothing, np.zeros(2, "float32"), 1)])
    assert predicted(library.path) == ["loud", "quiet", "unsure"]
    save_heads(library, space, [Head(("loud", "quiet"), nothing, np.array([0, 0.2], "float32"), 1)])
    assert predicted(library.path) == ["loud", "quiet", "quiet"]  # another answer than the model's, of 53 %
    save_heads(library, space, [Head(("loud", "quiet"), nothing, np.array([0, 9], "float32"), 1)])
    assert predicted(library.path) == ["quiet", "quiet", "quiet"]
    save_heads(library, space, [])
    assert predicted(library.path) == ["loud", "quiet", "unsure"]
    scan(library, music, LevelModel(), workers=1)
    assert predicted(library.path) == ["loud", "loud", "quiet"]


def test_tags_of_unsure_tracks_are_not_written_but_their_corrections_are(library):
    explorer = Explorer(library, library.space())
    ids = {os.path.basename(path): int(track) for track, path in library.tracks()["path"].items()}
    for several in (False, True):
        plan = tag_writing.preview(explorer, tag_writing.Wanted(ids=list(ids.values()), several=several))
        assert {os.path.basename(path): after for path, _, _, after in plan["changes"]} == {
            "loud.flac": "loud", "quiet.flac": "quiet",
        }  # fmt: skip
        ((path, reason),) = plan["failures"]
        assert path.endswith("middle.flac") and reason == tag_writing.UNSURE_REASON
    explorer.correct([ids["middle.flac"]], "quiet")
    plan = tag_writing.preview(explorer, tag_writing.Wanted(ids=[ids["middle.flac"]]))
    assert [after for _, _, _, after in plan["changes"]] == ["quiet"] and not plan["failures"]
