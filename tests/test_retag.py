"""Several genres and moods written into the tags of real files, and taken back."""

import shutil

import mutagen
import numpy as np
import pytest
from audio_files import music, write_av, write_sound
from libraries import LevelModel
from mutagen.id3 import ID3, TCON, TIT2, TMOO, TSOP, TYER

from kgenre.library.moods import MAX_MOODS, MOODS, moods
from kgenre.library.records import Track
from kgenre.library.retag import backups, plan, undo, write
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.library.tag_fields import read_fields, set_fields

NAMES = ("old.mp3", "new.mp3", "bare.mp3", "b.flac", "c.ogg", "d.wav", "e.m4a", "f.opus")
GENRES, MOOD = ["Jazz", "Söul"], ["Mellow", "Sad"]
# Where each format keeps moods, read by mutagen alone.
MOOD_OF = {
    "mp3": lambda file: file.tags["TMOO"].text,
    "wav": lambda file: file.tags["TMOO"].text,
    "flac": lambda file: file["mood"],
    "ogg": lambda file: file["mood"],
    "opus": lambda file: file["mood"],
    "m4a": lambda file: [bytes(one).decode() for one in file["----:com.apple.iTunes:MOOD"]],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A song in each of six formats; the mp3 files with tags of ID3 2.3, of 2.4, and with none."""
    folder = tmp_path_factory.mktemp("files")
    for number, name in enumerate(NAMES):
        samples = music(1.2, 48000, 2, seed=number)
        (write_av if name == "e.m4a" else write_sound)(
            folder / name, samples, 48000, *(["aac"] if name == "e.m4a" else [])
        )
        if name not in ("bare.mp3", "d.wav"):
            tags = mutagen.File(folder / name, easy=True)
            tags.update(title=f"Tïtle {number}", genre=["Old"])
            tags.save(**({"v2_version": 3} if name == "old.mp3" else {}))
    return folder


@pytest.fixture
def scanned(files, tmp_path):
    shutil.copytree(files, tmp_path / "music")
    with Library(tmp_path / "library.sqlite") as library:
        scan(library, tmp_path / "music", LevelModel(), workers=1)
        yield library


def both(path) -> dict:
    return read_fields(path, ("genre", "mood"))


def test_genres_and_moods_are_planned_written_and_restored(scanned, files, tmp_path):
    folder = tmp_path / "music"
    ids = [scanned.id_of(folder / name) for name in NAMES]
    planned = plan(scanned, dict.fromkeys(ids, GENRES), dict.fromkeys(ids, MOOD))
    assert len(planned.changes) == len(NAMES) and not planned.failures and not backups(scanned)
    assert all((folder / name).read_bytes() == (files / name).read_bytes() for name in NAMES)
    written = write(scanned, planned.changes)
    assert len(written.changes) == len(NAMES) and not written.failures
    for name in NAMES:
        assert both(folder / name) == {"genre": GENRES, "mood": MOOD}, name
        assert MOOD_OF[name.split(".")[1]](mutagen.File(folder / name)) == MOOD
    assert ID3(folder / "old.mp3").version == (2, 3, 0) and ID3(folder / "new.mp3").version == (2, 4, 0)
    assert set(scanned.tracks()["genre"]) == {"Jazz"}
    model = LevelModel()
    assert scan(scanned, folder, model, workers=1).counts["unchanged"] == len(NAMES) and not model.analysed
    undone = undo(scanned)
    assert len(undone.changes) == len(NAMES) and not undone.failures and not backups(scanned)
    for name in NAMES:
        assert both(folder / name) == both(files / name) and both(files / name)["mood"] == []


def test_moods_alone_leave_the_genre_in_file_and_library(scanned, files, tmp_path):
    folder = tmp_path / "music"
    track = scanned.id_of(folder / "b.flac")
    set_fields(folder / "b.flac", {"mood": ["Gloomy", "Odd"]})
    planned = plan(scanned, {}, {track: MOOD})
    assert (planned.changes[0].before, planned.changes[0].after) == ({"mood": ["Gloomy", "Odd"]}, {"mood": MOOD})
    assert not write(scanned, planned.changes).failures
    assert both(folder / "b.flac") == {"genre": ["Old"], "mood": MOOD}
    assert scanned.tracks().at[track, "genre"] == "Old" and not plan(scanned, {}, {track: MOOD}).changes
    set_fields(folder / "b.flac", {"mood": ["Mine"]})  # by another program
    undone = undo(scanned)
    assert "its mood is now Mine: it was changed since." in undone.failures[str(folder / "b.flac")]
    assert both(folder / "b.flac")["mood"] == ["Mine"]


def test_undo_restores_the_field_that_no_other_program_changed(scanned, files, tmp_path):
    folder = tmp_path / "music"
    track = scanned.id_of(folder / "b.flac")
    assert not write(scanned, plan(scanned, {track: GENRES}, {track: MOOD}).changes).failures
    set_fields(folder / "b.flac", {"mood": ["Mine"]})  # by another program
    undone = undo(scanned)
    assert both(folder / "b.flac") == {"genre": both(files / "b.flac")["genre"], "mood": ["Mine"]}
    assert undone.failures == {str(folder / "b.flac"): "its mood was changed since, and stays."}


def test_frames_of_id3_2_3_that_mutagen_would_drop_stay(files, tmp_path):
    shutil.copy(files / "old.mp3", tmp_path / "song.mp3")
    tags = ID3(tmp_path / "song.mp3")
    tags.update_to_v23()
    for frame in (TMOO(encoding=1, text=["Calm"]), TSOP(encoding=1, text=["Sort"]), TIT2(encoding=1, text=["a", "b"])):
        tags.add(frame)
    tags.save(v2_version=3, v23_sep=None)
    set_fields(tmp_path / "song.mp3", {"genre": GENRES})
    tags = ID3(tmp_path / "song.mp3")
    found = {name: tags[name].text for name in ("TMOO", "TSOP", "TIT2", "TCON")}
    assert found == {"TMOO": ["Calm"], "TSOP": ["Sort"], "TIT2": ["a", "b"], "TCON": GENRES}
    assert tags.version == (2, 3, 0)


def frames(path) -> dict[bytes, list[bytes]]:
    """{name: contents of each such frame, without zeros behind} of ID3 2.3 or 2.4, read without mutagen."""
    data = path.read_bytes()
    wide, place, found = 128 if data[3] == 4 else 256, 10, {}
    end = place + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0)))
    while place < end and data[place]:
        size = int(np.polyval(list(data[place + 4 : place + 8]), wide))
        found.setdefault(data[place : place + 4], []).append(data[place + 10 : place + 10 + size].rstrip(b"\0"))
        place += 10 + size
    return found


# Contents of frames by name. Some belong to the other version of ID3, as programs write them, and one to none.
FRAMES = {
    3: {
        b"TYER": b"\x001999", b"TDAT": b"\x003112", b"TIME": b"\x002359", b"TORY": b"\x001970", b"TRDA": b"\x00May",
        b"TSIZ": b"\x00123", b"IPLS": b"\x00drums\0Ann", b"RVAD": b"\x03\x10\x01\x02\x03\x04",
        b"EQUA": b"\x10\x80\x01\x02\x03",
    },
    4: {
        b"TYER": b"\x001999", b"TDAT": b"\x003112", b"TORY": b"\x001970", b"TSIZ": b"\x00123", b"TSO2": b"\x03S",
    },
}  # fmt: skip
OF_BOTH = {
    b"TCON": b"\x00(17)", b"TDRC": b"\x002001-02-03", b"TDRL": b"\x002002-02", b"TDEN": b"\x002003",
    b"TDTG": b"\x002004-05-06T07:08:09", b"TDOR": b"\x001971", b"TSOA": b"\x00Sort", b"TSOP": b"\x01\xff\xfeS\0\xf6\0",
    b"TMOO": b"\x00Calm", b"TPRO": b"\x00(P) 1999", b"TIPL": b"\x00mix\0Bob", b"TMCL": b"\x00flute\0Cid",
    b"RVA2": b"track\0\x01\x02\x00\x10\x40\x01", b"TXXX": b"\x00replaygain_track_gain\0-3.5 dB",
    b"COMM": b"\x00eng\0much", b"PRIV": b"owner\0\1\2", b"APIC": b"\x00image/png\0\3front\0\x89PNG",
    b"PCNT": b"\0\0\0\7", b"XYZW": b"whatever",
}  # fmt: skip


@pytest.mark.parametrize("version", FRAMES)
def test_written_and_undone_tags_leave_every_other_frame_of_id3_as_it_was(files, tmp_path, version):
    wide, given = 7 if version == 4 else 8, OF_BOTH | FRAMES[version]
    body = b"".join(
        name + bytes(len(held) >> shift & (1 << wide) - 1 for shift in (3 * wide, 2 * wide, wide, 0)) + b"\0\0" + held
        for name, held in given.items()
    )
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    sound, song = (files / "bare.mp3").read_bytes(), tmp_path / "song.mp3"
    song.write_bytes(b"ID3" + bytes([version, 0, 0]) + size + body + sound)
    before = frames(song)
    assert before == {name: [held.rstrip(b"\0")] for name, held in given.items()}
    with Library(tmp_path / "library.sqlite") as library:
        library.save([Track(bytes(song), 1, 1, b"file", b"audio")])
        track = library.id_of(song)
        assert not write(library, plan(library, {track: GENRES}, {track: MOOD}).changes).failures
        written = frames(song)
        assert both(song) == {"genre": GENRES, "mood": MOOD} and song.read_bytes()[3] == version
        own = {name: before[name] for name in before if name not in (b"TCON", b"TMOO")}
        assert {name: written[name] for name in written if name not in (b"TCON", b"TMOO")} == own
        assert not undo(library).failures
    restored = frames(song)
    assert {name: restored[name] for name in restored if name not in (b"TCON", b"TMOO")} == own
    assert both(song) == {"genre": ["Rock"], "mood": ["Calm"]} and song.read_bytes()[3] == version
    assert song.read_bytes().endswith(sound)


@pytest.mark.parametrize("version", FRAMES)
def test_id3v1_tag_beside_id3v2_keeps_all_but_the_genre_and_adds_no_frames(files, tmp_path, version):
    song = tmp_path / "song.mp3"
    shutil.copy(files / "bare.mp3", song)
    ID3().save(song, v2_version=version)
    tags = ID3(song)
    tags.update(TCON=TCON(encoding=1, text=["Old"]), TYER=TYER(encoding=0, text=["1998"]))
    tags.save(song, v2_version=version)
    texts = (b"A title of thirty characters..", b"Artist", b"Album", b"1999", b"A comment of 28 characters..\0\x05")
    v1 = b"TAG" + b"".join(text.ljust(size, b"\0") for text, size in zip(texts, (30, 30, 30, 4, 30)))
    with song.open("ab") as file:
        file.write(v1 + b"\x11")
    before = frames(song)
    set_fields(song, {"mood": MOOD})
    assert set(frames(song)) == {*before, b"TMOO"} and song.read_bytes().endswith(v1 + b"\x11")
    set_fields(song, {"genre": ["Jazz"]})
    assert {**frames(song), b"TCON": []} == {**frames(song), **before, b"TCON": []}
    assert song.read_bytes().endswith(v1 + b"\x08")  # number 8 of ID3v1's genres is Jazz
    set_fields(song, {"genre": [], "mood": []})
    assert frames(song).keys() == before.keys() - {b"TCON"} and song.read_bytes().endswith(v1 + b"\xff")


def test_moods_are_the_likely_tags_of_the_table_each_once():
    tags = ("chill", "rock", "chillout", "Happy", "sad", "party", "mellow")
    assert moods(tags, np.array([0.3, 0.9, 0.4, 0.5, 0.19, 0.2, 0.0])) == ["Happy", "Chill", "Party"]
    assert moods(tags, np.zeros(7)) == [] and moods((), np.zeros(0)) == []
    assert len(moods(tuple(MOODS), np.ones(len(MOODS)))) == MAX_MOODS
