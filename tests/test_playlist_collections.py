"""Playlists as collections: what players write into them, and what becomes of entries that are no songs."""

import os
from pathlib import Path

import pytest
from recorded_lines import RecordedLines
from user_collections import make_playlists, write_song

from kgenre.collections import load_collection
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.playlist_files import path_line, read_playlist


def names_in(path: Path, content: bytes) -> list[str]:
    """The names of the files that exist, of those that the entries of a playlist with this content may mean."""
    path.write_bytes(content)
    found = [next(filter(os.path.exists, entry.paths), None) for entry in read_playlist(path)]
    return [os.path.relpath(song, path.parent) if song else "" for song in found]


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a.mp3", "sub dir/é.mp3", "100%41.mp3", "sub dir/ü ; #1.mp3", "C:/x.mp3", "Artist: Song.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin \xe9.mp3")).touch()
    return tmp_path


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("utf-8.m3u8", "#EXTM3U\n#EXTINF:61,A - T\na.mp3\n#EXTINF:-1,\nsub dir/é.mp3\n".encode()),
        ("bom.m3u8", "\ufeffa.mp3\r\nsub dir/é.mp3\r\n".encode()),
        ("utf-16.m3u", "a.mp3\r\nsub dir/é.mp3".encode("utf-16")),
        ("latin.m3u", "a.mp3\rsub dir/é.mp3\r".encode("latin-1")),
        ("utf-8.m3u", "  a.mp3  \n\n\tsub dir/é.mp3".encode()),
        ("windows.m3u", ".\\a.mp3\r\nsub dir\\é.mp3\r\n".encode("cp1252")),
        ("escaped.m3u", b"./a.mp3\nsub%20dir/%C3%A9.mp3\n"),
        ("two.pls", "[playlist]\nNumberOfEntries=2\nFile1=a.mp3\nTitle1=File9=x\nLength1=-1\n"
                    "file2 = sub dir/é.mp3\nVersion=2\n".encode()),
        ("latin.PLS", "[playlist]\r\nFile1=a.mp3\r\nFile2=sub dir\\é.mp3\r\n".encode("latin-1")),
    ],
)  # fmt: skip
def test_read_playlist_of_each_kind_finds_the_songs(folder, name, content):
    assert names_in(folder / name, content) == ["a.mp3", "sub dir/é.mp3"]


@pytest.mark.parametrize("start", ["file://", "FILE://localhost", "file:"])
def test_read_playlist_of_file_addresses_finds_the_songs(folder, start):
    lines = [f"{start}{folder}/{name}" for name in ("a.mp3", "sub%20dir/%c3%a9.mp3", "sub dir/ü%20;%20#1.mp3")]
    assert names_in(folder / "x.m3u", "\n".join(lines).encode()) == ["a.mp3", "sub dir/é.mp3", "sub dir/ü ; #1.mp3"]


def test_read_playlist_with_odd_names_takes_them_as_they_stand(folder):
    odd = b"100%41.mp3\nC:/x.mp3\nArtist: Song.mp3\nlatin \xe9.mp3\n" + os.fsencode(folder) + b"/a.mp3\n"
    assert names_in(folder / "x.m3u", odd) == [
        "100%41.mp3", "C:/x.mp3", "Artist: Song.mp3", os.fsdecode(b"latin \xe9.mp3"), "a.mp3",
    ]  # fmt: skip


def test_read_playlist_of_streams_gives_no_paths(folder):
    lines = b"http://example.org/a.mp3\nHTTPS://x\nmms://x/y\nrtsp://[::1/bad\nspotify:track:1\nD:\\Music\\a.mp3\n\0\n"
    (folder / "x.m3u").write_bytes(lines)
    entries = read_playlist(folder / "x.m3u")
    assert [bool(entry.paths) for entry in entries] == [False] * 4 + [True] * 2 + [False]
    assert not any(os.path.exists(path) for entry in entries for path in entry.paths)


@pytest.mark.parametrize("relative", [True, False])
def test_read_playlist_reads_what_path_line_writes(tmp_path, relative):
    odd = ["plain.mp3", "#hash.mp3", "two  blanks .mp3", "it's \"q\", 100%41.mp3", "two\nlines.mp3", " leading.mp3",
           os.fsdecode(b"latin \xe9.mp3"), "Artist: Song.mp3", "a\u2028b.mp3", "deep/C:/x.mp3",
           "back\\slash.mp3"]  # fmt: skip
    for name in odd:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    lines = [path_line(str(tmp_path / name), tmp_path if relative else None) for name in odd]
    assert names_in(tmp_path / "all.m3u8", "\n".join(lines).encode()) == odd


# --- collections ----------------------------------------------------------------------------------


def load(folder, told=None, **options):
    return load_collection(
        f"playlists:{folder}", progress=told or RecordedLines(), options=CollectionOptions(**options)
    )


def test_playlists_give_songs_of_several_several_genres(tmp_path):
    collection = load_collection(make_playlists(tmp_path))
    table = collection.table.set_index("track_id")
    assert (collection.task, collection.labels) == ("multi", ["jazz", "rock"]) and len(table) == 11
    both = table.loc["music/Artist 5/song.mp3"]
    assert (both["genre"], both["genres"], both["artist"]) == ("", "jazz|rock", "Artist 5")
    assert table["genre"].value_counts().to_dict() == {"rock": 5, "jazz": 5, "": 1}
    assert collection.protocol == "split by artist, seed 0" and not collection.left_out


def test_playlists_with_a_single_task_leave_songs_of_several_out(tmp_path):
    told = RecordedLines()
    make_playlists(tmp_path)
    collection = load(tmp_path, told, task="single")
    assert len(collection.table) == 10 and collection.task == "single"
    song = f"{tmp_path}/music/Artist 5/song.mp3"
    cause = "no genre, or several of which none is the main one"
    assert told.lines == [f"playlists:{tmp_path}: left out: 1 {cause}: {song}"]


def write_songs(folder: Path, *names: str) -> None:
    for name in names:
        write_song(folder / name, 0.3)


def test_playlists_with_all_kinds_of_entries_keep_songs_and_say_why_not_the_rest(tmp_path):
    lists, music = tmp_path / "lists", tmp_path / "music"
    lists.mkdir()
    write_songs(music, "a.mp3", "b.ogg", "album/1.flac", "album/2.wav", "album/deep/3.mp3")
    (music / "album" / "cover.jpg").touch()
    (music / "notes.txt").touch()
    (music / "text.mp3").write_text("no audio")
    (tmp_path / "link.mp3").symlink_to(music / "a.mp3")
    (lists / "sub").mkdir()
    rock = ["#EXTM3U", "../music/a.mp3", str(music / "a.mp3"), "../link.mp3", "../music/gone.mp3", "http://x.org/live",
            "../music/notes.txt", "../music/text.mp3", "sub/loop.m3u", "D:\\Music\\b.mp3"]  # fmt: skip
    (lists / "Hard Rock.m3u").write_text("\n".join(rock))
    (lists / "sub" / "Hard-Rock.pls").write_text("[playlist]\nFile1=../../music/b.ogg\n")
    (lists / "sub" / "hard rock.m3u8").write_text("../../music/b.ogg\n../../music/a.mp3\n")
    (lists / "sub" / "loop.m3u").write_text("../Hard Rock.m3u\nloop.m3u\n../../music/album\n")
    (lists / "empty.m3u8").write_text("#EXTM3U\n")
    (lists / "._Hard Rock.m3u").write_bytes(b"\0\5\x16\7")
    (lists / "dead.m3u").symlink_to(lists / "nowhere")
    told = RecordedLines()
    collection = load(lists, told)
    table = collection.table.set_index("path")["genres"].to_dict()
    both = "loop|Hard Rock"
    assert {Path(path).name: sorted(genres.split("|")) for path, genres in table.items()} == {
        name: sorted(both.split("|")) for name in ("a.mp3", "text.mp3", "1.flac", "2.wav", "3.mp3")
    } | {"b.ogg": ["Hard Rock"]}
    assert len(collection.table) == 6  # a.mp3 once, though it is named by three ways and through a link
    assert {Path(name).name if name[0] == "/" else name: cause for name, cause in collection.left_out.items()} == {
        "../music/gone.mp3": "in a playlist, but no such file",
        "D:\\Music\\b.mp3": "in a playlist, but no such file",
        "http://x.org/live": "a stream, not a file",
        "notes.txt": "not named as audio",
        "empty.m3u8": "a playlist without songs",
        "dead.m3u": "a link to nothing.",
    }
    assert told.lines[0].startswith("playlists: 2 other spellings of genres joined: Hard-Rock -> Hard Rock")
    assert len(told.lines) == 6 and " left out: 2 in a playlist, but no such file: " in told.lines[1]


def test_playlists_that_name_one_another_are_read_once_each(tmp_path):
    """12 that name all others have 12! ways through them."""
    names = [f"{number}.m3u" for number in range(12)]
    write_songs(tmp_path, *(f"{number}.mp3" for number in range(12)))
    for number, name in enumerate(names):
        (tmp_path / name).write_text("\n".join([f"{number}.mp3", *names]))
    table = load(tmp_path).table
    assert len(table) == 12 and {len(genres.split("|")) for genres in table["genres"]} == {12}


def test_playlists_without_songs_say_what_to_name(tmp_path):
    (tmp_path / "x.m3u").write_text("gone.mp3\n")
    with pytest.raises(KgenreError, match=r"that names songs which are there\. .*playlists:DIR\.$"):
        load(tmp_path)
    with pytest.raises(KgenreError, match=r"nowhere: no such folder\. .*playlists:DIR\.$"):
        load(tmp_path / "nowhere")
    with pytest.raises(KgenreError, match=r"^playlists: needs the folder that holds it"):
        load_collection("playlists")


def test_playlists_of_one_genre_are_refused(tmp_path):
    write_songs(tmp_path, "a.mp3")
    (tmp_path / "rock.m3u").write_text("a.mp3\n")
    with pytest.raises(KgenreError, match="at least two genres are needed. Received: rock."):
        load(tmp_path)
