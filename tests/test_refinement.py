"""The first pass over a library and what completes it: the same library in the end, beside a page in use."""

import base64
import contextlib
import gc
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from audio_files import cut_short, music, write_sound
from chromium import until, wait_in
from libraries import DoubtingModel, LevelModel, retrained
from page_server import started
from scan_kills import check_whole, contents, differences

from kgenre import find
from kgenre.audio.policy import PROGRESSIVE_POLICY, ReadPolicy
from kgenre.core.base64_arrays import unpacked
from kgenre.core.errors import KgenreError
from kgenre.library.build import update_library
from kgenre.library.refinement import NICENESS, Refinement
from kgenre.library.retag import plan, write
from kgenre.library.scan.protocol import Background
from kgenre.library.scan.scan import scan
from kgenre.library.store import Library
from kgenre.serving.catalogue import open_model
from kgenre.web.explore import head_plan
from kgenre.web.explore.explorer import Explorer

httpx = pytest.importorskip("httpx", reason="httpx is not installed")

from classify_server import wait_for  # noqa: E402  it needs httpx

RATE = 8000
SERVED = 7  # songs of the album that is served
SHOTS = os.environ.get("KGENRE_SCREENSHOTS")  # a folder to look at the page's pictures in
FIRST = PROGRESSIVE_POLICY.first_slices
TURNING = "08 turning.wav"

# The server's process: a first pass has been made, and what completes it waits until it is told to go on. As long as
# `held_file` exists, it stands still after three songs, unless it is told to stop.
SERVE = """
import os, sys, time
import libraries
from kgenre.library.build import open_library, update_library
from kgenre.web.explore.explorer import Explorer
from kgenre.web.explore.server import serve
from kgenre.web.guard import listen

Model = getattr(libraries, sys.argv[2])

class Slow(Model):
    def __call__(self, slices):
        time.sleep(0.6)  # the page asks every four seconds
        while len(self.analysed) >= 4 and os.path.exists(sys.argv[3]) and not explorer.refinement._stop.is_set():
            time.sleep(0.02)
        return super().__call__(slices)

with open_library(sys.argv[1]) as library:
    report, quality = update_library(library, sys.argv[1], Model(), workers=1, only_first=True)
    explorer = Explorer(library, report.space, quality, Slow)
    explorer.refine(sys.argv[1], workers=1)
    explorer.pause(True)
    listening = listen(0)
    print(listening.getsockname()[1], flush=True)
    serve(explorer, listening)
"""


def turning_song() -> np.ndarray:
    """40 s that are loud, but not where the slices of the first pass lie."""
    samples = 0.9 * np.sin(2 * np.pi * 220 * np.arange(40 * RATE) / RATE)
    for start in (np.arange(FIRST) + 0.5) / FIRST * 39:
        samples[int((start - 0.1) * RATE) : int((start + 1.1) * RATE)] *= 0.1
    return samples[:, None]


def write_album(folder: Path, songs: int) -> Path:
    folder.mkdir()
    for number in range(songs):
        write_sound(folder / f"{number:02d} song.wav", music(20.0, RATE, 1, seed=number), RATE)
    write_sound(folder / TURNING, turning_song(), RATE)
    return folder


@pytest.fixture
def odd_music(tmp_path) -> Path:
    """Songs, and what a first pass may take otherwise than the whole: copies, gains, silence, NaN, cut files."""
    folder = write_album(tmp_path / "music", 2)
    write_sound(folder / "short.wav", music(3.0, RATE, 1, seed=20), RATE)
    write_sound(folder / "gain.ogg", music(20.0, RATE, 1, seed=21), RATE)
    (folder / "copy.ogg").write_bytes((folder / "gain.ogg").read_bytes())
    tags = mutagen.File(folder / "copy.ogg")
    tags["replaygain_track_gain"] = "-3.5 dB"
    tags.save()
    write_sound(folder / "long.mp3", music(20.0, 16000, 1, seed=22), 16000)
    cut_short(folder / "long.mp3", folder / "truncated.mp3")
    hidden = np.zeros((60 * RATE, 1))
    hidden[:RATE] = music(1.0, RATE, 1)
    write_sound(folder / "hidden.wav", hidden, RATE)
    write_nan(folder / "nan.wav")
    (folder / "broken.mp3").write_bytes(b"no music")
    return folder


def write_nan(path: Path) -> None:
    """A song that a first pass can use, and all of it not."""
    samples = music(30.0, RATE, 1, seed=23)
    samples[RATE] = np.nan  # before the first slice of the first pass
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def counts(report) -> dict:
    return {name: number for name, number in report.counts.items() if number}


def held(path: Path) -> dict:
    return {Path(name).name: values for name, values in contents(path).items()}


def test_first_pass_completed_equals_one_pass_over_all_slices(odd_music, tmp_path):
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    with Library(one) as library:
        scan(library, odd_music, LevelModel(), ReadPolicy(None), workers=1)
        expected_space, failures = library.space().config_hash, library.failures(library.space())
    with Library(two) as library:
        first = scan(library, odd_music, LevelModel(), PROGRESSIVE_POLICY, workers=1, first=True)
        space = library.space()
        assert space.config_hash == expected_space and space.policy == PROGRESSIVE_POLICY
        assert counts(first) == {"analysed": 8, "copies": 1, "postponed": 1, "failed": 1}
        provisional = library.provisional_tracks(space)
        lengths = {Path(library.path_of(track)).name: len(library.slices(space, track)[0])
                   for track in library.tracks().index}  # fmt: skip
        assert lengths["short.wav"] == 5 and lengths[TURNING] == lengths["copy.ogg"] == FIRST
        assert 0 < lengths["truncated.mp3"] < FIRST  # the others lie behind its end
        assert provisional == sum(n == FIRST for n in lengths.values()) + 1 == 8
        again = LevelModel()
        assert counts(scan(library, odd_music, again, PROGRESSIVE_POLICY, workers=1, first=True)) == {
            "unchanged": 10, "postponed": 1,
        }  # fmt: skip
        second = scan(library, odd_music, LevelModel(), PROGRESSIVE_POLICY, workers=1)
        assert counts(second) == {"refined": 7, "analysed": 1, "unchanged": 2, "failed": 1}
        whole = first.followed_by(second)
        assert "postponed" not in whole.counts and set(whole.failures) == set(failures["path"])
        assert library.provisional_tracks(space) == 0
        model = LevelModel()
        assert set(counts(scan(library, odd_music, model, PROGRESSIVE_POLICY, first=True))) == {"unchanged"}
    assert not differences(held(one), held(two)) and len(held(one)) == 11
    assert {"nan.wav", "broken.mp3"} == {name for name, value in held(two).items() if isinstance(value, str)}
    with Library(one) as library:  # and the other way round
        for first_pass in (True, False):
            report = scan(library, odd_music, model, PROGRESSIVE_POLICY, first=first_pass)
            assert set(counts(report)) == {"unchanged"} and not model.analysed


def test_first_pass_stopped_between_is_completed_by_a_scan_of_all(tmp_path):
    folder = write_album(tmp_path / "music", 3)
    with Library(tmp_path / "library.sqlite") as library:
        scan(library, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1, first=True)
        update_library(library, folder, LevelModel(), ReadPolicy(None), workers=1)
        space = library.space()
        assert library.provisional_tracks(space) == 0 and len(library.spaces()) == 1
        assert space.policy == ReadPolicy(None)


def test_tracks_left_of_a_first_pass_are_counted_below_a_folder(tmp_path):
    with Library(tmp_path / "library.sqlite") as library:
        for name in ("a", "ab"):
            scan(library, write_album(tmp_path / name, 2), LevelModel(), PROGRESSIVE_POLICY, workers=1, first=True)
        space = library.space()
        assert library.provisional_tracks(space) == 6  # copies, which are told apart by their paths
        (tmp_path / "link").symlink_to(tmp_path / "ab")
        assert [library.provisional_tracks(space, tmp_path / name) for name in ("a", "ab", "link", "b")] == [3, 3, 3, 0]
        library.save_failure(os.fsencode(tmp_path / "ab" / "broken.mp3"), 1, 1, "broken")
        failed = [len(library.failures(space, folder)) for folder in (None, tmp_path / "a", tmp_path / "link")]
        assert failed == [1, 0, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="a file of /proc cannot be read, even by root")
def test_file_that_fails_in_both_passes_is_counted_once(tmp_path):
    folder = write_album(tmp_path / "music", 1)
    (folder / "unreadable.mp3").symlink_to("/proc/self/mem")
    (folder / "nothing.mp3").symlink_to("nowhere")
    with Library(tmp_path / "library.sqlite") as library:
        report = update_library(library, folder, LevelModel(), workers=1).scan
    assert counts(report) == {"analysed": 2, "refined": 2, "failed": 1}
    assert set(report.failures) == {str(folder / "unreadable.mp3"), str(folder / "nothing.mp3")}


def test_tags_written_while_a_track_is_analysed_stay_and_cost_no_further_scan(tmp_path):
    folder = write_album(tmp_path / "music", 3)
    names = ("00 song.wav", "02 song.wav")  # in flight; and not begun yet

    class Writing(LevelModel):
        def __call__(self, slices):
            if not self.analysed:
                tracks = [library.id_of(folder / name) for name in names]
                assert not write(library, plan(library, dict.fromkeys(tracks, ["Dub"])).changes).failures
                write_sound(folder / "01 song.wav", music(20.0, RATE, 1, seed=77), RATE)  # by another program
            return super().__call__(slices)

    with Library(tmp_path / "library.sqlite") as library:
        scan(library, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1, first=True)
        report = scan(library, folder, Writing(), PROGRESSIVE_POLICY, workers=1)
        table = library.tracks()
        assert {name: table.at[library.id_of(folder / name), "genre"] for name in names} == dict.fromkeys(names, "Dub")
        assert report.counts["failed"] == 0
        again = scan(library, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1)
        assert again.done == again.counts["analysed"] <= 1 and again.counts["unchanged"] >= 3
    with Library(tmp_path / "fresh.sqlite") as fresh:
        scan(fresh, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1)
    assert not differences(held(tmp_path / "library.sqlite"), held(tmp_path / "fresh.sqlite"))


def test_track_that_fails_in_the_second_pass_is_gone_and_left_out_of_selections(tmp_path):
    folder = write_album(tmp_path / "music", 2)
    write_nan(folder / "nan.wav")
    with Library(tmp_path / "library.sqlite") as library:
        report, quality = update_library(library, folder, LevelModel(), workers=1, only_first=True)
        explorer = Explorer(library, report.space, quality, LevelModel)
        lost, ids = library.id_of(folder / "nan.wav"), explorer.ids.tolist()
        assert len(ids) == 4 and unpacked(explorer.changes(0)["gone"], "<i4").size == 0
        scan(library, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1,
             background=Background(changed=explorer.refresh))  # fmt: skip
        rest = [track for track in ids if track != lost]
        for _ in range(2):
            changes = explorer.changes(0)
            assert unpacked(changes["gone"], "<i4").tolist() == [lost]
            assert unpacked(changes["genres"]["ids"], "<i4").tolist() == rest
            assert list(explorer.held(ids)) == rest and explorer.held([]) == {}
            with pytest.raises(KgenreError, match="Received: 2 that are no longer there"):
                explorer.held([lost, 999])
            assert lost not in [track for track, _ in explorer.neighbours(rest[0], 20, 2.0)]
            explorer.reload()  # as at the end of a refinement: pages that are open still have the track


@contextlib.contextmanager
def explored(place: Path, songs: int, model):
    """A folder, its library and its Explorer after the first pass of a model, a class, over an album."""
    folder = write_album(place / "music", songs)
    with Library(place / "library.sqlite") as library:
        report, quality = update_library(library, folder, model(), workers=1, only_first=True)
        yield folder, library, Explorer(library, report.space, quality, model)


def test_retraining_sends_the_genres_of_all_tracks_and_no_tags(tmp_path):
    with explored(tmp_path, 3, DoubtingModel) as (folder, library, explorer):
        turning = library.id_of(folder / TURNING)
        explorer.refresh([os.fsencode(folder / TURNING)])
        began, version = explorer.changes(0)["changes"], explorer.genres.version
        assert json.loads(explorer.data())["version"] == version
        explorer.correct(explorer.ids[:2].tolist(), "loud")
        explorer.correct(explorer.ids[2:].tolist(), "quiet")
        assert retrained(explorer)["version"] == version + 1
        changes = explorer.changes(began)
        assert unpacked(changes["genres"]["ids"], "<i4").tolist() == explorer.ids.tolist() and changes["tags"] is None
        assert changes["genres"]["version"] == version + 1
        explorer.refresh([os.fsencode(folder / TURNING)])
        changes = explorer.changes(began)
        assert changes["genres"]["version"] == version + 2
        assert len(unpacked(changes["genres"]["ids"], "<i4")) == 4
        assert unpacked(changes["tags"]["ids"], "<i4").tolist() == [turning]


def niceness(task: Path) -> tuple[int, int]:
    """Of a thread or process, and the clock ticks that it has computed for; see proc(5)."""
    values = task.joinpath("stat").read_text().rsplit(")", 1)[1].split()
    return int(values[16]), int(values[11]) + int(values[12])


def computing() -> dict[int, tuple[int, int]]:
    """{number: niceness} of the threads that LiteRT answers in."""
    found = {}
    for number in [one.native_id for one in threading.enumerate() if one.name.startswith("litert")]:
        with contextlib.suppress(OSError):  # it has ended
            found[number] = niceness(Path(f"/proc/self/task/{number}"))
    return found


def readers() -> list[Path]:
    """The reading processes of this one."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):  # it has ended
            parent = int(task.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and b"worker_process" in task.joinpath("cmdline").read_bytes():
                found.append(task)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_refinement_computes_and_reads_at_a_low_priority(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    (folder := tmp_path / "music").mkdir()
    for number in range(3):
        write_sound(folder / f"{number}.wav", music(90.0, RATE, 1, seed=number), RATE)
    model, read, low = open_model("default", "litert"), [], max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    now = {}

    def changed(_) -> None:
        now.update(computing())
        for process in readers():
            with contextlib.suppress(OSError):
                read.extend(niceness(thread)[0] for thread in (process / "task").iterdir())

    with Library(tmp_path / "library.sqlite") as library:
        report, _ = update_library(library, folder, model, workers=1, only_first=True)
        before = computing()
        with Refinement(library, folder, model, report.space, 1, changed) as refinement:
            wait_for(lambda: not refinement.status.running)
            wait_for(lambda: gc.collect() >= 0 and computing().keys() == before.keys())  # its own threads have ended
        assert library.provisional_tracks(report.space) == 0 and refinement.status.done == 3
    own = {number: nice for number, (nice, ticks) in now.items() if number not in before and ticks}
    assert own and set(own.values()) == {low} and read and set(read) == {low}
    for number, (nice, ticks) in before.items():  # heat-maps are computed there
        assert now[number][0] == nice and now[number][1] <= ticks + 3  # those of the refinement have five times as many


def test_explorer_refreshed_tracks_have_new_genres_with_and_without_a_retrained_head(tmp_path):
    with explored(tmp_path, 6, LevelModel) as (folder, library, explorer):
        turning = library.id_of(folder / TURNING)
        explorer.correct(explorer.ids[:2].tolist(), "third")
        retrained(explorer)
        began, before = explorer.changes(0)["changes"], explorer.genres.prediction.probabilities.copy()
        assert explorer.changes(began)["genres"] is None
        paths = []
        scan(library, folder, LevelModel(), PROGRESSIVE_POLICY, workers=1,
             background=Background(changed=paths.extend))  # fmt: skip
        assert sorted(map(os.fsdecode, paths)) == sorted(str(path) for path in folder.iterdir())
        old = explorer.vectors.codes.copy()
        explorer.refresh(paths)
        assert not np.array_equal(old, explorer.vectors.codes)
        assert not np.array_equal(before, explorer.genres.prediction.probabilities)
        fresh = Explorer(library, explorer.space)
        np.testing.assert_array_equal(explorer.vectors.codes, fresh.vectors.codes)
        np.testing.assert_allclose(explorer.genres.prediction.probabilities, fresh.genres.prediction.probabilities,
                                   atol=1e-6)  # fmt: skip
        changes = explorer.changes(began)
        assert changes["changes"] == began + len(paths) and changes["genres"]["labels"][-1] == "third"
        head_plan.undo(explorer)
        assert explorer.track(turning)["labels"] == ["loud", "quiet"]
        every = explorer.changes(changes["changes"])["genres"]  # of all tracks, for other tabs
        assert len(every["ids"]) == len(explorer.changes(0)["genres"]["ids"])


def test_explorer_refreshed_tracks_have_the_tags_and_doubts_of_the_whole(tmp_path):
    with explored(tmp_path, 2, DoubtingModel) as (folder, library, explorer):
        turning = explorer.row(library.id_of(folder / TURNING))
        unsure, tags = explorer.genres.prediction.unsure, library.tags(explorer.space)[1]
        assert not unsure[turning] and tags[turning] < 0.1
        scan(library, folder, DoubtingModel(), PROGRESSIVE_POLICY, workers=1)
        assert explorer.changes(0)["tags"] is None
        explorer.refresh([os.fsencode(folder / TURNING)])
        now = explorer.genres.prediction.unsure
        assert now[turning] and not unsure[turning]
        np.testing.assert_array_equal(now, Explorer(library, explorer.space).genres.prediction.unsure)
        changes = explorer.changes(0)
        assert base64.b64decode(changes["genres"]["unsure"]) == bytes([1])
        np.testing.assert_array_equal(
            np.frombuffer(base64.b64decode(changes["tags"]["ids"]), "<i4"), explorer.ids[turning]
        )
        (noisy,) = base64.b64decode(changes["tags"]["values"])
        slices = library.slices(explorer.space, int(explorer.ids[turning]))[1].astype("float64")
        expected = (1 / (1 + np.exp(4 - 8 * slices[:, 2]))).mean()
        assert noisy / 255 == pytest.approx(expected, abs=0.004) and expected > 0.7  # a byte; slices are float16


def test_refinement_counts_recordings_and_not_their_files(tmp_path):
    folder = write_album(tmp_path / "music", 2)
    (folder / "copy.wav").write_bytes((folder / "00 song.wav").read_bytes())
    with Library(tmp_path / "library.sqlite") as library:
        report, _ = update_library(library, folder, LevelModel(), workers=1, only_first=True)
        assert library.provisional_tracks(report.space) == 4
        refinement = Refinement(library, folder, LevelModel(), report.space, workers=1)
        assert refinement.status.total == 3
        with refinement:
            wait_for(lambda: not refinement.status.running)
        assert (refinement.status.done, refinement.status.total, refinement.status.error) == (3, 3, "")


def test_refinement_of_a_folder_that_is_gone_tells_why_and_leaves_the_first_pass(tmp_path):
    folder = write_album(tmp_path / "music", 2)
    with Library(tmp_path / "library.sqlite") as library:
        report, _ = update_library(library, folder, LevelModel(), workers=1, only_first=True)
        folder.rename(tmp_path / "away")
        with Refinement(library, folder, LevelModel(), report.space) as refinement:
            wait_for(lambda: not refinement.status.running)
        assert "no such folder" in refinement.status.error and library.provisional_tracks(report.space) == 3


def test_refinement_ended_by_a_fault_says_that_it_ended_early(tmp_path, monkeypatch):
    folder = write_album(tmp_path / "music", 2)
    with Library(tmp_path / "library.sqlite") as library:
        report, _ = update_library(library, folder, LevelModel(), workers=1, only_first=True)
        monkeypatch.setattr("kgenre.library.refinement.scan", lambda *args, **kwargs: 1 / 0)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        with Refinement(library, folder, LevelModel(), report.space) as running:
            wait_for(lambda: not running.status.running)
            assert "ended early" in running.status.error


def test_refinement_paused_does_nothing_and_stops_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("kgenre.library.refinement.STOP_SECONDS", 60.0)
    folder, done = write_album(tmp_path / "music", 3), threading.Event()
    with Library(tmp_path / "library.sqlite") as library:
        report, _ = update_library(library, folder, LevelModel(), workers=1, only_first=True)
        model = LevelModel()
        refinement = Refinement(library, folder, model, report.space, workers=1, finished=done.set)
        refinement.pause(True)
        with refinement:
            time.sleep(1.0)
            assert refinement.status.running and not model.analysed and refinement.status.done == 0
            began = time.monotonic()
        assert time.monotonic() - began < 30 and not done.is_set() and library.provisional_tracks(report.space) == 4
        with Refinement(library, folder, model, report.space, workers=1, finished=done.set) as refinement:
            wait_for(done.is_set)
        assert library.provisional_tracks(report.space) == 0 and refinement.status.error == ""
        quality = library.meta(f"map of space {report.space.id}")["quality"]
        assert set(quality) == {"trustworthiness", "preservation"}


def test_find_in_a_library_of_a_first_pass_tells_so_in_a_line(tmp_path, capsys):
    folder = write_album(tmp_path / "music", 2)
    with Library(tmp_path / "library.sqlite") as library:
        update_library(library, folder, LevelModel(), workers=1, only_first=True)
    assert find.main(["quiet", "--library", str(tmp_path / "library.sqlite")]) == 0
    said = capsys.readouterr()
    assert "3 of 3 tracks known by a first pass over some of their slices." in said.err and TURNING in said.out


def test_policy_of_a_first_pass_without_slices_is_refused():
    with pytest.raises(KgenreError, match="`first_slices` must be at least 1, or None for no first pass. Received: "):
        ReadPolicy(None, first_slices=0)


# Beside the page.


def serving(folder: Path, model: str):
    """The server's process, of a model of libraries, and its address."""
    return started("-c", SERVE, str(folder), model, str(held_file(folder)))


def held_file(folder: Path) -> Path:
    """The file that makes the server of a folder stand still."""
    return folder.parent / "held"


@pytest.fixture
def served(tmp_path, request):
    """The folder, the server's process and its address; of a LevelModel, or another one of libraries."""
    folder = write_album(tmp_path / "music", SERVED - 1)
    with serving(folder, getattr(request, "param", "LevelModel")) as (process, address):
        yield folder, process, address


def token_of(client) -> dict[str, str]:
    return {"X-Kgenre-Token": re.search('kgenre-token" content="([^"]+)"', client.get("/").text)[1]}


def test_refinement_over_http_is_paused_and_resumed_and_tells_what_changed(served):
    folder, process, address = served
    with httpx.Client(base_url=address, timeout=60) as client:
        token = {"X-Kgenre-Token": re.search('kgenre-token" content="([^"]+)"', client.get("/").text)[1]}
        data = client.get("/data").json()
        assert data["refines"] and data["changes"] == 0
        changes = client.get("/changes?since=0").json()
        assert (
            changes["genres"] is None and changes["refinement"]["paused"] and changes["refinement"]["total"] == SERVED
        )
        held_file(folder).touch()
        assert client.post("/refinement", json={"paused": False}, headers=token).json()["paused"] is False
        wait_for(lambda: client.get("/changes?since=0").json()["refinement"]["done"] >= 3)
        assert client.post("/refinement", json={"paused": True}, headers=token).json()["paused"]
        held_file(folder).unlink()
        answers = [None]

        def settled() -> bool:  # the batch in hand is done: until then the time that is left changes
            answers.append(client.get("/changes?since=0").json())
            return answers[-1] == answers[-2]

        wait_for(settled)
        paused = answers[-1]
        time.sleep(1.0)
        assert client.get("/changes?since=0").json() == paused and 3 <= paused["refinement"]["done"] < SERVED
        assert paused["refinement"]["seconds_left"] > 0 and paused["genres"]["labels"] == ["loud", "quiet"]
        client.post("/refinement", json={"paused": False}, headers=token)
        wait_for(lambda: not client.get("/changes").json()["refinement"]["running"])
        rest = client.get(f"/changes?since={paused['changes']}").json()
        assert 0 < len(rest["genres"]["ids"]) < len(client.get("/changes").json()["genres"]["ids"])
        assert client.get("/data").json()["changes"] == rest["changes"] == SERVED
        with Library(folder / ".kgenre" / "library.sqlite") as library:
            turning = library.id_of(folder / TURNING)
        track = client.get(f"/track/{turning}").json()
        assert len(track["slice_starts"]) == 79 and track["probabilities"][0] > 0.5


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_explore_ended_while_refining_loses_the_tracks_in_flight_alone(served, ending):
    folder, process, address = served
    with httpx.Client(base_url=address, timeout=60) as client:
        token = {"X-Kgenre-Token": re.search('kgenre-token" content="([^"]+)"', client.get("/").text)[1]}
        held_file(folder).touch()
        client.post("/refinement", json={"paused": False}, headers=token)
        wait_for(lambda: client.get("/changes?since=0").json()["refinement"]["done"] >= 2)
    process.send_signal(ending)
    process.wait(120)
    file = folder / ".kgenre" / "library.sqlite"
    check_whole(file)
    with Library(file) as library:
        assert 0 < library.provisional_tracks(library.space()) <= SERVED - 2 and len(library.tracks()) == SERVED
        report, _ = update_library(library, folder, LevelModel(), workers=1)
        assert library.provisional_tracks(library.space()) == 0
    with Library(file.with_name("peace.sqlite")) as library:
        scan(library, folder, LevelModel(), ReadPolicy(None), workers=1)
    assert not differences(contents(file), contents(file.with_name("peace.sqlite")))


@pytest.fixture
def tab(tab):
    """It waits longer than others."""
    tab.set_default_timeout(120_000)
    return tab


def shoot(tab, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=Path(SHOTS) / f"refinement {name}.png")


@pytest.mark.parametrize("served", ["DoubtingModel"], indirect=True)
def test_page_refined_track_changes_its_genre_tags_and_doubt_and_nothing_else(served, tab):
    folder, _, address = served
    with Library(folder / ".kgenre" / "library.sqlite") as library:
        turning = library.id_of(folder / TURNING)
    tab.goto(address)
    tab.wait_for_selector(f"#refining:has-text('refining 0 of {SERVED}, paused')")
    row = tab.evaluate(f"kgenre.tracks.rowOf.get({turning})")
    tab.keyboard.press("t")
    tab.fill("#tag", "noisy")
    tab.keyboard.press("Enter")
    until(tab, "kgenre.state.colouring === 'model_tag'")
    tab.keyboard.press("a")
    tab.evaluate(f"kgenre.map.view.centre(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")  # beside the legend
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    box = tab.locator("#map").bounding_box()
    tab.mouse.click(box["x"] + x, box["y"] + y)
    tab.wait_for_selector("#neighbours li")
    tab.mouse.move(box["x"] + 1, box["y"] + 1)  # the card is hidden by a click, until another point was pointed at
    tab.mouse.move(box["x"] + x, box["y"] + y)
    tab.wait_for_selector("#card:not([hidden])")
    until(tab, "kgenre.sound.inside.deck?.sounded")
    kept = """JSON.stringify([[...kgenre.tracks.x], [...kgenre.tracks.y], kgenre.state.selection,
        kgenre.state.hover])"""
    before = tab.evaluate(kept)
    assert tab.evaluate("kgenre.state.details.slice_starts.length") == FIRST
    assert tab.evaluate(f"kgenre.tracks.genre({row})") == "quiet"
    colour = f"kgenre.state.legend.colourOf({row}, false).join()"
    quiet_colour = tab.evaluate(colour)
    assert tab.evaluate(f"kgenre.tracks.unsure[{row}]") == 0 and not tab.locator("#track .chip").count()
    tab.evaluate("window.mark = 1")  # is gone if the page is loaded again
    shoot(tab, "first pass")
    assert tab.get_attribute("#refining", "role") == "progressbar"
    tab.focus("#pause-refinement")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#pause-refinement:has-text('Pause')")
    assert tab.evaluate("document.activeElement.id") == "pause-refinement"
    until(tab, f"kgenre.tracks.genre({row}) === 'loud' && kgenre.state.details.slice_starts.length === 79")
    assert tab.evaluate(kept) == before and tab.evaluate("window.mark") == 1
    first = "document.querySelector('#{} .genre').textContent"
    assert all(tab.evaluate(first.format(box)).startswith("loud") for box in ("track", "card"))
    for box in ("track", "card"):
        text = tab.inner_text(f"#{box}")
        assert "Unsure: none of these may fit" in text and "noisy" in text
    assert tab.evaluate(f"kgenre.tracks.unsure[{row}]") == 1 and tab.evaluate(colour) != quiet_colour
    assert tab.evaluate("kgenre.state.playback.serial === 1 && kgenre.state.current") == row
    deciding, shown = tab.evaluate(
        "[kgenre.state.playback.seconds, kgenre.state.details.slice_starts[kgenre.state.slice]]"
    )
    assert abs(deciding - shown) <= 0.5  # the slice that was chosen is the nearest in time
    until(tab, "document.getElementById('refinement').hidden")
    shoot(tab, "done")
    tab.fill("#search", "unsure")  # as `kgenre find "predicted = unsure"`
    until(tab, "kgenre.state.query === 'unsure' && kgenre.state.hits.join() === kgenre.tracks.unsure.join()")
    assert tab.evaluate(f"kgenre.state.hits[{row}]") == 1
    tab.fill("#search", "loud")
    until(tab, "kgenre.state.query === 'loud'")
    assert tab.evaluate(f"kgenre.state.hits[{row}]") == 0


def click_track(tab, row: int) -> None:
    x, y = tab.evaluate(f"kgenre.map.view.toPixels(kgenre.tracks.x[{row}], kgenre.tracks.y[{row}])")
    box = tab.locator("#map").bounding_box()
    tab.mouse.click(box["x"] + x, box["y"] + y)


def test_page_track_that_fails_in_the_second_pass_leaves_map_selection_and_table(tmp_path, tab):
    folder = write_album(tmp_path / "music", 4)
    write_nan(folder / "nan.wav")
    with serving(folder, "LevelModel") as (_, address):
        with Library(folder / ".kgenre" / "library.sqlite") as library:
            lost, ids = library.id_of(folder / "nan.wav"), library.tracks().index.tolist()
        tab.goto(address)
        tab.wait_for_selector("#refining:has-text('paused')")
        row = tab.evaluate(f"kgenre.tracks.rowOf.get({lost})")
        click_track(tab, row)
        tab.wait_for_selector("#track .title:has-text('nan')")
        tab.keyboard.press("a")
        tab.wait_for_selector("#selection:has-text('6 selected')")
        counted = (
            "[...document.querySelectorAll('#scale .count')].reduce((sum, one) => sum + Number(one.textContent), 0)"
        )
        assert tab.inner_text("#foot").startswith("6 recordings") and tab.evaluate(counted) == 6
        tab.click("#pause-refinement")
        until(tab, f"kgenre.tracks.gone[{row}] === 1")
        tab.wait_for_selector("#selection:has-text('5 selected')")
        assert "1 recording left the map" in tab.inner_text("#message")
        assert tab.inner_text("#foot").startswith("5 recordings") and tab.evaluate(counted) == 5
        assert tab.evaluate("kgenre.state.current") == -1 and tab.locator("#track").is_hidden()
        shoot(tab, "gone")
        colour = f"kgenre.map.points.colours[4 * {row} + 3]"
        assert tab.evaluate(colour) == 0 and not tab.evaluate(f"kgenre.map.on.isShown({row})")
        tab.fill("#search", "nan")
        until(tab, "kgenre.state.query === 'nan' && !kgenre.state.hits.includes(1)")
        tab.locator("#search").blur()
        with tab.expect_download() as download:
            tab.click("#save")
        assert Path(download.value.path()).read_text().count(".wav") == 5
        until(tab, "document.getElementById('refinement').hidden")
        assert tab.evaluate("kgenre.state.selection.length") == 5
        with httpx.Client(base_url=address, timeout=60) as client:  # another page, which does not know yet
            asked, token = {"ids": ids, "genre": "third"}, token_of(client)
            assert client.post("/corrections", json=asked, headers=token).json() == {"genre": "third", "skipped": 1}
            answer = client.post("/playlist", json={"ids": ids, "kind": "m3u8"}, headers=token)
            assert answer.headers["x-kgenre-skipped"] == "1" and answer.text.count(".wav") == 5
            asked["ids"] = [lost]
            refused = client.post("/corrections", json=asked, headers=token)
            assert refused.status_code == 400 and "Load the page again" in refused.json()["error"]


def test_page_answer_of_before_a_retraining_does_not_overwrite_the_new_genres(served, tab):
    _, _, address = served
    kept = []

    def keep_first(route) -> None:
        response = route.fetch()
        if kept or not response.json()["genres"]:
            route.fulfill(response=response)
        else:
            kept.append((route, response))

    with httpx.Client(base_url=address, timeout=60) as client:
        token, status = token_of(client), lambda: client.get("/changes").json()["refinement"]
        ids = unpacked(client.get("/data").json()["ids"], "<i4").tolist()
        for genre, some in {"loud": ids[:3], "quiet": ids[3:]}.items():
            client.post("/corrections", json={"ids": some, "genre": genre}, headers=token)
        tab.route("**/changes*", keep_first)
        tab.goto(address)
        client.post("/refinement", json={"paused": False}, headers=token)
        wait_in(tab, lambda: kept)
        client.post("/refinement", json={"paused": True}, headers=token)
        wait_for(lambda: [status(), time.sleep(1.0), status()][::2] == [status()] * 2)
        tab.keyboard.press("r")
        tab.click("#apply-retraining-in-dialog")
        until(tab, "kgenre.state.heads.length === 1")
        shown = "[kgenre.tracks.top, kgenre.tracks.probabilities].map((values) => values.join()).join()"
        after = tab.evaluate(shown)
        route, response = kept[0]
        assert response.json()["genres"]["labels"] == tab.evaluate("kgenre.tracks.labels")
        route.fulfill(response=response)
        tab.wait_for_timeout(1000)
        assert tab.evaluate(shown) == after and tab.evaluate("kgenre.state.heads.length")
        with tab.expect_response("**/changes*"):  # the next answer is of the new head
            tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # asks at once, not in four seconds
        tab.wait_for_timeout(500)
        assert tab.evaluate(shown) == after


def test_page_pause_survives_a_reload_and_a_hidden_page_asks_nothing(served, tab):
    folder, _, address = served
    held_file(folder).touch()
    asked = []
    tab.on("request", lambda request: asked.append(request.url) if "/changes" in request.url else None)
    tab.goto(address)
    tab.click("#pause-refinement:has-text('Resume')")
    tab.wait_for_selector("#pause-refinement:has-text('Pause')")
    tab.wait_for_selector("#refining:has-text('left')")
    shoot(tab, "light")
    tab.click("#pause-refinement")
    tab.wait_for_selector("#refining:has-text('paused')")
    tab.reload()
    tab.wait_for_selector("#refining:has-text('paused')")
    tab.keyboard.press("d")
    shoot(tab, "dark")
    tab.set_viewport_size({"width": 390, "height": 780})
    shoot(tab, "phone")
    hide = "Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }})"
    tab.evaluate(hide.format("true"))
    tab.wait_for_timeout(500)  # a question that was asked before comes to be known
    asked.clear()
    tab.wait_for_timeout(5000)
    assert not asked
    tab.evaluate(f"{hide.format('false')}; document.dispatchEvent(new Event('visibilitychange'))")
    wait_in(tab, lambda: asked)
