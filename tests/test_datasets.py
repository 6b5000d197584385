"""`kgenre datasets`: the list, a dataset in full, and downloads of a miniature FMA from a real server on loopback."""

import dataclasses
import hashlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import fma_miniature
import numpy as np
import pytest
from download_server import Server
from small_run import SMALL

from kgenre import datasets, evaluate, predict, train
from kgenre.cli import datasets as shown
from kgenre.cli import tables
from kgenre.collections import fetch
from kgenre.collections.datasets import DATASETS
from kgenre.core import transfer

ROOT = Path(__file__).parent.parent
NAMES = ("fma_metadata.zip", "fma_small.zip")


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> dict[str, bytes]:
    """{file: bytes} of a miniature FMA."""
    folder = tmp_path_factory.mktemp("archives")
    fma_miniature.make_archives(folder, "fma_small", "fma_medium", tracks=fma_miniature.tracks_table(4))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def server(archives, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.01)
    running = Server({f"fma/{name}": data for name, data in archives.items()})
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A folder to type commands in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digests(archives, *names: str) -> list[str]:
    return [f"{name}={hashlib.sha1(archives[name]).hexdigest()}" for name in names or NAMES]


def command(server, archives, *more: str, name: str = "fma_small", shas=NAMES) -> list[str]:
    return [name, "--download", "--mirror", f"{server.url}/fma/", "--digest", *digests(archives, *shas), *more]


def fails(arguments, capsys) -> str:
    """The one line that the command says as it exits with 2."""
    assert datasets.main(arguments) == 2
    [*_, line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: ") and "Traceback" not in line
    return line.removeprefix("kgenre: ")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def expected(archives, *names: str) -> dict[str, bytes]:
    """What the archives hold, read by zipfile."""
    files = {}
    for name in names or NAMES:
        (temporary := Path("expected.zip")).write_bytes(archives[name])
        with zipfile.ZipFile(temporary) as archive:
            files |= {member: archive.read(member) for member in archive.namelist()}
        temporary.unlink()
    return files


# --- list and description -------------------------------------------------------------------------


def test_list_has_a_line_for_every_row_with_size_tracks_and_licence(capsys):
    assert datasets.main([]) == 0
    out = capsys.readouterr().out
    for name, row in DATASETS.items():
        [line] = [line for line in out.splitlines() if line.split()[:1] == [name]]
        tracks = "" if row.tracks is None else f"{row.tracks:,}".replace(",", " ")
        assert f" {tracks}" in line and f" {row.size[:25]}" in line and row.licence[:20] in line


def test_state_is_where_it_lies_or_what_is_to_do(tmp_path):
    assert shown.state(DATASETS["demo"], tmp_path / "none") == "made on first use"
    assert shown.state(DATASETS["tags"], tmp_path / "none") == "no"  # nobody makes a folder of yours
    assert shown.state(DATASETS["fma_small"], tmp_path) == "no"
    (tmp_path / "fma_small").mkdir()
    assert shown.state(DATASETS["fma_small"], tmp_path) == "no"
    (tmp_path / "fma_metadata").mkdir()
    assert shown.state(DATASETS["fma_small"], tmp_path) == str(tmp_path)


@pytest.mark.parametrize("name", DATASETS)
def test_description_of_every_row_has_all_that_it_declares(name, capsys):
    row = DATASETS[name]
    assert datasets.main([name]) == 0
    out = capsys.readouterr().out
    told = [row.description, row.licence, row.citation, row.size, *row.labels, *row.known_faults]
    told += [text for remote in row.remotes for text in (remote.url, remote.sha256 or remote.sha1 or remote.md5)]
    assert [text for text in told if text not in out] == []
    assert out.splitlines()[-1].startswith("next")


def test_a_folder_of_the_users_is_there_without_what_can_be_added_to_it(tmp_path):
    row = dataclasses.replace(DATASETS["fma_small"], needs_folder=True)
    (tmp_path / "fma_small.zip").touch()  # what a download adds is not the user's part
    assert shown.state(row, None) == "a folder of yours" and shown.state(row, tmp_path) == "no"
    (tmp_path / "song.mp3").touch()
    assert shown.state(row, tmp_path) == str(tmp_path)
    assert shown.state(row, tmp_path / "none") == "no"
    assert shown.next_command("mine", row, None) == "kgenre train --data mine:DIR"
    assert shown.next_command("mine", row, tmp_path) == f"kgenre train --data mine:{tmp_path}"
    assert shown.next_command("mine", row, Path("My Music")) == "kgenre train --data 'mine:My Music'"


def test_description_says_what_to_type_next(tmp_path):
    row = DATASETS["fma_small"]
    assert shown.next_command("fma_small", row, Path("data/fma")) == "kgenre datasets fma_small --download"
    assert shown.next_command("fma_small", row, tmp_path) == f"kgenre datasets fma_small --download --to {tmp_path}"
    for name in ("fma_small", "fma_metadata"):
        (tmp_path / name).mkdir()
        (Path("data/fma") / name).mkdir(parents=True)
    assert shown.next_command("fma_small", row, tmp_path) == f"kgenre train --data fma_small:{tmp_path}"
    assert shown.next_command("fma_small", row, Path("data/fma")) == "kgenre train --data fma_small"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fma_smal"], "unknown dataset 'fma_smal'. Did you mean fma_small? Known: "),
        (
            ["."],
            ".: a collection of yours, not the name of a dataset. Look at it with `kgenre datasets . --describe`; ",
        ),
        (["--download"], "--download needs a name: kgenre datasets NAME --download. `kgenre datasets` lists them."),
        (["fma_small", "--to", "x"], "--to applies to --download. Received: --to x. Leave it out."),
        (
            ["fma_small", "--digest", "a=b", "c=d"],
            "--digest applies to --download. Received: --digest a=b c=d. Leave it out.",
        ),
        (["fma_small", "--no-verify"], "--no-verify applies to --download. Received: --no-verify. Leave it out."),
        (["fma_small", "--out", "x.csv"], "--out applies to --describe and --duplicates. Received: --out x.csv. "),
        (["demo", "--download"], "demo: has nothing to download. Type `kgenre datasets demo` for how."),
        (
            ["fma_small", "--download", "--mirror", "host/x"],
            "`--mirror` takes the URL of a folder",
        ),
        (
            ["fma_small", "--download", "--digest", "fma_small.zip=12"],
            "`--digest` takes FILE=HEX, with 40 digits of a SHA-1",
        ),
        (["fma_small", "--download", "--digest", "ab" * 20], "`--digest` takes FILE=HEX, with 40 digits of a SHA-1"),
        (
            ["fma_small", "--download", "--digest", "a.zip=" + "ab" * 20],
            "`--digest`: unknown file 'a.zip'. Known: fma_metad",
        ),
    ],
)
def test_wrong_flags_are_one_line(arguments, message, capsys):
    assert fails(arguments, capsys).startswith(message)


def test_table_of_the_docs_is_that_of_the_rows():
    text = (ROOT / "docs" / "collections.md").read_text(encoding="utf-8")
    assert tables.updated(text, Path("docs/collections.md")) == text


# --- downloads ------------------------------------------------------------------------------------


@pytest.mark.soak
def test_commands_of_the_docs_go_from_nothing_to_a_prediction(server, archives, capsys):
    assert datasets.main(command(server, archives)) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "data/fma/fma_metadata: complete", "data/fma/fma_small: complete", "next: kgenre train --data fma_small"
    ]  # fmt: skip
    assert contents(Path("data/fma")) == expected(archives)
    assert train.main(["--data", "fma_small", "--out", "models/fma", *SMALL, "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert "fma_small: left out: 3 no audio: the clip was cut behind the track's end: " in out
    assert "split given by FMA" in out and "0.0% of the tracks have an artist that was trained on" in out
    labels = Path("models/fma/labels.txt").read_text().split("\n")
    assert [label for label in labels if label] == list(DATASETS["fma_small"].labels)
    assert evaluate.main(["--model", "models/fma", "--data", "fma_small:data/fma"]) == 0
    assert predict.main(["data/fma/fma_small/000/000002.mp3", "--model", "models/fma"]) == 0
    assert "data/fma/fma_small/000/000002.mp3: " in capsys.readouterr().out
    several = ["--task", "multi", "--level", "all", "--min-tracks-per-genre", "2"]
    assert train.main(["--data", "fma_small", *several, "--out", "models/several", *SMALL, "--epochs", "1"]) == 0
    labels = Path("models/several/labels.txt").read_text().split("\n")
    assert set(labels) > {*DATASETS["fma_small"].labels, "Punk", "Techno"} and "Hardcore" not in labels
    assert predict.main(["data/fma/fma_small/000/000002.mp3", "--model", "models/several"]) == 0


def test_metadata_is_fetched_once_for_all_editions(server, archives, capsys):
    assert datasets.main(command(server, archives)) == 0
    assert datasets.main(command(server, archives, name="fma_medium", shas=("fma_medium.zip",))) == 0
    assert "data/fma/fma_metadata: is there already" in capsys.readouterr().out
    assert [path for path, _, _ in server.requests] == [f"fma/{name}" for name in (*NAMES, "fma_medium.zip")]
    assert contents(Path("data/fma")) == expected(archives, *NAMES, "fma_medium.zip")
    shutil.move("data/fma/fma_metadata", "data/fma_metadata")  # beside the folder, as `unzip` in data/ makes it
    shutil.rmtree("data/fma/fma_small")
    assert datasets.main(command(server, archives)) == 0
    assert len(server.requests) == 4 and not Path("data/fma/fma_metadata").exists()


def test_download_that_is_complete_asks_no_server(server, archives, capsys):
    assert datasets.main(command(server, archives, "--to", "music")) == 0
    capsys.readouterr()
    server.stop()
    Path("music/fma_small.zip").write_bytes(b"an archive of the user's")
    assert datasets.main(command(server, archives, "--to", "music")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "music/fma_metadata: is there already", "music/fma_small: is there already",
        "music/fma_small.zip: no longer needed; remove it to free 0 MB", "next: kgenre train --data fma_small:music",
    ]  # fmt: skip


def test_archive_that_was_copied_there_is_used(server, archives):
    Path("data/fma").mkdir(parents=True)
    for name in NAMES:
        Path("data/fma", name).write_bytes(archives[name])
    assert datasets.main(command(server, archives)) == 0
    assert server.requests == [] and contents(Path("data/fma")) == expected(archives)


def test_declared_digests_are_checked_of_a_mirror(server, capsys):
    text = fails(["fma_small", "--download", "--mirror", f"{server.url}/fma"], capsys)
    assert text.startswith(f"{server.url}/fma/fma_metadata.zip: not the published file: its size must be 358412441 ")
    assert contents(Path("data/fma")) == {}
    shas = ["--digest", "fma_metadata.zip=" + "0" * 64]
    text = fails(["fma_small", "--download", "--mirror", f"{server.url}/fma", *shas], capsys)
    assert "its sha256 must begin with 000000000000. Received: " in text and contents(Path("data/fma")) == {}


def test_no_verify_checks_nothing_but_the_archive(server, archives):
    assert datasets.main(["fma_small", "--download", "--mirror", f"{server.url}/fma", "--no-verify"]) == 0
    assert contents(Path("data/fma")) == expected(archives)


def test_cut_transfers_are_resumed(server, archives):
    half = len(archives["fma_small.zip"]) // 2
    server.plan = [("cut", 1000), ("cut", 0), 503, None, ("cut", half)]
    assert datasets.main(command(server, archives)) == 0
    assert contents(Path("data/fma")) == expected(archives)
    assert [path for path, *_ in server.requests] == ["fma/fma_metadata.zip"] * 4 + ["fma/fma_small.zip"] * 2
    assert server.requests[-1][1].startswith("bytes=")


def test_slow_server_is_waited_for(server, archives):
    server.plan = [("slow", 1000, 0.5)]
    assert datasets.main(command(server, archives)) == 0
    assert contents(Path("data/fma")) == expected(archives)


@pytest.mark.parametrize(
    ("plan", "cause"),
    [([403], "HTTP 403 Forbidden"), ([404], "HTTP 404"), ([503] * 9, "HTTP 503"), (["silent"], "Read timed out")],
    ids=lambda value: str(value)[:12],
)
def test_server_that_refuses_is_one_line_and_leaves_nothing_whole(plan, cause, server, archives, capsys, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.3)
    server.plan = [None, *plan]
    text = fails(command(server, archives), capsys)
    assert text.startswith(f"fma_small.zip could not be downloaded from {server.url}/fma/fma_small.zip ({cause}")
    assert [path.name for path in Path("data/fma").iterdir()] == ["fma_metadata"]
    server.plan = []
    assert datasets.main(command(server, archives)) == 0
    assert contents(Path("data/fma")) == expected(archives)


def test_server_that_is_away_is_one_line(server, archives, capsys):
    server.stop()
    assert "Connection refused" in fails(command(server, archives), capsys)


def test_truncated_file_on_the_server_is_never_unpacked(server, archives, capsys):
    server.files["fma/fma_small.zip"] = archives["fma_small.zip"][:-2000]
    assert "not the published file: its sha1 must begin with " in fails(command(server, archives), capsys)
    arguments = ["fma_small", "--download", "--mirror", f"{server.url}/fma", "--no-verify"]
    text = fails(arguments, capsys)
    assert text.startswith("data/fma/fma_small.zip: not a whole zip archive (File is not a zip file). Remove it ")
    assert sorted(path.name for path in Path("data/fma").iterdir()) == ["fma_metadata", "fma_small.zip"]


@pytest.mark.parametrize("name", ["../evil.mp3", "/tmp/evil.mp3"])
def test_archive_with_a_hostile_name_is_refused(name, server, archives, capsys):
    fma_miniature.write_archive(path := Path("fma_small.zip"), {"000/000002.mp3": b"good"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    hostile = {**archives, "fma_small.zip": path.read_bytes()}
    server.files["fma/fma_small.zip"] = hostile["fma_small.zip"]
    text = fails(command(server, hostile), capsys)
    assert text.startswith(f"data/fma/fma_small.zip: refused, nothing is unpacked: the member '{name}' ")
    assert sorted(path.name for path in Path("data/fma").iterdir()) == ["fma_metadata", "fma_small.zip"]


# --- disk -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A function: MB -> a file system of that size, in memory."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(megabytes: float, options: str = "") -> Path:
        size = f"size={int(megabytes * 1024)}k{options}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "kgenre-test", place], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no small disk: a tmpfs cannot be mounted here ({done.stderr.strip()})")
        return place

    yield mount
    subprocess.run(["umount", place], capture_output=True, check=False)


def test_disk_that_is_too_small_is_refused_before_a_request(server, small_disk, capsys):
    disk = small_disk(2)
    text = fails(["fma_small", "--download", "--mirror", f"{server.url}/fma", "--to", str(disk)], capsys)
    # 1.6 GB of tables and 7.75 GB of songs, beside the archive of 7.68 GB
    assert text.startswith(f"{disk}: fma_small needs 17029.6 MB of free space. Received: 2.1 MB. ")
    assert server.requests == [] and list(disk.iterdir()) == []


def test_space_that_was_filled_by_the_download_itself_counts(server, small_disk, capsys):
    disk = small_disk(2)
    (disk / ".part-fma_small.zip").write_bytes(bytes(1_000_000))
    (disk / ".part-fma_metadata").mkdir()
    (disk / ".part-fma_metadata" / "tracks.csv").write_bytes(bytes(600_000))
    text = fails(["fma_small", "--download", "--mirror", f"{server.url}/fma", "--to", str(disk)], capsys)
    assert "needs 17028.0 MB of free space" in text


def test_full_disk_is_one_line_and_the_next_call_goes_on(server, archives, small_disk, capsys, monkeypatch):
    """Filled while bytes are written: during the transfer, then while unpacking."""
    for module in ("transfer", "unzip"):
        monkeypatch.setattr(f"kgenre.core.{module}.check_space", lambda *_: None)
    archive, unpacked = (len(data) / 1e6 for data in (archives["fma_small.zip"], b"".join(expected(archives).values())))
    disk = small_disk(archive / 2)
    text = fails(command(server, archives, "--to", str(disk)), capsys)
    assert "cannot be written ([Errno 28] No space left on device). Free space there or choose another dir" in text
    small_disk(archive + unpacked / 2, ",remount")
    text = fails(command(server, archives, "--to", str(disk)), capsys)
    assert text.startswith(f"{disk}/fma_small: cannot be written (No space left on device). Free space there, or ")
    assert not (disk / "fma_small").exists() and list((disk / ".part-fma_small").rglob("*.mp3"))
    small_disk(3 * (archive + unpacked) + 1, ",remount")
    assert datasets.main(command(server, archives, "--to", str(disk))) == 0
    assert contents(disk) == expected(archives)
    assert [path for path, *_ in server.requests].count("fma/fma_metadata.zip") == 1


# --- kills ----------------------------------------------------------------------------------------


def size_of(folder: Path) -> int:
    """Bytes of all files in it, some of which may go as they are counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(Path(parent, name))
            except FileNotFoundError:
                pass
    return total


# Kills itself where its files have so many bytes; it looks after each unpacked file too, however late the thread is.
SLOWLY = f"""
import os, signal, sys, threading, time
from pathlib import Path
from kgenre import datasets
from kgenre.core import transfer, unzip

{inspect.getsource(size_of)}

mark = float(sys.argv[1])

def look():
    if size_of(Path("music")) >= mark:
        os.kill(os.getpid(), signal.SIGKILL)

def watch():
    while True:
        look()
        time.sleep(0.002)

threading.Thread(target=watch, daemon=True).start()
transfer.CHUNK_BYTES = 1 << 12
write = unzip._write
def slowly(*arguments):
    written = write(*arguments)
    look()
    time.sleep(0.04)
    return written
unzip._write = slowly
sys.exit(datasets.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_kills_during_download_and_unpacking_end_in_the_same_bytes(kills, server, archives):
    server.rate = 1_000_000
    to, environment = Path("music"), {**os.environ, "PYTHONPATH": str(ROOT)}
    flags, quiet = command(server, archives, "--to", str(to)), {"env": environment, "stdout": subprocess.DEVNULL}
    whole = expected(archives)
    # At the end of unpacking, the songs lie there twice: in the archive and unpacked.
    most = len(archives["fma_small.zip"]) + sum(map(len, whole.values()))
    marks = np.sort(np.random.default_rng(kills).uniform(0.05, 0.97, kills)) * most
    phases = []
    for mark in marks:
        ended = subprocess.run([sys.executable, "-c", SLOWLY, str(mark), *flags], **quiet, check=False)
        assert ended.returncode == -signal.SIGKILL, "it ended before it was killed"
        phases.append("unpacking" if (to / ".part-fma_small").exists() else "downloading")
        assert not (to / "fma_small").exists()
    assert set(phases) == {"downloading", "unpacking"}
    assert subprocess.run([sys.executable, "-c", SLOWLY, "inf", *flags], **quiet, check=False).returncode == 0
    assert contents(to) == whole
    assert sorted(path.name for path in to.iterdir()) == ["fma_metadata", "fma_small"]
    received = [asked for path, asked, _ in server.requests if path == "fma/fma_small.zip"]
    assert received.count(None) == 1, "what had arrived was fetched again"
