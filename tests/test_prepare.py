"""kgenre prepare: sets of real files, resumed, killed, damaged, changed; and training from them."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import prepared_sets
import pytest
import small_run
from audio_files import cut_short, music, write_sound
from prepared_sets import GENRES, RATE, contents, flip, kill_and_resume, prepare_apart, rounding_bound, write_collection

from kgenre.__main__ import main
from kgenre.audio.decoders import decoder_versions
from kgenre.audio.reader import TrackReader
from kgenre.audio.shards import member_digest
from kgenre.audio.slicing import SliceSpec
from kgenre.collections import load_collection
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.files import locked
from kgenre.core.progress import SILENT
from kgenre.preparation import work
from kgenre.preparation.request import Request
from kgenre.training.batches import TrainingCrops
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.start import begin

OPTIONS = list(prepared_sets.OPTIONS)


def prepare(*arguments, workers: str = "1") -> int:
    return main(["prepare", *map(str, arguments), "--workers", workers])


def refusal(capsys, *arguments) -> str:
    """What the command says when it refuses, in one line."""
    capsys.readouterr()
    assert main(["prepare", *map(str, arguments), "--workers", "1"]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and said.startswith("kgenre: ")
    return said


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The manifest of 12 songs of six formats, and of one that is none."""
    manifest = write_collection(tmp_path_factory.mktemp("prepare") / "music")
    (manifest.parent / "words.mp3").write_text("no audio at all")
    cut_short(manifest.parent / "song 3.wav", manifest.parent / "cut.wav")
    with manifest.open("a") as rows:
        rows.write("words.mp3,a,train,nobody,bad\ncut.wav,b,train,someone,cut\n")
    return manifest


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory) -> tuple[Path, float]:
    """The set of `data`, prepared in two processes, and the seconds that it took."""
    folder, began = tmp_path_factory.mktemp("peace") / "set", time.monotonic()
    status, said = prepare_apart(data, folder)
    assert status == 0, said
    return folder, time.monotonic() - began


@pytest.fixture(scope="module")
def peace(undisturbed) -> Path:
    return undisturbed[0]


@pytest.fixture
def copy(peace, tmp_path) -> Path:
    """A copy of the set, to be damaged."""
    return Path(shutil.copytree(peace, tmp_path / "set"))


# What is written
def test_manifest_index_and_left_out_tell_what_is_there(data, peace):
    manifest = json.loads((peace / "manifest.json").read_text())
    assert manifest["tracks"] == 13 and manifest["files"] == 14 and manifest["left_out"] == 1
    assert manifest["settings"]["sample_rate_hz"] == RATE and manifest["decoder_versions"] == decoder_versions()
    assert manifest["protocol"] == "split given by the manifest" and manifest["splits"]["train"] == 9
    assert len(manifest["shards"]) == 4
    table = pd.read_csv(peace / "tracks.csv", keep_default_na=False)
    assert list(table["file"]) == [str(data.parent / name) for name in table["file"].map(os.path.basename)]
    for shard in manifest["shards"]:
        own = table[table["path"].str.startswith(shard["file"])]
        assert len(own) == shard["tracks"] and own["samples"].sum() == shard["samples"]
        assert list(own["first_sample"]) == [0, *own["samples"].cumsum()[:-1]]
        assert (peace / shard["file"]).stat().st_size == shard["bytes"]
    assert (peace / "left_out.csv").read_text().startswith(f"name,cause\n{data.parent}/words.mp3,")
    assert not list(peace.glob(".*"))


def test_prepared_set_is_the_collection_of_its_files(data, peace):
    made, held = load_collection(str(data)), load_collection(str(peace))
    usable = made.table[~made.table["path"].str.endswith("words.mp3")].reset_index(drop=True)
    texts = ["genre", "genres", "split", "artist", "album", "track_id"]
    pd.testing.assert_frame_equal(held.table[texts], usable[texts])
    assert (held.protocol, held.task, held.leaky) == (made.protocol, made.task, made.leaky)
    assert str(data.parent / "words.mp3") in held.left_out


def test_set_can_be_moved(peace, tmp_path):
    moved = Path(shutil.copytree(peace, tmp_path / "elsewhere"))
    assert all(path.startswith(str(moved)) for path in load_collection(str(moved)).table["path"])


def test_made_split_stays_and_another_can_be_made(tmp_path, collection):
    assert prepare("--data", collection / "manifest.csv", "--out", tmp_path / "set", "--seed", "3") == 0
    made = load_collection(str(collection / "manifest.csv"), seed=3)
    held = load_collection(str(tmp_path / "set"), seed=0)
    assert list(held.table["split"]) == list(made.table["split"]) and held.protocol == made.protocol
    other = load_collection(str(tmp_path / "set"), seed=1, options=CollectionOptions(protocol="track"))
    assert other.protocol == "split by track, artists ignored, the given split ignored, seed 1"
    table = pd.read_csv(tmp_path / "set" / "tracks.csv", dtype="string", keep_default_na=False)
    reread = load_collection(str(tmp_path / "set"), options=CollectionOptions(task="multi"))
    assert list(reread.table["genres"]) == list(table["genres"]) and reread.task == "multi"


def test_parts_of_files_are_parts_of_their_track(tmp_path, data):
    rows = ["path,genre,split"]
    for number in range(4):
        for start, end in ((0, 2), (2, 4.5)):
            rows.append(f"song {number}.flac#t={start},{end},{GENRES[number % 2]},{('train', 'test')[number // 2]}")
    for number, name in enumerate(["song 2.flac", "song 8.flac", "song 3.wav", "song 9.wav"]):
        shutil.copy(data.parent / name, tmp_path / f"song {number}.flac")
    (tmp_path / "parts.csv").write_text("\n".join(rows) + "\n")
    frame = pd.DataFrame([row.rsplit(",", 2) for row in rows[1:]], columns=["path", "genre", "split"])
    frame.to_csv(tmp_path / "parts.csv", index=False)
    assert prepare("--data", tmp_path / "parts.csv", "--out", tmp_path / "set", "--allow-leak") == 0
    held = load_collection(str(tmp_path / "set"), options=CollectionOptions(allow_leak=True)).table
    made = load_collection(str(tmp_path / "parts.csv"), options=CollectionOptions(allow_leak=True)).table
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["shards"][0]["tracks"] == 4
    spec = SliceSpec(RATE, RATE, RATE)
    for own, path in zip(held["path"], made["path"]):
        a, b = TrackReader(spec).crop(own, 0.5), TrackReader(spec, 1 << 30).crop(path, 0.5)
        assert np.abs(a - b).max() <= rounding_bound(b) + 1e-7


def test_two_songs_of_one_name_are_not_one_recording(tmp_path, data):
    for genre, names in (("a", ("song 2.flac", "song 0.mp3")), ("b", ("song 8.flac", "song 6.mp3"))):
        for album, name in zip("xy", names):
            folder = tmp_path / "music" / genre / f"{genre}{album}"
            folder.mkdir(parents=True)
            shutil.copy(data.parent / name, folder / f"01 - Intro{Path(name).suffix}")
    assert prepare("--data", tmp_path / "music", "--out", tmp_path / "set") == 0
    table = load_collection(str(tmp_path / "set"), options=CollectionOptions(allow_leak=True)).table
    assert set(table["track_id"]) == {f"{name}/01 - Intro" for name in ("ax", "ay", "bx", "by")}


def test_copies_on_two_sides_leak_in_a_set_as_in_files(tmp_path, data):
    (tmp_path / "music").mkdir()
    rows = ["path,genre,split,track_id"]
    for number, (name, split) in enumerate(
        [("song 2.flac", "train"), ("song 2.flac", "test"), ("song 8.flac", "train")]
    ):
        shutil.copy(data.parent / name, tmp_path / "music" / f"{number}.flac")
        rows.append(f"{number}.flac,{GENRES[number // 2]},{split},id {number}")
    (tmp_path / "music" / "m.csv").write_text("\n".join(rows) + "\n")
    assert prepare("--data", tmp_path / "music" / "m.csv", "--out", tmp_path / "set", "--allow-leak") == 0
    assert "two sides: the same audio" in _load_fault(tmp_path / "set")
    leaky = load_collection(str(tmp_path / "set"), options=CollectionOptions(allow_leak=True)).leaky
    assert leaky.startswith("the split has tracks on two sides: the same audio, as ")


# Resuming
def test_one_process_and_two_write_equal_bytes(data, peace, tmp_path):
    assert prepare("--data", data, "--out", tmp_path / "set", *OPTIONS) == 0
    assert contents(tmp_path / "set") == contents(peace)


def test_repeated_command_touches_no_shard(copy, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in copy.glob("shard-*")}
    assert prepare("--out", copy, "--max-bad-share", "0.5") == 0
    assert {path.name: path.stat().st_mtime_ns for path in copy.glob("shard-*")} == before
    assert "13 tracks" in capsys.readouterr().out


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_prepare_that_was_killed_ends_in_equal_bytes(data, undisturbed, tmp_path, kills):
    peace, seconds = undisturbed
    there = kill_and_resume(data, tmp_path / "set", kills, seconds)
    assert contents(tmp_path / "set") == contents(peace), there
    assert any(0 < number < 4 for number in there), there  # of shards: kills in the middle


KILLED = """
import os, signal
from kgenre.preparation import work

write, done = work.write_shard, []

def killed(plan):
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(write(plan))
    return done[-1]

work.write_shard = killed
"""


def test_kill_between_two_shards_leaves_the_first_as_it_is(data, peace, tmp_path):
    folder = tmp_path / "set"
    flags = ["--data", str(data), "--out", str(folder), *OPTIONS, "--workers", "1"]
    command = [sys.executable, "-c", KILLED + prepared_sets.COMMAND, "prepare", *flags]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    done = {path.with_suffix(".shard") for path in folder.glob("shard-*.json")}
    assert len(done) == 2
    times = {path: path.stat().st_mtime_ns for path in done}
    assert "not finished" in _load_fault(folder)
    assert prepare("--out", folder, "--max-bad-share", "0.5") == 0
    assert {path: path.stat().st_mtime_ns for path in done} == times and contents(folder) == contents(peace)


def _load_fault(folder: Path) -> str:
    with pytest.raises(KgenreError) as caught:
        load_collection(str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_missing_or_cut_shard_is_named_and_written_again_alone(copy, peace, damage):
    file = copy / "shard-00001.shard"
    if damage == "cut":
        os.truncate(file, 1000)
    else:
        file.unlink()
    assert f"{file}: " in _load_fault(copy) and f"`kgenre prepare --out {copy}`" in _load_fault(copy)
    before = {path: path.stat().st_mtime_ns for path in copy.glob("*.shard") if path != file}
    assert prepare("--out", copy, "--max-bad-share", "0.5") == 0
    assert contents(copy) == contents(peace)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_set_that_another_version_of_the_decoder_began_is_finished_and_tells_both(copy):
    shards = sorted(copy.glob("*.shard"))
    facts = json.loads(shards[0].with_suffix(".json").read_text())
    shards[0].with_suffix(".json").write_text(json.dumps({**facts, "decoder_versions": "libsndfile 0.1"}))
    shards[1].unlink()
    assert prepare("--out", copy) == 0
    versions = json.loads((copy / "manifest.json").read_text())["decoder_versions"]
    assert versions == f"libsndfile 0.1; {decoder_versions()}"


def test_part_of_another_version_of_the_decoder_goes_on(plain, tmp_path, monkeypatch, capsys):
    command = ("--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN)
    assert prepare(*command, "--part", "1/2") == 0
    for module in ("work", "shard_writer"):
        monkeypatch.setattr(f"kgenre.preparation.{module}.decoder_versions", lambda decoder: "libsndfile 99")
    assert prepare(*command, "--part", "2/2") == 0 and prepare("--out", tmp_path / "set") == 0
    versions = json.loads((tmp_path / "set" / "manifest.json").read_text())["decoder_versions"]
    assert versions == f"{decoder_versions()}; libsndfile 99"


def test_verify_writes_a_damaged_shard_again(copy, peace, capsys):
    flip(copy / "shard-00002.shard", 12345)
    assert prepare("--out", copy, "--max-bad-share", "0.5") == 0
    assert contents(copy) != contents(peace)  # its size does not tell
    assert prepare("--out", copy, "--max-bad-share", "0.5", "--verify") == 0
    said = capsys.readouterr().out
    assert "shard-00002.shard is damaged" in said and "written again: shard-00002.shard\n" in said
    assert "--verify" not in said
    assert prepare("--out", copy, "--verify") == 0
    assert "shards that are there are whole" in capsys.readouterr().out
    found = contents(copy)
    found.pop("verified.json")
    assert found == contents(peace)


# In parts
def test_parts_and_their_merge_write_the_bytes_of_one_run(data, peace, tmp_path, capsys):
    folder = tmp_path / "set"
    for part in ("1/2", "2/2"):
        assert not (folder / "manifest.json").exists()
        assert prepare("--data", data, "--out", folder, *OPTIONS, "--part", part) == 0
    *_, left, following = capsys.readouterr().out.splitlines()
    assert left == f"part 2 of 2: 2 shards, in {tmp_path}/.set.parts"
    command = f"kgenre merge {tmp_path}/.set.parts --out {folder}"
    assert following == f"all parts are there; next: {command}"
    assert main(["merge", f"{tmp_path}/.set.parts", "--out", f"{tmp_path}/wrong"]) == 2
    assert f"holds parts of {folder}. Received: --out {tmp_path}/wrong." in capsys.readouterr().err
    assert main(command.split()[1:]) == 1
    merged = capsys.readouterr()
    assert merged.out == f"{folder}: 4 shards\n" and f"failed: {data.parent}/words.mp3: not an audio" in merged.err
    assert contents(folder) == contents(peace) and os.listdir(tmp_path) == ["set"]


def test_part_whose_shard_was_removed_writes_it_again(data, peace, tmp_path):
    folder, command = tmp_path / "set", ("--data", data, "--out", tmp_path / "set", *OPTIONS, "--part", "1/2")
    assert prepare(*command) == 0
    first, *others = sorted(folder.glob("*.shard"))
    first.unlink()
    before = [path.stat().st_mtime_ns for path in others]
    assert others and prepare(*command) == 0
    assert first.read_bytes() == (peace / first.name).read_bytes()
    assert [path.stat().st_mtime_ns for path in others] == before


def test_parts_share_the_folder_with_each_other_and_not_with_a_whole_run(data, tmp_path, capsys):
    folder = tmp_path / "set"
    folder.mkdir()
    with locked(folder / ".lock", "busy", shared=True):
        assert prepare("--data", data, "--out", folder, *OPTIONS, "--part", "1/2") == 0
        assert "another `kgenre prepare` writes into it" in refusal(capsys, "--out", folder, "--max-bad-share", "0.5")


def test_parts_are_removed_by_to_alone_and_a_part_without_shards_says_nothing_of_the_others(plain, tmp_path, capsys):
    command = ("--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / ".part-99-plan.json").write_text("{")  # of a writer that was killed
    assert prepare(*command, "--part", "5/5") == 0
    assert capsys.readouterr().out == f"part 5 of 5: 0 shards, in {tmp_path}/.set.parts\n"
    for part in ("1/2", "2/2"):
        assert prepare(*command, "--part", part) == 0
    assert (tmp_path / ".set.parts").is_dir() and prepare("--out", tmp_path / "set") == 0
    assert os.listdir(tmp_path) == ["set"] and not list((tmp_path / "set").glob(".*"))


# Files and workers that are not there
PLAIN = ("--sample-rate-hz", "8000", "--shard-mb", "1")


@pytest.fixture
def plain(tmp_path_factory) -> Path:
    """Four songs of a shard each, and m.csv."""
    folder = tmp_path_factory.mktemp("plain")
    for number in range(4):
        write_sound(folder / f"{number}.wav", music(32.5, 8000, 1, seed=number), 8000)
    rows = [f"{number}.wav,{'ab'[number % 2]},{('train', 'test')[number // 2]}" for number in range(4)]
    (folder / "m.csv").write_text("\n".join(["path,genre,split", *rows]) + "\n")
    return folder


def at_shard(monkeypatch, number: int, change) -> None:
    """Calls `change` before the shard of this number is written."""
    write = work.write_shard

    def changing(plan):
        change() if plan.number == number else None
        return write(plan)

    monkeypatch.setattr(work, "write_shard", changing)


def test_disk_that_goes_away_leaves_the_other_shards_to_be_written(plain, tmp_path, capsys, monkeypatch):
    folder, away = tmp_path / "set", plain.with_name("away")
    at_shard(monkeypatch, 2, lambda: plain.rename(away))
    said = refusal(capsys, "--data", plain / "m.csv", "--out", folder, *PLAIN, "--max-bad-share", "0.9")
    assert f"{plain}/2.wav: has changed since the set was begun, or is gone." in said
    assert len(list(folder.glob("*.shard"))) == 2
    away.rename(plain)
    monkeypatch.undo()
    assert prepare("--out", folder) == 0 and len(load_collection(str(folder)).table) == 4
    assert not (folder / "left_out.csv").exists()


def test_file_that_changes_while_it_is_prepared_is_not_in_the_set(plain, tmp_path, capsys, monkeypatch):
    at_shard(monkeypatch, 3, lambda: write_sound(plain / "3.wav", music(9.0, 8000, 1, seed=9), 8000))
    said = refusal(capsys, "--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN)
    assert "3.wav: has changed since the set was begun" in said
    assert "1 changed of 4 files" in refusal(capsys, "--out", tmp_path / "set")
    for number in range(4):
        (plain / f"{number}.wav").unlink()
    said = refusal(capsys, "--out", tmp_path / "set")
    assert "4 gone of 4 files" in said and said.endswith("Bring the files back and repeat the command.")


def test_file_that_was_not_there_is_taken_when_it_comes(plain, tmp_path):
    song, folder = (plain / "3.wav").rename(plain / "away"), tmp_path / "set"
    assert prepare("--data", plain / "m.csv", "--out", folder, *PLAIN, "--max-bad-share", "0.5") == 0
    assert len(load_collection(str(folder)).table) == 3 and "3.wav,cannot" in (folder / "left_out.csv").read_text()
    song.rename(plain / "3.wav")
    assert prepare("--out", folder) == 0
    assert len(load_collection(str(folder)).table) == 4 and not (folder / "left_out.csv").exists()


def test_share_of_bad_files_is_kept_until_another_is_named(plain, tmp_path, capsys):
    (plain / "3.wav").write_text("no")
    assert prepare("--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN, "--max-bad-share", "0.5") == 0
    assert prepare("--out", tmp_path / "set") == 0
    assert "1 of 4 files cannot be used" in refusal(capsys, "--out", tmp_path / "set", "--max-bad-share", "0.1")


def test_shards_that_workers_wrote_elsewhere_are_missed(plain, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(work, "write_shard", lambda plan: {"tracks": [[0, 0, 1]]})
    said = refusal(capsys, "--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN)
    assert "4 of 4 files that workers wrote are not there." in said and "need a folder that all share" in said
    monkeypatch.undo()
    assert prepare("--out", tmp_path / "set") == 0


def test_names_of_data_are_kept_with_their_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"tags:music": f"tags:{tmp_path}/music", "demo": f"demo:{tmp_path}/data/demo"}
    assert {name: Request({}, {"data": name}).given["data"] for name in names} == names


def test_manifest_of_urls_is_prepared_as_its_files_are(plain, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    text = (plain / "m.csv").read_text()
    (plain / "urls.csv").write_text("".join(f"file://{plain}/{row}\n" for row in text.splitlines()[1:]))
    (plain / "urls.csv").write_text("path,genre,split\n" + (plain / "urls.csv").read_text())
    for name in ("m", "urls"):
        assert prepare("--data", plain / f"{name}.csv", "--out", tmp_path / name, *PLAIN) == 0
    one, other = (load_collection(str(tmp_path / name)).table["path"] for name in ("m", "urls"))
    assert len(one) == 4 and [*map(member_digest, one)] == [*map(member_digest, other)]


# What is in the folder of a set, and is not what was written
@pytest.fixture
def held(plain, tmp_path) -> Path:
    assert prepare("--data", plain / "m.csv", "--out", tmp_path / "set", *PLAIN) == 0
    return tmp_path / "set"


def test_shards_that_changed_places_are_refused_and_written_again(held, capsys):
    before, first, second = contents(held), held / "shard-00000.shard", held / "shard-00001.shard"
    first.rename(held / "x")
    second.rename(first)
    (held / "x").rename(second)
    assert "shard-00000.shard is not the shard of its name, but number 1" in _load_fault(held)
    capsys.readouterr()
    assert prepare("--out", held, "--verify") == 0
    assert "shard-00000.shard is missing, or is not the one that was written" in capsys.readouterr().out
    assert {**contents(held), "verified.json": b""} == {**before, "verified.json": b""}


def test_shard_of_another_set_is_refused(plain, held, tmp_path):
    assert prepare("--data", plain / "m.csv", "--out", tmp_path / "other", *PLAIN, "--seed", "7") == 0
    shutil.copy(tmp_path / "other" / "shard-00002.shard", held)
    assert "shard-00002.shard: is a shard of another set" in _load_fault(held)


def test_facts_of_a_shard_that_were_edited_are_not_trusted(held):
    before, file = contents(held), held / "shard-00002.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "tracks": [[3, *facts["tracks"][0][1:]]]}))
    assert prepare("--out", held) == 0
    assert contents(held) == before


@pytest.mark.parametrize("name", ["../0.wav", "/etc/hostname", "http://127.0.0.1:9/x.wav", "shard-00000.shard#1"])
def test_index_that_names_what_is_no_track_of_the_set_is_refused(held, name):
    text = (held / "tracks.csv").read_text()
    (held / "tracks.csv").write_text(text.replace("shard-00000.shard#0", name))
    assert "is no track of this set" in _load_fault(held)


def test_set_of_another_version_is_not_read(held):
    text = (held / "manifest.json").read_text()
    (held / "manifest.json").write_text(text.replace('"version": 2', '"version": 1'))
    assert "a set of version 1. This kgenre reads version 2." in _load_fault(held)


def test_copy_of_a_set_is_verified_without_its_files(plain, held, tmp_path, capsys):
    copy = Path(shutil.copytree(held, tmp_path / "copy"))
    plain.rename(plain.with_name("gone"))
    capsys.readouterr()
    assert prepare("--out", copy, "--verify") == 0
    assert "4 tracks, 0.04 hours" in capsys.readouterr().out
    flip(copy / "shard-00000.shard", 5000)
    capsys.readouterr()
    assert main(["prepare", "--out", str(copy), "--verify", "--workers", "1"]) == 2
    found = capsys.readouterr()
    assert "shard-00000.shard is damaged" in found.out and "1 shards cannot be written again." in found.err
    assert "emove" not in found.err and (copy / "shard-00000.json").exists()


# Refusals
def test_changed_collection_is_refused_with_the_next_step(data, tmp_path, capsys):
    music = Path(shutil.copytree(data.parent, tmp_path / "music"))
    manifest, folder = music / "manifest.csv", tmp_path / "set"
    assert prepare("--data", manifest, "--out", folder, *OPTIONS) == 0
    os.utime(music / "song 0.mp3", ns=(5, 5))
    shutil.copy(music / "song 2.flac", music / "new.flac")
    with manifest.open("a") as rows:
        rows.write("new.flac,a,valid,another,new\n")
    said = refusal(capsys, "--data", manifest, "--out", folder, "--max-bad-share", "0.5", "--allow-leak")
    assert "was begun with allow_leak=False" in said
    lines = [line for line in manifest.read_text().splitlines() if not line.startswith("song 2.flac")]
    manifest.write_text("\n".join(lines) + "\n")
    said = refusal(capsys, "--data", manifest, "--out", folder, "--max-bad-share", "0.5")
    assert "1 changed, 1 new, 1 not listed of 14 files" in said and "First: " in said
    assert said.endswith("Name another folder with --out, or remove this one and prepare it again.")


def test_genres_that_changed_need_no_decoding(data, tmp_path):
    music = Path(shutil.copytree(data.parent, tmp_path / "music"))
    assert prepare("--data", music / "manifest.csv", "--out", tmp_path / "set", *OPTIONS) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").glob("shard-*")}
    text = (music / "manifest.csv").read_text()
    (music / "manifest.csv").write_text(text.replace("song 0.mp3,a,", "song 0.mp3,b,"))
    assert prepare("--out", tmp_path / "set", "--max-bad-share", "0.5") == 0
    assert load_collection(str(tmp_path / "set")).table["genre"][0] == "b"
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_refusals_are_one_line_each(data, peace, copy, tmp_path, capsys):
    assert "was begun with sample_rate_hz=22050. Received: 16000." in refusal(
        capsys, "--out", copy, "--sample-rate-hz", "16000"
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("mine")
    assert "holds file.txt, and no set" in refusal(capsys, "--data", data, "--out", tmp_path / "other")
    assert "no set was begun in it. Name the tracks with --data." in refusal(capsys, "--out", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    for url in ("memory://set", "s3://bucket/set"):
        assert "a URL, where a folder or file of this machine is written" in refusal(
            capsys, "--data", data, "--out", url
        )
    many = refusal(capsys, "--data", data, "--out", tmp_path / "strict", "--max-bad-share", "0.01")
    assert "1 of 14 files cannot be used" in many
    plan = json.loads((copy / "plan.json").read_text())
    (copy / "plan.json").write_text(json.dumps({**plan, "version": 1}))
    assert "a set of version 1. This kgenre writes version 2." in refusal(capsys, "--out", copy)
    for text in (json.dumps({**plan, "sources": [[1]]}), json.dumps(plan)[:-9]):
        (copy / "plan.json").write_text(text)
        assert f"{copy}/plan.json: damaged (" in refusal(capsys, "--out", copy)
    sliced = refusal(capsys, "--data", data, "--out", tmp_path / "s", "--protocol", "random-slice", "--allow-leak")
    assert "Prepare them whole" in sliced
    np.savez(tmp_path / "a.npz", mel=np.zeros((6, 4, 5)), genre=np.array(["a", "b"] * 3), split=["train", "test"] * 3)
    assert "holds spectrograms" in refusal(capsys, "--data", tmp_path / "a.npz", "--out", tmp_path / "t")


def test_second_run_into_a_folder_is_refused(copy, capsys):
    with locked(copy / ".lock"):
        assert "another `kgenre prepare` writes into it" in refusal(capsys, "--out", copy)
    assert not (copy / ".lock").exists()


def test_lack_of_space_is_told_before_anything_is_decoded(data, tmp_path, capsys, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=60 << 20)
    monkeypatch.setattr("kgenre.core.published.shutil.disk_usage", lambda folder: free)
    said = refusal(capsys, "--data", data, "--out", tmp_path / "set", *OPTIONS)
    assert "the set (4 shards to write) needs 70.5 MB of free space. Received: 62.9 MB." in said
    assert not list((tmp_path / "set").glob("*.shard"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_full_disk_leaves_nothing_half_written(data, peace, tmp_path, workers):
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    folder = tmp_path / "set"
    status, said = prepare_apart(data, folder, "--workers", workers, preexec_fn=full)
    assert status == 2 and "cannot be written (File too large). Free space there" in said, said
    assert not list(folder.glob("*.shard")) and not list(folder.glob(".part-*"))
    assert prepare("--out", folder, "--max-bad-share", "0.5") == 0
    assert contents(folder) == contents(peace)


# Training
def test_crops_of_a_plan_are_those_of_the_files(data, peace):
    held, made = load_collection(str(peace)).table, load_collection(str(data)).table
    made = made[~made["path"].str.endswith("words.mp3")].reset_index(drop=True)
    same = ~made["path"].str.endswith((".m4a", "cut.wav")).to_numpy()  # whose headers state another length
    spec, labels = SliceSpec(RATE, 2 * RATE, RATE), np.arange(same.sum())
    plan = TrainingPlan(len(labels), 2, 4, seed=5)
    found, wanted = (
        TrainingCrops(TrackReader(spec, 1 << 30), list(table["path"][same]), labels, plan) for table in (held, made)
    )
    for item in range(plan.steps * plan.batch_size):
        (crop, label, _), (other, other_label, _) = found[item], wanted[item]
        assert label == other_label and np.abs(crop - other).max() <= 2.0**-16 + 1e-6


def test_network_trains_evaluates_and_reports_from_a_set(tmp_path, collection, capsys):
    folder, run = tmp_path / "set", Run(tmp_path / "run")
    assert prepare("--data", collection / "manifest.csv", "--out", folder) == 0
    command = ["train", "--data", str(folder), "--out", str(run.folder), *small_run.SMALL, "--epochs", "1"]
    assert main(command) == 0
    assert "split by artist, seed 0" in capsys.readouterr().out
    assert all("shard-00000.shard#" in path for path in run.load_tracks()["path"])
    assert main(["report", "--model", str(run.folder), "--out", str(tmp_path / "page.html")]) == 0
    song = run.load_tracks()["path"][0]
    assert main(["report", "--model", str(run.folder), "--track", song, "--out", str(tmp_path / "song.html")]) == 0
    assert main(["predict", "--model", str(run.folder), song]) == 0
    assert main(["embed", "--model", str(run.folder), "--data", str(folder), "--out", str(tmp_path / "e.npz")]) == 0
    capsys.readouterr()
    flip(folder / "shard-00000.shard", 400_001)
    again = [*command[:4], str(tmp_path / "damaged"), *command[5:]]
    assert main(again) == 2
    said = capsys.readouterr().err
    assert "shard-00000.shard is damaged: its block" in said and f"`kgenre prepare --out {folder} --verify`" in said
    assert said.count("left out: ") == 1 and " more: shard-00000.shard" in said and "raise --max" not in said
    assert not (tmp_path / "damaged").exists()


def test_training_on_the_other_shards_leaves_a_damaged_one_out(copy, tmp_path):
    flip(copy / "shard-00003.shard", 400_001)
    names = pd.read_csv(copy / "tracks.csv")["path"]
    bad = {str(copy / name) for name in names if name.startswith("shard-00003")}
    run, settings = Run(tmp_path / "run"), {"data": str(copy), "max_bad_share": 0.5, "slice_seconds": 3.0}
    begin(RunSettings.compose(settings), run, SILENT)
    found = run.load_facts()["bad_files"]
    assert set(found) == bad and all("shard-00003.shard is damaged" in cause for cause in found.values())
    assert len(run.load_tracks()) == 13 - len(bad) and not bad & set(run.load_tracks()["path"])


def test_describe_and_baseline_take_a_set(copy, tmp_path, capsys):
    assert main(["datasets", str(copy), "--describe"]) == 0
    assert "format: shard int16 (13)" in capsys.readouterr().out
    assert main(["baseline", "--data", str(copy), "--on", "stats", "--out", str(tmp_path / "b")]) == 0
