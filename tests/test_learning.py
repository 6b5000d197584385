"""The whole chain learns: what differs is told apart on held-out tracks, what does not differ is not."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from kgenre import train

RATE = 22050
# Slices of 130 frames, and an image as wide.
FLAGS = [
    "--slice-seconds", "1.5", "--hop-length", "256", "--image-width", "130", "--epochs", "2", "--crops-per-track", "4",
    "--batch-size", "16",
]  # fmt: skip


def chirps(rng: np.random.Generator) -> np.ndarray:
    """Rising tones, two a second, from a random pitch."""
    time = np.arange(round(2.5 * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * (rng.uniform(300, 600) + 800 * (time % 0.5)) * (time % 0.5))


def clicks(rng: np.random.Generator) -> np.ndarray:
    """Noise bursts, eight a second, of a random colour."""
    time = np.arange(round(2.5 * RATE)) / RATE
    return 0.3 * rng.standard_normal(len(time)) * np.exp(-rng.uniform(20, 60) * (time % 0.125))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """48 tracks of two synthetic genres; level, which the front end removes, is random."""
    folder, rng = tmp_path_factory.mktemp("genres"), np.random.default_rng(0)
    rows = []
    for number in range(48):
        genre, make = [("chirps", chirps), ("clicks", clicks)][number % 2]
        split = "train" if number < 24 else "valid" if number < 32 else "test"
        soundfile.write(folder / f"{number}.wav", make(rng) * rng.uniform(0.1, 1), RATE)
        rows.append({"path": f"{number}.wav", "genre": genre, "split": split, "artist": f"artist {number}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def accuracy(manifest, out, *flags: str) -> dict:
    assert train.main(["--data", str(manifest), "--out", str(out), *FLAGS, *flags]) == 0
    return json.loads((out / "metrics.json").read_text())


def test_two_synthetic_genres_reach_100_percent_on_held_out_tracks(manifest, tmp_path):
    metrics = accuracy(manifest, tmp_path / "run")
    assert metrics["tracks"] == 16
    assert metrics["accuracy"] == 1.0


@pytest.mark.soak
def test_shuffled_labels_are_not_learnt(manifest, tmp_path):
    table = pd.read_csv(manifest)
    shuffled = table.groupby("split", group_keys=False)["genre"].transform(
        lambda genres: np.random.default_rng(7).permutation(genres)
    )
    table.assign(genre=shuffled).to_csv(manifest.parent / "shuffled.csv", index=False)
    metrics = accuracy(manifest.parent / "shuffled.csv", tmp_path / "run", "--epochs", "4", "--patience", "4")
    # 16 tracks by chance: more than 12 right has a probability of 1 %; a leak of the label would give 16.
    assert metrics["accuracy"] <= 12 / 16
