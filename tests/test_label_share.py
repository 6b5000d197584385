"""A share of the labels: which train tracks are drawn, and the run that learns from them alone."""

import numpy as np
import pandas as pd
import pytest

from kgenre.collections.label_share import draw_labelled
from kgenre.collections.tables import COLUMNS
from kgenre.core.progress import SILENT
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.start import begin


def tracks_of(genres: list[str], splits: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(
        {"path": [f"{number}.wav" for number in range(len(genres))], "genres": genres, "split": splits}
    )
    table["genre"] = [text if "|" not in text else "" for text in genres]
    return table.reindex(columns=COLUMNS).astype("string").fillna("")


def single() -> pd.DataFrame:
    """40 train tracks of a, 10 of b, 2 of c; 5 valid and 5 test tracks of a."""
    return tracks_of(["a"] * 40 + ["b"] * 10 + ["c"] * 2 + ["a"] * 10, ["train"] * 52 + ["valid"] * 5 + ["test"] * 5)


@pytest.mark.parametrize(
    "share, counts", [(0.0, (1, 1, 1)), (0.05, (2, 1, 1)), (0.2, (8, 2, 1)), (0.32, (13, 3, 1)), (0.75, (30, 8, 2))]
)
def test_share_is_drawn_of_each_genre_and_of_train_alone(share, counts):
    table, sentence = draw_labelled(single(), share, seed=1)
    train = table[table["split"] == "train"]
    assert tuple(train["genre"].value_counts().reindex(["a", "b", "c"])) == counts
    assert table["split"].value_counts()[["valid", "test"]].tolist() == [5, 5]
    assert sentence == f"; {sum(counts)} of 52 train tracks drawn, {share:g} of each genre, seed 1"


def test_draw_depends_on_the_seed_and_a_larger_one_holds_a_smaller():
    paths = [
        set(draw_labelled(single(), share, seed)[0]["path"]) for share, seed in ((0.1, 1), (0.1, 1), (0.3, 1), (0.1, 2))
    ]
    assert paths[0] == paths[1] < paths[2] and paths[0] != paths[3]
    whole, sentence = draw_labelled(single(), 1.0, seed=1)
    assert len(whole) == 62 and sentence == ""


def test_of_several_genres_a_track_each_keeps_a_track():
    table, _ = draw_labelled(tracks_of(["a|b"] * 30 + ["b"] + ["a|c"] * 9, ["train"] * 40), 0.01, seed=0)
    assert {genre for text in table["genres"] for genre in text.split("|")} == {"a", "b", "c"} and len(table) < 6


def test_run_learns_from_the_drawn_tracks_alone(tmp_path):
    rng = np.random.default_rng(0)
    genre, split = np.array(["a", "b"] * 12), np.array(["train"] * 20 + ["valid", "test"] * 2)
    path = tmp_path / "mels.npz"
    np.savez(path, mel=rng.integers(0, 255, (24, 80, 60)).astype("uint8"), genre=genre, split=split)
    settings = RunSettings.compose({"data": str(path), "arch": "convconvpool", "label_share": 0.2, "slice_frames": 40})
    run = Run(tmp_path / "run")
    begin(settings, run, SILENT)
    tracks = run.load_tracks()
    assert tracks["split"].value_counts().to_dict() == {"train": 4, "valid": 2, "test": 2}
    assert run.load_facts()["protocol"].endswith("; 4 of 20 train tracks drawn, 0.2 of each genre, seed 0")
    others = pd.read_csv(run / "left_out.csv")
    assert len(others) == 16 and set(others["cause"]) == {"not drawn by --label-share"}
    assert not set(others["name"]) & set(tracks["path"])
