"""The library's file, nearest songs, paths between songs, and the filter language."""

import functools
import itertools
import os
import shutil
import sqlite3
import threading

import numpy as np
import pandas as pd
import pytest
from libraries import LABELS, InventedModel, make_library

from kgenre.audio.policy import SLICES_PER_TRACK, ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.embeddings import neighbours
from kgenre.embeddings.compact_vectors import CompactVectors
from kgenre.embeddings.neighbours import nearest
from kgenre.library.head import predict
from kgenre.library.location import default_library_path, find_library
from kgenre.library.records import Track, TrackAnalysis
from kgenre.library.schema import FIRST_VERSION, MIGRATIONS
from kgenre.library.search.filters import filter_mask, song_table
from kgenre.library.search.path import path_between
from kgenre.library.search.songs import Songs
from kgenre.library.store import Library
from kgenre.model.tasks.single_label import SingleLabel

N = 140


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """The file of a library that nobody has open."""
    with make_library(tmp_path_factory.mktemp("library") / "library.sqlite", N) as library:
        pass
    return library.path


@pytest.fixture
def filled(closed):
    with Library(closed) as library:
        yield library


@pytest.fixture
def library(closed, tmp_path):
    """A copy that a test may write to."""
    shutil.copy(closed, tmp_path / "library.sqlite")
    with Library(tmp_path / "library.sqlite") as library:
        yield library


def test_library_tables_and_arrays_agree(filled):
    space, tracks = filled.space(), filled.tracks()
    ids, means = filled.vectors(space)
    also, probabilities = filled.probabilities(space)
    assert len(tracks) == N and list(ids) == list(also) == list(tracks.index) == sorted(ids)
    assert means.shape == (N, 16) and means.dtype == np.float32 and probabilities.shape == (N, len(LABELS))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    by_track = {row[0]: row[1:] for row in filled.all_slices(space)}
    for track_id, mean in zip(ids, means):
        starts, embeddings, probabilities_of_slices = filled.slices(space, track_id)
        for one, other in zip(by_track[track_id], (starts, embeddings, probabilities_of_slices)):
            np.testing.assert_array_equal(one, other)
        assert starts.tolist() == [0, 2, 4] and probabilities_of_slices.shape == (3, len(LABELS))
        np.testing.assert_allclose(embeddings.mean(axis=0), mean, atol=2e-3)  # float16 has 11 bits
    assert tracks["folder"].iloc[0] == "blues/Album 0" and np.isnan(tracks["year"].iloc[0])
    assert len(filled.failures()) == 3 and list(filled.failures()["path"]) == sorted(filled.failures()["path"])
    assert (space.slice_spec.slice_seconds, space.slice_spec.hop_samples) == (2.0, 16000)
    assert (space.policy.slices_per_track, space.labels) == (SLICES_PER_TRACK, LABELS)


def test_path_of_unknown_id_is_refused(filled):
    for track_id, path in filled.tracks()["path"].head(3).items():
        assert filled.path_of(track_id) == path and filled.id_of(path) == track_id
        assert filled.path_of(np.int64(track_id)) == path
    failed = filled.failures()["path"][0]
    assert filled.id_of(failed) is None
    for wrong in (0, -1, 10**6, 1 << 63, 1 << 200, "1", 1.0, None, "1 OR 1=1", N + 1):  # N + 1 is a failed file
        with pytest.raises(KgenreError, match="no track has the id"):
            filled.path_of(wrong)
        with pytest.raises(KgenreError, match="no track has the id"):
            filled.slices(filled.space(), wrong)


def test_library_positions_corrections_and_meta_are_stored(library):
    space = library.space()
    ids, _ = library.vectors(space)
    assert library.positions(space)[1].shape == (0, 2)
    library.set_positions(space, ids[:5], np.arange(10.0).reshape(5, 2))
    library.set_positions(space, ids[4:6], np.array([[-1.0, -2.0], [-3.0, -4.0]]))
    held, xy = library.positions(space)
    assert list(held) == list(ids[:6]) and xy.dtype == np.float32
    assert xy.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [-1, -2], [-3, -4]]
    library.correct(ids[0], "metal")
    library.correct(ids[0], "jazz")
    library.correct(ids[1], "blues")
    library.correct(ids[1], None)
    assert library.corrections() == {ids[0]: "jazz"}
    library.mark_removed([int(ids[0])])
    assert library.corrections() == {} and len(library.positions(space)[0]) == 5 and len(library.tracks()) == N - 1
    with pytest.raises(KgenreError, match="no track"):
        library.correct(ids[0], "jazz")
    assert library.meta("map", "none") == "none"
    library.set_meta("map", {"perplexity": 30})
    assert library.meta("map") == {"perplexity": 30}


def test_library_threads_read_while_another_writes(library):
    found = []
    threads = [threading.Thread(target=lambda: found.append(len(library.tracks()))) for _ in range(4)]
    with library.writing():  # readers see what was, and do not wait
        library.mark_removed([1])
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [N] * 4 and len(library.tracks()) == N - 1


def test_writing_error_rolls_back(library):
    with pytest.raises(ZeroDivisionError), library.writing():
        library.mark_removed([1])
        raise ZeroDivisionError
    assert len(library.tracks()) == N


def test_space_is_found_by_name_and_identity(library):
    first = library.space()
    second = library.open_space(InventedModel(identity="invented-2"))
    assert library.space() == second and library.space("invented-1") == first == library.space(first.identity)
    assert library.vectors(second)[0].shape == (0,) and library.vectors(second)[1].shape == (0, 0)
    assert library.open_space(InventedModel()) == first == library.space()
    assert library.open_space(InventedModel(), ReadPolicy(3)).policy == ReadPolicy(3)
    with pytest.raises(KgenreError, match=r"no analysis by the model 'other'\. Known: invented \(invented-1\)"):
        library.space("other")


def test_save_analysis_large_embeddings_stay_finite(library):
    space = library.open_space(InventedModel(identity="large"))
    audio = next(held.audio_hash for held in dict(library.known_files(space)).values() if held.audio_hash)
    library.save_analysis(
        space, audio, TrackAnalysis(np.zeros(1), np.full((1, 4), 1e6), np.full((1, len(LABELS)), 1 / 6))
    )
    ids, means = library.vectors(space)
    assert means.tolist() == [[1e6] * 4] and np.isfinite(library.slices(space, ids[0])[1]).all()


def test_library_other_file_or_version_is_refused(tmp_path):
    (tmp_path / "text.sqlite").write_text("no database " * 100)
    with pytest.raises(KgenreError, match=r"cannot be opened as a library \(file is not a database\)"):
        Library(tmp_path / "text.sqlite")
    foreign = sqlite3.connect(tmp_path / "foreign.sqlite")
    foreign.execute("CREATE TABLE photos (id)")
    foreign.close()
    with pytest.raises(KgenreError, match="not a library of kgenre"):
        Library(tmp_path / "foreign.sqlite")
    Library(tmp_path / "new.sqlite").close()
    newer = sqlite3.connect(tmp_path / "new.sqlite")
    words = {version: f"tables of version {version}, which no released" for version in (1, FIRST_VERSION - 1)}
    words[FIRST_VERSION + len(MIGRATIONS)] = "made by a newer kgenre .*Update kgenre, or name another file"
    for version, text in words.items():
        newer.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(KgenreError, match=text):
            Library(tmp_path / "new.sqlite")
    newer.close()
    with pytest.raises(KgenreError, match="no such library"):
        Library(tmp_path / "none.sqlite", create=False)
    with pytest.raises(KgenreError, match="no track is analysed yet"):
        Library(tmp_path / "fresh.sqlite").space()


def test_migrate_older_library_runs_missing_steps(library, monkeypatch):
    monkeypatch.setattr("kgenre.library.schema.MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE tracks ADD COLUMN mood TEXT",)))
    with Library(library.path) as newer:
        assert len(newer.tracks()) == N
    connection = sqlite3.connect(library.path)
    assert connection.execute("PRAGMA user_version").fetchone() == (FIRST_VERSION + len(MIGRATIONS),)
    assert connection.execute("SELECT count(mood) FROM tracks").fetchone() == (0,)
    connection.close()


def test_copies_share_position_and_correction(library):
    space, ids = library.space(), library.tracks().index.tolist()
    first = next(held for held in dict(library.known_files(space)).values() if held.id == ids[0])
    library.save([Track(b"/music/copy.mp3", 1, 1, b"f" * 16, first.audio_hash)])
    copy = library.id_of("/music/copy.mp3")
    library.correct(copy, "fado")
    assert library.corrections() == {ids[0]: "fado", copy: "fado"}
    library.set_positions(space, [ids[0]], np.array([[3.0, 4.0]]))
    assert library.positions(space)[0].tolist() == [ids[0], copy]
    library.correct(ids[0], None)
    assert not library.corrections()


def test_connections_of_ended_threads_are_reused(library):
    def ask():
        assert len(library.tracks()) == N

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    ask()
    before = files()
    for _ in range(50):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert files() <= before + 3


def test_snapshot_does_not_change_while_another_writes(library):
    with Library(library.path) as reading:
        reading.begin_snapshot()
        assert len(reading.tracks()) == N
        library.save([Track(b"/music/new.mp3", 1, 1, b"f" * 16, b"a" * 16)])
        assert len(reading.tracks()) == N and len(library.tracks()) == N + 1


def test_song_table_of_empty_space_has_no_predictions(library):
    space = library.open_space(InventedModel(identity="new"))
    table = song_table(library, predict(library, space, None))
    assert len(table) == N and table["confidence"].isna().all() and set(table["predicted"]) == {""}
    with pytest.raises(KgenreError, match="has analysed no song that exists now"):
        Songs(library, space)


def test_find_library_searches_upwards(tmp_path):
    below = tmp_path / "Artist" / "Album"
    below.mkdir(parents=True)
    with pytest.raises(KgenreError, match="in no folder with a library"):
        find_library(below)
    Library(default_library_path(tmp_path)).close()
    assert find_library(below / "song.mp3") == find_library(tmp_path) == tmp_path / ".kgenre" / "library.sqlite"


@pytest.mark.filterwarnings("ignore:Could not adhere to working_memory")
def test_nearest_blocks_of_one_query_equal_cosine_distances(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 7))
    vectors[7] = 3 * vectors[3]  # the same direction
    vectors[9] = 0
    monkeypatch.setattr(neighbours, "BLOCK_MIB", 0)  # blocks of one query
    rows, distances = nearest(vectors, np.arange(60), 10)
    for row, (found, away) in enumerate(zip(rows, distances)):
        length = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vectors[row])
        cosine = 1 - np.divide(vectors @ vectors[row], length, out=np.zeros(60), where=length > 0)
        cosine[row] = np.inf
        np.testing.assert_allclose(away, np.sort(cosine)[:10], atol=1e-6)
        np.testing.assert_allclose(cosine[found], away, atol=1e-6)
        assert row not in found and len(set(found)) == 10
    assert rows[3][0] == 7 and rows[7][0] == 3 and distances[3][0] == pytest.approx(0, abs=1e-6)
    assert nearest(vectors, 0, 1000)[0].shape == (1, 59)
    assert nearest(vectors[:1], 0, 5)[0].shape == (1, 0)


def test_nearest_more_equal_songs_than_wanted_never_returns_the_song_itself():
    vectors = np.ones((50, 4))
    vectors[40:] = [1, 0, 0, 0]
    rows, distances = nearest(vectors, [45, 3], 5)
    assert rows.shape == (2, 5) and 45 not in rows[0] and 3 not in rows[1]
    assert (rows[0] >= 40).all() and (rows[1] < 40).all() and np.abs(distances).max() < 1e-6


def test_path_between_songs_on_an_arc_is_even():
    angles = np.deg2rad(np.arange(0, 91, 2.0))
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1) * np.linspace(1, 5, 46)[:, None]
    vectors = np.concatenate([np.array([[0.0, 0, 1]] * 20), circle])  # a crowd that is off the way
    on_the_way = np.concatenate([vectors[20:66:6], vectors[[62, 21, 0]]])
    path = path_between(CompactVectors.of(vectors), 20, 65, 10)
    assert path.tolist() == list(range(20, 66, 5))
    assert path_between(CompactVectors.of(vectors), 65, 20, 10).tolist() == path.tolist()[::-1]
    assert path_between(CompactVectors.of(vectors[20:66:6]), 0, 7, 99).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    found = path_between(CompactVectors.of(on_the_way), 0, 7, 99).tolist()
    assert found == list(range(8)), "neither what is all but an end nor what is off the way"
    assert path_between(CompactVectors.of(np.array([[1.0, 0], [-1, 0], [0, 1]])), 0, 1, 3).tolist() == [0, 2, 1]
    for first, last, n, says in ((3, 3, 5, "the same song twice"), (0, 1, 1, "Received: a length of 1")):
        with pytest.raises(KgenreError, match=says):
            path_between(CompactVectors.of(vectors), first, last, n)


SONGS = pd.DataFrame(
    {
        "title": ["So What", "Caf\u00e9", "Run (Live)", "", "vocal"],
        "artist": ["Miles Davis", "Edith", "Run", "", "Miles Davis"],
        "album": "", "genre": ["Jazz", "Chanson", "Rock", "", "jazz"], "folder": ["j", "c", "r/live", ".", "j"],
        "path": ["/m/j/1.mp3", "/m/c/2.mp3", "/m/r/live/3.mp3", "/m/4.mp3", "/m/j/5.mp3"],
        "corrected": ["", "fado", "", "", ""], "predicted": ["jazz", "vocal", "rock", "hip-hop", "jazz"],
        "year": [1959, 1961, 1984, np.nan, 1970], "seconds": [545.0, 180, 240, 5, 300],
        "confidence": [0.9, 0.6, 0.5, 0.4, 0.7], "probability of jazz": [0.9, 0.2, 0.1, 0.3, 0.7],
        "probability of vocal": [0.0, 0.6, 0.2, 0.1, 0.55], "probability of Hip-Hop": [0.1, 0.1, 0.2, 0.4, 0.0],
        "probability of year": [0.0, 0.1, 0.5, 0.2, np.nan],
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("jazz > 0.6 and not vocal", [0]),
        ("jazz>60%", [0, 4]),
        ("JAZZ", [0, 4]),
        ("not jazz", [1, 2, 3]),
        ("not not jazz", [0, 4]),
        ("jazz or vocal and year < 1965", [0, 1, 4]),
        ("(jazz or vocal) and year < 1965", [0, 1]),
        ("not (jazz or vocal)", [2, 3]),
        ("not jazz or vocal", [1, 2, 3, 4]),
        ("year", [0, 1, 2, 4]),
        ("not year", [3]),
        ("year >= 1961 and year <= 1970", [1, 4]),
        ("year != 1961", [0, 2, 3, 4]),
        ("year == 1961", [1]),
        ("'year' >= 0.2", [2, 3]),
        ("'year'", [2]),
        ("artist = 'miles davis'", [0, 4]),
        ('artist != "Miles Davis"', [1, 2, 3]),
        ("title = cafe\u0301", [1]),
        ("title ~ '(live)'", [2]),
        ("folder !~ j", [1, 2, 3]),
        ("artist", [0, 1, 2, 4]),
        ("title = vocal", [4]),
        ("genre = jazz and predicted = jazz", [0, 4]),
        ("predicted = 'Hip Hop'", [3]),
        ("title = cafe", [1]),
        ("folder = r", [2]),
        ("folder = r/liv", []),
        ("corrected", [1]),
        ("hip-hop = .4", [3]),
        ("seconds < 10 or confidence >= +0.9", [0, 3]),
        ("  ( ( jazz ) )  ", [0, 4]),
        ("path ~ /live/", [2]),
    ],
)
def test_filter_mask_selects_rows(text, rows):
    mask = filter_mask(text, SONGS, SingleLabel(("jazz", "vocal", "Hip-Hop", "year")))
    assert mask.dtype == bool and np.flatnonzero(mask).tolist() == rows


def test_filter_mask_reads_tags_only_if_one_is_named():
    names = ["instrumental", "folk", "jazz", "sad", "happy", "female vocalists", "60s"]
    table = pd.DataFrame(np.random.default_rng(0).permuted(np.tile(np.arange(7) / 20, (5, 1)), axis=1), columns=names)
    calls = []
    tagged = functools.partial(filter_mask, songs=SONGS, task=SingleLabel(("jazz",)), tags=names)
    ask = lambda: calls.append(1) or table  # noqa: E731
    assert tagged("jazz > 0.6", tag_table=ask).tolist() == (SONGS["probability of jazz"] > 0.6).tolist() and not calls
    assert tagged("instrumental", tag_table=ask).tolist() == (table["instrumental"] >= 0.2).tolist() and calls
    expected = (table["female vocalists"] < 0.2) & (table["60s"] > 0.1)
    assert tagged("not 'Female Vocalists' and 60s > 10%", tag_table=ask).tolist() == expected.tolist()
    with pytest.raises(KgenreError, match="Did you mean instrumental"):
        tagged("instrumentl", tag_table=ask)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The filter is empty"),
        ("jaz > 0.6", "unknown name 'jaz'. Did you mean jazz?"),
        ("'artist' = 'Miles Davis'", "in quotes 'artist' is a genre's name. Remove the quotes."),
        (
            "jazz > 60",
            "probabilities are from 0 to 1, or to 100%: expected such a number. Received: '60' at character 8",
        ),
        ("hot > 0.5", "names with spaces are quoted, as in 'hot jazz'"),
        ("jazz >", "expected a number. Received: the end"),
        ("jazz > much", "expected a number. Received: 'much' at character 8"),
        ("jazz ~ 0.6", "numbers are compared with = != > >= < <=. Received: '~' at character 6"),
        ("title > a", "text is compared with = != ~ !~"),
        ("title =", "expected a text"),
        ("(jazz", "a parenthesis is not closed"),
        ("jazz)", "expected `and`, `or` or the end (texts with spaces are quoted). Received: ')' at character 5"),
        ("jazz vocal", "(texts with spaces are quoted). Received: 'vocal'"),
        ("jazz and", "expected a name or `(`. Received: the end"),
        ("and jazz", "expected a name or `(`. Received: 'and'"),
        ("> 0.5", "expected a name"),
        ("title = 'open", 'not understood from "\'open" on'),
        ("__import__('os')", "unknown name '__import__'"),
        ("(" * 60 + "jazz" + ")" * 60, "at most 50 parentheses"),
    ],
)
def test_filter_mask_invalid_filter_is_refused(text, says):
    with pytest.raises(KgenreError) as error:
        filter_mask(text, SONGS, SingleLabel(("jazz", "vocal", "hot jazz")))
    assert says in str(error.value)


def test_filter_mask_and_or_not_equal_python():
    """Every combination of and, or, not over three comparisons means what Python makes of it."""
    parts = {"jazz > 0.25": lambda s: s["probability of jazz"] > 0.25, "year < 1965": lambda s: s["year"] < 1965,
             "seconds > 200": lambda s: s["seconds"] > 200}  # fmt: skip
    values = [np.asarray(of(SONGS)) for of in parts.values()]
    for nots in itertools.product(("", "not "), repeat=3):
        for joins in itertools.product(("and", "or"), repeat=2):
            text = " ".join(itertools.chain(*zip((n + p for n, p in zip(nots, parts)), (*joins, ""))))
            code = f"{nots[0]}a {joins[0]} {nots[1]}b {joins[1]} {nots[2]}c"
            expected = [bool(eval(code, {"a": a, "b": b, "c": c})) for a, b, c in zip(*values)]
            assert filter_mask(text, SONGS, SingleLabel(("jazz",))).tolist() == expected, text


def test_song_table_equals_stored_probabilities(filled):
    space = filled.space()
    table = song_table(filled, predict(filled, space, None))
    _, probabilities = filled.probabilities(space)
    assert table["predicted"].tolist() == [LABELS[i] for i in probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(table["confidence"], probabilities.max(axis=1))
    assert (
        filter_mask("hip-hop", table, SingleLabel(LABELS)).sum()
        == (probabilities[:, LABELS.index("hip-hop")] >= 0.5).sum()
        > 0
    )
