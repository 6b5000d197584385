"""The model card of a run: its front matter is YAML, and its figures are those of metrics.json."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from kgenre.cli.run import python_strings
from kgenre.collections.tables import COLUMNS
from kgenre.core.files import write_json
from kgenre.evaluation.evaluate import read_metrics
from kgenre.evaluation.protocol import EvaluationSet
from kgenre.evaluation.report import write_report
from kgenre.model.tasks import make_task
from kgenre.reporting.build import Asked, report
from kgenre.reporting.card import FILE, model_card, write_card
from kgenre.reporting.card_header import METRICS, yaml_lines
from kgenre.reporting.card_results import confused_pairs
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings

LABELS = ("folk", "hip|hop <b>", 'rock "n" roll')
FACTS = {
    "kgenre": "0.2",
    "keras": "3.15",
    "tensorflow": "2.21",
    "backends": ["jax 0.10"],
    "decoder_versions": "libsndfile 1.2",
    "bad_files": {},
}


@pytest.fixture(autouse=True)
def as_in_commands():
    with python_strings():
        yield


def made_run(folder, task="single", leaky="", settings=None, temperature=1.0) -> Run:
    """A run folder as training and evaluation leave it, but for the model."""
    n, rng = 24, np.random.default_rng(5)
    genres = [LABELS[i % 3] for i in range(n)]
    both = [g if i % 2 or task == "single" else f"{g.replace('|', '/')}|{LABELS[0]}" for i, g in enumerate(genres)]
    own = make_task(task, [label.replace("|", "/") for label in LABELS] if task == "multi" else LABELS)
    rows = pd.DataFrame(
        {"path": [f"/home/me/{i}.mp3" for i in range(n)], "genre": genres, "genres": both, "split": "test",
         "artist": [f"artist {i // 2}" for i in range(n)], "album": "", "track_id": [str(i) for i in range(n)]}
    )[COLUMNS]  # fmt: skip
    if task == "multi":
        rows["genres"] = [text.replace("hip|hop", "hip/hop") for text in rows["genres"]]
    run = Run(folder)
    parameters = {name: list(getattr(own, name)) for name in own.parameters}
    protocol = {"task": task, "parameters": parameters, "protocol": "split by hand", "leaky": leaky}
    composed = RunSettings.compose({"data": "/home/me/songs.csv", **(settings or {})})
    run.save_setup(composed, list(own.labels), rows, {**FACTS, **protocol, "temperature": temperature})
    tracks = EvaluationSet("songs", rows, "test", "split by hand", leaky=leaky)
    answers = dict(zip(rows["path"], rng.dirichlet(np.ones(3), n).astype("float32")))
    write_report(tracks, answers, {}, own, rows.head(0), run.folder)
    return run


def parsed(run) -> tuple[dict, str]:
    """Front matter and body."""
    _, header, body = model_card(run, read_metrics(run)).split("---\n", 2)
    return yaml.safe_load(header), body


def cells(body: str, title: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    part = body.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").replace("\\|", "\0").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [[cell.replace("\0", "|") for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("task", ["single", "multi"])
def test_card_figures_are_those_of_metrics_json(task, tmp_path):
    run = made_run(tmp_path / "run", task)
    metrics, (header, body) = json.loads((run / "metrics.json").read_text()), parsed(run)
    assert header["library_name"] == "keras" and header["pipeline_tag"] == "audio-classification"
    assert "license" not in header and "kgenre" in header["tags"]
    (model,) = header["model-index"]
    (result,) = model["results"]
    assert model["name"] == "run" and result["task"]["type"] == "audio-classification"
    assert result["dataset"] == {"name": "songs", "type": "songs", "split": "test"}
    expected = {title: metrics[name] for name, (_, title) in METRICS.items() if metrics.get(name) is not None}
    assert {one["name"]: one["value"] for one in result["metrics"]} == expected
    assert metrics["accuracy" if task == "single" else "mean_average_precision"] in expected.values()
    assert set(header["metrics"]) == {one["type"] for one in result["metrics"]}
    shown = {row[0]: row[1:] for row in cells(body, "Metrics")}
    for name, (_, title) in METRICS.items():
        if title in expected:
            interval = metrics.get(f"{name}_interval_95")
            bounds = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
            assert shown[title][0] == f"{metrics[name]:.3f}" and (shown[title][1:] or [""])[0].rstrip("|") == bounds
    genres = cells(body, "Genres")
    assert len(genres) == 3
    for genre, row in zip(genres, metrics["per_genre"].values()):
        assert genre[-3:] == [f"{row['recall']:.3f}", f"{row['f1']:.3f}", f"{row['tracks']:.0f}"]
    assert "hip" in genres[1][0] and "&lt;b>" in genres[1][0]


def test_card_tells_no_path_of_this_machine_and_all_settings(tmp_path):
    run = made_run(tmp_path / "run", settings={"artists": "/home/me/artists.csv"})
    _, body = parsed(run)
    assert "/home/me" not in body and str(tmp_path) not in body
    shown = {row[0].strip("`"): row[1] for row in cells(body, "Settings")}
    assert set(shown) == set(run.load_settings().values())
    assert shown["data"] == "songs.csv" and shown["epochs"] == str(run.load_settings().training.epochs)


def test_card_of_leaky_run_says_so_at_every_figure(tmp_path):
    header, body = parsed(made_run(tmp_path / "run", leaky="slices of one track are in train and test"))
    assert body.index("**LEAKY: slices of one track") < body.index("## Input")
    assert "**LEAKY.** Of 24 whole tracks" in body
    (result,) = header["model-index"][0]["results"]
    assert all("LEAKY" in one["name"] for one in (result["dataset"], *result["metrics"]))
    fair = made_run(tmp_path / "fair")
    assert "LEAKY" not in model_card(fair, read_metrics(fair))


def test_card_names_worst_genre_and_commonest_confusion(tmp_path):
    run = made_run(tmp_path / "run")
    metrics, body = read_metrics(run), parsed(run)[1]
    worst = min(metrics["per_genre"], key=lambda genre: metrics["per_genre"][genre]["f1"])
    assert f"- lowest F1: {worst.replace('|', chr(92) + '|').replace('<', '&lt;')} (" in body
    counts = pd.read_csv(run / "confusion.csv", index_col=0).to_numpy()
    np.fill_diagonal(counts, 0)
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    assert confused_pairs(run)[0] == (LABELS[i], LABELS[j], counts.max())
    (run / "predictions.csv").unlink()
    assert confused_pairs(run) == [] and "mistaken" not in parsed(run)[1]


def test_card_of_pretrained_weights_has_their_licence_and_of_a_temperature_its_value(tmp_path):
    run = made_run(tmp_path / "run", settings={"arch": "musicnn", "weights": "msd"}, temperature=1.5)
    body = parsed(run)[1]
    assert "licence ISC" in body and "Pons and Serra 2019" in body and "a temperature of 1.50" in body
    body = parsed(made_run(tmp_path / "own"))[1]
    assert "It began with" not in body and "temperature" not in body


@pytest.mark.parametrize("text", ["# Mine\n", "", "edited"])
def test_readme_that_kgenre_did_not_write_stays(text, tmp_path):
    run = made_run(tmp_path / "run")
    path = run / FILE
    if text == "edited":
        assert write_card(run, read_metrics(run))
        text = path.read_text().replace("## Licence", "## License: mine")
    path.write_text(text)
    assert not write_card(run, read_metrics(run))
    assert path.read_text() == text


def test_card_of_its_own_is_replaced(tmp_path):
    run = made_run(tmp_path / "run")
    assert write_card(run, read_metrics(run))
    write_json(run / "metrics.json", {**read_metrics(run), "accuracy": 0.123456})
    assert write_card(run, read_metrics(run))
    assert "0.123" in (run / FILE).read_text()


def test_yaml_of_any_text_and_small_numbers_is_read_back():
    tree = {"a": 1e-7, "b": [{"c": 'x: "y" #\n\\ – é', "d": ["yes", "1e5", 0.25]}, {"e": {"f": 3}}], "g": True}
    assert yaml.safe_load("\n".join(yaml_lines(tree))) == tree


def test_report_of_run_writes_its_card(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "copy")
    report(Asked(tmp_path / "copy"), "kgenre report")
    copy = Run(tmp_path / "copy")
    assert (copy / FILE).read_text().startswith(model_card(copy, read_metrics(copy)))
    assert "docker run" in (copy / FILE).read_text()
