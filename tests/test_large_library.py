"""Libraries of many tracks: exact searches in little memory, re-scans, and the map's update."""

import contextlib
import json
import sys
import tracemalloc

import numpy as np
import pytest
from libraries import InventedModel, make_library

from benchmarks import large_library
from benchmarks.invented_library import InventedModel as Scanned
from benchmarks.invented_library import fill
from benchmarks.peak import peak_mib
from kgenre.core.errors import KgenreError
from kgenre.embeddings.compact_vectors import CompactVectors
from kgenre.library.head import Head, predict, save_heads, save_rule
from kgenre.library.map.update import update_map
from kgenre.library.scan.scan import scan
from kgenre.library.search.path import COPY_DISTANCE, COPY_SHARE, MAX_DETOUR, MIN_ARC, path_between
from kgenre.library.search.songs import Songs
from kgenre.library.search.vectors import load_vectors
from kgenre.library.store import Library
from kgenre.model.unsure import Distance, UnsureRule
from kgenre.web.explore.explorer import Explorer

RNG = np.random.default_rng(7)
CENTRES = RNG.normal(size=(8, 40))
CLOUDS = {
    "everywhere": RNG.normal(size=(3000, 40)),
    "albums": CENTRES[RNG.integers(8, size=3000)] + 0.3 * RNG.normal(size=(3000, 40)),
    # Nearer to each other than int16 can tell: their order is that of the exact vectors.
    "almost equal": CENTRES[0] + 1e-5 * RNG.normal(size=(3000, 40)),
    "equal, zero and one axis": np.concatenate(
        [np.repeat(CENTRES, 300, axis=0), np.zeros((100, 40)), np.repeat(np.eye(40), 5, axis=0)]
    ),
}


def units(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype("float32").astype("float64")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize("name", CLOUDS)
def test_compact_vectors_nearest_equals_float64(name):
    vectors, n = CLOUDS[name], 30
    compact, exact = CompactVectors.of(vectors), units(vectors)
    allowed = np.random.default_rng(1).random(len(vectors)) < 0.5
    for row in (0, 700, len(vectors) - 1):
        for mask in (None, allowed):
            rows, distances = compact.nearest(row, n, mask)
            expected = (1 - exact @ exact[row]).astype("float32")
            others = np.flatnonzero(np.arange(len(vectors)) != row if mask is None else mask)
            others = others[others != row]
            best = np.sort(expected[others])[:n]
            # Sums in another order differ in the last bits of float64, which may change the last one of float32.
            np.testing.assert_allclose(distances, np.maximum(best, 0), rtol=2e-7, atol=1e-12)
            np.testing.assert_allclose(expected[rows], best, rtol=2e-7, atol=1e-12)
            assert set(rows.tolist()) <= set(others.tolist()) and len(set(rows.tolist())) == n


def test_compact_vectors_cosines_are_within_the_error():
    for vectors in CLOUDS.values():
        compact, exact = CompactVectors.of(vectors), units(vectors)
        for row in (0, 700):
            away = np.abs(compact.cosines(exact[row]) - exact @ exact[row]).max()
            assert away < compact.error < 2e-4


def test_compact_vectors_replaced_vector_is_found_and_a_lost_one_is_far():
    vectors = CLOUDS["everywhere"].copy()
    compact = CompactVectors(len(vectors), 40, lambda rows: vectors[rows])
    compact.put(slice(0, 3000), vectors)
    vectors[99] = 2 * vectors[5] + 1e-4
    compact.put([99], vectors[[99]])
    rows, distances = compact.nearest(5, 3)
    assert rows[0] == 99 and distances[0] < 1e-6
    assert compact.nearest(5, 0)[0].shape == (0,) and compact.nearest(5, 9999)[0].shape == (2999,)
    gone = CompactVectors(3, 40, lambda rows: np.ones((1, 40)) if rows.tolist() == [0] else np.zeros((0, 0)))
    gone.put([0, 1], np.ones((2, 40)))
    assert gone.nearest(0, 2)[1].tolist() == [1, 1]


def test_compact_vectors_nearest_of_a_zero_vector_is_nothing_and_reads_nothing():
    vectors, read = CLOUDS["everywhere"].copy(), []
    vectors[7] = 0
    compact = CompactVectors(3000, 40, lambda rows: read.append(len(rows)) or vectors[rows])
    compact.put(slice(0, 3000), vectors)
    assert [len(array) for array in compact.nearest(7, 5)] == [0, 0] and sum(read) == 1


def replaced_elsewhere() -> tuple[np.ndarray, CompactVectors]:
    """Vectors of which the 60 nearest to the first were stored again, far from it, and not put."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 40))
    vectors[1:101] = vectors[0] + 0.4 * rng.normal(size=(100, 40))
    compact = CompactVectors(3000, 40, lambda rows: vectors[rows])
    compact.put(slice(0, 3000), vectors)
    vectors[compact.nearest(0, 60)[0]] = rng.normal(size=(60, 40))
    return vectors, compact


def test_compact_vectors_nearest_follow_vectors_that_were_replaced_where_they_are_stored():
    vectors, compact = replaced_elsewhere()
    rows, distances = compact.nearest(0, 30)
    exact = units(vectors)
    expected = np.argsort(1 - exact @ exact[0])[1:31]
    assert rows.tolist() == expected.tolist() and distances.max() < 0.5


def test_path_follows_vectors_that_were_replaced_where_they_are_stored():
    vectors, compact = replaced_elsewhere()
    assert path_between(compact, 0, 2500, 12).tolist() == plain_path(vectors, 0, 2500, 12)


def test_path_reads_so_many_vectors_at_a_time(monkeypatch):
    vectors, read = CLOUDS["almost equal"], []
    compact = CompactVectors(3000, 40, lambda rows: read.append(len(rows)) or vectors[rows])
    compact.put(slice(0, 3000), vectors)
    monkeypatch.setattr("kgenre.embeddings.compact_vectors.EXACT_ROWS", 100)
    assert path_between(compact, 17, 2500, 5).tolist() == plain_path(vectors, 17, 2500, 5)
    assert max(read) == 100 and sum(read) > 1000


def plain_path(vectors: np.ndarray, first: int, last: int, n: int) -> list[int]:
    """The path by the definition, of all vectors in float64."""
    vectors = units(vectors)
    a, b = vectors[first], vectors[last]
    arc = np.arccos(np.clip(a @ b, -1, 1))
    angles = np.arccos(np.clip(vectors @ np.stack([a, b], axis=1), -1, 1))
    copies = min(COPY_DISTANCE, COPY_SHARE * (1 - np.cos(arc)))
    free = ((angles > np.arccos(1 - copies)) & (angles <= MAX_DETOUR * max(arc, MIN_ARC))).all(axis=1)
    free[[first, last]] = False
    found = []
    for share in np.linspace(0, 1, n)[1:-1]:
        waypoint = (np.sin((1 - share) * arc) * a + np.sin(share * arc) * b) / np.sin(arc)
        if free.any():
            found.append(int(np.argmax(np.where(free, vectors @ waypoint, -np.inf))))
            free[found[-1]] = False
    return [first, *sorted(found, key=lambda row: angles[row, 0] / angles[row].sum()), last]


@pytest.mark.parametrize("name", ["everywhere", "albums", "almost equal"])
def test_path_between_compact_vectors_equals_float64(name):
    compact = CompactVectors.of(CLOUDS[name])
    for first, last in ((0, 1), (17, 2500), (2999, 4)):
        assert path_between(compact, first, last, 12).tolist() == plain_path(CLOUDS[name], first, last, 12)


def test_compact_vectors_of_100_000_take_half_of_float32():
    n, d, block = 100_000, 200, np.random.default_rng(0).normal(size=(4000, 200)).astype("float32")
    compact = CompactVectors(n, d, lambda rows: block[rows % 4000])
    tracemalloc.start()
    try:
        held = CompactVectors(n, d, compact.exact)
        for start in range(0, n, 4000):
            held.put(slice(start, start + 4000), block)
        rows, _ = held.nearest(3, 30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (rows % 4000 == 3).sum() == n // 4000 - 1
    assert 0.5 < peak / (4 * n * d) < 0.65  # blocks and cosines beside the codes


@pytest.fixture
def library(tmp_path):
    with make_library(tmp_path / "library.sqlite", 200, tags=("loud",)) as library:
        yield library


@contextlib.contextmanager
def statements(library: Library):
    """The SQL that this thread executes."""
    found = []
    library._db.set_trace_callback(found.append)
    yield found
    library._db.set_trace_callback(None)


def test_similar_and_path_read_no_table_of_all_songs(library):
    songs = Songs(library, library.space())
    first, last = library.path_of(int(songs.ids[40])), library.path_of(int(songs.ids[150]))
    near, way = songs.similar(first, 5, None, None), songs.path(first, last, 6, None)
    assert "table" not in vars(songs) and len(near) == 5 and way["path"].iloc[[0, -1]].tolist() == [first, last]
    with Library(library.path) as again:  # a filter needs the table
        assert near.equals(Songs(again, again.space()).similar(first, 5, None, "seconds > 0"))


def test_find_row_overlooks_songs_that_are_not_analysed(library):
    space = library.space()
    ids = library.ids(space)
    for row, title, artist in ((3, "So What", "Miles Davis"), (9, "Live: What So", "Davis Miles")):
        library._db.execute("UPDATE tracks SET title = ?, artist = ? WHERE id = ?", (title, artist, int(ids[row])))
    with Library(library.path) as again:
        assert Songs(again, space).find_row("so what") == 3
    library._db.execute("DELETE FROM vectors WHERE audio_hash = (SELECT audio_hash FROM tracks WHERE id = ?)",
                        (int(ids[3]),))  # fmt: skip
    songs = Songs(library, space)
    assert songs.ids[songs.find_row("so what")] == ids[9]


def test_song_whose_vector_is_zero_has_no_neighbours(library):
    songs = Songs(library, library.space())
    path = library.path_of(int(songs.ids[5]))
    library._db.execute(
        "UPDATE vectors SET mean = zeroblob(length(mean)) "
        "WHERE audio_hash = (SELECT audio_hash FROM tracks WHERE id = ?)",
        (int(songs.ids[5]),),
    )
    with pytest.raises(KgenreError, match="no song is near to it, for its vector is zero"):
        songs.similar(path, 5, None, None)
    with pytest.raises(KgenreError, match="no song is near to it, for its vector is zero"):
        Explorer(library, songs.space).neighbours(int(songs.ids[5]), 5, 2.0)


@pytest.mark.parametrize("kind", ["model", "rule of distances", "head"])
def test_predict_of_some_tracks_equals_that_of_all(library, kind):
    space, rng, head = library.space(), np.random.default_rng(0), None
    if kind == "rule of distances":
        distance = Distance(*np.ones((2, 16), "f4"), np.eye(16, dtype="f4"))
        probable, far = library.probabilities(space)[1].max(axis=1), distance(library.vectors(space)[1])
        save_rule(library, space, UnsureRule(float(np.median(probable - 0.05 * far)), 0.05, distance))
    if kind == "head":
        head = Head(space.labels, rng.normal(size=(16, 6)).astype("f4"), np.zeros(6, "f4"), 1)
        save_heads(library, space, [head])
    every, rows = predict(library, space, head), [3, 50, 199]
    some = predict(library, space, head, every.ids[rows])
    assert some.ids.tolist() == every.ids[rows].tolist() and some.unsure.tolist() == every.unsure[rows].tolist()
    np.testing.assert_array_equal(some.probabilities, every.probabilities[rows])
    assert kind != "rule of distances" or 0 < every.unsure.sum() < 200


def test_update_map_of_an_unchanged_library_reads_no_vectors(library):
    space = library.space()
    quality = update_map(library, space)
    with statements(library) as read:
        assert update_map(library, space) == quality
    assert read and not any("mean" in statement for statement in read)


def test_load_vectors_of_a_space_with_few_tracks_are_those_of_the_library(library):
    other = library.open_space(InventedModel(name="other", identity="other-1"))
    assert len(load_vectors(library, other)[0]) == 0
    ids, vectors = load_vectors(library, library.space("invented"))
    stored, means = library.vectors(library.space("invented"))
    assert ids.tolist() == stored.tolist()
    np.testing.assert_allclose(vectors.units([3, 77]), units(means)[[3, 77]], atol=1e-12)


def rescan_calls(tmp_path, n: int) -> tuple[dict[str, int], list[str]]:
    """How often a re-scan of `n` unchanged files calls functions of the system and of SQLite, and its SQL."""
    music, counted = tmp_path / str(n), {}
    with Library(tmp_path / f"{n}.sqlite") as library:
        fill(library, music, n, 8, 1)
        scan(library, music, Scanned())  # whatever is imported on first use

        def count(_, event, function) -> None:
            if event == "c_call":
                counted[function.__name__] = counted.get(function.__name__, 0) + 1

        with statements(library) as executed:
            sys.setprofile(count)
            try:
                report = scan(library, music, Scanned())
            finally:
                sys.setprofile(None)
        assert report.counts["unchanged"] == n and report.done == 0
    return counted, executed


def test_rescan_calls_grow_with_the_files_and_statements_do_not(tmp_path):
    (few, one), (many, other) = (rescan_calls(tmp_path, n) for n in (200, 600))
    assert len(one) == len(other) < 40  # not one a file
    assert 200 <= few["stat"] <= 200 + 20 + 15 and 600 <= many["stat"] <= 600 + 60 + 25  # files, albums, artists
    assert 2 < sum(many.values()) / sum(few.values()) < 3.1


def test_large_library_benchmark_measures_each_part(tmp_path, capsys):
    options = ["--folder", str(tmp_path), "--tracks", "60", "--values", "16", "--slices", "2"]
    parts = ["fill", "nearest", "plain", "similar", "rescan", "page", "map"]
    assert large_library.main([*options, "--here", "--parts", *parts]) == 0
    said = capsys.readouterr().out
    for name in ("library.sqlite", "nearest: a query", "kgenre similar", "re-scan", "page: /data", "map laid out"):
        assert name in said
    assert f"{large_library.QUERIES} of {large_library.QUERIES} answers have the same 30 tracks" in said
    assert large_library.main([*options, "--parts", "fill"]) == 0  # by a process of its own


SIMILAR = """
import json, sys
from kgenre.library.search.songs import Songs
from kgenre.library.store import Library
library = Library(sys.argv[1], create=False)
songs = Songs(library, library.space())
near = songs.similar(sys.argv[2], 30, None, None)
open(sys.argv[3], "w").write(json.dumps(near.index.tolist()))
"""


@pytest.mark.parametrize(
    ("n", "mib"), [pytest.param(10_000, 256, id="10k"), pytest.param(1_000_000, 1024, id="1m", marks=pytest.mark.soak)]
)
def test_similar_among_many_is_exact_within_its_memory(tmp_path, n, mib):
    with Library(tmp_path / "library.sqlite") as library:
        fill(library, tmp_path / "music", n, 200, 1)
        space, track = library.space(), n // 3
        path = library.path_of(track)
        peak, _ = peak_mib(["-c", SIMILAR, str(library.path), path, str(tmp_path / "near.json")])
        own = units(library.vectors_of(space, [track]))[0]
        distances = np.concatenate([1 - units(means) @ own for _, means in library.vector_blocks(space)])
        ids = library.ids(space)
    distances[ids == track] = np.inf
    assert json.loads((tmp_path / "near.json").read_text()) == ids[np.argsort(distances)[:30]].tolist()
    assert peak < mib
