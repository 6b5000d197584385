"""Work in parts: division, resumption, parts K/N, what is damaged or does not belong together; without Ray."""

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import engine_works
import numpy as np
import pandas as pd
import pytest
from audio_files import music, write_sound
from engine_works import ITEMS, Squares, expected
from prepared_sets import flip

from kgenre import baseline, embed, merge, predict
from kgenre.audio.decode import decode
from kgenre.audio.fetched import FetchingReader
from kgenre.audio.local_file import local_file
from kgenre.audio.policy import DEFAULT_POLICY
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside, write_text
from kgenre.core.urls import local_copy
from kgenre.embeddings.files import read_embeddings
from kgenre.engines.chunks import LARGEST, chunk_size, make_chunks, part_of
from kgenre.engines.folder import PLAN, PartsFolder
from kgenre.engines.plan import Plan
from kgenre.engines.ray_data import _connect, _Worker
from kgenre.engines.records import SUFFIX, RecordWork, read_records
from kgenre.engines.run import compute, computed
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Failure
from kgenre.serving.catalogue import open_model
from kgenre.serving.model_source import ModelSource
from kgenre.serving.predict_work import Answering, PredictWork

RATE = 22050


def values_of(parts) -> dict:
    """{name: value} of all parts, in order, without the failures."""
    with parts.local_files() as files:
        rows = {name: value for file in files for name, value in read_records(file).items()}
    return {name: value for name, value in rows.items() if not isinstance(value, Failure)}


@pytest.fixture
def place(tmp_path):
    """A folder of parts, and the log of what was computed."""
    return PartsFolder(str(tmp_path / "parts"), SUFFIX), tmp_path / "log"


# --- division -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 63, 200, 5000, 40000])
def test_chunks_hold_every_item_once_in_order_and_few_enough(n):
    items = {f"{number}.mp3": None for number in range(n)}
    chunks = make_chunks(items, {})
    assert [name for chunk in chunks for name in chunk.items] == list(items)
    sizes = [len(chunk.items) for chunk in chunks]
    assert max(sizes) <= 2 * chunk_size(n) <= 2 * LARGEST and len({chunk.key for chunk in chunks}) == len(chunks)
    assert len(chunks) >= min(n, 50)  # enough for all workers to the end
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))


def test_chunks_after_an_item_was_added_or_changed_differ_there_alone():
    items = {f"{number:04d}.mp3": [number] for number in range(1000)}
    before = {chunk.key for chunk in make_chunks(items, {})}
    longer = dict(sorted({**items, "0500a.mp3": [5]}.items()))
    for changed in (longer, {**items, "0500.mp3": [7]}):
        after = {chunk.key for chunk in make_chunks(changed, {})}
        assert len(after - before) <= 2 and len(before & after) > 60
    assert not before & {chunk.key for chunk in make_chunks(items, {"model": "another"})}


def test_parts_of_n_are_all_chunks_once():
    chunks = make_chunks(ITEMS, {})
    parts = [part_of(chunks, (k, 7)) for k in range(1, 8)]
    assert sorted(chunk.number for part in parts for chunk in part) == list(range(len(chunks)))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"])
def test_part_that_is_none_is_refused(text):
    with pytest.raises(KgenreError, match="K/N with K from 1 to N"):
        EngineSettings(part=text).check()


# --- the local engine -----------------------------------------------------------------------------


def test_results_are_in_the_order_of_the_items_with_the_failures_apart(place):
    parts = compute(Squares(place[1]), ITEMS, place[0], EngineSettings())
    assert list(values_of(parts).items()) == list(expected().items())
    assert parts.failures == {f"song {n}": f"{n} ends in 7" for n in range(7, 300, 10)} and parts.items == 300


def test_run_that_was_killed_continues_and_computes_no_finished_part_again(tmp_path):
    program = [sys.executable, engine_works.__file__, str(tmp_path), "song 150"]
    killed = subprocess.run(program, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    folder, log = PartsFolder(str(tmp_path / "parts"), SUFFIX), tmp_path / "log"
    done = {name for file in folder.keys().values() for name in read_records(Path(folder.url) / file)}
    assert 100 < len(done) < 200
    first = log.read_text().splitlines()
    log.unlink()
    parts = compute(Squares(log), ITEMS, folder, EngineSettings())
    assert values_of(parts) == expected()
    again = log.read_text().splitlines()
    assert not done & set(again) and len(again) == len(ITEMS) - len(done)
    assert set(first) | set(again) == set(ITEMS) and len(set(first) & set(again)) <= 2 * chunk_size(len(ITEMS))


def test_parts_of_three_processes_are_those_of_one_run(place, tmp_path):
    whole = values_of(
        compute(Squares(tmp_path / "other"), ITEMS, PartsFolder(str(tmp_path / "w"), SUFFIX), EngineSettings())
    )
    for k in (2, 1, 3):
        parts = compute(Squares(place[1]), ITEMS, place[0], EngineSettings(part=f"{k}/3"))
        assert 60 < parts.items < 140
    computed = place[1].read_text().splitlines()
    assert sorted(computed) == sorted(ITEMS)  # each once
    parts = compute(Squares(place[1]), ITEMS, place[0], EngineSettings())
    assert values_of(parts) == whole and place[1].read_text().splitlines() == computed


def test_plan_names_the_parts_that_are_missing(place):
    for k in (1, 3):
        compute(Squares(place[1]), ITEMS, place[0], EngineSettings(part=f"{k}/4"))
    assert Plan.read(place[0].url).missing(place[0]) == [2, 4]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damaged_part_is_named_and_computed_again(place, damage):
    compute(Squares(place[1]), ITEMS, place[0], EngineSettings())
    file = Path(place[0].url) / next(iter(place[0].keys().values()))
    data = file.read_bytes()
    file.write_bytes(
        {"cut": data[: len(data) // 2], "flipped": data.replace(b'"name', b'"nome', 1), "empty": b""}[damage]
    )
    with pytest.raises(KgenreError, match=f"{file.name}: a damaged part .* deleted; repeat the command"):
        compute(Squares(place[1]), ITEMS, place[0], EngineSettings())
    assert values_of(compute(Squares(place[1]), ITEMS, place[0], EngineSettings())) == expected()


def test_parts_of_other_settings_are_refused(place):
    compute(Squares(place[1]), ITEMS, place[0], EngineSettings(part="1/2"))
    with pytest.raises(KgenreError, match="holds parts with version=1, now 2. Name another folder with --parts-folder"):
        compute(Squares(place[1], version=2), ITEMS, place[0], EngineSettings())


def test_another_list_is_refused_for_a_part_and_continued_by_a_whole_run(place):
    compute(Squares(place[1]), ITEMS, place[0], EngineSettings(part="1/2"))
    more = {**ITEMS, "song 300": [300]}
    with pytest.raises(KgenreError, match=r"another list of tracks \(300, now 301\)"):
        compute(Squares(place[1]), more, place[0], EngineSettings(part="2/2"))
    parts = compute(Squares(place[1]), more, place[0], EngineSettings())
    assert values_of(parts) == expected(more)
    assert len(place[1].read_text().splitlines()) <= len(more) + 2 * chunk_size(300)


class Unsteady(RecordWork):
    """Items that fail for `cause`, as long as there is one; a file of each is in `folder`."""

    kind, settings = "unsteady", {}

    def __init__(self, folder: Path, cause: str = ""):
        self.folder, self.cause = folder, cause

    def open(self, threads=None):
        return self.results

    def results(self, items):
        for name in items:
            (self.folder / Path(name).name).touch()
            yield name, Failure(self.cause) if self.cause else 1

    def lost(self, items):
        return [name for name in items if not (self.folder / Path(name).name).exists()]


@pytest.mark.parametrize(
    ("prefix", "cause", "passes"),
    [("http://host/", "HTTP 503", True), ("/disk/", "cannot be opened: gone.", True), ("/disk/", "no audio", False)],
)
def test_failures_of_the_moment_are_tried_again_and_others_are_kept(place, tmp_path, prefix, cause, passes):
    items, engine = {f"{prefix}{number}.mp3": [0, 0] for number in range(6)}, EngineSettings(part="1/2")
    failures = [compute(Unsteady(tmp_path, each), items, place[0], engine).failures for each in (cause, "")]
    assert list(map(len, failures)) == [3, 0 if passes else 3]


def test_item_whose_file_was_removed_is_computed_again(place, tmp_path):
    items = dict.fromkeys("abcdef", [1])
    compute(Unsteady(tmp_path), items, place[0], EngineSettings(part="1/1"))
    (tmp_path / "c").unlink()
    compute(Unsteady(tmp_path), items, place[0], EngineSettings(part="1/1"))
    assert (tmp_path / "c").exists()


def test_runs_that_share_a_folder_keep_the_parts_of_each_other(place):
    others = {f"other {number}": [number] for number in range(20)}
    compute(Squares(place[1]), ITEMS, place[0], EngineSettings(part="1/2"))
    before = set(place[0].keys())
    with computed(Squares(place[1]), others, place[0], EngineSettings()) as parts:
        assert values_of(parts) == expected(others)
        with pytest.raises(KgenreError, match="another command has its parts here"):
            with computed(Squares(place[1]), others, place[0], EngineSettings()):
                pass
    assert set(place[0].keys()) == before


def test_parts_that_another_process_removed_are_told_of(place, monkeypatch):
    monkeypatch.setattr("kgenre.engines.local.run", lambda *arguments: None)
    with pytest.raises(KgenreError, match="parts that workers wrote are not there. Another process has removed them"):
        compute(Squares(place[1]), ITEMS, place[0], EngineSettings())


def test_full_disk_of_a_worker_is_a_line_and_no_exception(place):
    work = Squares(place[1])
    work.write = lambda *arguments: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
    [chunk, *_] = make_chunks(ITEMS, {})
    text = json.dumps([chunk.number, dict(chunk.items), chunk.key])
    told = _Worker(work, place[0], 1)({"chunk": [text]})
    assert told["items"] == [len(chunk.items)] and "No space left on device" in told["fault"][0]


@pytest.mark.parametrize(
    ("address", "rule"), [(None, "Ray does not start on"), ("ray://x", "No Ray cluster at ray://x")]
)
def test_ray_that_does_not_start_is_one_line_and_joins_no_cluster_unasked(address, rule, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    asked = []

    class Ray:
        def init(self, address, **more):
            asked.append(address)
            raise Exception("The current node timed out during startup.\nMore.")

    with pytest.raises(KgenreError, match=f"^{rule}.*timed out during startup") as caught:
        _connect(Ray(), EngineSettings(engine="ray", ray_address=address))
    assert "\n" not in str(caught.value) and asked == [address or "local"]


def test_two_writers_of_equal_process_numbers_write_beside_each_other(tmp_path):
    def both(part):
        write_text(tmp_path / "a", "inner")
        part.write_text("outer")

    write_beside(tmp_path / "a", both)
    assert (tmp_path / "a").read_text() == "outer" and os.listdir(tmp_path) == ["a"]


def test_folder_at_a_url_holds_the_same_parts_and_is_removed(tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    folder = PartsFolder("memory://engines/parts", SUFFIX)
    assert folder.keys() == {} and not folder.has_plan
    for k in (1, 2):
        compute(Squares(tmp_path / "log"), ITEMS, folder, EngineSettings(part=f"{k}/2"))
    parts = compute(Squares(tmp_path / "log"), ITEMS, folder, EngineSettings())
    assert values_of(parts) == expected() and len((tmp_path / "log").read_text().splitlines()) == len(ITEMS)
    folder.remove(parts.names)
    assert folder.keys() == {} and not folder.has_plan


def test_removal_leaves_files_that_are_not_of_the_parts(place):
    parts = compute(Squares(place[1]), ITEMS, place[0], EngineSettings())
    (Path(place[0].url) / f"mine{SUFFIX}").write_text("mine")
    place[0].remove(parts.names)
    assert os.listdir(place[0].url) == [f"mine{SUFFIX}"]


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Nine songs, one of them broken."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(8):
        write_sound(folder / f"{number}.wav", music(4.0 + number / 4, RATE, 1, seed=number), RATE)
    (folder / "5b.mp3").write_text("no music")
    return folder


def run(command, *arguments) -> int:
    return command.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ["genres.csv", "genres.jsonl", "genres.parquet"])
def test_predictions_of_parts_are_those_of_one_run(songs, tmp_path, name, capsys):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed") if name.endswith("parquet") else None
    assert run(predict, songs, "--out", tmp_path / name) == 1
    out, parts = tmp_path / f"in_parts_{name}", tmp_path / f".in_parts_{name}.parts"
    for k in (1, 2, 3):
        assert run(predict, songs, "--out", out, "--part", f"{k}/3") in (0, 1) and not out.exists()
    assert f"next: kgenre merge {parts} --out {out}" in capsys.readouterr().out
    assert run(merge, parts, "--out", out) == 1
    assert "failed: " in capsys.readouterr().err and not parts.exists()
    assert out.read_bytes() == (tmp_path / name).read_bytes()
    if name.endswith("parquet"):
        assert pd.read_parquet(out)["path"].tolist() == [str(songs / f"{number}.wav") for number in range(8)]


def test_embeddings_of_parts_are_those_of_one_run(songs, tmp_path, capsys):
    assert run(embed, songs, "--out", tmp_path / "whole.npz") == 1
    out, parts = tmp_path / "out.npz", tmp_path / "elsewhere"
    for k in (2, 1):
        run(embed, songs, "--out", out, "--part", f"{k}/2", "--parts-folder", parts)
    assert run(merge, parts, "--out", out) == 1
    one, other = read_embeddings(tmp_path / "whole.npz"), read_embeddings(out)
    pd.testing.assert_frame_equal(one.table, other.table)
    np.testing.assert_array_equal(one.slice_embeddings, other.slice_embeddings)
    assert one.table["path"].tolist() == [str(songs / f"{number}.wav") for number in range(8)]


def test_flipped_byte_of_a_part_of_vectors_costs_that_part(songs, tmp_path, capsys):
    out, few = tmp_path / "out.npz", [songs / "0.wav", songs / "1.wav"]
    assert run(embed, *few, "--out", out, "--part", "1/2") == 0
    (part,) = (tmp_path / ".out.npz.parts").glob("*.npz")
    with zipfile.ZipFile(part) as file:
        flip(part, file.getinfo("slice_embeddings.npy").header_offset + 500)
    assert run(embed, *few, "--out", out) == 2
    said = capsys.readouterr().err
    assert f"{part}: not a readable" in said and "deleted; repeat the command" in said and not part.exists()
    assert run(embed, *few, "--out", out) == 0 and len(read_embeddings(out).table) == 2


def test_song_that_is_named_twice_is_predicted_twice(songs, tmp_path, monkeypatch):
    monkeypatch.chdir(songs)
    assert run(predict, "0.wav", songs / "0.wav", "--out", tmp_path / "x.csv") == 0
    table = pd.read_csv(tmp_path / "x.csv")
    assert sorted(table["path"]) == sorted(["0.wav", str(songs / "0.wav")]) and table["genre"].nunique() == 1


def test_output_at_a_url_is_refused(songs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(embed, songs, "--out", "memory://x.npz") == 2
    assert "a URL, where a folder or file of this machine is written" in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_work_in_a_process_of_another_folder_reads_the_same_files(songs, monkeypatch):
    monkeypatch.chdir(songs)
    work = PredictWork(ModelSource(opened=open_model()), Answering(DEFAULT_POLICY), 1)
    here, sent = dict(work.open()({"3.wav": None})), pickle.dumps(work)
    assert len(sent) < 10_000  # without the model, which a worker opens by its name
    monkeypatch.chdir("/")
    assert dict(pickle.loads(sent).open(threads=1)({"3.wav": None})) == here
    assert here["3.wav"]["path"] == "3.wav" and here["3.wav"]["genre"]


def test_merge_with_parts_missing_says_which_and_what_to_type(songs, tmp_path, capsys):
    out = tmp_path / "out.npz"
    capsys.readouterr()
    run(embed, songs, "--out", out, "--part", "2/3")
    parts = tmp_path / ".out.npz.parts"
    assert f"to come: --part K/3 for K=1,3, then kgenre merge {parts} --out {out}" in capsys.readouterr().out
    assert run(merge, parts, "--out", out) == 2 and not out.exists()
    err = capsys.readouterr().err
    assert "6 of 9 chunks are missing. Give the command" in err and "--part K/3 for K=1,3;" in err
    assert run(merge, tmp_path, "--out", out) == 2
    assert f"{tmp_path}: holds no {PLAN}" in capsys.readouterr().err


def test_statistics_of_parts_are_those_of_one_run(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for genre in ("rock", "jazz"):
        (tmp_path / "in" / genre).mkdir(parents=True)
        for number in range(12):
            values = rng.normal(genre == "rock", 1.0, (20, 8)).astype("float32")
            np.save(tmp_path / "in" / genre / f"{genre}{number}.npy", values)
    data = ("--on", "stats", "--data", f"spectrograms:{tmp_path / 'in'}", "--classifier", "bayes")
    for k in (1, 2):
        assert run(baseline, *data, "--out", tmp_path / "parts", "--part", f"{k}/2") == 0
    assert not (tmp_path / "parts" / "features.npz").exists()
    vectors = tmp_path / "parts" / "features.npz"
    assert run(merge, tmp_path / "parts" / ".features.npz.parts", "--out", vectors) == 0
    assert run(baseline, *data, "--out", tmp_path / "whole") == 0
    one, other = read_embeddings(tmp_path / "whole" / "features.npz"), read_embeddings(vectors)
    np.testing.assert_array_equal(one.mean, other.mean)
    assert one.table["path"].tolist() == other.table["path"].tolist() and len(one.table) == 24
    assert run(baseline, "--on", vectors, "--part", "1/2", *data[2:], "--out", tmp_path / "x") == 2
    assert "`--part` is for vectors that are computed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--part", "1/2"), "need a file for the predictions. Name it with --out."),
        (("--engine", "ray"), "need a file for the predictions. Name it with --out."),
        (("--worker-cpus", "2"), "--worker-cpus applies to --engine ray. Received: --engine local."),
        (("--part", "3/2", "--out", "x.csv"), "K/N with K from 1 to N, such as 3/10. Received: part=3/2."),
        (("--format", "parquet"), "--format parquet needs a file."),
    ],
)
def test_flags_that_do_not_go_together_are_refused(songs, arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(predict, songs / "0.wav", *arguments) == 2
    assert message in capsys.readouterr().err


# --- files at a URL -------------------------------------------------------------------------------


@pytest.fixture
def server(songs):
    """The folder of songs over HTTP: its URL."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(songs))

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_songs_at_urls_have_the_vectors_of_the_files(songs, server, tmp_path, capsys):
    urls = [f"{server}/{name}" for name in ("0.wav", "1.wav", "none.wav", "5b.mp3", "2.wav")]
    assert run(embed, *urls, "--out", tmp_path / "urls.npz") == 1
    failed = dict(line.removeprefix("failed: ").split(": ", 1) for line in capsys.readouterr().err.splitlines())
    assert sorted(failed) == sorted(urls[2:4]) and "HTTP 404" in failed[urls[2]]
    assert run(embed, *(songs / f"{n}.wav" for n in range(3)), "--out", tmp_path / "files.npz") == 0
    one, other = read_embeddings(tmp_path / "urls.npz"), read_embeddings(tmp_path / "files.npz")
    np.testing.assert_array_equal(one.mean, other.mean)
    assert one.table["path"].tolist() == [urls[0], urls[1], urls[4]]


def test_part_of_a_file_at_a_url_is_that_part(songs, server):
    with local_file(f"{server}/0.wav#t=1,2.5") as copy:
        np.testing.assert_array_equal(decode(copy, RATE).samples, decode(f"{songs}/0.wav#t=1,2.5", RATE).samples)
    reader = FetchingReader(SliceSpec(RATE, RATE, RATE))
    slices = [list(reader.slices(f"{place}/0.wav#t=1,2.5")) for place in (server, songs)]
    assert [one.start for one in slices[0]] == [one.start for one in slices[1]] and len(slices[0]) == 2


def test_name_of_a_copy_is_as_long_as_a_file_system_takes():
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    name = "音" * 96 + ".wav"
    fsspec.filesystem("memory").pipe(f"/long/{name}", b"x")
    with local_copy(f"memory://long/{name}") as copy:
        assert copy.endswith("音.wav") and Path(copy).read_bytes() == b"x"


def test_manifest_of_urls_is_a_collection(songs, server, tmp_path):
    lines = [f"{server}/{n}.wav,{'rock' if n % 2 else 'jazz'}\n" for n in range(8)]
    (tmp_path / "songs.csv").write_text("path,genre\n" + "".join(lines))
    assert run(embed, "--data", tmp_path / "songs.csv", "--out", tmp_path / "out.npz") == 0
    table = read_embeddings(tmp_path / "out.npz").table
    assert table["path"].tolist() == [f"{server}/{n}.wav" for n in range(8)] and set(table["genre"]) == {"rock", "jazz"}


def test_folder_at_a_url_is_searched_for_songs(songs, tmp_path, capsys):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    system = fsspec.filesystem("memory")
    for name in ("0.wav", "1.wav"):
        system.pipe(f"/music/album/{name}", (songs / name).read_bytes())
    system.pipe("/music/album/cover.jpg", b"")
    assert run(predict, "memory://music", "--out", tmp_path / "genres.csv") == 0
    assert pd.read_csv(tmp_path / "genres.csv")["path"].tolist() == [f"memory:///music/album/{n}.wav" for n in (0, 1)]
