"""The command that fetches free music: its list, what it keeps of a package, and what it says where it cannot."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import free_music
from kgenre.audio.walk import find_audio_files
from kgenre.core.errors import KgenreError

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb makes and unpacks packages")
DATA = Path("usr/share/games/tune")


def write_song(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.3 * np.random.default_rng(seed).standard_normal((66150, 2))
    soundfile.write(path, noise, 44100)
    return path


@pytest.fixture(scope="module")
def deb(tmp_path_factory) -> Path:
    """tune-data: two songs, links to one of them and out of the package, a third in a .pk3 file; cover and licence."""
    tree = tmp_path_factory.mktemp("packages") / "tune-data"
    write_song(tree / DATA / "music" / "first.ogg", seed=1)
    write_song(tree / DATA / "music" / "second.FLAC", seed=2)
    (tree / DATA / "music" / "also_first.ogg").symlink_to("first.ogg")
    (tree / DATA / "music" / "z_outside.ogg").symlink_to(write_song(tree.parent / "outside.ogg", seed=3))
    (tree / DATA / "music" / "cover.png").touch()
    inner = write_song(tree.parent / "inner.ogg", seed=4)
    with zipfile.ZipFile(tree / DATA / "music.pk3", "w") as archive:
        archive.write(inner, "music/third.ogg")
        archive.writestr("readme.txt", "no song")
    (tree / "usr/share/doc/tune-data").mkdir(parents=True)
    (tree / "usr/share/doc/tune-data/copyright").write_text("CC0")
    (tree / "DEBIAN").mkdir()
    fields = {"Package": tree.name, "Version": "1", "Architecture": "all", "Maintainer": "a", "Description": "songs"}
    (tree / "DEBIAN" / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, tree.parent], check=True, capture_output=True)
    return next(tree.parent.glob("*.deb"))


@pytest.fixture
def fetched(deb, monkeypatch):
    """Names of the packages that were asked for, in place of apt-get."""
    names = []

    def fetch(package: str, folder: Path) -> Path:
        names.append(package)
        return Path(shutil.copy(deb, folder))

    monkeypatch.setattr(free_music, "fetch", fetch)
    return names


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_list_has_each_package_once_in_order():
    packages = free_music.read_list(free_music.LISTED)
    assert len(packages) == 69 and packages == sorted(set(packages))
    assert all(free_music.NAME.fullmatch(package) for package in packages)


@needs_dpkg
def test_package_gives_its_audio_files_and_its_licence(fetched, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_music.main(["music", "tune-data"]) == 0
    assert capsys.readouterr().out == "music: 4 audio files\n"
    kept = tmp_path / "music" / "tune-data"
    names = ("music.pk3.d/music/third.ogg", "music/also_first.ogg", "music/first.ogg", "music/second.FLAC")
    songs = {str(DATA / name) for name in names}
    assert files_of(tmp_path / "music") == {
        f"tune-data/{name}" for name in (*songs, "usr/share/doc/tune-data/copyright")
    }
    assert {str(path.relative_to(kept)) for path in find_audio_files(tmp_path / "music")} == songs
    assert all(soundfile.info(kept / song).duration == pytest.approx(1.5) for song in songs)
    assert (kept / DATA / "music/also_first.ogg").samefile(kept / DATA / "music/first.ogg")


@needs_dpkg
def test_package_that_is_there_is_not_fetched_again(fetched, tmp_path):
    assert free_music.main([str(tmp_path), "tune-data"]) == 0
    before = files_of(tmp_path)
    assert free_music.main([str(tmp_path), "tune-data"]) == 0
    assert fetched == ["tune-data"] and files_of(tmp_path) == before


@needs_dpkg
def test_broken_packages_are_told_and_leave_nothing(deb, tmp_path, capsys, monkeypatch):
    def fetch(package: str, folder: Path) -> Path:
        file = folder / "half.deb"
        file.write_bytes(deb.read_bytes()[: deb.stat().st_size // 2])
        return file

    monkeypatch.setattr(free_music, "fetch", fetch)
    assert free_music.main([str(tmp_path), "tune-data"]) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("left out: tune-data: dpkg: ") and line.endswith("Get it again.")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "fault"),
    [("../x.ogg", "leads out of the folder"), ("half.ogg", "not a whole zip"), ("torn.ogg", "not a whole zip")],
)
def test_archive_that_is_unsafe_or_broken_is_refused(name, fault, tmp_path):
    archive = tmp_path / "inside" / "music.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, bytes(100))
    if name == "half.ogg":
        archive.write_bytes(archive.read_bytes()[:-30])
    if name == "torn.ogg":  # its first block of packed data has a type that there is not
        data = bytearray(archive.read_bytes())
        data[30 + len(name)] = 0xFF
        archive.write_bytes(data)
    with pytest.raises(KgenreError, match=fault):
        free_music.unzip_audio(archive)
    assert files_of(tmp_path) <= {"inside/music.zip", "inside/music.zip.d/torn.ogg"}


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get tells which packages there are")
@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("kgenre-no-such-package", "apt-get: Unable to locate package kgenre-no-such-package. Is it in this release?"),
        ("../outside", "must be the name of a package. Received: ../outside."),
    ],
)
def test_unknown_package_is_told_in_one_line(package, words, tmp_path, capsys):
    assert free_music.main([str(tmp_path / "music"), package]) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"left out: {package}: {words}")
    assert [path.name for path in tmp_path.rglob("*")] == ["music"]


def test_system_without_apt_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_music.main([str(tmp_path / "music")]) == 2
    assert "apt-get is missing" in capsys.readouterr().err and not (tmp_path / "music").exists()
