"""kgenre compare: rows and their settings, cost, kills and repeats with real processes, the table and the page."""

import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_run
from test_paired import answering, result

from kgenre import compare
from kgenre.comparison.compare import cost_text, duration_text
from kgenre.comparison.cost import Cost, measure_cost
from kgenre.comparison.page import comparison_page, pair_matrix
from kgenre.comparison.process import ENDED, call_in_process
from kgenre.comparison.results import Result
from kgenre.comparison.rows import Row, grid_rows, keep_settings
from kgenre.comparison.speed import tracks_per_second
from kgenre.comparison.table import csv_pairs, csv_table, make_comparison, markdown_table, metric_text
from kgenre.core.errors import KgenreError
from kgenre.training.settings import RunSettings

SHORT = [*small_run.SMALL[:-1], "2"]  # two epochs


def names_of(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


# --- rows -------------------------------------------------------------------------------------------


def test_grid_has_a_row_for_each_network_feature_classifier_and_seed():
    given = {"data": "demo", "seed": 3}
    rows = grid_rows({}, given, ["convpool", "fcn"], [], ["knn"], ["stats", "models/a/1"], 2)
    assert names_of(rows) == [
        *("convpool-logmel-seed-3", "convpool-logmel-seed-4"),
        *(f"fcn-{RunSettings.compose({'arch': 'fcn'}).feature}-seed-{seed}" for seed in (3, 4)),
        *("knn-stats-seed-3", "knn-stats-seed-4", "knn-a-seed-3", "knn-a-seed-4"),
    ]
    assert [row.settings["seed"] for row in rows] == [3, 4] * 4
    crossed = grid_rows({}, given, ["convpool", "bandattn"], ["logmel", "mfcc"], [], [], 1)
    assert names_of(crossed)[1:3] == ["convpool-mfcc-seed-3", "bandattn-logmel-seed-3"]


def test_row_is_a_command_of_train_or_baseline_with_the_grids_settings(tmp_path):
    given = {"data": "demo", "protocol": "artist", "allow_leak": True, "epochs": 2}
    network, classic = grid_rows({}, given, ["convpool"], [], ["knn"], [], 1)
    keep_settings([network, classic], tmp_path)
    kept = json.loads(network.settings_file(tmp_path).read_text())
    assert RunSettings.compose(kept).values() == network.network.values() and kept["epochs"] == 2
    assert "--resume" not in network.command(tmp_path)
    network.folder(tmp_path).mkdir()
    assert network.command(tmp_path)[-1] == "--resume"
    command = " ".join(classic.command(tmp_path))
    assert "kgenre.baseline --on stats --data demo --classifier knn --seed 0" in command
    assert "--protocol artist --allow-leak" in command and f"--vectors {tmp_path / 'vectors' / 'stats'}" in command


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--arch", "convpool,crnn", "--rnn", "lstm"], "convpool: `rnn` is not a setting of convpool"),
        (["--arch", "convpool,bandattn", "--feature", "logmel,cqt", "--n-mels", "64"],
         "convpool-cqt, bandattn-cqt: `n_mels` is not a setting of cqt"),
        (["--arch", "convpol"], "unknown arch 'convpol'. Did you mean convpool?"),
        (["--classifier", "kn"], "unknown classifier 'kn'. Did you mean knn?"),
        (["--classifier", "knn", "--epochs", "3"], "`epochs` is a setting of networks"),
        (["--arch", "convpool", "--classifier", "knn", "--label-share", "0.1"], "`label_share` is of networks"),
        (["--feature", "mfcc", "--classifier", "knn"], "`--feature` is for --arch"),
        (["--arch", "convpool", "--on", "stats"], "`--on` is for --classifier"),
        ([], "Nothing to compare"),
        (["--data", "a.npz", "--arch", "convpool", "--feature", "mfcc"], "convpool-mfcc: `feature` is computed from"),
        (["--arch", "convpool", "--seeds", "0"], "`--seeds` must be at least 1"),
        (["--arch", "convpool", "--parallel", "0"], "`--parallel` must be at least 1"),
    ],
)  # fmt: skip
def test_compare_refuses_in_one_line(tmp_path, capsys, flags, words):
    assert compare.main(["--data", "demo", "--out", str(tmp_path / "none"), *flags]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("kgenre: ") and words in line, line
    assert not (tmp_path / "none").exists()


def test_collection_must_be_named(capsys):
    assert compare.main(["--arch", "convpool"]) == 2
    assert "needs a collection. Name it with --data." in capsys.readouterr().err


def test_help_lists_the_settings_of_every_network_that_is_named(capsys):
    with pytest.raises(SystemExit):
        compare.main(["--arch", "convpool,crnn", "--feature", "logmel,mfcc", "--help"])
    text = capsys.readouterr().out
    flags = ("--rnn {", "--n-mels INT", "--dropout FLOAT", "--epochs INT")
    assert [text.count(f"\n  {flag}") for flag in flags] == [1] * len(flags)


def test_folder_of_other_settings_is_refused_and_more_rows_are_not(tmp_path):
    first = grid_rows({}, {"data": "demo", "epochs": 2}, ["convpool"], [], [], [], 1)
    keep_settings(first, tmp_path)
    keep_settings(grid_rows({}, {"data": "demo", "epochs": 2}, ["convpool", "bandattn"], [], ["knn"], [], 3), tmp_path)
    keep_settings(grid_rows({}, {"data": "demo", "epochs": 2, "workers": 1}, ["convpool"], [], [], [], 1), tmp_path)
    file = first[0].settings_file(tmp_path)
    held = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in held.items() if name != "accumulate"}))
    keep_settings(first, tmp_path)  # an earlier version may not have had the setting
    assert json.loads(file.read_text()).keys() == held.keys()
    first[0].folder(tmp_path).mkdir()  # before, it may be given other epochs
    with pytest.raises(KgenreError, match="holds convpool-logmel-seed-0 of other settings. Received: epochs=3, begun"):
        keep_settings(grid_rows({}, {"data": "demo", "epochs": 3}, ["convpool"], [], [], [], 1), tmp_path)


def test_rows_of_one_name_are_refused(tmp_path):
    rows = grid_rows({}, {"data": "demo"}, [], [], ["knn"], ["a/stats.npz", "stats"], 1)
    with pytest.raises(KgenreError, match="Received twice: knn-stats-seed-0"):
        keep_settings(rows, tmp_path)


COST = Cost(1000, 2 * 10**6, 1e6, 0.1, 10.0, 5, 70.0)


# --- cost -------------------------------------------------------------------------------------------


def test_cost_of_what_is_left_is_summed(tmp_path):
    rows = grid_rows({}, {"data": "demo"}, ["convpool", "bandattn"], [], ["knn"], [], 2)
    (tmp_path / rows[0].name).mkdir()
    (tmp_path / rows[0].name / "metrics.json").write_text("{}")
    costs = dict.fromkeys(("convpool-logmel", "bandattn-logmel"), COST)
    text = cost_text(rows, costs, {}, tmp_path, 1)
    assert "6 rows, 1 of them finished" in text
    assert "| convpool-logmel | 1 | 1,000 | 2.0 | 0.10 | 10.0 | 2.0 |" in text
    assert "about 6 min for the networks" in text and "classic classifiers: not estimated" in text


def test_cost_and_speed_are_measured_on_the_runs_own_tracks(run):
    """`run` has 3 slices of 1.5 s at most in a track of 3.5 s, 2 crops a track and batches of 8."""
    from kgenre.comparison.macs import count_macs  # not above: processes of other tests would load TensorFlow too
    from kgenre.training.start import load_tracks

    settings = run.load_settings()
    collection = load_tracks(settings)
    cost = measure_cost(settings, collection)
    steps = -(-2 * len(collection.rows("train")) // 8)
    assert cost.parameters == run.load_model().count_params() and cost.macs == count_macs(settings, 3)
    assert cost.macs_per_second == pytest.approx(cost.macs / 1.5, rel=1e-4)
    assert cost.epochs == 3 and steps * cost.step_seconds < cost.epoch_seconds
    assert cost.seconds == pytest.approx(3 * cost.epoch_seconds + cost.other_seconds)
    history = pd.read_csv(run / "history.csv")["seconds"]
    assert cost.epoch_seconds < 20 * history.max()  # no factor of steps or tracks is in it twice
    assert 0.5 < tracks_per_second(run.folder) < 10**4


@pytest.mark.parametrize(
    ("seconds", "text"), [(20, "1 min"), (360, "6 min"), (7199, "120 min"), (7260, "2 h 1 min"), (90000, "25 h 0 min")]
)
def test_duration_text_is_rounded_up_to_minutes(seconds, text):
    assert duration_text(seconds) == text


def _half(n: int) -> int:
    if n == 7:
        raise KgenreError("7 is odd.")
    if n == 9:
        os._exit(1)
    return n // 2


def test_calls_in_a_process_give_results_errors_and_early_ends():
    found = [str(value) for value in call_in_process(_half, [(4,), (7,), (9,), (6,)])]
    assert found == ["2", "7 is odd.", ENDED, "3"]
    assert list(call_in_process(os.getenv, [("KERAS_BACKEND",)], KERAS_BACKEND="tensorflow")) == ["tensorflow"]


# --- table ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    facts = {"leaky": "", "data": "<b>songs</b>", "protocol": "split by artist", "overlap": "none", "note": ""}
    results = [
        result(name, truth, {seed: answering(share, truth, rng) for seed in range(3)})
        for name, share in (("good|one", 0.8), ("bad", 0.5))
    ]
    for one in results:
        for found in one.predictions.values():
            found.metrics.update(facts)
    good = Result("good|one", results[0].predictions, {}, [60.0, 62.0, 64.0], [3, 4, 5])
    bad = Result("bad", results[1].predictions, {3: "out of <memory>"})
    lost = Result("lost", {}, {0: "no such file"})
    costs = {"good|one": Cost(12345, 2_500_000, 500_000.0, 0.1, 1.0, 2, 3.0)}
    return make_comparison("kgenre compare --data '<b>songs</b>'", [good, bad, lost], costs, {"good|one": 12.34})


def test_table_has_mean_deviation_and_interval_of_the_seeds(comparison):
    row = comparison.rows[0]
    accuracy = row["metrics"]["accuracy"]
    assert accuracy["mean"] == pytest.approx(np.mean(accuracy["seeds"]))
    assert accuracy["deviation"] == pytest.approx(np.std(accuracy["seeds"], ddof=1))
    assert accuracy["interval_95"][0] < accuracy["mean"] < accuracy["interval_95"][1]
    assert row["train_seconds"] == 62.0 and row["best_epochs"] == [3, 4, 5]
    assert (
        metric_text("single", {"mean": 0.5, "deviation": 0.01, "interval_95": [0.4, 0.6]})
        == "50.0 ± 1.0 (40.0 to 60.0)"
    )
    assert metric_text("multi", {"mean": 0.5, "deviation": None, "interval_95": None}) == "0.500"


def test_markdown_csv_and_json_hold_the_same_numbers(comparison, tmp_path):
    text = markdown_table(comparison)
    accuracy = comparison.rows[0]["metrics"]["accuracy"]
    assert f"| good\\|one | 3 | {100 * accuracy['mean']:.1f} ± " in text
    assert "| 12,345 | 2.5 | 0.5 | 62 s | 12.3 | 3, 4, 5 |" in text
    assert "- protocol: split by artist" in text and "LEAKY" not in text
    assert "- lost-seed-0 failed: no such file" in text and "| lost | 0, 1 failed | - | - | - |" in text
    (tmp_path / "table.csv").write_text(csv_table(comparison))
    table = pd.read_csv(tmp_path / "table.csv", index_col="configuration")
    assert table.loc["good|one", "accuracy"] == pytest.approx(accuracy["mean"])
    assert table.loc["good|one", "accuracy_low"] == pytest.approx(accuracy["interval_95"][0])
    assert table.loc["bad", "failed"] == 1 and np.isnan(table.loc["bad", "parameters"])
    (tmp_path / "pairs.csv").write_text(csv_pairs(comparison.pairs))
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert len(pairs) == 1 and pairs.loc[0, "low"] < pairs.loc[0, "difference"] < pairs.loc[0, "high"]
    assert json.loads(json.dumps(comparison.values()))["rows"][0]["metrics"]["accuracy"] == accuracy


def test_matrix_says_of_each_pair_the_opposite_on_its_other_side(comparison):
    (first, (_, better)), (second, (worse, _)) = pair_matrix(comparison)
    assert (first, second) == ("good|one", "bad")
    assert better["class"] == "better" and worse["class"] == "worse" and better["p"] == worse["p"]
    assert better["difference"].startswith("+") and worse["difference"] == "-" + better["difference"][1:]


class Elements(HTMLParser):
    """The names of the elements of a page, and the attributes that fetch something."""

    def __init__(self, page: str):
        super().__init__()
        self.names, self.fetched = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.fetched += [value for name, value in attributes if name in ("src", "href")]


def test_page_escapes_names_and_fetches_nothing(comparison):
    page = comparison_page(comparison)
    found = Elements(page)
    assert found.names.count("table") == 2 and found.fetched == [] and "url(" not in page
    assert "&lt;b&gt;songs&lt;/b&gt;" in page and "<b>songs" not in page
    assert "out of &lt;memory&gt;" in page and "prefers-color-scheme: dark" in page


def test_leaky_rows_are_named_in_the_head():
    found = result("leaky", np.zeros(4, int), {0: np.eye(3)[[0, 0, 1, 2]]})
    facts = {"leaky": "copies", "data": "x", "protocol": "p", "overlap": "all", "note": ""}
    found.predictions[0].metrics.update(facts)
    made = make_comparison("kgenre compare", [found], {}, {})
    assert made.head["LEAKY"] == ["copies"] and made.pairs == []
    assert markdown_table(made).startswith("- LEAKY: copies")
    assert '<dt class="worse">LEAKY</dt>' in comparison_page(made)


# --- real grids -------------------------------------------------------------------------------------


def start(out: Path, *flags: str) -> subprocess.Popen:
    """The command in a group of processes of its own."""
    command = [sys.executable, "-m", "kgenre.compare", "--out", str(out), *flags]
    out.mkdir(exist_ok=True)
    with (out / "output").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, (path.parent.parent / "output").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def times_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def group_is_gone(group: int, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.soak
def test_grid_killed_with_its_group_is_finished_by_the_same_command_without_redoing_rows(collection, tmp_path, capsys):
    """A network, killed when its successor has begun; the table is that of what the run folders hold."""
    out, data = tmp_path / "grid", ["--data", str(collection / "manifest.csv"), "--protocol", "artist"]
    flags = [*data, "--arch", "convpool", "--classifier", "logistic", *SHORT]
    out.mkdir()
    (out / "cost.json").write_text(json.dumps({"convpool-logmel": COST.values()}))  # measured in a test of its own,
    (out / "speed.json").write_text(json.dumps({"convpool-logmel": 12.5}))  # and so is this
    process = start(out, *flags)
    wait_for(out / "logs" / "logistic-stats-seed-0.log", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert group_is_gone(process.pid)
    assert "convpool-logmel | 1 |" in (out / "output").read_text()  # the cost, before anything was trained
    finished = times_of(out / "convpool-logmel-seed-0")
    assert "metrics.json" in {path.name for path in finished} and not (out / "table.md").exists()
    assert compare.main(["--out", str(out), *flags]) == 0
    assert times_of(out / "convpool-logmel-seed-0") == finished
    values = json.loads((out / "table.json").read_text())
    network, classic = values["rows"]
    for row, name in ((network, "convpool-logmel"), (classic, "logistic-stats")):
        metrics = json.loads((out / f"{name}-seed-0" / "metrics.json").read_text())
        assert row["configuration"] == name and row["metrics"]["accuracy"]["mean"] == metrics["accuracy"]
    history = pd.read_csv(out / "convpool-logmel-seed-0" / "history.csv")
    assert network["train_seconds"] == pytest.approx(history["seconds"].sum())
    assert (network["parameters"], network["tracks_per_second"]) == (COST.parameters, 12.5)
    assert "split by artist" in values["head"]["protocol"][0] and len(values["pairs"]) == 1
    printed = capsys.readouterr().out
    assert "2 rows, 1 of them finished" in printed and (out / "table.md").read_text().rstrip() in printed
    before = times_of(out / "logistic-stats-seed-0")
    assert compare.main(["--out", str(out), *flags]) == 0
    assert times_of(out / "logistic-stats-seed-0") == before


def test_grid_ends_its_rows_when_it_is_terminated_and_shows_a_row_that_fails(collection, tmp_path, capsys):
    out, vectors = tmp_path / "grid", tmp_path / "missing.npz"
    os.mkfifo(vectors)  # who reads it waits until it is ended
    flags = ["--data", str(collection / "manifest.csv"), "--classifier", "logistic", "--on", f"stats,{vectors}"]
    process = start(out, *flags)
    wait_for(out / "logs" / "logistic-missing-seed-0.log", process)
    assert compare.main(["--out", str(out), *flags]) == 2
    assert "another `kgenre compare`, or a row that it left behind, works in this folder" in capsys.readouterr().err
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM and group_is_gone(process.pid)
    vectors.unlink()
    finished = times_of(out / "logistic-stats-seed-0")
    assert compare.main(["--out", str(out), *flags]) == 1
    assert times_of(out / "logistic-stats-seed-0") == finished
    text = (out / "table.md").read_text()
    assert f"logistic-missing-seed-0 failed: {vectors}: " in text and "| logistic-missing | 0, 1 failed |" in text


@pytest.mark.soak
def test_grid_of_two_networks_and_two_seeds_killed_while_it_trains_goes_on_in_parallel(collection, tmp_path):
    out = tmp_path / "grid"
    networks = ["--arch", "convpool,bandattn", "--feature", "logmel", "--classifier", "knn", "--on", "stats,compact"]
    flags = ["--data", str(collection / "manifest.csv"), *networks, "--seeds", "2", *SHORT[:-1], "6"]
    process = start(out, *flags)
    wait_for(out / "convpool-logmel-seed-1" / "state.json", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert group_is_gone(process.pid)
    finished = times_of(out / "convpool-logmel-seed-0")
    begun = json.loads((out / "convpool-logmel-seed-1" / "state.json").read_text())["history"]
    assert compare.main(["--out", str(out), *flags, "--parallel", "2"]) == 0
    assert times_of(out / "convpool-logmel-seed-0") == finished
    history = pd.read_csv(out / "convpool-logmel-seed-1" / "history.csv")
    assert len(history) == 6 and list(history["seconds"][: len(begun)]) == [row["seconds"] for row in begun]
    rows = json.loads((out / "table.json").read_text())["rows"]
    assert [row["configuration"] for row in rows] == [
        *("convpool-logmel", "bandattn-logmel"),
        *("knn-stats", "knn-compact"),
    ]
    assert all(row["seeds"] == 2 and row["metrics"]["accuracy"]["deviation"] is not None for row in rows)
    assert all(row["tracks_per_second"] > 0 and row["macs_per_slice"] > 10**5 for row in rows[:2])
    assert len(pd.read_csv(out / "pairs.csv")) == 6
