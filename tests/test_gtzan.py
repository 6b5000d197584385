"""GTZAN: its names and folders, archives, the fault-filtered split, and artists from a file."""

import io
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from recorded_lines import RecordedLines
from user_collections import make_gtzan, write_song

from kgenre.collections import load_collection
from kgenre.collections.artists import Known, read_artists
from kgenre.collections.datasets.gtzan import LABELS, fault_filtered
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.splits import artist_overlap
from kgenre.core.errors import KgenreError

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gtzan")
    make_gtzan(folder)
    return folder


def load(data, progress=None, **options):
    return load_collection(str(data), progress=progress or RecordedLines(), options=CollectionOptions(**options))


# --- the split ------------------------------------------------------------------------------------


def test_fault_filtered_has_the_published_counts():
    splits = fault_filtered()
    assert Counter(splits.values()) == {"train": 443, "valid": 197, "test": 290}
    assert {name.split(".")[0] for name in splits} == set(LABELS)
    assert splits["blues.00029"] == splits["jazz.00054"] == "train" and splits["blues.00000"] == "valid"
    assert splits["blues.00028"] == "test" and "reggae.00086" not in splits


def test_fault_filtered_equals_the_published_lists():
    folder = SHARED / "docs" / "gtzan_fault_filtered"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: the lists as published")
    published = {
        Path(line.strip()).stem: split
        for split in ("train", "valid", "test")
        for line in (folder / f"{split}_filtered.txt").read_text().splitlines()
    }
    assert fault_filtered() == published


def test_gtzan_with_index_beside_it_knows_its_artists(clips):
    told = RecordedLines()
    collection = load(f"gtzan:{clips}", told)
    assert collection.protocol == "split fault-filtered (Kereliuk, Sturm, Larsen 2015)" and collection.task == "single"
    assert collection.table["split"].value_counts().to_dict() == {"train": 20, "valid": 20, "test": 20}
    assert artist_overlap(collection.rows("test"), collection.rows("train")).startswith("0.0% of the tracks have")
    assert told.lines[0] == f"gtzan: 60 of 60 tracks have an artist, from {clips}/GTZANindex.txt"
    assert told.lines[1].startswith(f"gtzan:{clips}: left out: 870 in the lists, but not among the files: blues.0")
    assert len(told.lines) == 2


def test_gtzan_in_other_spellings_and_formats_has_the_same_ids(tmp_path):
    names = {
        "blues.00000.wav": "blues.00000",
        "deep/er/blues/blues.00029.flac": "blues.00029",
        "Hip-Hop/hip-hop.00002.ogg": "hiphop.00002",
        "hiphop_00081.au": "hiphop.00081",
        "jazz.00002.mp3": "jazz.00002",
    }
    for name in names:
        write_song(tmp_path / name, 0.5)
    write_song(tmp_path / "blues.00030.0.wav", 0.5)  # a piece of a clip, as one edition has them
    write_song(tmp_path / "reggae.00086.wav", 0.5)
    write_song(tmp_path / "z" / "jazz.00002.wav", 0.5)
    collection = load(f"gtzan:{tmp_path}")
    found = {Path(row.path).relative_to(tmp_path).as_posix(): row.track_id for row in collection.table.itertuples()}
    assert found == names and set(collection.table["genre"]) == {"blues", "hiphop", "jazz"}
    causes = {Path(name).name: cause for name, cause in collection.left_out.items() if "/" in name}
    assert causes == {
        "blues.00030.0.wav": "not named as a clip of GTZAN",
        "reggae.00086.wav": "in none of the lists of the fault-filtered split",
        "jazz.00002.wav": "a second copy of a clip",
    }
    assert artist_overlap(collection.rows("valid"), collection.rows("train")).startswith("artists unknown")


@pytest.mark.parametrize("sound", [True, False])
def test_gtzan_jazz_54_is_left_out_where_it_does_not_decode(tmp_path, sound):
    for name in ("jazz.00054", "jazz.00055", "rock.00000"):
        write_song(tmp_path / f"{name}.wav", 0.5)
    if not sound:
        (tmp_path / "jazz.00054.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    collection = load(f"gtzan:{tmp_path}")
    assert ("jazz.00054" in set(collection.table["track_id"])) == sound
    assert (str(tmp_path / "jazz.00054.wav") in collection.left_out) != sound


def test_gtzan_without_clips_says_what_to_name(tmp_path):
    write_song(tmp_path / "song.wav", 0.5)
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(KgenreError, match=r"no clips of GTZAN .* --data gtzan:DIR\.$"):
            load(f"gtzan:{place}")


# --- archives -------------------------------------------------------------------------------------


def write_tar(path: Path, clips: Path, mode: str = "w:gz") -> Path:
    """The clips as genres/GENRE/CLIP, and what must not be unpacked."""
    with tarfile.open(path, mode) as archive:
        for name in ("/etc/cron.d/evil", "../evil.wav", "genres/._blues.00000.wav", "genres/bextract.mf"):
            add(archive, name, b"evil")
        link = tarfile.TarInfo("genres/blues.00031.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for clip in sorted((clips / "genres").glob("*/*.wav")):
            archive.add(clip, f"genres/{clip.parent.name}/{clip.name}")
        add(archive, "../../blues.00030.wav", (clips / "genres" / "blues" / "blues.00029.wav").read_bytes())
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_gtzan_archive_is_unpacked_once_and_only_its_clips(clips, tmp_path):
    place = tmp_path / "in" / "here"
    place.mkdir(parents=True)
    archive = write_tar(place / "genres.tar.gz", clips)
    first = load(f"gtzan:{archive}")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    expected = {f"in/here/genres/{clip.parent.name}/{clip.name}" for clip in (clips / "genres").glob("*/*.wav")}
    # blues.00030, named to climb out, is a clip: it lies where clips lie.
    assert files == {*expected, "in/here/genres.tar.gz", "in/here/genres/blues/blues.00030.wav"}
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert load(f"gtzan:{archive}").table.equals(first.table)  # by the archive, or by the folder that holds it
    assert load(f"gtzan:{place}").table.equals(first.table)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_gtzan_zip_equals_tar(clips, tmp_path):
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("Data/features_30_sec.csv", "filename,length\n")
        archive.writestr("Data/images_original/blues/blues00000.png", b"png")
        archive.writestr("../../evil.wav", b"evil")
        for clip in (clips / "genres").glob("*/*.wav"):
            archive.write(clip, f"Data/genres_original/{clip.parent.name}/{clip.name}")
    collection = load(f"gtzan:{tmp_path / 'archive.zip'}")
    assert sorted(collection.table["track_id"]) == sorted(clip.stem for clip in (clips / "genres").glob("*/*.wav"))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["archive", "archive.zip"]
    for path in collection.table["path"][::7]:
        assert Path(path).read_bytes() == (clips / "genres" / Path(path).parent.name / Path(path).name).read_bytes()


@pytest.mark.parametrize("name", ["genres.tar.gz", "genres.tar", "genres.zip"])
def test_gtzan_archive_that_is_cut_is_refused_and_leaves_no_folder(clips, tmp_path, name):
    whole = tmp_path / "whole"
    if name.endswith("zip"):
        with zipfile.ZipFile(whole, "w") as archive:
            archive.write(clips / "genres" / "blues" / "blues.00000.wav", "blues.00000.wav")
    else:
        write_tar(whole, clips, "w:gz" if name.endswith("gz") else "w")
    data = whole.read_bytes()
    (tmp_path / name).write_bytes(data[: 6 * len(data) // 10])
    with pytest.raises(KgenreError, match=r"not a complete archive .* Get it again\.$"):
        load(f"gtzan:{tmp_path / name}")
    assert not (tmp_path / "genres").exists()


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("place", [0.02, 0.5, 0.98])
def test_gtzan_archive_that_is_damaged_is_refused_in_one_line(tmp_path, kind, place):
    """Noise, which cannot be compressed: where a byte of it is another one, only a checksum tells."""
    path, rng = tmp_path / f"genres.tar.{kind}", np.random.default_rng(0)
    with tarfile.open(path, f"w:{kind}") as archive:
        for number in range(30):
            add(archive, f"blues/blues.{number:05d}.wav", rng.bytes(100_000))
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at : at + 4] = bytes(byte ^ 255 for byte in data[at : at + 4])
    path.write_bytes(data)
    with pytest.raises(KgenreError, match=r"^[^\n]*: not a complete archive \([^\n]+\)\. Get it again\.$"):
        load(f"gtzan:{path}")
    assert [left.name for left in tmp_path.iterdir()] == [path.name]  # nothing that a whole archive would go on with


def test_gtzan_archive_without_clips_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        archive.writestr("song.wav", b"RIFF")
    with pytest.raises(KgenreError, match="none of its files belongs to the dataset"):
        load(f"gtzan:{tmp_path / 'music.zip'}")
    assert [path.name for path in tmp_path.iterdir()] == ["music.zip"]


UNPACK = """
import os, signal, sys
from pathlib import Path
from kgenre.collections import archives
from kgenre.collections.datasets.gtzan import _place

archive, wanted = Path(sys.argv[1]), int(sys.argv[2])
part, copy = archive.with_name(".part-genres"), archives.shutil.copyfileobj

def copy_or_die(source, target, *size):
    if len(list(part.glob("blues/blues.*"))) >= wanted:  # in the middle of the next file
        target.write(source.read(1000))
        target.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    copy(source, target, *size)

archives.shutil.copyfileobj = copy_or_die
archives.unpack(archive, _place)
"""


def test_gtzan_archive_after_kills_is_complete(tmp_path):
    """Killed again and again at any place, it ends in the same files, and what was complete is not written again."""
    content = np.random.default_rng(0).bytes(200_000)
    with tarfile.open(tmp_path / "genres.tar", "w") as archive:
        for number in range(100):
            add(archive, f"blues/blues.{number:05d}.wav", content)
    part, kept = tmp_path / ".part-genres", {}
    for wanted in (1, 20, 50):
        command = [sys.executable, "-c", UNPACK, str(tmp_path / "genres.tar"), str(wanted)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert not (tmp_path / "genres").exists()
        whole = {path.name: path.stat().st_mtime_ns for path in part.glob("blues/blues.*")}
        assert kept.items() <= whole.items()
        kept = whole
    assert len(kept) >= 50
    subprocess.run([*command[:-1], "1000"], check=True)
    files = {path.name: path for path in (tmp_path / "genres" / "blues").iterdir()}
    assert sorted(files) == [f"blues.{number:05d}.wav" for number in range(100)] and not part.exists()
    assert all(path.read_bytes() == content for path in files.values())
    assert all(files[name].stat().st_mtime_ns == time_ns for name, time_ns in kept.items())


# --- artists --------------------------------------------------------------------------------------

INDEX = """## Somebody
##
blues.00082.wav ::: Buckwheat Zydeco :::
jazz.00050.wav ::: :::
country.00002.wav ::: ::: I Wish I Had A Nickel

disco.00001.wav ::: A ::: Title
"""


def test_read_artists_of_index_keeps_empty_fields(tmp_path):
    (tmp_path / "index.txt").write_text(INDEX)
    assert read_artists(tmp_path / "index.txt") == {
        "blues.00082.wav": Known("Buckwheat Zydeco"),
        "jazz.00050.wav": Known(""),
        "country.00002.wav": Known(""),
        "disco.00001.wav": Known("A"),
    }


def test_read_artists_of_latin_1_and_of_utf_8_with_bom(tmp_path):
    for encoding in ("latin-1", "utf-8", "utf-8-sig"):
        (tmp_path / "index.txt").write_bytes("a.wav ::: Björk ::: Jóga\n".encode(encoding))
        assert read_artists(tmp_path / "index.txt") == {"a.wav": Known("Björk")}


def songs_of(folder: Path) -> Path:
    for name in ("rock/01.mp3", "rock/02.mp3", "jazz/01.mp3", "jazz/b.00001.ogg", "jazz/b.00002.ogg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("text", "artists"),
    [
        # 01 is the name of two songs, so it says nothing of either.
        ("Artist,track_id\nA,02\nB,b.00001\nX,01\nC,b.00009\n", ["", "B", "", "", "A"]),
        ("path,artist,album\nmusic/rock/01.mp3,X,L\nmusic/jazz/../jazz/01.mp3,\"Y, Z\",M\n", ["Y, Z", "", "", "X", ""]),
        ("track_id,artist\n02.mp3,A\nb.00001.wav,B\nshort\n", ["", "B", "", "", "A"]),
    ],
)  # fmt: skip
def test_artists_of_csv_are_found_by_id_or_path(tmp_path, text, artists):
    music = songs_of(tmp_path / "music")
    (tmp_path / "artists.csv").write_text(text)
    told = RecordedLines()
    collection = load(music, told, artists=str(tmp_path / "artists.csv"))
    rows = collection.table.sort_values("path")
    assert rows["artist"].tolist() == artists
    assert told.lines[0].startswith(f"{music}: 2 of 5 tracks have an artist, from {tmp_path}/artists.csv")
    unused = {"b.00009": 2, "short": 1, "album": 0}
    others = next(count for mark, count in unused.items() if mark in text)
    assert told.lines[0].endswith(f", which lists {others} others" if others else "artists.csv")
    if "album" in text:
        assert rows["album"].tolist() == ["M", "", "", "L", ""]


def test_artists_of_numbered_clips_are_not_those_of_another_number(tmp_path):
    for name in ("rock/c.00001.mp3", "jazz/d.00001.mp3"):
        (tmp_path / "music" / name).parent.mkdir(parents=True)
        (tmp_path / "music" / name).touch()
    (tmp_path / "a.csv").write_text("track_id,artist\nc.00009,X\nd.00001,Y\n")
    table = load(tmp_path / "music", artists=str(tmp_path / "a.csv")).table.set_index("genre")
    assert table["artist"].to_dict() == {"rock": "", "jazz": "Y"}


def test_artists_given_make_the_split_by_artist(tmp_path):
    folder = tmp_path / "music"
    lines = ["track_id,artist"]
    for number in range(40):
        (folder / f"genre {number % 2}").mkdir(parents=True, exist_ok=True)
        (folder / f"genre {number % 2}" / f"{number}.mp3").touch()
        lines.append(f"{number},Artist {number // 4}")
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert load(folder).protocol == "split by track, seed 0"
    collection = load(folder, artists=str(tmp_path / "a.csv"))
    assert collection.protocol == "split by artist, seed 0"
    assert (collection.table.groupby("artist")["split"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "elsewhere.wav ::: A ::: B\n", "names none of the tracks of .*Received: elsewhere.wav; .* such as "),
        ("a.csv", "track_id,artist\n", "names none of the tracks of .*Received: nothing; "),
        ("a.csv", "id,artist\n02,A\n", "needs the columns track_id or path, and artist. Received: id, artist."),
        ("a.csv", "", "Received: nothing."),
        ("a.txt", "## c\nblues.00000.wav A\n", "line 2 has no ':::'"),
        ("a.csv", 'track_id,artist\n02,"A\n' + 9999 * "02,Somebody else\n", "A .csv needs each quote closed."),
        ("a.csv", "path,artist\na\0b.mp3,A\n", "names none of the tracks of "),
    ],
)
def test_artists_that_do_not_fit_are_refused(tmp_path, name, text, message):
    music = songs_of(tmp_path / "music")
    (tmp_path / name).write_text(text)
    with pytest.raises(KgenreError, match=message):
        load(music, artists=str(tmp_path / name))
    with pytest.raises(KgenreError, match="cannot be read: No such file or directory"):
        load(music, artists=str(tmp_path / "missing.csv"))


def test_artists_of_the_published_index_fit_gtzans_manifest():
    manifest, index = SHARED / "data/gtzan_audio/manifest.csv", SHARED / "docs/gtzan_fault_filtered/GTZANindex.txt"
    if not (manifest.is_file() and index.is_file()):
        pytest.skip(f"{manifest} or {index} is missing: real tracks and the index of their artists")
    collection = load(manifest, artists=str(index))
    assert (collection.table["artist"] != "").sum() == 322
    assert set(collection.table.loc[collection.table["track_id"] == "blues.00000", "artist"]) == {"John Lee Hooker"}
    assert artist_overlap(collection.rows("valid"), collection.rows("train")).startswith("0.0% of the tracks have")
