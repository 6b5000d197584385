"""The engine of a Ray cluster, on a real one of two nodes: the same rows as here, whatever is lost in the middle."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import prepared_sets
import pytest
from audio_files import music, write_sound
from engine_works import UnluckyEmbedding
from recorded_progress import RecordedProgress

from kgenre import embed, prepare
from kgenre.audio.policy import DEFAULT_POLICY
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.embeddings.embed_work import header_of
from kgenre.embeddings.extract import song_rows
from kgenre.embeddings.files import read_embeddings
from kgenre.embeddings.store import Store
from kgenre.embeddings.work import compute_vectors
from kgenre.engines.ray_data import workers_of
from kgenre.engines.settings import EngineSettings
from kgenre.serving.catalogue import open_model
from kgenre.serving.model_source import ModelSource

ray = pytest.importorskip("ray", reason="Ray is not installed")

RATE, N_SONGS = 22050, 24
STORE_BYTES = 100 << 20
# So that a node that is gone is noticed in a second or two rather than half a minute.
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 20000,  # of one that is slow; the connection to one that is gone is refused at once
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with three CPUs each on this machine."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets lie there, whose paths must be short
    environment = pytest.MonkeyPatch()
    environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
    environment.setenv("RAY_TMPDIR", folder)
    os.mkdir(os.path.join(folder, "ray"))  # where the address is noted, which Ray does not make
    tests = Path(__file__).parent  # the work below is of a module there, which workers import
    environment.setenv("PYTHONPATH", os.pathsep.join((str(tests.parent), str(tests))))
    head = {"num_cpus": 3, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**head, "_system_config": HEALTH})
    cluster.add_node(num_cpus=3, object_store_memory=STORE_BYTES)
    yield cluster
    with contextlib.redirect_stdout(sys.stderr):
        cluster.shutdown()
    environment.undo()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Short songs, and one that is none."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(N_SONGS):
        write_sound(folder / f"{number:02d}.wav", music(2.0 + number / 10, RATE, 1, seed=number), RATE)
    (folder / "07b.mp3").write_text("no music")
    return folder


@pytest.fixture(scope="module")
def local(songs, tmp_path_factory):
    """What `kgenre embed` writes without Ray."""
    out = tmp_path_factory.mktemp("local") / "local.npz"
    assert embed.main([str(songs), "--out", str(out)]) == 1
    return read_embeddings(out)


def check_same(found, wanted):
    """The same rows in the same order; vectors within 1e-5, for another machine's processor rounds otherwise."""
    pd.testing.assert_frame_equal(found.table, wanted.table)
    np.testing.assert_allclose(found.slice_embeddings, wanted.slice_embeddings, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.slice_starts, wanted.slice_starts)


def unlucky(songs, out: Path, cluster, progress: Progress, **more) -> dict[str, str]:
    """Embeds the songs on the cluster by UnluckyEmbedding, with the attributes `more`; returns the failures."""
    model = open_model()
    work = UnluckyEmbedding(header_of(model, DEFAULT_POLICY), out.suffix, ModelSource(), 1, DEFAULT_POLICY, False)
    for name, value in more.items():
        setattr(work, name, value)
    engine = EngineSettings(engine="ray", ray_address=cluster.address, worker_cpus=3)  # one a node
    return compute_vectors(Store(out, work.header, song_rows([str(songs)])), work, engine, progress, "embedding")[0]


def test_embeddings_are_those_of_this_process_and_ray_is_quiet(cluster, songs, local, tmp_path, capfd):
    out = tmp_path / "ray.parquet"
    flags = ("--engine", "ray", "--ray-address", cluster.address, "--worker-cpus", "3")
    assert embed.main([str(songs), "--out", str(out), *flags]) == 1
    check_same(read_embeddings(out), local)
    shown = capfd.readouterr()
    assert shown.out == f"{out}: {N_SONGS} tracks, {N_SONGS} of them new\n"
    [line] = shown.err.splitlines()
    assert line.startswith(f"failed: {songs / '07b.mp3'}: ")
    assert os.listdir(tmp_path) == ["ray.parquet"] and not ray.is_initialized()


def test_prepared_set_has_the_bytes_of_one_prepared_here(cluster, songs, tmp_path, capsys):
    rows = [f"{songs}/{number:02d}.wav,{'ab'[number % 2]},train" for number in range(N_SONGS)]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,genre,split", *rows]) + "\n")
    flags = ("--engine", "ray", "--ray-address", cluster.address, "--worker-cpus", "3")
    for name, own in (("here", ("--workers", "1")), ("there", flags)):
        command = ["--data", str(tmp_path / "manifest.csv"), "--out", str(tmp_path / name), "--shard-mb", "1", *own]
        assert prepare.main(command) == 0, capsys.readouterr().err
    here, there = (prepared_sets.contents(tmp_path / name) for name in ("here", "there"))
    assert here == there and sum(name.endswith(".shard") for name in here) > 1


def test_killed_worker_is_replaced_and_no_track_is_lost_or_twice(cluster, songs, local, tmp_path):
    flag, told = tmp_path / "killed", RecordedProgress()
    killer = {"flag": flag, "kill_at": str(songs / "11.wav")}
    failures = unlucky(songs, tmp_path / "out.npz", cluster, told, **killer)
    assert flag.exists() and list(failures) == [str(songs / "07b.mp3")]
    check_same(read_embeddings(tmp_path / "out.npz"), local)
    [(_, total, steps)] = told.tasks
    assert total == sum(steps) == N_SONGS + 1


def test_fault_of_a_worker_ends_the_run_with_its_line(cluster, songs, tmp_path):
    work_of_another_model = {"header": {**header_of(open_model(), DEFAULT_POLICY), "identity": "another"}}
    with pytest.raises(KgenreError, match="a worker has another model: identity="):
        unlucky(songs, tmp_path / "out.npz", cluster, Progress(), **work_of_another_model)
    assert not ray.is_initialized()


def test_workers_that_no_node_holds_are_refused(cluster, songs, tmp_path, capsys):
    given = [
        "--out",
        str(tmp_path / "x.npz"),
        "--engine",
        "ray",
        "--ray-address",
        cluster.address,
        "--worker-cpus",
        "4",
    ]
    assert embed.main([str(songs), *given]) == 2
    assert "No node of the cluster has what a worker needs: 4 CPU (most of a node: 3)." in capsys.readouterr().err


def test_address_of_no_cluster_is_one_line(songs, tmp_path, capsys):
    given = ["--out", str(tmp_path / "x.npz"), "--engine", "ray", "--ray-address", "127.0.0.1:1"]
    assert embed.main([str(songs), *given]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "No Ray cluster at 127.0.0.1:1: " in line and "`ray start --head`" in line


@pytest.mark.parametrize(
    ("nodes", "flags", "workers"),
    [
        ([{"CPU": 3}, {"CPU": 3}], {"worker_cpus": 2}, 2),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 64}], {"worker_gpus": 0.5}, 4),
        ([{"CPU": 8, "memory": 4 * 2**30}], {"worker_memory_gib": 1.5}, 2),
    ],
)
def test_workers_are_as_many_as_the_nodes_hold(nodes, flags, workers):
    alive = [{"Alive": True, "Resources": node} for node in nodes]
    gone = {"Alive": False, "Resources": {"CPU": 100, "GPU": 100}}
    assert workers_of([*alive, gone], EngineSettings(**flags)) == workers


class Removes(RecordedProgress):
    """Removes a node of the cluster once `after` tracks are done, as a power cut does."""

    def __init__(self, cluster, node, after: int):
        super().__init__()
        self.cluster, self.node, self.after = cluster, node, after

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        with super().task(title, total, unit, done) as advance:
            counted = done

            def step(n=1, **more):
                nonlocal counted
                counted += n
                advance(n)
                if counted >= self.after and self.node is not None:
                    node, self.node = self.node, None
                    self.cluster.remove_node(node, allow_graceful=False)

            yield step


def test_removed_node_is_done_without(cluster, songs, local, tmp_path):
    node = cluster.add_node(num_cpus=3, object_store_memory=STORE_BYTES)
    told = Removes(cluster, node, after=8)
    unlucky(songs, tmp_path / "out.npz", cluster, told, pause=0.2)
    assert told.node is None and sum(told.tasks[0][2]) == N_SONGS + 1
    check_same(read_embeddings(tmp_path / "out.npz"), local)
