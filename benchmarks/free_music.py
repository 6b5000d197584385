"""Downloads the free music that the default network was fitted to from Debian packages, without installing them.

    python -m benchmarks.free_music DIR [PACKAGE ...]

For Debian or Ubuntu; run `apt-get update` first. Without names, it takes the Debian 12 packages that free_music.txt
beside this file lists: it downloads 7.7 GB and keeps about 3 GB. The audio files of a package and its `copyright` file
are kept in DIR/PACKAGE, at their paths in the package. A package that is there already is skipped, so an interrupted
command can be run again to continue.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from kgenre import cli
from kgenre.audio.walk import find_audio_files, has_suffix
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder
from kgenre.core.text import one_line
from kgenre.core.unzip import BROKEN
from kgenre.core.zip_members import fault_of_members

LISTED = Path(__file__).with_suffix(".txt")
ARCHIVES = frozenset((".zip", ".pk3"))  # of games
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


def main(argv=None) -> int:
    parser = cli.Parser(
        prog="python -m benchmarks.free_music",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the songs go, a folder per package")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"(default: those of {LISTED.name})")
    return cli.run(_fetch_all, parser.parse_args(argv))


def _fetch_all(args: argparse.Namespace) -> int:
    check_tools()
    packages = args.packages or read_list(LISTED)
    folder = make_output_folder(args.folder)
    progress, failures = cli.BarProgress(), {}
    with progress.task("fetching packages", len(packages), "packages") as advance:
        for package in packages:
            try:
                add_package(package, folder)
            except KgenreError as error:
                failures[package] = str(error)
            advance()
    progress.failures(failures)
    print(f"{folder}: {len(find_audio_files(folder))} audio files")
    return 1 if failures else 0


def check_tools() -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if not shutil.which(tool)]
    if missing:
        raise KgenreError(
            f"{missing[0]} is missing; packages are downloaded and unpacked with it. Use Debian or Ubuntu."
        )


def read_list(file: Path) -> list[str]:
    """The lines of a file that are not empty and do not begin with #."""
    lines = map(str.strip, file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def add_package(package: str, folder: Path) -> None:
    """Makes folder/PACKAGE, which appears when it is complete, unless it exists already.

    Raises:
        KgenreError: no such package, or one that cannot be fetched or unpacked.
    """
    if not NAME.fullmatch(package):
        raise KgenreError(f"must be the name of a package. Received: {one_line(package)}.")
    if (folder / package).exists():
        return
    part = folder / f".part-{package}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        keep_audio(fetch(package, part), package, part / "kept")
        (part / "kept").rename(folder / package)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def fetch(package: str, folder: Path) -> Path:
    """Downloads the .deb file of a package into a folder."""
    call(["apt-get", "download", "-qq", package], folder, "Is it in this release? Run `apt-get update` first.")
    return next(folder.glob("*.deb"))


def keep_audio(deb: Path, package: str, target: Path) -> None:
    """Unpacks a .deb file beside `target`, with the archives in it; its audio files and licence go to `target`."""
    tree = target.with_name("tree").resolve()
    call(["dpkg", "-x", str(deb.resolve()), str(tree)], deb.parent, "Get it again.")
    for archive in sorted(path for path in tree.rglob("*") if path.suffix.lower() in ARCHIVES and path.is_file()):
        unzip_audio(archive)
    target.mkdir()
    licence = tree / "usr/share/doc" / package / "copyright"
    found = [licence, *(path for path in sorted(tree.rglob("*")) if is_audio(path.name))]
    # Links within the package are kept, such as a second name of a song; checked before their targets are moved.
    for path in [path for path in found if path.is_file() and path.resolve().is_relative_to(tree)]:
        move(path, tree, target)


def unzip_audio(archive: Path) -> None:
    """Unpacks the audio files of an archive into the folder NAME.d beside it."""
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if is_audio(Path(member.filename).name)]
            if members and (fault := fault_of_members(members, archive.stat().st_size)):
                raise KgenreError(f"{archive.name}: refused: {fault}.")
            file.extractall(archive.with_name(f"{archive.name}.d"), members)
    except BROKEN as error:
        raise KgenreError(f"{archive.name}: not a whole zip archive ({error}).") from error


def move(path: Path, tree: Path, target: Path) -> None:
    place = target / path.relative_to(tree)
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)


def is_audio(name: str) -> bool:
    return has_suffix(os.fsencode(name))


def call(command: list[str], folder: Path, step: str) -> None:
    """Runs a program in a folder. Its last line on standard error is given as the cause of a failure."""
    english = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=english, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise KgenreError(f"{command[0]}: {one_line(cause.removeprefix('E: '))}. {step}")


if __name__ == "__main__":
    sys.exit(main())
