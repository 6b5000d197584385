"""Embedding files: their content, continuing after a kill, and what is refused."""

import importlib.util
import os
import shutil
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from audio_files import tone, write_sound

from kgenre import embed
from kgenre.audio.decode import decode
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving import catalogue
from kgenre.serving import predict as inference
from kgenre.serving.model import Model

RATE = 8000
SECONDS = {"a.wav": 3.0, "b.wav": 1.0, "c.flac": 2.2, "d.wav": 0.4, "e.wav": 5.1}
SUFFIXES = [
    ".npz",
    pytest.param(
        ".parquet",
        marks=pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"),
    ),
]


@dataclass
class Level(Model):
    """A model whose embedding of a slice is its mean, deviation and peak; it fails at call number `fails_at`."""

    identity: str = "one"
    slice_spec: SliceSpec = SliceSpec(RATE, RATE, RATE // 2)
    fails_at: int | None = None
    name: str = "level"
    task: SingleLabel = SingleLabel(("loud", "quiet"))
    batches: list = field(default_factory=list)

    def __call__(self, slices):
        slices = np.asarray(slices)
        self.batches.append(len(slices))
        if self.fails_at is not None and len(self.batches) > self.fails_at:
            raise KeyboardInterrupt
        return SliceOutputs(np.full((len(slices), 2), 0.5, "float32"), describe(slices))


def describe(slices):
    return np.stack([slices.mean(axis=1), slices.std(axis=1), slices.max(axis=1)], axis=1)


@pytest.fixture
def manifest(tmp_path):
    """A manifest of five songs of two genres; returns its path."""
    for number, (name, seconds) in enumerate(SECONDS.items()):
        rise = np.linspace(0.1, 0.9, round(seconds * RATE), dtype="float32")[:, None]
        write_sound(tmp_path / name, tone(100 + 100 * number, seconds, RATE, 1.0) * rise, RATE)
    lines = [f"{name},{'rock' if name < 'c' else 'jazz'},{'test' if name == 'e.wav' else 'train'},{name[0].upper()}\n"
             for name in SECONDS]  # fmt: skip
    (tmp_path / "manifest.csv").write_text("path,genre,split,artist\n" + "".join(lines))
    return tmp_path / "manifest.csv"


@pytest.fixture
def run(manifest, monkeypatch, capsys):
    """run(model, arguments...) -> exit status, standard output, standard error."""

    def call(model, *arguments, to="out.npz", data=True):
        monkeypatch.setattr(catalogue, "open_model", lambda name, runtime="auto": model)
        given = ["--data", str(manifest)] if data else []
        status = embed.main(["--out", str(manifest.parent / to), "--model", "x", *given, *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_embed_of_songs_writes_the_outputs_of_each_slice(run, manifest, suffix):
    status, out, _ = run(Level(), to=f"out{suffix}")
    assert status == 0 and "5 tracks, 5 of them new" in out
    read = read_embeddings(manifest.parent / f"out{suffix}")
    table = read.table.set_index("track_id")
    assert sorted(table.index) == ["a", "b", "c", "d", "e"]
    assert table.loc["e", ["genre", "split", "artist"]].tolist() == ["jazz", "test", "E"]
    assert read.header["model"] == "level" and read.header["identity"] == "one"
    assert read.header["config"]["hop_samples"] == RATE // 2 and "soxr" in read.header["decoder_versions"]
    row = 0
    for track, path in enumerate(read.table["path"]):
        samples = decode(path, RATE).samples
        expected = describe(cut_slices(samples, SliceSpec(RATE, RATE, RATE // 2)))
        rows = slice(row, row + len(expected))
        assert read.table["slices"][track] == len(expected)
        assert read.table["seconds"][track] == len(samples) / RATE
        np.testing.assert_allclose(read.slice_embeddings[rows], expected, atol=1e-6)
        np.testing.assert_array_equal(
            read.slice_starts[rows], SliceSpec(RATE, RATE, RATE // 2).starts(len(samples)) / RATE
        )
        np.testing.assert_allclose(read.mean[track], expected.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(read.max[track], expected.max(axis=0), atol=1e-6)
        row += len(expected)
    assert row == len(read.slice_embeddings) == len(read.slice_starts)
    assert read.pooled("concat").shape == (5, 6)
    light = read_embeddings(manifest.parent / f"out{suffix}", slices=False)
    np.testing.assert_array_equal(light.mean, read.mean)
    assert light.slice_embeddings is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_embed_after_a_kill_continues_and_equals_an_unbroken_run(run, manifest, suffix, monkeypatch):
    monkeypatch.setattr(inference.predict_tracks, "__defaults__", (2, 1, lambda: None))  # batches of two slices
    assert run(Level(), to="whole.npz")[0] == 0
    out, parts = manifest.parent / f"out{suffix}", manifest.parent / f".out{suffix}.parts"
    status, _, err = run(Level(fails_at=4), "--workers", "1", to=out.name)
    assert status == 130 and err.strip().endswith("stopped")
    assert not out.exists()
    done = [len(read_embeddings(part).slice_starts) for part in parts.glob(f"0*{suffix}")]
    assert 0 < len(done) < 5
    (parts / f".{32 * '0'}-000009-{16 * '0'}{suffix}").write_bytes(b"a part that was being written when the power went")
    model = Level()
    status, text, _ = run(model, to=out.name)
    assert status == 0 and "5 tracks, 5 of them new" in text
    assert sum(model.batches) == len(read_embeddings(out).slice_starts) - sum(done)
    assert not parts.exists()
    one, other = (read_embeddings(path) for path in (manifest.parent / "whole.npz", out))
    order = [np.argsort(read.table["path"].to_numpy(str)) for read in (one, other)]
    np.testing.assert_allclose(one.mean[order[0]], other.mean[order[1]], atol=1e-6)
    np.testing.assert_allclose(
        np.sort(one.slice_embeddings, axis=0), np.sort(other.slice_embeddings, axis=0), atol=1e-6
    )
    pd.testing.assert_frame_equal(
        one.table.sort_values("path", ignore_index=True), other.table.sort_values("path", ignore_index=True)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_embed_of_unchanged_files_does_not_analyse_them_again(run, manifest, suffix):
    to, out = f"out{suffix}", manifest.parent / f"out{suffix}"
    assert run(Level(), to=to)[0] == 0
    before, written = read_embeddings(out), out.stat().st_mtime_ns
    model = Level()
    assert run(model, to=to)[0] == 0
    assert model.batches == [] and out.stat().st_mtime_ns == written
    write_sound(manifest.parent / "b.wav", tone(900, 1.5, RATE), RATE)
    manifest.write_text(manifest.read_text().replace("e.wav,jazz,test", "e.wav,jazz,valid"))
    (manifest.parent / "a.wav").rename(manifest.parent / "gone.wav")
    manifest.write_text(manifest.read_text().replace("a.wav", "gone.wav"))
    status, text, _ = run(model, to=to)
    assert status == 0 and "5 tracks, 2 of them new" in text
    after = read_embeddings(out)
    table = after.table.set_index("track_id")
    assert sorted(table.index) == ["b", "c", "d", "e", "gone"]
    assert table.loc["e", "split"] == "valid" and table.loc["b", "seconds"] == 1.5
    for name in ("c", "e"):
        old, new = ((read.table["track_id"] == name).to_numpy() for read in (before, after))
        np.testing.assert_array_equal(before.mean[old], after.mean[new])


def test_embed_of_other_songs_keeps_those_of_the_earlier_call(run, manifest):
    folder = manifest.parent
    assert run(Level(), folder / "a.wav", data=False)[0] == 0
    assert run(Level(), folder / "b.wav", folder / "a.wav", folder / "b.wav", data=False)[0] == 0
    status, text, _ = run(Level(), folder / "c.flac", data=False)
    assert status == 0 and "1 track, 1 of them new" in text
    table = read_embeddings(folder / "out.npz").table
    assert table["track_id"].tolist() == ["a", "b", "c"] and set(table["genre"]) == {""}


def test_embed_with_a_disk_not_mounted_keeps_its_tracks(run, manifest):
    folder = manifest.parent
    (folder / "disk").mkdir()
    shutil.move(folder / "a.wav", folder / "disk")
    assert run(Level(), folder / "disk" / "a.wav", data=False)[0] == 0
    (folder / "disk").rename(folder / "away")
    assert run(Level(), folder / "b.wav", data=False)[0] == 0
    assert read_embeddings(folder / "out.npz").table["track_id"].tolist() == ["a", "b"]


@pytest.mark.parametrize("change", [{"identity": "two"}, {"slice_spec": SliceSpec(RATE, RATE, RATE)}])
def test_embed_of_another_model_or_setting_is_refused(run, manifest, change):
    assert run(Level())[0] == 0
    out = manifest.parent / "out.npz"
    before = out.read_bytes()
    status, _, err = run(Level(**change))
    [line] = err.splitlines()
    what = "another model: level (one), now level (two)" if "identity" in change else "other settings: "
    assert status == 2 and line.startswith(f"kgenre: {out}: holds vectors of {what}")
    assert "identity" in change or f"hop_samples {RATE // 2}, now {RATE}. Name" in line
    assert line.endswith("Name another file, or delete this one.") and out.read_bytes() == before


def test_embed_with_parts_of_another_model_is_refused(run, manifest, monkeypatch):
    monkeypatch.setattr(inference.predict_tracks, "__defaults__", (2, 1, lambda: None))
    assert run(Level(fails_at=4), "--workers", "1")[0] == 130
    status, _, err = run(Level(identity="two"))
    assert status == 2 and f"{manifest.parent / '.out.npz.parts'}: holds parts with identity=one, now two." in err


def test_embed_with_bad_files_lists_them_and_writes_the_rest(run, manifest):
    (manifest.parent / "c.flac").write_text("no music")
    (manifest.parent / "b.wav").unlink()
    status, text, err = run(Level())
    assert status == 1 and "3 tracks" in text
    lines = sorted(err.splitlines())
    assert [line.split(": ")[1].rsplit("/")[-1] for line in lines] == ["b.wav", "c.flac"]
    assert sorted(read_embeddings(manifest.parent / "out.npz").table["track_id"]) == ["a", "d", "e"]


def test_embed_of_no_usable_file_writes_nothing(run, manifest):
    for name in SECONDS:
        (manifest.parent / name).write_text("no music")
    status, _, err = run(Level())
    assert status == 2 and len(err.splitlines()) == 6
    assert err.splitlines()[-1] == f"kgenre: {manifest.parent / 'out.npz'}: not written: no track could be used."
    assert not (manifest.parent / "out.npz").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_embed_of_name_that_is_not_utf8_needs_npz(run, manifest, suffix):
    name = os.fsdecode(b"caf\xe9.wav")
    write_sound(manifest.parent / "x.wav", tone(300, 1.0, RATE), RATE)
    (manifest.parent / "x.wav").rename(manifest.parent / name)
    status, _, err = run(Level(), manifest.parent / name, data=False, to=f"out{suffix}")
    if suffix == ".parquet":
        assert status == 2 and "not UTF-8, which Parquet cannot hold. Name a file of another format." in err
    else:
        assert status == 0
        assert read_embeddings(manifest.parent / "out.npz").table["path"].tolist() == [str(manifest.parent / name)]


@pytest.mark.parametrize(
    ("content", "cause"), [(b"text", ""), (b"", ""), ("foreign", "header is not a file in the archive"), ("half", "")]
)
def test_embed_to_a_foreign_file_is_one_line(run, manifest, content, cause):
    out = manifest.parent / "out.npz"
    if content == "foreign":
        np.savez(out, a=np.zeros(3))
    elif content == "half":
        run(Level())
        out.write_bytes(out.read_bytes()[:-100])
    else:
        out.write_bytes(content)
    status, _, err = run(Level())
    [line] = err.splitlines()
    assert status == 2 and line.startswith(f"kgenre: {out}: not a readable embedding file (") and cause in line


def test_command_with_wrong_arguments_is_one_line(run, manifest, monkeypatch):
    for options, message in [
        ({"to": "out.csv"}, "the file's name must end in .npz or .parquet. Received: .csv."),
        ({"to": "nowhere/out.npz"}, "no such folder"),
        ({"data": False}, "Name either songs or a collection with --data: one of the two."),
    ]:
        status, _, err = run(Level(), **options)
        assert status == 2 and message in err and len(err.splitlines()) == 1
    status, _, err = run(Level(), manifest.parent / "a.wav")
    assert status == 2 and "one of the two" in err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, err = run(Level(), to="out.parquet")
    assert status == 2 and "Parquet needs pyarrow. `pip install pyarrow`, or name a file of another format." in err
