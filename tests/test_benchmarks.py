"""The comparison of all networks: the command that makes its table, on little."""

import json

from benchmarks import architectures
from kgenre.collections.demo.files import make_demo


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
