"""Zip archives: hostile members are refused before a byte is written, broken ones never look whole."""

import os
import stat
import struct
import tracemalloc
import zipfile
from collections import namedtuple

import numpy as np
import pytest

from kgenre.core import unzip as unzip_module
from kgenre.core import zip_members
from kgenre.core.errors import KgenreError
from kgenre.core.unzip import unzip

SONG = np.random.default_rng(0).bytes(5000)
CENTRAL = b"PK\x01\x02"


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.create_system = mode << 16, 3
    return info


def write(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for info, data in members:
            archive.writestr(info, data, method)
    return path


def patch(path, offset: int, form: str, value: int, header: bytes = CENTRAL):
    """Overwrites a field of the last member's header."""
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, data.rindex(header) + offset, value)
    path.write_bytes(data)


def refusal(path, folder) -> str:
    with pytest.raises(KgenreError) as caught:
        unzip(path, folder)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def everything(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("method", zip_members.METHODS)
@pytest.mark.parametrize("top", ["songs/", ""])
def test_unzip_gives_the_members_in_a_folder_of_its_name(top, method, tmp_path):
    members = [(entry(f"{top}000/a.mp3"), SONG), (entry(f"{top}empty", stat.S_IFREG), b""), (entry(f"{top}e/"), b"")]
    path = write(tmp_path / "songs.zip", members, method)
    assert unzip(path, tmp_path) == tmp_path / "songs"
    assert (tmp_path / "songs" / "000" / "a.mp3").read_bytes() == SONG
    assert everything(tmp_path) == ["songs", "songs.zip", "songs/000", "songs/000/a.mp3", "songs/e", "songs/empty"]
    path.unlink()
    assert unzip(path, tmp_path) == tmp_path / "songs"  # needs no archive any more


HOSTILE = {
    "../evil": "leads out of the folder",
    "songs/../../evil": "leads out of the folder",
    "songs\\..\\..\\evil": "leads out of the folder",
    "/etc/evil": "has an absolute name",
    "C:/evil": "has an absolute name",
    "\\\\server\\evil": "has an absolute name",
    "songs\\a.mp3": "is no path",
    "songs//a.mp3": "is no path",
    "songs/./a.mp3": "is no path",
    "songs/a\n.mp3": "cannot be printed",
    "songs/CON": "has the name of a device",
    "aux.mp3/a": "has the name of a device",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_unzip_of_a_hostile_name_is_refused_before_a_byte_is_written(name, tmp_path):
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    path = write(inside / "songs.zip", [(entry("songs/good.mp3"), SONG), (entry(name), b"evil")])
    assert f"refused, nothing is unpacked: the member {name!r} ".replace("\\n", "\\\\n") in refusal(path, inside)
    assert HOSTILE[name] in refusal(path, inside)
    assert everything(tmp_path) == ["in", "in/side", "in/side/songs.zip"]


@pytest.mark.parametrize(
    ("mode", "cause"),
    [(stat.S_IFLNK, "is a link"), (stat.S_IFIFO, "is a device or a pipe"), (stat.S_IFCHR, "is a device or a pipe")],
)
def test_unzip_of_a_link_or_device_is_refused(mode, cause, tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/a", mode | 0o777), b"/etc/passwd")])
    assert f"the member 'songs/a' {cause}" in refusal(path, tmp_path)


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (["a.mp3", "a.mp3"], "is in it twice"),
        (["A.mp3", "a.mp3"], "is in it twice"),
        (["\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"], "is in it twice"),
        (["a", "a/b"], "lies in a folder that is a file"),
        (["a/b/c", "a"], "lies in a folder that is a file"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_unzip_of_two_members_of_one_name_is_refused(names, cause, tmp_path):
    path = write(tmp_path / "songs.zip", [(entry(name), SONG) for name in names])
    assert cause in refusal(path, tmp_path) and everything(tmp_path) == ["songs.zip"]


@pytest.mark.parametrize(
    ("offset", "value", "cause"), [(8, 1, "is encrypted"), (10, 9, "is compressed by a method that Python cannot read")]
)
def test_unzip_of_what_python_cannot_read_is_refused(offset, value, cause, tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/a"), SONG)])
    patch(path, offset, "<H", value)
    assert f"the member 'songs/a' {cause}" in refusal(path, tmp_path)


def test_unzip_of_an_archive_without_files_is_refused(tmp_path):
    for members in ([], [(entry("songs/"), b"")]):
        assert "refused, nothing is unpacked: it holds no files." in refusal(
            write(tmp_path / "a.zip", members), tmp_path
        )
    assert everything(tmp_path) == ["a.zip"]


def test_unzip_of_a_bomb_is_refused_by_its_declared_size(tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/a"), bytes(20_000_000))], zipfile.ZIP_DEFLATED)
    assert "it would unpack to 20 MB, more than 100 times its own size" in refusal(path, tmp_path)


def test_unzip_of_a_bomb_that_declares_less_writes_no_more(tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/a"), bytes(20_000_000))], zipfile.ZIP_DEFLATED)
    patch(path, 24, "<I", 1000)
    assert "not a whole zip archive (Bad CRC-32" in refusal(path, tmp_path)
    assert not (tmp_path / "songs").exists()
    assert (tmp_path / ".part-songs" / "songs" / "a").stat().st_size <= 1000


def cut_end(path):
    path.write_bytes(path.read_bytes()[:-100])


def change_byte(path):
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)


def cut_member(path):
    """The bytes of the last member are missing, its entry in the directory is whole."""
    data = path.read_bytes()
    begin = data.index(CENTRAL)
    path.write_bytes(data[: begin - 4000] + data[begin:])
    patch(path, 16, "<I", begin - 4000, b"PK\x05\x06")


def no_zip(path):
    path.write_bytes(b"<html>Not found</html>")


@pytest.mark.parametrize("method", zip_members.METHODS)
@pytest.mark.parametrize("damage", [cut_end, change_byte, cut_member, no_zip], ids=lambda function: function.__name__)
def test_unzip_of_a_broken_archive_is_one_line_and_never_looks_whole(damage, method, tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/a"), SONG), (entry("songs/b"), SONG)], method)
    damage(path)
    text = refusal(path, tmp_path)
    assert "not a whole zip archive (" in text and text.endswith("Remove it and get it again.")
    assert not (tmp_path / "songs").exists()


def test_unzip_goes_on_with_members_that_are_whole(tmp_path, monkeypatch):
    names = [f"songs/{number}" for number in range(5)]
    path = write(tmp_path / "songs.zip", [(entry(name), SONG) for name in names])
    part = tmp_path / ".part-songs" / "songs"
    part.mkdir(parents=True)
    (part / "0").write_bytes(SONG)
    (part / "1").write_bytes(SONG[:100])  # killed in the middle
    (part / "2").write_bytes(bytes(len(SONG)))  # its size is there, its bytes are not: a power cut
    (part / "of an earlier edition").write_bytes(b"old")
    (part / "3" / "of it, too").mkdir(parents=True)  # where this one has a file
    opened = []
    original = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile, "open", lambda self, member, *more: opened.append(member.filename) or original(self, member)
    )
    unzip(path, tmp_path)
    assert sorted(opened) == names[1:]
    assert {name.name: name.read_bytes() for name in (tmp_path / "songs").iterdir()} == dict.fromkeys("01234", SONG)


def test_unzip_without_space_raises_and_keeps_what_is_there(tmp_path, monkeypatch):
    path = write(tmp_path / "songs.zip", [(entry(f"songs/{number}"), SONG) for number in range(3)])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(unzip_module.shutil, "disk_usage", lambda folder: usage(10**9, 0, 3 * 8192 - 1))
    with pytest.raises(KgenreError, match=r"songs needs 0\.0 MB of free space"):
        unzip(path, tmp_path)
    assert not (tmp_path / "songs").exists()


def test_unzip_to_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    path = write(tmp_path / "songs.zip", [(entry("songs/" + "x" * 300), SONG)])
    with pytest.raises(KgenreError, match=r"songs: cannot be written \(File name too long\)"):
        unzip(path, tmp_path)


def test_unzip_of_many_members_holds_no_content_in_memory(tmp_path):
    size, count = 24 << 20, 2
    path = write(tmp_path / "songs.zip", [(entry(f"songs/{number}"), SONG * (size // 5000)) for number in range(count)])
    tracemalloc.start()
    unzip(path, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20  # a few buffers of a MiB
    assert len(os.listdir(tmp_path / "songs")) == count
