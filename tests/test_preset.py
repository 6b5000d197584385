"""kgenre compare --preset: the rows of recipes, the budget, the tables, a run that is killed."""

import dataclasses
import json
import os
import re
import signal

import numpy as np
import pandas as pd
import pytest
from test_compare import COST, group_is_gone, start, times_of, wait_for
from test_paired import answering, result

from kgenre import compare
from kgenre.comparison.preset import as_begun, configuration, make_preset, within_budget, without_cost
from kgenre.comparison.results import Result
from kgenre.comparison.rows import keep_settings
from kgenre.comparison.systems import system_tables, tables_text
from kgenre.comparison.table import make_comparison
from kgenre.core.errors import KgenreError
from kgenre.recipes import SYSTEMS, select_recipes

MELS = {"data": "mels.npz", "frames_per_second": 4.3}
ALL = select_recipes(["five-systems"])


def preset_of(*names: str, given: dict = MELS, seeds: int = 1, vectors: str | None = None):
    return make_preset(select_recipes(names), given, seeds, vectors)


def configurations(preset) -> list[str]:
    return list(dict.fromkeys(row.configuration for row in preset.rows))


# --- rows -------------------------------------------------------------------------------------------


def test_every_recipe_is_a_row_on_audio():
    preset = preset_of("five-systems", given={"data": "fma_small"}, seeds=2)
    assert configurations(preset) == [configuration(recipe) for recipe in ALL] and not preset.reasons
    assert [row.seed for row in preset.rows] == [0] * len(ALL) + [1] * len(ALL)
    assert len({row.name for row in preset.rows}) == 2 * len(ALL) and not preset.instead


def test_recipes_without_words_on_spectrograms_are_left_out_with_the_reason():
    preset = preset_of("cnn_rnn/frequency", "cnn_rnn/bbnn", "genre_pred")
    assert configurations(preset)[-2:] == ["cnn_rnn-bbnn", "cnn_rnn-frequency-mel"]
    assert preset.reasons["cnn_rnn/frequency/cqt"] == preset.reasons["genre_pred/fine_tuned"] == "needs audio"
    assert preset.reasons["genre_pred/embeddings/knn"] == "needs audio, or embeddings with --on"
    assert preset.instead["cnn_rnn/bbnn"] == "the collection's spectrograms in place of cqt"
    assert preset.instead["genre_pred/features/knn"] == "stats in place of fma_features"
    assert "cnn_rnn/frequency/mel" not in {**preset.instead, **preset.reasons}


def test_embeddings_that_are_given_take_the_place_of_vggish(tmp_path):
    preset = preset_of("genre_pred", vectors="vectors.npz")
    assert list(preset.reasons) == ["genre_pred/fine_tuned"]
    row = preset.row(select_recipes(["genre_pred/embeddings_pca/svc_rbf"])[0])
    command = " ".join(row.command(tmp_path))
    assert "--on vectors.npz --data mels.npz --pool concat --pca 128 --classifier svc_rbf" in command
    assert row.shares == "vectors"


def test_rows_take_the_flags_that_are_given_and_refuse_those_they_lack():
    preset = preset_of("music_genre_analysis/convpool", given={**MELS, "epochs": 3, "seed": 5})
    assert [row.settings["epochs"] for row in preset.rows] == [3, 3] and preset.rows[0].seed == 5
    assert preset.rows[0].network.image.frame_scaling and preset.rows[0].network.input == "spectrogram"
    with pytest.raises(KgenreError, match="music_genre_analysis/convpool/plain: `zoom_range` is not a setting of"):
        preset_of("music_genre_analysis/convpool", given={**MELS, "zoom_range": 0.2})
    with pytest.raises(KgenreError, match="needs a collection"):
        preset_of("cnn_rnn", given={})


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--preset", "cnn_rn"], "cnn_rn: no such recipe or file. Did you mean cnn_rnn"),
        (["--preset", "cnn_rnn", "--arch", "bbnn"], "`--preset` names its rows by itself. Received: --arch."),
        (["--arch", "bbnn", "--budget", "3"], "`--preset` is what these are for. Received: --budget."),
        (["--preset", "cnn_rnn", "--budget", "0"], "`--budget` must be above 0 CPU-hours. Received: 0."),
        (["--preset", "genre_pred", "--on", "a.npz,b.npz"], "`--on` with --preset is one file"),
        (["--preset", "cnn_rnn", "--seeds", "0"], "`--seeds` must be at least 1"),
        (["--preset", "demo"], "Received: demo, which is in none. Type `kgenre train --config demo`."),
        (["--preset", "cnn_rnn/classical", "--budget", "1"], "`--budget` is of networks"),
        (["--preset", "cnn_rnn/classical", "--epochs", "1"], "`epochs` is a setting of networks"),
        (["--preset", "cnn_rnn/bbnn", "--on", "a.npz"], "no recipe has them. Received: --on a.npz."),
        (["--preset", "cnn_rnn/bbnn,cnn_rnn/classical/lda", "--label-share", "0.1"], "or cnn_rnn/classical/lda."),
        (["--preset", "song_genre/crops/sgd", "--momentum", "2"], "Received: momentum=2.0"),
    ],
)
def test_preset_refuses_in_one_line(tmp_path, capsys, flags, words):
    assert compare.main(["--data", "mels.npz", "--out", str(tmp_path / "none"), *flags]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: ") and words in line
    assert not (tmp_path / "none").exists()


# --- budget -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "epochs"), [(1000, 20), (10, 5), (0.1, 1)])
def test_budget_leaves_the_epochs_that_fit_and_one_at_least(tmp_path, minutes, epochs):
    """Of 100 s each, after 70 s: 5 of them in 10 minutes."""
    preset = preset_of("music_genre_analysis/convpool/zoom")
    cost = dataclasses.replace(COST, epoch_seconds=100.0, epochs=20)
    hours = minutes / 60 * os.cpu_count()
    less, costs = within_budget(preset, {preset.rows[0].configuration: cost}, hours, tmp_path)
    assert (
        [row.settings["epochs"] for row in less.rows] == [epochs] == [row.network.training.epochs for row in less.rows]
    )
    assert costs[less.rows[0].configuration].epochs == epochs
    assert set(preset.epochs.values()) == set(less.epochs.values()) == {20}


def test_row_that_was_begun_keeps_its_epochs_and_gives_them_to_its_other_seeds(tmp_path):
    preset = preset_of("music_genre_analysis/convpool/zoom")
    cost = {preset.rows[0].configuration: dataclasses.replace(COST, epoch_seconds=100.0)}
    hours = 10 / 60 * os.cpu_count()
    first, _ = within_budget(preset, cost, hours, tmp_path)
    keep_settings(first.rows, tmp_path)
    assert [row.settings["epochs"] for row in as_begun(preset, tmp_path).rows] == [20]  # nothing is begun yet
    more, _ = within_budget(preset, cost, 2 * hours, tmp_path)
    assert [row.settings["epochs"] for row in more.rows] == [11]
    keep_settings(more.rows, tmp_path)
    keep_settings(first.rows, tmp_path)
    first.rows[0].folder(tmp_path).mkdir()
    again, _ = within_budget(preset, cost, 3 * hours, tmp_path)
    assert [row.settings["epochs"] for row in again.rows] == [5]
    assert [row.settings["epochs"] for row in as_begun(preset, tmp_path).rows] == [5]
    keep_settings(again.rows, tmp_path)  # are not other settings
    seeds = preset_of("music_genre_analysis/convpool/zoom", seeds=3)
    assert [row.settings["epochs"] for row in within_budget(seeds, cost, 3 * hours, tmp_path)[0].rows] == [5, 5, 5]


def test_network_whose_cost_is_not_known_is_not_run_under_a_budget():
    preset = without_cost(preset_of("cnn_rnn/bbnn", "cnn_rnn/crnn/gru"), {"cnn_rnn-bbnn": "no memory."})
    assert configurations(preset) == ["cnn_rnn-crnn-gru"]
    told = system_tables(preset, None, {})["cnn_rnn"]
    line = "`kgenre train --config cnn_rnn/bbnn --data fma_small`"
    assert cells_of(told, "cnn_rnn/bbnn")[-1] == f"not run here: its cost could not be measured, no memory: {line}"


def test_tables_of_nothing_finished_replace_none(mels, tmp_path, capsys):
    page, text = tmp_path / "page.md", "<!-- table: genre_pred -->\nprecious\n<!-- end -->\n"
    page.write_text(text)
    preset = ["--preset", "genre_pred/features/knn", "--data", str(mels), "--update", str(page)]
    assert compare.main([*preset, "--finished", "--out", str(tmp_path / "mistyped")]) == 2
    assert "mistyped: holds no finished row of the preset." in capsys.readouterr().err
    assert page.read_text() == text and not (tmp_path / "mistyped").exists()
    assert compare.main([*preset, "--out", str(tmp_path / "genre_pred")]) == 2
    assert "must not have a system's name" in capsys.readouterr().err
    page.write_text("no place")
    assert compare.main([*preset, "--out", str(tmp_path / "new")]) == 2  # before hours of training, not after
    assert "no place for a table" in capsys.readouterr().err and not (tmp_path / "new").exists()


# --- tables -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    """Of a comparison in which BBNN has two seeds, ResNet50 failed and the rest is not measured."""
    preset = preset_of("music_genre_analysis", "cnn_rnn/bbnn", "cnn_rnn/frequency", seeds=2)
    rng, truth = np.random.default_rng(0), np.arange(200) % 3
    found = result("cnn_rnn-bbnn", truth, {seed: answering(0.5, truth, rng) for seed in range(2)})
    facts = {"leaky": "", "data": "mels", "protocol": "official", "overlap": "unknown", "note": ""}
    for one in found.predictions.values():
        one.metrics.update(facts)
    results = [
        Result("music_genre_analysis-resnet50", {}, {0: "no network."}),
        Result("cnn_rnn-bbnn", found.predictions, {}, [60.0, 120.0], [3, 7]),
    ]
    comparison = make_comparison("kgenre compare --preset ...", results, {}, {})
    rows = [row.of_network(row.configuration, row.network.replace(epochs=9)) for row in preset.rows]
    budgets = {"cnn_rnn-bbnn": 0.5, "cnn_rnn-frequency-mel": 0.1, "music_genre_analysis-resnet50": None}
    return system_tables(dataclasses.replace(preset, rows=rows), comparison, budgets)


def cells_of(table: str, name: str) -> list[str]:
    [line] = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_tables_have_published_and_measured_figures_side_by_side(tables):
    assert list(tables) == ["music_genre_analysis", "cnn_rnn"]
    _, published, here, seeds, epochs, training, note = cells_of(tables["cnn_rnn"], "cnn_rnn/bbnn")
    assert published == "51.1" and seeds == "2"
    assert tables["cnn_rnn"].startswith("- published protocol: official split; the best saved epoch on test")
    assert re.fullmatch(r"\d\d\.\d ± \d+\.\d \(\d\d\.\d to \d\d\.\d\)", here), here
    assert (epochs, training) == ("9 of 50, best 3 7", "1.5 min")
    assert note == "the collection's spectrograms in place of cqt"
    assert (
        "- protocol: official" in tables["cnn_rnn"] and "- command: `kgenre compare --preset ...`" in tables["cnn_rnn"]
    )
    budget = (
        "- budget: 0.5 CPU-hours a run of a network; 0.1 of `cnn_rnn/frequency/mel`; where they end early, so do its "
        "epochs"
    )
    assert budget in tables["cnn_rnn"].splitlines() and "budget" not in tables["music_genre_analysis"]


def test_tables_say_what_was_not_run_and_how_to_run_it(tables):
    left_out = cells_of(tables["cnn_rnn"], "cnn_rnn/frequency/cqt")
    assert left_out[1] == "45.5" and left_out[2] == "-"
    line = "kgenre train --config cnn_rnn/frequency/cqt --data fma_small"
    assert left_out[-1] == f"not run here: needs audio: `{line}`"
    failed = cells_of(tables["music_genre_analysis"], "music_genre_analysis/resnet50")[-1]
    assert failed == "not run here: no network. `kgenre train --config music_genre_analysis/resnet50 --data fma_small`"
    assert cells_of(tables["cnn_rnn"], "cnn_rnn/frequency/mel")[-1] == "not measured yet"


def test_tables_of_nothing_measured_have_every_row():
    found = system_tables(preset_of("five-systems"), None, {})
    text = tables_text(found)
    assert list(found) == list(SYSTEMS) and text.count("\n| `") == len(ALL)
    assert all(f"## {title}\n" in text for title in SYSTEMS.values())
    protocols = (
        "; of `cnn_rnn/classical/svc_rbf`, `cnn_rnn/classical/forest`, `cnn_rnn/classical/lda`: official split, "
        "on test\n"
    )
    assert protocols in found["cnn_rnn"]  # of some rows another one than of most


# --- a real one -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mels(tmp_path_factory):
    """The path of spectrograms of two genres that differ in level, with a split."""
    path = tmp_path_factory.mktemp("mels") / "mels.npz"
    rng, genre = np.random.default_rng(0), np.arange(24) % 2
    spectrograms = rng.integers(0, 12, (24, 16, 20)) + 15 * genre[:, None, None]
    split = np.repeat(["train", "valid"], 12)
    np.savez(path, mel=spectrograms.astype("uint8"), genre=np.array(["low", "high"])[genre], split=split)
    return path


def test_preset_that_is_killed_goes_on_and_updates_the_tables(mels, tmp_path, capsys):
    out, page = tmp_path / "grid", tmp_path / "results.md"
    page.write_text("# Results\n\n<!-- table: genre_pred -->\nold\n<!-- end -->\n\ntext\n")
    names = ",".join(f"genre_pred/features/{name}" for name in ("knn", "bayes"))
    flags = ["--data", str(mels), "--preset", f"{names},genre_pred/fine_tuned"]
    process = start(out, *flags)
    wait_for(out / "logs" / "genre_pred-features-bayes-seed-0.log", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert group_is_gone(process.pid)
    finished = out / "genre_pred-features-knn-seed-0"
    before = times_of(finished)
    assert finished / "metrics.json" in before
    for late in ("genre_pred-features-bayes-seed-0/metrics.json", "systems.md"):  # of a row that was too fast
        (out / late).unlink(missing_ok=True)
    assert compare.main(["--out", str(out), *flags, "--finished"]) == 0
    assert cells_of((out / "systems.md").read_text(), "genre_pred/features/bayes")[-1].endswith("not measured yet")
    assert compare.main(["--out", str(out), *flags, "--update", str(page)]) == 0
    assert times_of(finished) == before
    text = page.read_text()
    assert text.startswith("# Results\n\n<!-- table: genre_pred -->\n- published protocol: ") and text.endswith(
        "<!-- end -->\n\ntext\n"
    )
    for name in ("bayes", "knn"):
        accuracy = json.loads((out / f"genre_pred-features-{name}-seed-0" / "metrics.json").read_text())["accuracy"]
        assert cells_of(text, f"genre_pred/features/{name}")[2].startswith(f"{100 * accuracy:.1f}")
    assert "valid is reported" in text and "not run here: needs audio" in text
    assert len(pd.read_csv(out / "table.csv")) == 2
    assert "tables written to" in capsys.readouterr().out
