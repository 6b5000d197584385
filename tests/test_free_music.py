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


def write_song(path: Path, seconds: float, seed: int) -> Path:
    """Noise, of which FLAC needs some 150 KiB a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.3 * np.random.default_rng(seed).standard_normal((round(seconds * 44100), 2))
    soundfile.write(path, noise, 44100)
    return path


@pytest.fixture(scope="module")
def deb(tmp_path_factory) -> Path:
    """tune-data: two songs, one of them twice and linked, a third in a .pk3 file; sounds, and a file of the licence."""
    tree = tmp_path_factory.mktemp("packages") / "tune-data"
    first = write_song(tree / DATA / "music" / "first.flac", 3, seed=1)
    write_song(tree / DATA / "music" / "second.FLAC", 3, seed=2)
    shutil.copy(first, tree / DATA / "music" / "the_same.flac")
    (tree / DATA / "music" / "link.flac").symlink_to("first.flac")
    shout = write_song(tree / DATA / "sounds" / "shout.flac", 1, seed=3)
    write_song(tree / DATA / "sounds" / "wind.wav", 5, seed=4)
    inner = write_song(tree.parent / "inner.flac", 3, seed=5)
    with zipfile.ZipFile(tree / DATA / "music.pk3", "w") as archive:
        archive.write(inner, "music/third.flac")
        archive.write(shout, "sounds/shout.flac")
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
    assert len(packages) == 67 and packages == sorted(set(packages))
    assert all(free_music.NAME.fullmatch(package) for package in packages)


@needs_dpkg
def test_package_gives_its_songs_once_and_its_licence(fetched, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_music.main(["music", "tune-data"]) == 0
    assert capsys.readouterr().out == "music: 3 songs\n"
    songs = {str(DATA / name) for name in ("music/first.flac", "music/second.FLAC", "music.pk3.d/music/third.flac")}
    kept = tmp_path / "music" / "tune-data"
    assert files_of(tmp_path / "music") == {
        f"tune-data/{name}" for name in (*songs, "usr/share/doc/tune-data/copyright")
    }
    assert {str(path.relative_to(kept)) for path in find_audio_files(tmp_path / "music")} == songs
    assert soundfile.info(kept / DATA / "music/first.flac").duration == pytest.approx(3)


@needs_dpkg
def test_package_that_is_there_is_not_fetched_again_nor_its_songs_from_another(fetched, tmp_path):
    assert free_music.main([str(tmp_path), "tune-data"]) == 0
    before = files_of(tmp_path)
    assert free_music.main([str(tmp_path), "tune-data", "tune-copies"]) == 0
    assert fetched == ["tune-data", "tune-copies"]
    assert files_of(tmp_path) == before and (tmp_path / "tune-copies").is_dir()


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


@pytest.mark.parametrize(("name", "fault"), [("../x", "leads out of the folder"), ("half.flac", "not a whole zip")])
def test_archive_that_is_unsafe_or_broken_is_refused(name, fault, tmp_path):
    archive = tmp_path / "inside" / "music.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name.replace("x", "x.flac"), bytes(free_music.MIN_BYTES + 1))
    if name == "half.flac":
        archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(KgenreError, match=fault):
        free_music.unzip_songs(archive)
    assert files_of(tmp_path) == {"inside/music.zip"}


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
