"""The comparisons of networks and of teachers: the commands that make their tables, on little."""

import json

import numpy as np
import pytest

from benchmarks import architectures, models, teachers
from kgenre.collections.demo.files import make_demo
from kgenre.embeddings.files import read_metadata
from kgenre.serving.catalogue import open_model


@pytest.mark.soak
def test_networks_with_and_without_augmentation_of_pictures_and_labels(tmp_path, capsys):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=6, seconds=(2.0, 3.0))
    archs = ("convpool", "freqcnn", "bandattn")  # zoom; zoom on other slices; masks and balanced genres
    out = tmp_path / "table.md"
    command = ["--data", str(made / "manifest.csv"), "--minutes-per-run", "0.001", "--seeds", "1", "--out", str(out)]
    assert architectures.main([*command, "--archs", *archs]) == 0
    runs = json.loads(out.with_suffix(".json").read_text())["runs"]
    assert set(runs) == {f"{arch} 0" for arch in archs}
    assert all(0 <= run["valid_accuracy"] <= 1 and run["steps"] >= 1 for run in runs.values())
    lines = out.read_text().splitlines()
    assert [line.split("|")[1].strip(" `") for line in lines if line.startswith("| `")] == list(archs)
    capsys.readouterr()
    assert architectures.main([*command, "--archs", *archs]) == 0
    assert "3 of them done" in capsys.readouterr().out  # finished runs are not made again


def test_teachers_and_their_mixture_are_measured_on_train_and_valid(tmp_path, capsys, monkeypatch):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=12, seconds=(2.0, 3.0))
    out, opened = tmp_path / "out", []
    monkeypatch.setattr(models, "open_model", lambda name: opened.append(name) or open_model(name))
    command = [
        "--data",
        str(made / "manifest.csv"),
        "--models",
        "default",
        "mix:default,musicnn",
        "--out",
        str(out),
        "--against",
        "default",
    ]
    assert teachers.main(command) == 0
    written = (out / "teachers.md").read_text().splitlines()
    lines = [line.strip("| ").split(" | ") for line in written if "`" in line]
    table, differences = lines[:6], lines[7:]
    assert [(line[0], line[1]) for line in table[::3]] == [("`default`", "128"), ("`mix:default,musicnn`", "328")]
    assert [line[:2] for line in differences] == [["`mix:default,musicnn`", head] for head in teachers.HEADS]
    for line in differences:
        low, high = map(float, line[3].split(" to "))
        assert low <= float(line[2]) <= high
    assert [line[2] for line in table] == 2 * list(teachers.HEADS)
    assert all(float(line[5].rstrip("%")) > 80 for line in table)  # ambient and metal, as composed
    rows = read_metadata(out / "default.npz")[1]
    assert set(rows["split"]) == {"train", "valid"} and opened == ["default", "musicnn"]
    finer = models.track_vectors([out / "musicnn.npz"])
    both = models.track_vectors([out / "default.npz", out / "musicnn.npz"])
    assert all(np.allclose(both[path][128:], finer[path], atol=1e-5) for path in rows["path"])
