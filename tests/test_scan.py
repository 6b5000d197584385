"""Scans: what is analysed, what is known again, what fails, and what a kill costs."""

import os
import shutil
from pathlib import Path

import mutagen
import numpy as np
import psutil
import pytest
from audio_files import cut_short, music, tone, write_av, write_sound
from libraries import LevelModel
from scan_kills import ASKED, contents, differences, kill_and_resume, scan_apart

from kgenre.audio.decode import decode
from kgenre.audio.fingerprint import audio_hash, file_hash
from kgenre.audio.policy import PROGRESSIVE_POLICY, ReadPolicy
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.audio.tags import Tags, read_tags
from kgenre.audio.walk import walk
from kgenre.core.errors import KgenreError
from kgenre.library.scan import analysis
from kgenre.library.scan import worker_pool as workers
from kgenre.library.scan.protocol import About, Done, Job, Settings
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.model.aggregate import NOT_FINITE
from kgenre.model.tasks.single_label import SingleLabel

RATE = 8000
SPEC = SliceSpec(RATE, RATE, RATE)
FORMATS = {".wav": {}, ".flac": {}, ".ogg": {}, ".mp3": {}}


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library.sqlite") as library:
        yield library


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """Four album of two to five seconds in four formats, tagged."""
    folder = tmp_path_factory.mktemp("originals")
    for number, suffix in enumerate(FORMATS):
        path = folder / f"song {number}{suffix}"
        write_sound(path, music(2.0 + number, RATE if suffix != ".mp3" else 16000, 2, seed=number),
                    RATE if suffix != ".mp3" else 16000)  # fmt: skip
        if suffix != ".wav":
            tags = mutagen.File(path, easy=True)
            tags.update(title=f"Title {number}", artist="The \U0001f3b5 Band", date="1971-05-01", genre="jazz")
            tags.save()
    return folder


@pytest.fixture
def album(originals, tmp_path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "album"))


def counts(report) -> dict:
    return {name: number for name, number in report.counts.items() if number}


def quick(library, folder, model=None, **options):
    return scan(library, folder, model or LevelModel(), **{"workers": 1, **options})


def test_scan_stores_what_predict_computes(library, album):
    model = LevelModel()
    report = quick(library, album, model, workers=2)
    assert counts(report) == {"analysed": 4} and library.failures().empty
    space, tracks = library.space(), library.tracks()
    ids, means = library.vectors(space)
    assert list(ids) == list(tracks.index) and sum(model.analysed) == sum(len(library.slices(space, i)[0]) for i in ids)
    for track_id, mean in zip(ids, means):
        audio = decode(tracks["path"][track_id], RATE)
        probabilities, embeddings = LevelModel()(cut_slices(audio.samples, model.slice_spec))
        starts, held, held_probabilities = library.slices(space, track_id)
        np.testing.assert_allclose(starts, SliceSpec(8000, 8000, 4000).starts(len(audio.samples)) / RATE, rtol=1e-6)
        np.testing.assert_allclose(held, embeddings, rtol=1e-3, atol=1e-6)  # float16 has 11 bits
        np.testing.assert_allclose(held_probabilities, probabilities, atol=1e-3)
        np.testing.assert_allclose(mean, embeddings.mean(axis=0), rtol=1e-5, atol=1e-7)
        rms_db = 10 * np.log10(np.mean(audio.samples.astype("float64") ** 2))
        assert tracks["seconds"][track_id] == pytest.approx(audio.seconds)
        assert tracks["gain_db"][track_id] == pytest.approx(-18 - rms_db, abs=1e-3)
    tagged = tracks[tracks["title"] == "Title 2"].iloc[0]
    assert (tagged["artist"], tagged["year"], tagged["genre"]) == ("The \U0001f3b5 Band", 1971, "jazz")
    assert tagged["folder"] == "."


def test_unchanged_moved_copied_tagged_removed_and_returned(library, album, tmp_path):
    quick(library, album)
    space, before = library.space(), library.tracks()
    first, flac, ogg, mp3 = before.index
    library.correct(flac, "blues")

    def again():
        model = LevelModel()
        report = quick(library, album, model)
        return counts(report), sum(model.analysed)

    assert again() == ({"unchanged": 4}, 0)
    (album / "deep").mkdir()
    (album / "song 1.flac").rename(album / "deep" / "moved.flac")
    shutil.copy(album / "song 2.ogg", album / "copy.ogg")
    tags = mutagen.File(album / "song 3.mp3")
    tags.tags.add(mutagen.id3.TIT2(text="Another"))
    tags.tags.add(mutagen.id3.APIC(data=bytes(5000)))
    tags.save()
    assert again() == ({"unchanged": 2, "removed": 1, "moved": 1, "copies": 1, "tagged": 1}, 0)
    after = library.tracks()
    assert after["path"][flac].endswith("moved.flac") and after["title"][mp3] == "Another"
    assert library.corrections() == {flac: "blues"}
    assert list(library.copies().values()) == [ogg, ogg]
    ids, means = library.vectors(space)
    assert len(ids) == 5 and (means[list(ids).index(ogg)] == means[-1]).all()

    (album / "song 0.wav").rename(tmp_path / "kept.wav")  # keeps its time
    assert again() == ({"unchanged": 4, "removed": 1}, 0)
    assert first not in library.tracks().index and len(library.vectors(space)[0]) == 4
    (tmp_path / "kept.wav").rename(album / "song 0.wav")
    assert again() == ({"unchanged": 4, "returned": 1}, 0)
    assert first in library.tracks().index

    write_sound(album / "song 0.wav", music(1.5, RATE, 1, seed=9), RATE)
    analysed, n_slices = again()
    assert analysed == {"unchanged": 4, "analysed": 1} and n_slices == 2
    assert library.tracks()["seconds"][first] == pytest.approx(1.5)


def test_a_folder_that_was_renamed_is_known_again(library, album):
    quick(library, album)
    before, space = library.tracks(), library.space()
    library.correct(before.index[1], "blues")
    library.set_positions(space, before.index, np.arange(8).reshape(4, 2))
    album.rename(album.with_name("Tunes"))
    model = LevelModel()
    assert counts(quick(library, album.with_name("Tunes"), model)) == {"moved": 4} and not model.analysed
    after = library.tracks()
    assert list(after.index) == list(before.index) and all("/Tunes/" in path for path in after["path"])
    assert library.corrections() == {before.index[1]: "blues"} and len(library.positions(space)[0]) == 4
    assert library.roots() == [str(album.with_name("Tunes"))]


def test_failures_of_a_folder_that_was_renamed_are_not_told_twice(library, album):
    (album / "broken.mp3").write_bytes(b"no music")
    quick(library, album)
    for name in ("Tunes", "album"):
        library_folder = next(path for path in album.parent.iterdir() if path.is_dir())
        library_folder.rename(album.with_name(name))
        quick(library, album.with_name(name))
        assert list(library.failures()["path"]) == [str(album.with_name(name) / "broken.mp3")]


def test_a_folder_has_one_name_whichever_link_leads_to_it(library, album, tmp_path):
    (tmp_path / "link").symlink_to(album)
    assert counts(quick(library, tmp_path / "link")) == {"analysed": 4}
    assert all(path.startswith(str(album.resolve())) for path in library.tracks()["path"])
    assert counts(quick(library, album)) == {"unchanged": 4}


def test_places_and_corrections_go_with_the_audio(library, album):
    """An album is numbered anew: each path has the song that was the next one's."""
    for path in sorted(album.iterdir()):
        new, number = album / f"0{path.stem[-1]}.wav", int(path.stem[-1])
        write_sound(new, music(1.0, RATE, 1, seed=number), RATE)
        os.utime(new, (10**9, 10**9 + number))  # written within a tick of the clock, they could have one time
        path.unlink()
    quick(library, album)
    ids, space = [library.id_of(album / f"0{number}.wav") for number in range(4)], library.space()
    for track_id, genre in zip(ids[1:], ("b", "c", "d")):
        library.correct(track_id, genre)
    library.set_positions(space, ids, np.array([[0, 0], [1, 1], [2, 2], [3, 3]]))
    for number in range(3):
        (album / f"0{number + 1}.wav").replace(album / f"0{number}.wav")
    model = LevelModel()
    quick(library, album, model)
    assert not model.analysed and library.corrections() == dict(zip(ids, "bcd"))
    held, xy = library.positions(space)
    assert dict(zip(held.tolist(), xy[:, 0])) == dict(zip(ids, (1, 2, 3)))
    write_sound(album / "00.wav", music(1.0, RATE, 1, seed=9), RATE)  # another song altogether
    quick(library, album)
    assert ids[0] not in library.corrections() and ids[0] not in library.positions(space)[0]


def test_scan_where_one_policy_fails_keeps_what_another_analysed(library, album):
    middle = np.concatenate([music(2.0, RATE, 1), np.zeros((3 * RATE, 1)), music(2.0, RATE, 1)])  # a hidden track
    write_sound(album / "hidden.wav", middle, RATE)
    assert counts(quick(library, album)) == {"analysed": 5}
    whole = library.space()
    report = quick(library, album, policy=ReadPolicy(1))
    assert counts(report) == {"analysed": 4, "failed": 1} and "silent" in report.failures[str(album / "hidden.wav")]
    assert len(library.vectors(whole)[0]) == len(library.tracks()) == 5 and len(library.vectors(report.space)[0]) == 4
    assert library.failures(whole).empty and list(library.failures(report.space)["path"]) == [str(album / "hidden.wav")]
    model = LevelModel()
    assert counts(quick(library, album, model, policy=ReadPolicy(1))) == {"unchanged": 5} and not model.analysed
    assert counts(quick(library, album, policy=ReadPolicy(1), retry=True)) == {"unchanged": 4, "failed": 1}
    assert counts(quick(library, album)) == {"unchanged": 5}


def test_a_link_to_a_drive_that_is_away_keeps_its_results(library, originals, tmp_path):
    drive, root = shutil.copytree(originals, tmp_path / "drive"), tmp_path / "links"
    root.mkdir()
    for path in drive.iterdir():
        (root / path.name).symlink_to(path)
    quick(library, root)
    write_sound(root / "own.wav", music(1.0, RATE, 1, seed=5), RATE)
    drive.rename(tmp_path / "away")
    report = quick(library, root)
    assert counts(report) == {"removed": 4, "analysed": 1} and len(report.failures) == 4
    assert len(library.tracks()) == 1 and library.failures().empty
    (root / "own.wav").unlink()
    with pytest.raises(KgenreError, match="Is its drive there"):
        quick(library, root)
    (tmp_path / "away").rename(drive)
    model = LevelModel()
    assert counts(quick(library, root, model)) == {"returned": 4, "removed": 1} and not model.analysed


def test_scan_with_workers_below_one_is_refused(library, album):
    with pytest.raises(KgenreError, match="`workers` must be at least 1. Received: workers=-1."):
        quick(library, album, workers=-1)


def test_a_pause_is_not_counted_as_silence_of_a_decoder(monkeypatch):
    """A scan that was stopped and goes on finds its readers silent for as long as it was away itself."""

    class Reader:
        ready, job, late = True, object(), False

        def give_up(self):
            self.late = True

    now, reader, pool = 1000.0, Reader(), workers.Workers(1, Settings(SPEC), 60.0)
    monkeypatch.setattr(workers.time, "monotonic", lambda: now)
    pool.workers, pool.checked, reader.last_sign = [reader], now, now

    def look_after(seconds: float) -> bool:
        nonlocal now
        now += seconds
        pool.inbox.put("a message")
        pool._next(lambda: None)
        return reader.late

    assert not look_after(3600.0)
    assert not any(look_after(2.0) for _ in range(25))
    assert any(look_after(2.0) for _ in range(10))


def test_moved_and_tagged_at_once_keeps_its_id(library, album):
    quick(library, album)
    ogg = library.id_of(album / "song 2.ogg")
    (album / "song 2.ogg").rename(album / "new.ogg")
    tags = mutagen.File(album / "new.ogg")
    tags["comment"] = "x" * 100_000  # more pages of headers
    tags.save()
    model = LevelModel()
    assert quick(library, album, model).counts["moved"] == 1 and not model.analysed
    assert library.path_of(ogg).endswith("new.ogg")


def test_of_a_moved_file_parts_are_read(album):
    path = album / "song 0.wav"
    answers = analysis.analyse(Job(os.fsencode(path), 0, 0, {file_hash(path): b"known"}), Settings(SPEC))
    assert next(answers).audio_hash == b"known"
    answers = analysis.analyse(Job(os.fsencode(path), 0, 0, {b"other": b"known"}), Settings(SPEC))
    assert next(answers).audio_hash == audio_hash(path)


def test_audio_hash_is_of_the_audio(originals, album):
    for path in originals.iterdir():
        copy = album / path.name
        tags = mutagen.File(copy)
        if tags.tags is None:
            tags.add_tags()
        if isinstance(tags.tags, mutagen.id3.ID3):
            tags.tags.add(mutagen.id3.TPE1(text="Someone else " * 1000))
        else:
            tags["artist"] = "Someone else " * 10_000
        tags.save()
        assert audio_hash(copy) == audio_hash(path) and file_hash(copy) != file_hash(path)
        data = bytearray(copy.read_bytes())
        place = len(data) // 2 + 3 if path.suffix != ".wav" else 2000  # tags of a wav file come last
        data[place if path.suffix not in (".flac", ".ogg") else -500] ^= 1
        copy.write_bytes(data)
        assert audio_hash(copy) != audio_hash(path)
    assert len({audio_hash(path) for path in originals.iterdir()}) == 4


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        ("a.mp3", {"TIT2": "T", "TPE1": "A", "TALB": "L", "TDRC": "1971-05", "TCON": "(17)", "gain": "-7.25 dB"},
         Tags("T", "A", "L", 1971, "Rock", -7.25, ("Rock",))),
        ("b.flac", {"title": "T", "artist": ["A", "B"], "date": "19710501", "replaygain_track_gain": "+1.5 dB"},
         Tags("T", "A", "", 1971, "", 1.5)),
        ("c.opus", {"ALBUM": "L", "r128_track_gain": "-512", "date": "someday"}, Tags("", "", "L", None, "", 3.0)),
        ("d.m4a", {"\xa9nam": "T", "aART": "A", "\xa9day": "1999", "\xa9gen": "F"},
         Tags("T", "A", "", 1999, "F", None, ("F",))),
        ("e.wav", {"TPE1": "A\0B", "TCON": "x"}, Tags("", "A", "", None, "x", None, ("x",))),
    ],
)  # fmt: skip
def test_tags_of_each_format(name, tags, expected, tmp_path):
    samples = music(0.3, 48000, 2)
    write_av(tmp_path / name, samples, 48000, "aac") if name == "d.m4a" else write_sound(
        tmp_path / name, samples, 48000
    )
    file = mutagen.File(tmp_path / name)
    if file.tags is None:
        file.add_tags()
    for key, value in tags.items():
        if key == "gain":
            file.tags.add(mutagen.id3.TXXX(desc="REPLAYGAIN_TRACK_GAIN", text=value))
        elif isinstance(file.tags, mutagen.id3.ID3):
            file.tags.add(getattr(mutagen.id3, key)(text=value))
        else:
            file.tags[key] = value
    file.save()
    assert read_tags(tmp_path / name) == expected
    damaged = bytearray((tmp_path / name).read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(30):
        for place in rng.integers(0, min(len(damaged), 400), 5):
            damaged[place] = rng.integers(256)
        (tmp_path / name).write_bytes(damaged)
        read_tags(tmp_path / name)  # whatever it finds, it does not raise


def test_m4a_hash_survives_tags(tmp_path):
    path = tmp_path / "song.m4a"
    write_av(path, music(1.0, 44100), 44100, "aac")
    before = audio_hash(path)
    tags = mutagen.File(path)
    tags["\xa9ART"] = ["Someone"]
    tags.save()
    assert audio_hash(path) == before


@pytest.mark.parametrize(
    "says", [b"fLaC", b"OggS", b"RIFF\x10\0\0\0WAVE", b"FORM\0\0\0\x10AIFF", b"\0\0\0\1ftyp", b"ID3\4\0\0"]
)
def test_audio_hash_of_damaged_files_ends(says, tmp_path):
    rng = np.random.default_rng(0)
    for length in (0, 3, 40, 5000):
        for filler in (rng.bytes(length), bytes(length), b"\xff" * length):
            (tmp_path / "x").write_bytes(says + filler)
            assert len(audio_hash(tmp_path / "x")) == 16


def test_odd_names_links_and_what_is_no_music(library, originals, tmp_path):
    root = tmp_path / "My \u266b Music"
    song = (originals / "song 0.wav").read_bytes()
    odd = [b"two  blanks.wav", b"it's \"quoted\".WAV", "\U0001f3b8 emoji.wav".encode(), b"latin \xe9\xff.wav",
           b"two\nlines.wav", b"#hash.wav", b"-dash.wav", b"%41.wav"]  # fmt: skip
    for number, name in enumerate(odd):
        place = os.path.join(os.fsencode(root), b"dir \xff %d" % (number % 2))
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, name), "wb") as file:
            file.write(song)
    for name in ("list.m3u8", "cover.jpg", "._song.wav", "notes.txt", ".hidden/song.wav"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(song)
    (root / "folder.wav").mkdir()
    (root / "folder.wav" / "loop").symlink_to(root)
    (root / "self.wav").symlink_to(root / "self.wav")
    (root / "nothing.mp3").symlink_to(root / "gone.mp3")
    os.mkfifo(root / "pipe.mp3")
    report = quick(library, root)
    assert counts(report) == {"analysed": 1, "copies": len(odd) - 1}
    assert {os.fsencode(path).rsplit(b"/", 1)[1] for path in library.tracks()["path"]} == set(odd)
    assert {Path(path).name: reason for path, reason in library.failures().itertuples(index=False)} == {
        "self.wav": "a link to nothing.",
        "nothing.mp3": "a link to nothing.",
        "pipe.mp3": "is not a file.",
    }


def test_a_folder_has_its_real_name_where_a_link_points_to_it(album, tmp_path):
    (album / "z album").mkdir()
    (album / "song 0.wav").rename(album / "z album" / "0.wav")
    (album / "a link").symlink_to(album / "z album")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(album / "song 1.flac", tmp_path / "elsewhere" / "far.flac")
    (album / "b link").symlink_to(tmp_path / "elsewhere")
    names = [os.path.relpath(path, os.fsencode(album)) for path in walk(os.fsencode(album)).files]
    assert names == [b"song 1.flac", b"song 2.ogg", b"song 3.mp3", b"z album/0.wav", b"b link/far.flac"]


def test_what_may_not_be_read_is_tried_again(library, album):
    (album / "song 0.wav").chmod(0)
    if os.access(album / "song 0.wav", os.R_OK):
        pytest.skip("who runs this may read everything, as the superuser may")
    report = quick(library, album)
    assert report.counts["failed"] == 1 and "Permission denied" in library.failures()["reason"][0]
    (album / "song 0.wav").chmod(0o644)
    assert counts(quick(library, album)) == {"unchanged": 3, "analysed": 1}
    album.chmod(0)
    report = quick(library, album.parent)
    album.chmod(0o755)
    assert not report.counts["removed"] and "folder cannot be read" in report.failures[str(album)]


def test_every_broken_file_is_listed_with_its_reason(library, originals, tmp_path, faulty):
    root = tmp_path / "music"
    root.mkdir()
    for number in range(24):
        write_sound(root / f"good {number}.flac", tone(100 + 10 * number, 0.5, RATE), RATE)
    flac = originals / "song 1.flac"
    cut_short(flac, root / "broken 0.flac", 0.6)
    (root / "broken 1.mp3").write_bytes(b"")
    (root / "broken 2.wav").write_bytes(np.random.default_rng(0).bytes(3000))
    shutil.copy(faulty / "nan.wav", root / "broken 3.wav")
    shutil.copy(faulty / "silence.flac", root / "broken 4.flac")
    shutil.copy(faulty / "text.mp3", root / "broken 5.mp3")
    report = quick(library, root, workers=2)
    assert counts(report) == {"analysed": 24, "failed": 6}
    reasons = [reason for _, reason in library.failures().itertuples(index=False)]
    for reason, part in zip(
        reasons, ("broken in the middle", "empty file", "not an audio file", "NaN", "silent", "not an audio")
    ):
        assert part in reason
    model = LevelModel()
    assert counts(quick(library, root, model)) == {"unchanged": 30} and not model.analysed
    assert counts(quick(library, root, retry=True)) == {"unchanged": 24, "failed": 6}
    shutil.copy(flac, root / "broken 0.flac")
    assert counts(quick(library, root)) == {"unchanged": 29, "analysed": 1} and len(library.failures()) == 5


def test_files_that_hang_or_crash_their_reader_are_left_behind(library, originals, tmp_path):
    root, before = tmp_path / "music", psutil.Process().children()
    root.mkdir()
    names = [
        "crash.wav",
        "error.wav",
        "hang.wav",
        "late crash.wav",
        "late hang.wav",
        "stop.wav",
        *(f"ok {i}.wav" for i in range(4)),
    ]
    for number, name in enumerate(names):
        write_sound(root / name, music(2.5, RATE, 1, seed=number), RATE)
    report = quick(library, root, workers=2, limit_seconds=10.0, analyser="analysers:misbehave")
    assert counts(report) == {"analysed": 4, "failed": 6}
    assert [reason for _, reason in library.failures().itertuples(index=False)] == [
        "its decoder crashed (SIGKILL).",
        "its reader failed (ValueError: an unforeseen fault).",
        "given up: its decoder gave nothing for 10 s.",
        "its decoder crashed (SIGKILL).",
        "given up: its decoder gave nothing for 10 s.",
        "its decoder stopped (exit status 3).",
    ]
    assert not set(psutil.Process().children()) - set(before)


def test_a_process_that_cannot_begin_is_no_fault_of_the_files(library, album, capfd):
    with pytest.raises(KgenreError, match="ended before it could begin"):
        quick(library, album, analyser="no_such_module:analyse")
    assert "no_such_module" in capfd.readouterr().err
    assert library.failures().empty and library.tracks().empty


@pytest.mark.parametrize(
    ("kills", "two_passes"),
    [(3, True), *(pytest.param(*case, marks=pytest.mark.soak) for case in ((3, False), (20, True), (20, False)))],
)
def test_kills_cost_no_more_than_the_tracks_in_flight(tmp_path, kills, two_passes):
    root = tmp_path / "music"
    root.mkdir()
    for number in range(24):
        write_sound(root / f"{number}.wav", music(8.0, RATE, 1, seed=number % 22), RATE)  # two copies
    (root / "broken.wav").write_bytes(b"RIFF")
    said = kill_and_resume(tmp_path / "killed.sqlite", root, kills, two_passes=two_passes)
    told = [(int(words[0]), int(words[2]), words[3]) for words in map(str.split, said)]
    assert told[0][1] == 25
    for (before, left, done_pass), (_, after, next_pass) in zip(told, told[1:]):
        assert next_pass != done_pass or after <= left - before  # what was said to be done is in the library
    with Library(tmp_path / "peace.sqlite") as library:
        scan(library, root, LevelModel(), PROGRESSIVE_POLICY)
    assert not differences(contents(tmp_path / "killed.sqlite"), contents(tmp_path / "peace.sqlite"))


def test_reading_processes_end_with_a_killed_scan(tmp_path):
    root = tmp_path / "music"
    root.mkdir()
    for number in range(8):
        write_sound(root / f"{number}.wav", music(8.0, RATE, 1, seed=number), RATE)
    process = scan_apart(tmp_path / "library.sqlite", root, stuck=True)
    assert ASKED in map(str.strip, process.stdout)  # reads up to there
    readers = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    assert readers and not psutil.wait_procs(readers, timeout=60)[1]


def test_scan_stopped_by_ctrl_c_keeps_what_was_analysed(library, tmp_path):
    root = tmp_path / "music"
    root.mkdir()
    for number in range(30):
        write_sound(root / f"{number:02d}.wav", tone(100 + number, 2.0, RATE), RATE)
    with pytest.raises(KeyboardInterrupt):
        quick(library, root, LevelModel(stops_at=2))
    assert len(library.tracks()) == 10  # 32 slices, three a track
    assert counts(quick(library, root)) == {"unchanged": 10, "analysed": 20}


def test_each_model_has_its_space(library, album):
    quick(library, album)
    first = library.space()
    report = quick(library, album, LevelModel(identity="level-2", task=SingleLabel(("quiet", "loud"))))
    assert counts(report) == {"analysed": 4}
    second = library.space()
    assert [space.identity for space in library.spaces()] == ["level-2", "level-1"]
    assert second.labels == ("quiet", "loud") and library.space("level-1") == first
    third = quick(library, album, policy=ReadPolicy(1)) and library.space()
    assert (third.policy.slices_per_track, third.identity) == (1, "level-1")
    for space, n_slices in ((first, 9), (second, 9), (third, 1)):
        ids, _ = library.vectors(space)
        assert len(ids) == 4 and len(library.slices(space, ids[3])[0]) == n_slices
    assert counts(quick(library, album)) == {"unchanged": 4}


def test_answers_that_are_not_finite_are_a_fault(library, album):
    write_sound(album / "loud.wav", tone(440, 1.0, RATE, 0.95), RATE)
    shutil.copy(album / "loud.wav", album / "loud copy.wav")
    assert counts(quick(library, album, LevelModel(answers_nan=True))) == {"analysed": 4, "failed": 2}
    assert set(library.failures()["reason"]) == {NOT_FINITE}
    assert np.isfinite(library.vectors(library.space())[1]).all()


def test_an_empty_folder_where_tracks_are_known_is_refused(library, album):
    quick(library, album)
    for path in album.iterdir():
        path.unlink()
    with pytest.raises(KgenreError, match="holds no audio, and had 4 tracks before"):
        quick(library, album)
    assert len(library.tracks()) == 4
    with pytest.raises(KgenreError, match="no such folder"):
        quick(library, album / "none")


def messages_of(path, settings) -> list:
    answers = analysis.analyse(Job(os.fsencode(path), 0, 0, {}), settings)
    assert isinstance(next(answers), About)
    messages = [answers.send(True)]
    return messages + list(answers)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".wav"])
def test_analyse_with_few_slices_spreads_them_evenly(suffix, tmp_path):
    spec = SliceSpec(16000, 16000, 16000)
    path, settings = tmp_path / f"song{suffix}", Settings(spec, ReadPolicy(3))
    write_sound(path, music(20.0, 16000, 1), 16000)
    *slices, done = messages_of(path, settings)
    seconds = decode(path, 16000).seconds
    assert isinstance(done, Done) and done.facts.seconds == pytest.approx(seconds, abs=0.01)
    expected = [(i + 0.5) / 3 * (seconds - 1) for i in range(3)]
    assert [piece.start for piece in slices] == pytest.approx(expected, abs=0.01)
    for piece in slices:
        np.testing.assert_allclose(piece.samples, decode(path, 16000, piece.start, 1.0).samples, atol=1e-6)


def test_analyse_of_a_long_mix_samples_it(tmp_path):
    settings = Settings(SPEC, ReadPolicy(5))
    write_sound(tmp_path / "mix.flac", music(30.0, RATE, 1), RATE)
    *slices, done = messages_of(tmp_path / "mix.flac", settings)
    assert [piece.start for piece in slices] == pytest.approx([2.9, 8.7, 14.5, 20.3, 26.1])
    assert done.facts.seconds == 30.0 and done.facts.flags == ("sampled",)
    write_sound(tmp_path / "song.flac", music(5.0, RATE, 1), RATE)
    assert len(messages_of(tmp_path / "song.flac", settings)) == 6


def test_analyse_of_a_truncated_file_uses_what_is_there(tmp_path):
    write_sound(tmp_path / "song.mp3", music(8.0, 16000, 1), 16000)
    cut_short(tmp_path / "song.mp3", tmp_path / "half.mp3")
    *slices, done = messages_of(tmp_path / "half.mp3", Settings(SPEC))
    assert 3.5 < done.facts.seconds < 4.5 and len(slices) == SPEC.count(round(done.facts.seconds * RATE))
    assert done.facts.truncation.startswith(f"truncated: {done.facts.seconds:.1f} s of audio")
    *slices, done = messages_of(tmp_path / "half.mp3", Settings(SPEC, ReadPolicy(4)))
    assert len(slices) == 2 and done.facts.truncation.startswith("truncated: ends before 4.4 s")
    cut_short(tmp_path / "song.mp3", tmp_path / "scrap.mp3", 0.1)  # no spread slice lies in what is left
    *slices, done = messages_of(tmp_path / "scrap.mp3", Settings(SPEC, ReadPolicy(2)))
    assert [piece.start for piece in slices] == [0.0] and isinstance(done, Done)


def test_a_rescan_of_what_is_unchanged_starts_no_reader(library, album):
    quick(library, album)
    assert counts(quick(library, album, analyser="no_such_module:analyse")) == {"unchanged": 4}
