"""Recordings that a collection holds twice: made copies are found, and different songs are not."""

import shutil
from pathlib import Path

import mutagen
import numpy as np
import pandas as pd
import pytest
import soundfile
from audio_files import music, write_av
from libraries import LevelModel

from kgenre import datasets
from kgenre.audio.decoders import AudioError
from kgenre.collections.tables import COLUMNS as TRACK_COLUMNS
from kgenre.collections.tables import read_manifest
from kgenre.core.errors import KgenreError
from kgenre.inspection import alignment
from kgenre.inspection.alignment import envelope, match
from kgenre.inspection.duplicates import COLUMNS, THRESHOLD, find_duplicates


def altered(folder: Path, samples: np.ndarray, rate: int) -> dict[str, Path]:
    """{kind: path} of copies of a mono song as real collections hold them."""
    rng = np.random.default_rng(1)
    noise = 10 ** (-30 / 20) * samples.std() * rng.standard_normal(samples.shape)
    paths = {kind: folder / f"{kind}.flac" for kind in ("gain", "cut", "noise", "rate")}
    soundfile.write(paths["gain"], 0.4 * samples, rate)
    soundfile.write(paths["cut"], samples[round(0.525 * rate) :], rate)
    soundfile.write(paths["noise"], np.clip(samples + noise, -1, 1), rate)
    soundfile.write(paths["rate"], samples[::2], rate // 2)
    paths["mp3"] = folder / "mp3.mp3"
    write_av(paths["mp3"], samples[:, None], rate, "libmp3lame")
    return paths


@pytest.fixture(scope="module")
def planted(collection, tmp_path_factory) -> dict[str, str]:
    """The demo collection with copies across splits: one in another form, one with other tags, one in one split."""
    folder = tmp_path_factory.mktemp("planted")
    table = read_manifest(collection / "manifest.csv")
    table["split"] = [("train", "valid", "test")[row % 3] for row in range(len(table))]
    first = {split: table[table["split"] == split].iloc[0] for split in ("train", "valid", "test")}
    samples, rate = soundfile.read(first["train"]["path"], dtype="float32", always_2d=True)
    near, exact, inside = folder / "near.mp3", folder / "exact.flac", folder / "inside.wav"
    write_av(near, 0.5 * samples[rate // 4 :, :1], rate, "libmp3lame")
    flac = folder / "valid.flac"
    samples, rate = soundfile.read(first["valid"]["path"], dtype="float32")
    soundfile.write(flac, samples, rate)
    shutil.copy(flac, exact)
    tagged = mutagen.File(exact)
    tagged["title"] = "Another Title"
    tagged.save()
    samples, rate = soundfile.read(first["test"]["path"], dtype="float32")
    soundfile.write(inside, 0.9 * samples, rate)
    table.loc[table["path"] == first["valid"]["path"], "path"] = str(flac)
    more = [
        {**first["train"], "path": str(near), "split": "test"},
        {**first["valid"], "path": str(exact), "split": "train"},
        {**first["test"], "path": str(inside)},
    ]
    pd.concat([table, pd.DataFrame(more)]).to_csv(folder / "manifest.csv", index=False)
    names = {"near": (first["train"]["path"], near), "exact": (flac, exact), "inside": (first["test"]["path"], inside)}
    return {"data": str(folder / "manifest.csv"), **{kind: {str(a), str(b)} for kind, (a, b) in names.items()}}


@pytest.fixture
def level_model(monkeypatch) -> LevelModel:
    model = LevelModel()
    monkeypatch.setattr("kgenre.serving.catalogue.open_model", lambda name: model)
    return model


def searched(data: str, folder: Path, *flags: str) -> tuple[int, pd.DataFrame]:
    out = folder / "pairs.csv"
    code = datasets.main([data, "--duplicates", "--vectors", str(folder), "--out", str(out), "--workers", "1", *flags])
    return code, pd.read_csv(out)


def test_match_of_two_envelopes_equals_the_best_correlation_over_all_shifts():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 40)), rng.normal(size=(3, 25))
    b[:, 5:] += 2 * a[:, 10:30]  # b's frame 5 on a's frame 10
    best = -1.0
    for shift in range(-24, 40):
        low, high = max(0, shift), min(40, 25 + shift)
        if high - low >= 12.5:
            x, y = a[:, low:high], b[:, low - shift : high - shift]
            best = max(best, (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))
    assert match(a, b) == pytest.approx(best, abs=1e-5) and best > 0.7  # float32
    assert match(b, a) == pytest.approx(best, abs=1e-5)
    assert match(a, a) == pytest.approx(1, abs=1e-6) and match(a, np.zeros((3, 9))) == 0


def test_match_of_altered_copies_is_above_the_threshold_and_of_other_songs_below(tmp_path):
    rate = 16000
    songs = [music(6.0, rate, 1, seed)[:, 0] for seed in range(4)]
    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "song.flac", songs[0], rate)
    original = envelope(str(tmp_path / "song.flac"))
    copies = {
        kind: match(original, envelope(str(path))) for kind, path in altered(tmp_path / "a", songs[0], rate).items()
    }
    assert min(copies.values()) > THRESHOLD, copies
    # The chord of `music` is always the same and struck at the same times: other songs have other clicks, cut at will.
    rng = np.random.default_rng(0)
    for seed in (1, 2, 3):
        other = np.concatenate([songs[seed][int(start) :][: rate // 2] for start in rng.integers(0, 80000, 12)])
        soundfile.write(tmp_path / f"{seed}.flac", other, rate)
        assert match(original, envelope(str(tmp_path / f"{seed}.flac"))) < THRESHOLD


def test_duplicates_planted_across_splits_are_found_first_and_no_other_pair(planted, level_model, tmp_path, capsys):
    code, pairs = searched(planted["data"], tmp_path)
    assert code == 0 and list(pairs.columns) == COLUMNS
    found = [
        ({a, b}, kind, leak) for a, b, kind, leak in zip(*(pairs[n] for n in ("path_a", "path_b", "kind", "leak")))
    ]
    assert found == [
        (planted["exact"], "exact", True),
        (planted["near"], "near", True),
        (planted["inside"], "near", False),
    ]
    assert pairs["group"].tolist() == [1, 2, 3] and (pairs["genre_a"] == pairs["genre_b"]).all()
    assert {pairs["split_a"][1], pairs["split_b"][1]} == {"train", "test"}
    said = capsys.readouterr().out
    assert "3 pairs of duplicates in 3 groups among 21 tracks; 1 exact, 2 near; 2 across two splits" in said
    assert said.count("LEAK") == 2 and "near.mp3" in said


def test_duplicates_among_different_songs_are_none(collection, level_model, tmp_path, capsys):
    code, pairs = searched(str(collection / "manifest.csv"), tmp_path)
    assert code == 0 and pairs.empty and list(pairs.columns) == COLUMNS
    assert "no duplicates among 18 tracks" in capsys.readouterr().out


def test_duplicates_stopped_and_repeated_embed_only_what_is_missing(collection, level_model, tmp_path, capsys):
    level_model.stops_at = 2
    arguments = [str(collection / "manifest.csv"), "--duplicates", "--vectors", str(tmp_path), "--workers", "1"]
    assert datasets.main(arguments) == 130
    level_model.stops_at, before = None, sum(level_model.analysed)
    assert datasets.main(arguments) == 0
    assert (all_slices := sum(level_model.analysed)) > before
    assert datasets.main(arguments) == 0 and sum(level_model.analysed) == all_slices
    assert len(list(tmp_path.rglob("features.npz"))) == 1


def test_duplicates_unreadable_file_is_named_and_the_others_are_compared(planted, level_model, tmp_path, capsys):
    table = pd.read_csv(planted["data"])
    (tmp_path / "broken.mp3").write_bytes(b"no music")
    broken = {**table.iloc[0], "path": str(tmp_path / "broken.mp3")}
    pd.concat([table, pd.DataFrame([broken])]).to_csv(tmp_path / "manifest.csv", index=False)
    code, pairs = searched(str(tmp_path / "manifest.csv"), tmp_path)
    assert code == 1 and len(pairs) == 3
    assert "not compared" in (said := capsys.readouterr().err) and "broken.mp3" in said


def test_duplicates_are_compared_by_the_decoder_that_is_asked_for(collection, level_model, tmp_path, monkeypatch):
    decoders, read = [], alignment.read_samples
    monkeypatch.setattr(
        alignment, "read_samples", lambda path, rate, most, decoder: decoders.append(decoder) or read(path, rate, most)
    )
    assert searched(str(collection / "manifest.csv"), tmp_path, "--decoder", "libsndfile")[0] == 0
    assert len(decoders) == 18 and set(decoders) == {"libsndfile"}


def invented(n: int) -> pd.DataFrame:
    rows = [{"path": f"/{i}", "genre": "a", "genres": "a", "split": "train", "track_id": str(i)} for i in range(n)]
    return pd.DataFrame(rows).reindex(columns=TRACK_COLUMNS).fillna("")


def test_find_duplicates_copies_of_one_song_are_one_group():
    rng = np.random.default_rng(0)
    songs = [rng.normal(size=(4, 60)) for _ in range(3)]
    of = {"/0": 0, "/1": 1, "/2": 0, "/3": 2, "/4": 0}
    vectors = {path: rng.normal(size=8) for path in of}

    def envelope_of(path):
        if path == "/3":
            raise AudioError(path, "gone.")
        return songs[of[path]]

    hashes = {"/1": b"x", "/3": b"x"}
    pairs, failures = find_duplicates(invented(5), vectors, hashes, envelope_of=envelope_of)
    by_group = {frozenset(group["path_a"]) | frozenset(group["path_b"]) for _, group in pairs.groupby("group")}
    assert by_group == {frozenset({"/0", "/2", "/4"}), frozenset({"/1", "/3"})}
    assert failures == {"/3": "gone."} and pairs["kind"].value_counts().to_dict() == {"near": 3, "exact": 1}
    row = pairs[(pairs["path_a"] == "/0") & (pairs["path_b"] == "/2")].iloc[0]
    a, b = vectors["/0"], vectors["/2"]
    assert row["similarity"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)


def test_find_duplicates_without_vectors_compares_hashes_alone():
    pairs, failures = find_duplicates(invented(3), {}, {"/0": b"x", "/2": b"x"})
    assert pairs[["path_a", "path_b", "kind"]].to_numpy().tolist() == [["/0", "/2", "exact"]]
    assert pairs["similarity"].isna().all() and not failures


@pytest.mark.parametrize("threshold", ["0", "1.01", "nan"])
def test_duplicates_threshold_out_of_range_is_refused_before_the_work(collection, threshold, level_model, capsys):
    assert datasets.main([str(collection / "manifest.csv"), "--duplicates", "--threshold", threshold]) == 2
    assert "--threshold must be above 0 and at most 1" in capsys.readouterr().err and not level_model.analysed
    with pytest.raises(KgenreError, match="--threshold"):
        find_duplicates(invented(2), {}, {}, float(threshold))


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (("--describe", "--threshold", "0.8"), "--threshold applies to --duplicates"),
        (("--duplicates", "--sample", "5"), "--sample applies to --describe"),
        (("--duplicates", "--out", "pairs.html"), "must end in .csv"),
        (("--describe", "--sample", "-1"), "--sample must be at least 0"),
    ],
)
def test_datasets_flag_that_does_not_apply_is_refused(collection, flags, rule, capsys):
    assert datasets.main([str(collection / "manifest.csv"), *flags]) == 2
    assert rule in capsys.readouterr().err


def test_benchmark_of_made_copies_counts_them_and_false_pairs(collection, level_model, tmp_path, capsys):
    from benchmarks import duplicates

    command = ["--data", str(collection / "manifest.csv"), "--out", str(tmp_path), "--every", "9"]
    assert duplicates.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "18 tracks, 10 copies, 0 not compared"
    assert "| 0.75 | 100% | 100% | 100% | 100% | 100% | 0 |" in lines
