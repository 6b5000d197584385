"""The benchmarks that compare networks, models and their tags, and that of scans: the commands on little."""

import json
import re
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from audio_files import music, write_sound
from scipy.stats import spearmanr
from sklearn.neighbors import KNeighborsClassifier
from slept_steps import step as slept_step

from benchmarks import (
    accelerator,
    architectures,
    averaged,
    backends,
    calibration,
    corrections,
    engines,
    input_wait,
    large_library,
    library,
    models,
    peak,
    pipeline,
    planted_labels,
    pretraining,
    purity,
    shards,
    shipped_heads,
    step,
    tag_agreement,
    teachers,
    unsure,
)
from benchmarks.__main__ import BENCHMARKS, WITH_OPTIONS
from benchmarks.__main__ import main as run_benchmarks
from benchmarks.devices import DEVICES
from benchmarks.peak import peak_mib
from kgenre.baselines.default_head import FITS, HeadFit
from kgenre.baselines.linear_head import logistic
from kgenre.baselines.unsure import REJECTED
from kgenre.collections.demo.files import make_demo
from kgenre.collections.grouping import grouped_folds
from kgenre.collections.tables import COLUMNS
from kgenre.embeddings.files import read_embeddings, read_metadata
from kgenre.evaluation.predictions import write_predictions
from kgenre.serving.catalogue import open_model
from kgenre.serving.packaged import PACKAGED


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


@pytest.mark.soak
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


@pytest.mark.parametrize("benchmark", [teachers, shipped_heads])
def test_comparison_with_a_model_that_is_not_measured_is_refused_before_the_work(benchmark, tmp_path, capsys):
    command = ["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--models", "compact"]
    assert benchmark.main([*command, "--against", "musicnn"]) == 2
    assert "--against must be one of --models. Received: musicnn." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.soak
def test_shipped_heads_are_measured_in_folds_by_artist_without_test_tracks(tmp_path, monkeypatch):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=12, seconds=(2.0, 3.0))
    out = tmp_path / "out"
    for name in ("compact", "musicnn"):  # quicker than their own
        monkeypatch.setitem(FITS, name, HeadFit((logistic(0.01, np.arange(128)),), copies=1))
    command = ["--data", str(made / "manifest.csv"), "--out", str(out), "--models", "compact", "musicnn"]
    assert shipped_heads.main([*command, "--against", "musicnn", "--seeds", "2"]) == 0
    written = (out / "shipped_heads.md").read_text().splitlines()
    lines = [line.strip("| ").split(" | ") for line in written if "`" in line]
    assert [line[0] for line in lines[:2]] == ["`compact`", "`musicnn`"] and len(lines) == 4
    assert all(float(line[1].rstrip("%")) > 80 for line in lines[:2])  # ambient and metal, as composed
    shares = [float(line[1].rstrip("%")) for line in lines[:2]]
    assert float(lines[3][2]) == pytest.approx(shares[0] - shares[1], abs=0.1)
    with np.load(out / "compact-features.npz") as kept:
        tracks = set(kept["track"].tolist())
        assert f"{len(tracks)} tracks" in written[0] and len(tracks) < 24
    monkeypatch.setattr(shipped_heads, "extract", None)  # the features are there
    assert shipped_heads.main(command) == 0
    monkeypatch.setattr(shipped_heads, "PACKAGED", {**PACKAGED, "compact": PACKAGED["musicnn"]})
    with pytest.raises(TypeError):  # those of another model are not taken
        shipped_heads.main(command)


@pytest.mark.soak
def test_calibration_is_measured_in_folds_by_artist_and_of_the_folds_of_a_run(tmp_path, monkeypatch, run):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=12, seconds=(2.0, 3.0))
    monkeypatch.setitem(FITS, "compact", HeadFit((logistic(0.01, np.arange(128)),), copies=1))
    folds, out = tmp_path / "folds", tmp_path / "out"
    shutil.copytree(run.folder, folds / "fold-1")
    shutil.copy(run / "config.json", folds)
    (folds / "run.json").write_text('{"folds": 1}')
    command = ["--data", str(made / "manifest.csv"), "--out", str(out), "--runs", str(folds)]
    assert calibration.main([*command, "--heads", calibration.OWN, "lda"]) == 0
    caption, _, _, _, *lines = (out / "calibration.md").read_text().strip().splitlines()
    rows = [dict(zip(calibration.NAMES, line.strip("| ").split(" | "))) for line in lines]
    assert [row["head"] for row in rows] == [calibration.OWN, "lda", "network convpool"]
    assert "5 folds by artist" in caption
    for row in rows:
        before, after, change = (
            float(row[name].split()[0]) for name in ("log loss", "log loss, calibrated", "change of log loss")
        )
        assert change == pytest.approx(after - before, abs=2e-3)
    metrics = json.loads((run / "metrics.json").read_text())
    assert float(rows[2]["log loss, calibrated"].split()[0]) == pytest.approx(metrics["log_loss"], abs=1e-3)
    assert float(rows[2]["T"]) == pytest.approx(run.temperature, abs=0.01)


def plain_purity(x, styles, albums, k=5):
    """Of one track after the other: [style, album, style of those of other albums]."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    shares = []
    for i in range(len(x)):
        order = [j for j in np.argsort(-(unit @ unit[i]), kind="stable") if j != i]
        others = [j for j in order if albums[j] != albums[i]][:k]
        own = [np.mean([values[j] == values[i] for j in order[:k]]) for values in (styles, albums)]
        shares.append([*own, np.mean([styles[j] == styles[i] for j in others])])
    return np.array(shares)


def test_purity_of_vectors_is_that_of_one_track_after_the_other(monkeypatch):
    rng = np.random.default_rng(0)
    albums = rng.integers(0, 6, 40)
    albums[:37][albums[:37] == 5] = 0  # the last album has few tracks: of the others all are elsewhere
    styles = albums % 3
    x = rng.standard_normal((40, 8)) + 1.5 * np.eye(8)[albums]
    monkeypatch.setattr(purity, "BLOCK", 7)
    found = purity.purity(x, styles, albums)
    assert np.allclose(np.stack(list(found.values()), axis=1), plain_purity(x, styles, albums))


def test_purity_bounds_are_those_of_random_and_of_ideal_neighbours():
    styles, albums = np.array(list("aaaaaaab")), np.array(list("11112233"))
    found = purity.bounds(styles, albums)
    # Seven of style a see six of seven, the eighth none; but it has none of its own, on other albums least of all.
    assert found["by chance"]["style"] == pytest.approx(7 / 8 * 6 / 7)
    assert found["at most"]["style"] == pytest.approx(7 / 8)
    # Of four tracks three others of five, of pairs one of five.
    assert found["at most"]["album"] == pytest.approx((4 * 3 / 5 + 4 * 1 / 5) / 8)
    # Album 1: three of style a among four. Album 2: five among six. Album 3: six among six, and none.
    assert found["by chance"]["style, other albums"] == pytest.approx((4 * 3 / 4 + 2 * 5 / 6 + 1) / 8)
    assert found["at most"]["style, other albums"] == pytest.approx((4 * 3 / 4 + 2 * 1 + 1) / 8)


@pytest.mark.soak
def test_purity_of_models_is_written_with_paired_differences(tmp_path, capsys):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=6, seconds=(2.0, 3.0))
    songs = pd.read_csv(made / "manifest.csv")
    table = pd.DataFrame({"path": songs["path"], "kind": songs["genre"]})
    table["package"] = table["kind"] + (table.groupby("kind").cumcount() // 3).astype(str)
    table.loc[len(table)] = ["missing.flac", "metal", "metal0"]
    table.loc[len(table)] = [table["path"][0] + "#t=0,1", "", "metal0"]  # without a style
    table.to_csv(tmp_path / "table.csv", index=False)
    command = ["--data", str(tmp_path / "table.csv"), "--root", str(made), "--style", "kind", "--album", "package"]
    out = tmp_path / "out"
    assert purity.main([*command, "--models", "compact", "musicnn", "--out", str(out)]) == 0
    assert "missing.flac" in capsys.readouterr().err
    written = (out / "purity.md").read_text()
    assert written.startswith("12 tracks, 2 styles, 4 albums.")
    cells = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| `")]
    shares = {}
    for line, model in zip(cells, ("compact", "musicnn")):
        found = read_embeddings(out / f"{model}.npz", slices=False)
        shares[model] = plain_purity(found.mean, list(found.table["genre"]), list(found.table["album"]))
        assert line[0] == f"`{model}`"
        assert [float(cell) for cell in line[1::2]] == pytest.approx(100 * shares[model].mean(axis=0), abs=0.051)
    difference = 100 * (shares["compact"] - shares["musicnn"]).mean(axis=0)
    assert cells[2][0] == "`compact` minus `musicnn`"
    assert [float(cell) for cell in cells[2][1::2]] == pytest.approx(difference, abs=0.051)
    for mean, interval in zip(cells[2][1::2], cells[2][2::2]):
        low, high = map(float, interval.split(" to "))
        assert low <= float(mean) <= high
    assert purity.main([*command, "--models", "compact", "--out", str(out), "--album", "record"]) == 2
    assert "no column record. Received: path, kind, package." in capsys.readouterr().err


def test_tag_agreement_of_tags_and_tracks_is_that_of_plain_references():
    rng = np.random.default_rng(1)
    truth = rng.random((30, 7))
    found = np.clip(truth + 0.3 * rng.standard_normal(truth.shape), 0, 1)
    tables = [pd.DataFrame(values, columns=list("abcdefg")) for values in (truth, found)]
    by_tag, by_track = tag_agreement.per_tag(*tables), tag_agreement.per_track(truth, found)
    for column, tag in enumerate("abcdefg"):
        top = set(np.argsort(truth[:, column])[-3:])
        pairs = [(found[i, column], found[j, column]) for i in top for j in set(range(30)) - top]
        expected = (
            spearmanr(truth[:, column], found[:, column]).statistic,
            np.mean([(one > other) + 0.5 * (one == other) for one, other in pairs]),
            truth[:, column].mean(),
            found[:, column].mean(),
            np.abs(truth[:, column] - found[:, column]).mean(),
        )
        assert np.allclose(by_tag.loc[tag], expected)
    for row in range(30):
        common = set(np.argsort(truth[row])[-5:]) & set(np.argsort(found[row])[-5:])
        expected = (len(common) / 5, np.corrcoef(truth[row], found[row])[0, 1], np.abs(truth - found)[row].mean())
        assert np.allclose(by_track.loc[row], expected)


def test_tag_agreement_of_a_tag_of_several_teachers_is_with_the_mean_of_their_logits():
    one = pd.DataFrame({"rock": [0.2, 0.0], "jazz": [0.1, 0.9]}, index=["x", "y"])
    other = pd.DataFrame([[0.3, 0.8, 0.3], [0.4, 0.5, 0.4]], index=["y", "x"], columns=["folk", "rock", "folk"])
    found = tag_agreement.combined([one, other])
    assert list(found) == ["rock", "jazz", "folk"] and list(found.index) == ["x", "y"]
    odds = np.sqrt(0.2 / 0.8 * 0.5 / 0.5)
    assert found.loc["x", "rock"] == pytest.approx(odds / (1 + odds))
    assert 0 < found.loc["y", "rock"] < 0.01  # a probability of 0 has no logit
    assert found["jazz"].tolist() == pytest.approx([0.1, 0.9]) and found["folk"].tolist() == pytest.approx([0.4, 0.3])


@pytest.mark.soak
def test_tag_agreement_of_models_is_written_without_test_tracks(tmp_path, capsys):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=6, seconds=(2.0, 3.0))
    songs = pd.read_csv(made / "manifest.csv").assign(split="valid")
    songs["path"] = [str(made / path) for path in songs["path"]]
    held_back = songs.iloc[:1].assign(path=str(made / "not there.flac"), track_id="other", split="test")
    pd.concat([songs, held_back]).to_csv(tmp_path / "songs.csv", index=False)
    command = ["--model", "compact", "--data", str(tmp_path / "songs.csv"), "--out", str(tmp_path / "out")]
    assert tag_agreement.main([*command, "--teachers", "compact"]) == 0
    said = capsys.readouterr()
    assert "not there" not in said.out + said.err
    written = (tmp_path / "out" / "tag_agreement-compact.md").read_text()
    assert "12 tracks, 81 tags. Median of the tags: rank correlation 1.00, AUROC 1.00." in written
    lines = [line.strip("| ").split(" | ") for line in written.splitlines()]
    assert ["all", "12", "1.000", "1.000", "0.000"] in lines  # a model agrees with itself
    assert {line[0]: line[1] for line in lines if len(line) == 5}.items() >= {"ambient": "6", "metal": "6"}.items()
    assert sum(len(line) == 6 and line[1] == "1.000" for line in lines) == 81
    assert tag_agreement.main([*command, "--teachers", "musicnn"]) == 0
    written = (tmp_path / "out" / "tag_agreement-compact.md").read_text()
    assert "12 tracks, 49 tags." in written  # of musicnn's 50 two are spellings of one
    assert tag_agreement.main([*command, "--teachers", "vggish"]) == 2


def test_peak_of_a_process_and_its_child_is_the_sum_of_both():
    hold = "import subprocess, sys, time; held = bytearray(b'x') * ({} << 20); {}; time.sleep({})"
    child = hold.format(60, "pass", 5)  # so long that memory is measured meanwhile
    alone, _ = peak_mib(["-c", hold.format(0, "pass", 1)])
    peak, processes = peak_mib(["-c", hold.format(100, f"subprocess.run([sys.executable, '-c', {child!r}])", 1)])
    # PSS of two interpreters is less than twice that of one, for they share its code.
    assert processes == 2 and 160 + alone < peak < 160 + 3 * alone
    with pytest.raises(RuntimeError, match="exit status 3"):
        peak_mib(["-c", "raise SystemExit(3)"])


@pytest.mark.soak
def test_library_of_two_models_is_timed_against_one_bare_decoding(tmp_path, capsys, monkeypatch):
    made = make_demo(tmp_path / "demo", genres=("ambient", "metal"), songs_per_genre=1, seconds=(10.0, 11.0))
    monkeypatch.setattr(library, "UNCHANGED", 20)
    monkeypatch.setattr(library, "SCANS", {"whole": library.SCANS["whole"]})
    assert library.main([str(made), "--models", "compact", "musicnn", "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    timed = [line for line in said.splitlines() if "x real time" in line]
    assert [line.split("  ")[1] for line in timed] == [
        "bare decode to 16000 Hz",
        *(f"{model}: {name}" for model in ("compact", "musicnn") for name in library.SCANS),
    ]
    rates, ratios = zip(*((float(line[46:56]), float(line.split("time")[1].split(" x ")[0])) for line in timed))
    assert ratios == pytest.approx([rate / rates[0] for rate in rates], abs=0.006 + 0.06 / rates[0])
    memory = {line.split(":")[0].strip(): line.split() for line in said.splitlines() if "MiB" in line}
    assert list(memory) == ["compact", "musicnn"]
    assert all(words[-2] == "3" and 50 < float(words[2]) < 2000 for words in memory.values())
    assert "20 unchanged tracks compared" in said
    assert library.main([str(tmp_path / "nowhere")]) == 2


def test_process_does_not_outlive_a_measurement_that_is_stopped(monkeypatch):
    seen = []

    def stopped(process):
        seen.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(peak, "_memory", stopped)
    with pytest.raises(KeyboardInterrupt):
        peak.peak_mib(["-c", "import time; time.sleep(600)"])
    assert not seen[0].is_running()


def test_planted_labels_are_counted_among_the_first_tenth(tmp_path, monkeypatch, capsys):
    """Two clouds far apart: every replaced label is found, whatever the probabilities and the ranking."""
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 60)
    vectors = rng.standard_normal((120, 3)) + 20.0 * label[:, None]
    arrays = {"mel": np.zeros((120, 4, 4), "uint8"), "genre": np.array(["a", "b"])[label], "vectors": vectors}
    np.savez(tmp_path / "songs.npz", **arrays)
    monkeypatch.setitem(planted_labels.CLASSIFIERS, planted_labels.KNN, KNeighborsClassifier(5))
    command = [str(tmp_path / "songs.npz"), "--array", "vectors", "--seeds", "2", "--out", str(tmp_path / "out")]
    assert planted_labels.main(command) == 0
    text = (tmp_path / "out" / "planted_labels.md").read_text()
    assert "120 tracks, 6 labels replaced, 2 seeds." in text
    rows = [line for line in text.splitlines() if line.count("±") == len(planted_labels.RANKINGS)]
    assert len(rows) == 2 * (len(planted_labels.CLASSIFIERS) + 1 + len(planted_labels.MEANS))
    assert all(row.count("100.0 ± 0.0") >= 2 for row in rows)
    assert planted_labels.main([*command[:2], "genre", *command[3:]]) == 2
    assert "must name an array of a vector a track. Received: genre." in capsys.readouterr().err


# A network and slices so small that it is built and compiled in a second or two.
TINY = {"arch": "convconvpool", "sample_rate_hz": 8000, "slice_seconds": 0.5, "n_fft": 512, "hop_length": 128,
        "n_mels": 32, "image_height": 40, "image_width": 40}  # fmt: skip


@pytest.mark.parametrize("benchmark", [accelerator, engines, large_library], ids=lambda module: module.__name__)
def test_help_of_benchmark_is_its_description(benchmark, capsys):
    with pytest.raises(SystemExit) as end:
        benchmark.main(["--help"])
    assert end.value.code == 0
    assert benchmark.__doc__.split("\n")[0][:60] in capsys.readouterr().out


def test_accelerator_measures_a_row_and_says_how_fit_was_set(monkeypatch, capsys):
    case = accelerator.Case("convconvpool", 2, tuple(item for item in TINY.items() if item[0] != "arch"))
    monkeypatch.setattr(accelerator, "ON_CPU", (case,))
    monkeypatch.setattr(accelerator, "ROUNDS", 1)
    monkeypatch.setattr(accelerator, "PRECISIONS", {"float32": accelerator.PRECISIONS["float32"]})
    allowed, device = [], DEVICES["tensorflow"]
    monkeypatch.setattr(device, "allow_tf32", lambda self, value: allowed.append(value))
    command = ["--arch", "convconvpool", "--seconds", "0.001", "--precision"]
    accelerator.main([*command, "float32"])
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("| convconvpool"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["40 x 40 x 1", "float32", "2"] and all(float(cells[i]) > 0 for i in (4, 8))
    assert re.search(r"model.fit, convconvpool in float32, batches of 2 in memory: [1-9]\d* clips/s", said)
    assert allowed[-1] is False


def test_devices_take_steps_that_learn():
    device = DEVICES["tensorflow"]()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    x, y = device.place(np.eye(3)), device.place([0, 1, 0], "int32")
    answer, train = device.answering(model, x), device.training(model, x, y)
    np.testing.assert_allclose(answer(), model(x), rtol=1e-5)
    losses = [float(train()) for _ in range(20)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_input_wait_measures_each_source(monkeypatch, capsys):
    for name, value in (("ROUNDS", 1), ("STEPS", 2), ("SKIPPED", 1)):
        monkeypatch.setattr(input_wait, name, value)
    monkeypatch.setattr(pipeline, "TRACKS", 4)
    monkeypatch.setattr(pipeline, "SECONDS", 2)
    input_wait.main({**TINY, "augment": ["none"], "batch_size": 4})
    said = capsys.readouterr().out
    assert "convconvpool, batches of 4 crops of 0.5 s" in said
    assert len(re.findall(r"waits +\d+\.\d ms beside +\d+\.\d of a step", said)) == 4


def test_processor_seconds_leave_out_what_lay_ready():
    calls = []

    def run():
        calls.append(len(calls))
        end = time.process_time() + (0.002 if len(calls) > input_wait.STEPS else 0)
        while time.process_time() < end:
            pass

    assert input_wait.processor_seconds(run) >= 0.002


@pytest.mark.parametrize("benchmark", [step, backends], ids=lambda module: module.__name__)
def test_steps_of_processes_are_compared(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(step, "STEPPERS", dict.fromkeys(step.STEPPERS, slept_step))
    monkeypatch.setattr(step, "SHAPES", step.SHAPES[:1])
    monkeypatch.setattr(backends, "backend_step", slept_step)
    benchmark.main()
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if " x clock" in line]
    assert len(lines) >= 2 and all(float(re.search(r"([\d.]+) ms", line)[1]) >= 1 for line in lines)
    assert any("1.00 x clock  1.00 x processor" in line for line in lines)


def test_shards_are_compared_with_other_forms_and_with_files(tmp_path, monkeypatch, capsys):
    for number in range(2):
        write_sound(tmp_path / f"{number}.wav", music(8.0, 22050, 1, seed=number), 22050)
    for name, value in (("SLICES", 4), ("SIZES", (3, 6)), ("TRACKS_A_SHARD", 6)):
        monkeypatch.setattr(shards, name, value)
    shards.main(str(tmp_path))
    said = capsys.readouterr().out
    assert "random slices of 6 s, 2 threads" in said and "prepared in one process" in said
    assert re.search(r"shards +\d+\.\d crops/s +\d+\.\d\d x files", said)
    assert len(re.findall(r"[36] tracks   peak +\d+\.\d MiB", said)) == 2
    assert len(re.findall(r"shard, int16, each block checked .* 158\.\d MB an hour", said)) == 1


def test_averaged_answers_are_the_means_of_groups_on_the_tracks_of_all(tmp_path, capsys):
    """By hand: b has one track less, in another order; a1 and a2 weigh together as much as b."""
    answers = {
        "a1": {"1": [0.9, 0.1], "2": [0.8, 0.2], "3": [0.3, 0.7], "4": [0.9, 0.1]},
        "a2": {"1": [0.7, 0.3], "2": [0.4, 0.6], "3": [0.3, 0.7], "4": [0.9, 0.1]},
        "b": {"3": [0.9, 0.1], "2": [0.3, 0.7], "1": [0.6, 0.4]},
    }
    genres = {"1": "x", "2": "y", "3": "x", "4": "x"}
    for name, of in answers.items():
        (tmp_path / name).mkdir()
        rows = pd.DataFrame({column: "" for column in COLUMNS} | {"path": list(of)})
        rows = rows.assign(genre=rows["path"].map(genres), genres=rows["path"].map(genres), split="valid")
        write_predictions(tmp_path / name / "predictions.csv", rows, np.array(list(of.values())), ("x", "y"))
        (tmp_path / name / "metrics.json").write_text(json.dumps({"task": "single", "labels": ["x", "y"]}))
    a1, a2, b = (str(tmp_path / name) for name in answers)
    assert averaged.main([f"{a1},{a2}", b]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 tracks that all 3 answer")
    accuracies = [line.split(" | ")[1] for line in said.splitlines() if line.startswith("| ")][2:]
    assert accuracies == ["33.3%", "66.7%", "100.0%", "33.3%", "100.0%"]
    assert averaged.main([a1, str(tmp_path)]) == 2
    assert "no evaluation of tracks in it" in capsys.readouterr().err


def test_benchmarks_are_all_named_by_one_table(capsys):
    commands = {path.stem for path in Path(step.__file__).parent.glob("*.py") if "__main__" in path.read_text()}
    assert commands - {"__main__"} == {*BENCHMARKS, *WITH_OPTIONS} and not {*BENCHMARKS} & {*WITH_OPTIONS}
    assert run_benchmarks(["unknown"]) == 2
    assert "unsure" in capsys.readouterr().err


def test_benchmark_with_options_is_given_them_and_its_status_is_told(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "subprocess.run", lambda command, **_: asked.append(command) or type("Ended", (), {"returncode": 3})
    )
    assert run_benchmarks(["unsure", "--model", "compact"]) == 3
    assert asked[0][1:] == ["-m", "benchmarks.unsure", "--model", "compact"]


def songs_of_artists(spread: float) -> corrections.Songs:
    """Three genres of eight artists of three songs of two slices, each genre a cloud around an axis."""
    rng, number = np.random.default_rng(0), np.arange(72)
    genre = number // 24
    slices = [2 * np.eye(3, 6)[one] + spread * rng.standard_normal((2, 6)) for one in genre]
    return corrections.Songs(
        [one.astype("float32") for one in slices], np.array(["a", "b", "c"], object)[genre], number // 3
    )


def test_corrections_table_is_of_songs_by_artists_that_were_neither_learnt_nor_corrected(monkeypatch):
    songs = songs_of_artists(1.5)
    monkeypatch.setattr(corrections, "CORRECTIONS", (2, 1000))
    monkeypatch.setattr(corrections, "DRAWS", 20)
    one = corrections.draw(songs, 0)
    artists, truth = songs.artist[one.songs], songs.genre[one.songs]
    fitted = set(songs.artist) - set(artists)
    assert len(fitted) == 6 and len(set(artists[one.measured])) == 9  # a quarter; two fifths are corrected
    assert not set(artists[one.corrected]) & set(artists[one.measured])
    assert (one.answers[one.corrected] != truth[one.corrected]).all() and len(one.corrected) >= 2
    answers = corrections.answers_of(songs, one, one.corrected[:2])
    right = [(found == truth)[one.measured].mean() for found in (one.answers, answers)]
    changed = (answers != one.answers)[one.measured].mean()
    learnt = (answers[one.corrected[:2]] == truth[one.corrected[:2]]).mean()
    rows = [line.strip("| ").split(" | ") for line in corrections.corrections_table(songs, 1).splitlines()[2:]]
    (row,) = ([cell.strip() for cell in line] for line in rows)  # there are no 1000 to correct
    assert row[:4] == ["2", "1", f"{right[0]:.1%}", f"{right[1]:.1%}"]
    assert row[6] == f"{changed:.1%}" and row[-1] == f"{learnt:.0%}"


def test_corrections_to_a_new_genre_that_lies_apart_reach_its_songs_alone(monkeypatch):
    monkeypatch.setattr(corrections, "TEACHERS", (2,))
    lines = corrections.new_genre_table(songs_of_artists(0.1), 1).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("| ").split("|")]
    assert cells == ["2", "4.0", "100%", "100%", "100%", "0%"]


def test_unsure_table_rejects_what_is_far_and_as_much_of_what_is_alike_as_of_the_songs():
    rng = np.random.default_rng(0)
    genre = np.repeat(np.array(["a", "b"], object), 200)
    x = rng.standard_normal((400, 3)) + 2.5 * (genre == "b")[:, None]
    folds = grouped_folds((genre == "b").astype(int), np.arange(400) // 4, 5, seed=0)
    outside = {"far": rng.standard_normal((50, 3)) + (200, -200, 0), "alike": rng.standard_normal((2000, 3))}
    lines, caption = unsure.table(x, genre, folds, outside)
    assert caption.startswith("400 songs, accuracy 9")  # of two normal clouds, 4.3 deviations apart, 98 %
    far, alike = ({"kind": line[0], "files": line[1], "distance": line[4:6]} for line in lines[1:])
    assert far == {"kind": "far", "files": "50", "distance": ("1.00", "100%")}
    assert alike["files"] == "2000" and float(alike["distance"][0]) == pytest.approx(0.5, abs=0.07)
    assert int(alike["distance"][1][:-1]) == pytest.approx(100 * REJECTED, abs=4)


def test_pretraining_is_compared_by_labels_and_gone_on_with_alone_by_the_same_command(tmp_path, capsys):
    rng, genre = np.random.default_rng(0), np.arange(24) % 2
    mel = (rng.integers(0, 90, (24, 80, 60)) + 90 * genre[:, None, None]).astype("uint8")
    mel[:2] = 255  # of the brightest songs a share of the labels may have none
    split = np.array(["train"] * 16 + ["valid"] * 8)
    np.savez(tmp_path / "mels.npz", mel=mel, genre=np.array(["low", "high"])[genre], split=split)
    command = [str(tmp_path / "mels.npz"), "--out", str(tmp_path / "out"), "--arch", "convconvpool", "--shares", "0.2"]
    command += ["--pretrain-epochs", "1", "--epochs", "1", "--steps", "2", "--slice-frames", "48"]
    assert pretraining.main([*command, "--seeds", "1"]) == 0
    found = pd.read_csv(tmp_path / "out" / "accuracies.csv")
    assert list(found["start"]) == ["random weights", "pre-trained weights", "embedding as it is"]
    assert found["accuracy"].between(0, 1).all() and "| 20% |" in (tmp_path / "out" / "pretraining.md").read_text()
    ranges = set()
    for start in ("random", "pre-trained"):
        run = json.loads((tmp_path / "out" / f"{start}-0.2-0" / "config.json").read_text())
        ranges.add((run["value_low"], run["value_high"], run["slice_frames"]))
    assert len(ranges) == 1 and ranges.pop()[2] == 48  # both see the same input
    capsys.readouterr()
    assert pretraining.main([*command, "--seeds", "1", "--steps", "3"]) == 2
    assert "was begun with steps=2. Received: 3." in capsys.readouterr().err
