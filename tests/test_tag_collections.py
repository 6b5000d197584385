"""Folders labelled by their own genre tags: all formats, ID3 numbers, several genres, spellings, what is left out."""

import csv
import shutil
import time
from collections import Counter
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen import id3
from recorded_lines import RecordedLines
from recorded_progress import RecordedProgress
from user_collections import make_tags, write_id3, write_song

from kgenre.audio.tags import read_all_tags, read_tags
from kgenre.collections import load_collection
from kgenre.collections.genre_tags import WHOLE, genres_of_tag
from kgenre.collections.left_out import causes, left_out_lines, write_left_out
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.genre_names import one_spelling


def load(folder, told=None, **options):
    return load_collection(f"tags:{folder}", progress=told or RecordedLines(), options=CollectionOptions(**options))


# --- tags of files --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.opus", "a.m4a", "a.wma", "a.wav", "a.aiff"])
def test_read_tags_of_several_values_gives_all_genres(tmp_path, name):
    path = tmp_path / name
    if name == "a.opus":
        write_opus(path)
    else:
        write_song(path, 0.5, artist="Björk", genre=["Trip-Hop", "Électro"])
    tags = read_tags(path)
    assert (tags.genre, tags.genres, tags.artist) == ("Trip-Hop", ("Trip-Hop", "Électro"), "Björk")


def write_opus(path: Path) -> None:
    from audio_files import tone, write_sound

    write_sound(path, tone(440, 0.5, 48000), 48000)
    file = mutagen.File(path)
    file["genre"], file["artist"] = ["Trip-Hop", "Électro"], "Björk"
    file.save()


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize(
    ("written", "genres"),
    [
        ("(17)", ("Rock",)),
        ("17", ("Rock",)),
        ("(17)(9)Metal", ("Rock", "Metal")),
        ("(4)Eurodisco", ("Disco", "Eurodisco")),
        ("(17) Rock", ("Rock",)),
        ("(RX)", ("Remix",)),
        ("(51)(39)", ("Techno-Industrial", "Noise")),
        ("((Bracket)", ("(Bracket)",)),
        ("R&B", ("R&B",)),
        ("Blues rock, 1970s", ("Blues rock, 1970s",)),
        (["17", "Post-Rock"], ("Rock", "Post-Rock")),
    ],
)
def test_read_tags_of_id3v2_numbers_gives_names(tmp_path, version, written, genres):
    path = write_id3(tmp_path / "a.mp3", written, version)
    assert id3.ID3(path, translate=False).version[1] == version
    assert read_tags(path).genres == genres


def test_read_tags_of_id3v1_gives_its_genre(tmp_path):
    path = write_id3(tmp_path / "a.mp3", "Psychedelic Rock", 1)
    data = path.read_bytes()
    assert not data.startswith(b"ID3") and data[-128:-125] == b"TAG" and data[-1] == 93
    assert read_tags(path).genres == ("Psychedelic Rock",)


def test_read_tags_of_flac_number_gives_its_name(tmp_path):
    assert read_tags(write_song(tmp_path / "a.flac", 0.5, genre="(17)")).genres == ("Rock",)
    assert read_tags(write_song(tmp_path / "b.flac", 0.5, genre="1980s")).genres == ("1980s",)


def test_read_all_tags_of_many_files_equals_one_by_one(tmp_path):
    kinds = [write_song(tmp_path / f"{number}.flac", 0.1, genre=f"Genre {number}") for number in range(7)]
    paths = [str(shutil.copy(kinds[number % 7], tmp_path / f"copy {number}.flac")) for number in range(1100)]
    paths[3] = str(tmp_path / "missing.flac")
    told = RecordedProgress()
    assert read_all_tags(paths, told) == [read_tags(path) for path in paths]
    ((title, total, steps),) = told.tasks
    assert (title, total, sum(steps)) == ("reading tags", 1100, 1100)


# --- genres of a tag ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "genres"),
    [
        (["Rock; Pop"], ["Rock", "Pop"]),
        (["Rock/Pop"], ["Rock", "Pop"]),
        (["Rock, Pop"], ["Rock", "Pop"]),
        (["Rock | Pop\\Jazz"], ["Rock", "Pop", "Jazz"]),
        (["Rock", "pop/ROCK"], ["Rock", "pop"]),
        (["R&B/Soul"], ["R&B/Soul"]),
        (["r&b / soul; Pop"], ["r&b / soul", "Pop"]),
        (["Hip-Hop/Rap"], ["Hip-Hop/Rap"]),
        (["R&B/Soulful"], ["R&B", "Soulful"]),
        (["Rock, Folk, World, & Country"], ["Rock", "Folk, World, & Country"]),
        (["Pop/Funk/Rock"], ["Pop/Funk", "Rock"]),
        (["Drum & Bass", "Rock & Roll", "Jazz+Funk"], ["Drum & Bass", "Rock & Roll", "Jazz+Funk"]),
        (["  Post   Rock  "], ["Post Rock"]),
        (["Other"], []),
        (["unknown; Jazz; -"], ["Jazz"]),
        ([" ;/, "], []),
        (["演歌/ジャズ"], ["演歌", "ジャズ"]),
        ([], []),
    ],
)
def test_genres_of_tag_separates_lists_but_not_names(values, genres):
    assert genres_of_tag(values) == genres


def test_genres_of_tag_of_endless_spaces_takes_no_time():
    start = time.thread_time()
    assert genres_of_tag(["a" + " " * 30_000 + "b"]) == ["a b"]
    assert time.thread_time() - start < 2  # tried from each space on, they took 20 s


@pytest.mark.parametrize("name", WHOLE)
def test_genres_of_tag_keeps_every_whole_name(name):
    assert genres_of_tag([name, f"Rock;{name.upper()}/Jazz"]) == [name, "Rock", "Jazz"]


def test_one_spelling_is_the_most_frequent():
    names = ["Hip Hop"] * 3 + ["hip-hop"] * 2 + ["HIPHOP"] * 2 + ["ROCK", "Rock", "Ele\u0301ctro", "Él", "É" + "léctro"]
    assert one_spelling(names) == {
        **dict.fromkeys(["Hip Hop", "hip-hop", "HIPHOP"], "Hip Hop"),
        **dict.fromkeys(["ROCK", "Rock"], "Rock"),
        "Ele\u0301ctro": "Ele\u0301ctro",
        "Él": "Él",
        "Éléctro": "Éléctro",
    }
    assert one_spelling(["e\u0301lectro", "\u00e9lectro", "\u00e9lectro", "!!!", "???"]) == {
        **dict.fromkeys(["e\u0301lectro", "\u00e9lectro"], "\u00e9lectro"),
        "!!!": "!!!",
        "???": "???",
    }


# --- collections ----------------------------------------------------------------------------------


def test_tags_of_every_format_make_a_collection(tmp_path):
    collection = load_collection(make_tags(tmp_path))
    table = collection.table.set_index("track_id")
    assert (collection.task, collection.labels, len(table)) == ("multi", ["Jazz", "Rock"], 12)
    assert {Path(name).suffix for name in table.index} == {".mp3", ".flac", ".ogg", ".m4a"}
    assert (
        table.loc["Artist 5/01 song.flac", "genres"] == "Rock|Jazz"
        and table.loc["Artist 5/01 song.flac", "genre"] == ""
    )
    assert collection.protocol == "split by artist, seed 0" and not collection.left_out


@pytest.fixture
def personal(tmp_path) -> Path:
    """A folder as people have them: spellings, numbers, tags that say nothing, and files that are no audio."""
    folder = tmp_path / "music"
    for name, genre in (("1.mp3", "Hip Hop"), ("2.flac", "hip-hop"), ("3.ogg", "Hip Hop"), ("4.m4a", "HIPHOP"),
                        ("5.wma", "Jazz"), ("6.mp3", "Polka"), ("7.mp3", "Other"), ("8.flac", "")):  # fmt: skip
        write_song(folder / name, 0.3, **({"genre": genre} if genre else {}))
    write_id3(folder / "9.mp3", "(8)", 3)
    (folder / "cover.jpg").touch()
    (folder / "zero.mp3").touch()
    (folder / "text.flac").write_text("no audio")
    (folder / "noise.m4a").write_bytes(np.random.default_rng(0).bytes(3000))
    (folder / "dead.mp3").symlink_to(folder / "nowhere")
    broken = write_song(folder / "broken.flac", 0.3, genre="Jazz")  # its tags are sound, its audio is not
    broken.write_bytes(broken.read_bytes()[:-1000] + bytes(1000))
    return folder


def test_tags_of_a_personal_folder_are_one_spelling_each(personal):
    told = RecordedLines()
    collection = load(personal, told)
    genres = {Path(row.path).name: row.genre for row in collection.table.itertuples()}
    assert genres == {
        **dict.fromkeys(["1.mp3", "2.flac", "3.ogg", "4.m4a"], "Hip Hop"),
        **dict.fromkeys(["5.wma", "9.mp3", "broken.flac"], "Jazz"),
        "6.mp3": "Polka",
    }
    assert collection.task == "single"
    assert told.lines[0] == "tags: 2 other spellings of genres joined: HIPHOP -> Hip Hop, hip-hop -> Hip Hop"
    why = {Path(path).name: cause for path, cause in collection.left_out.items()}
    assert set(why) == {"7.mp3", "8.flac", "zero.mp3", "text.flac", "noise.m4a", "dead.mp3"}
    assert why["7.mp3"] == "its genre tag names no genre: Other" and why["8.flac"] == "no genre tag"
    assert why["dead.mp3"] == "a link to nothing." and "empty" in why["zero.mp3"]
    assert len(told.lines) <= 7 and all(line.startswith(f"tags:{personal}: left out: ") for line in told.lines[1:])


def test_tags_with_min_tracks_leave_rare_genres_out(personal):
    collection = load(personal, min_tracks_per_genre=3)
    assert collection.labels == ["Hip Hop", "Jazz"]
    assert collection.left_out[str(personal / "6.mp3")] == "none of its genres has 3 tracks."
    assert str(personal / "8.flac") in collection.left_out


def test_tags_without_genres_or_audio_say_so(tmp_path):
    with pytest.raises(KgenreError, match=r"no audio files\. .*--data tags:DIR\.$"):
        load(tmp_path)
    write_song(tmp_path / "a.mp3", 0.3, artist="A")
    with pytest.raises(KgenreError, match="none of 1 audio files has a genre tag"):
        load(tmp_path)


# --- what is left out -----------------------------------------------------------------------------

LEFT_OUT = {f"/m/{number}.mp3": "no genre tag." for number in range(9)} | {"/a\nb": "odd", "c": "odd", "d": "last"}


def test_causes_are_counted_with_examples():
    table = causes(LEFT_OUT)
    assert table.to_numpy().tolist() == [
        ["no genre tag", 9, "/m/0.mp3, /m/1.mp3"],
        ["odd", 2, "/a\\nb, c"],
        ["last", 1, "d"],
    ]
    assert causes({}).empty


def test_left_out_lines_are_few():
    assert left_out_lines("x", LEFT_OUT) == [
        "x: left out: 9 no genre tag: /m/0.mp3, /m/1.mp3, ...",
        "x: left out: 2 odd: /a\\nb, c",
        "x: left out: 1 last: d",
    ]
    many = {str(number): f"cause {number % 50}" for number in range(120)}
    assert left_out_lines("x", many)[5:] == ["x: left out: 105 for 45 other causes"]
    assert left_out_lines("x", {}) == []


def test_write_left_out_is_a_table_or_nothing(tmp_path):
    write_left_out(tmp_path / "run" / "left_out.csv", LEFT_OUT)
    with (tmp_path / "run" / "left_out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "cause"] and Counter(row[1] for row in rows[1:]) == {
        "no genre tag": 9,
        "odd": 2,
        "last": 1,
    }
    write_left_out(tmp_path / "none.csv", {})
    assert not (tmp_path / "none.csv").exists()
