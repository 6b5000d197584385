"""Tests of the demo collection: its plan, its sound, its files and its folder."""

import contextlib
import csv
import dataclasses
import subprocess
import sys

import mutagen
import numpy as np
import pytest
import soundfile
from recorded_progress import RecordedProgress
from scipy import stats

from kgenre.collections.demo import files as demo
from kgenre.collections.demo import genres as demo_genres
from kgenre.collections.demo import songs as demo_songs
from kgenre.collections.demo import synth
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

MINIATURE = {"seed": 3, "songs_per_genre": 4, "genres": ("blues", "house"), "seconds": (2.0, 3.0)}
LOSSY_PAD_SECONDS = 0.1  # mp3 frames round the length up, encoder delay comes on top


class InterruptedProgress(Progress):
    """Stops the work as Ctrl-C would when the first unit is done."""

    @contextlib.contextmanager
    def task(self, title, total, unit, done=0):
        def advance(n=1, title=None, total=None):
            raise KeyboardInterrupt

        yield advance


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """Eight short songs, two in each format, made in this process."""
    progress = RecordedProgress()
    folder = tmp_path_factory.mktemp("demo") / "mini"
    made = demo.make_demo(folder, workers=1, progress=progress, **MINIATURE)
    assert made == folder and progress.tasks == [("composing the demo collection", 8, [1] * 8)]
    return folder


def tiny(folder, seed=0, **more):
    return demo.make_demo(folder, seed, songs_per_genre=2, workers=1, genres=["house"], seconds=(1.0, 1.5), **more)


def snapshot(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# The plan


@pytest.mark.parametrize("genre", demo_genres.GENRES)
def test_tables_name_what_there_is(genre):
    row = demo_genres.GENRES[genre]
    for part in row.parts:
        assert set(part.voices.split("/")) <= set(synth.VOICES)
        assert {len(pattern) for pattern in part.patterns.split("/")} <= {12, 16}
    for drums in row.drums:
        assert set(drums) <= set(synth.DRUMS) and {len(pattern) for pattern in drums.values()} <= {12, 16}
    assert set(row.kits.split()) <= set(synth.KITS)
    assert any(part.presence == 1 for part in row.parts), "a section could be silent"


@pytest.mark.parametrize("genre", demo_genres.GENRES)
def test_genre_has_every_format_and_several_artists(genre):
    songs = demo_songs.plan(genres=[genre])
    assert [sum(song.format == name for song in songs) for name in demo_songs.FORMATS] == [4, 4, 4, 4]
    counts = [sum(song.artist == name for song in songs) for name in demo_genres.GENRES[genre].artists.split("/")]
    assert sum(counts) == 16 and len(counts) >= 4 and min(counts) >= 3


def test_names_are_unique():
    songs = demo_songs.plan()
    assert len(songs) == 128
    for field in ("path", "title", "track_id"):
        assert len({getattr(song, field) for song in songs}) == 128
    assert all(song.path == f"{song.genre}/{song.track_id}.{song.format}" for song in songs)
    albums = {(song.artist, song.album) for song in songs}
    assert len({album for _, album in albums}) == len(albums) > len({song.artist for song in songs})


def test_artists_of_a_genre_differ_in_every_dial():
    for genre, row in demo_genres.GENRES.items():
        artists = [demo_songs.artist_of(0, genre, slot) for slot in range(len(row.artists.split("/")))]
        for dial in ("bpm", "keys", "cents", "dark", "tilt_db", "noise_db", "reverb_seconds", "room", "swing"):
            assert len({getattr(artist, dial) for artist in artists}) == len(artists), (genre, dial)


@pytest.mark.parametrize("seed", range(3))
def test_delivery_does_not_tell_the_genre(seed):
    songs = demo_songs.plan(seed)
    for field in ("seconds", "rms_db", "crest_db"):
        groups = [[getattr(song, field) for song in songs if song.genre == genre] for genre in demo_genres.GENRES]
        assert stats.f_oneway(*groups).pvalue > 0.005, field  # 9 such tests: chance alone fails one in 23 seeds
    for field in ("format", "rate", "channels"):
        kinds = sorted({getattr(song, field) for song in songs})
        table = [
            [sum(getattr(song, field) == kind and song.genre == genre for song in songs) for kind in kinds]
            for genre in demo_genres.GENRES
        ]
        assert len(kinds) == {"format": 4, "rate": 3, "channels": 2}[field]
        assert stats.chi2_contingency(table).pvalue > 0.005, field


def test_song_does_not_depend_on_the_size_of_the_collection():
    few = demo_songs.plan(songs_per_genre=3, genres=["reggae", "blues"])
    assert [song.genre for song in few] == ["reggae"] * 3 + ["blues"] * 3
    assert set(few) < set(demo_songs.plan())
    assert not set(demo_songs.plan(seed=1)) & set(demo_songs.plan())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"genres": ["housse"]}, "unknown genre 'housse'. Did you mean house?"),
        ({"genres": []}, "genres=[]"),
        ({"songs_per_genre": 0}, "songs_per_genre >= 1.*Received: seed=0, songs_per_genre=0"),
        ({"seconds": (3.0, 2.0)}, r"seconds=\(3.0, 2.0\)"),
        ({"seed": -1}, "Received: seed=-1"),
    ],
)
def test_arguments_out_of_their_domain(arguments, text, tmp_path):
    with pytest.raises(KgenreError, match=text.replace("[]", r"\[\]")):
        demo.make_demo(tmp_path / "demo", **arguments)
    assert not list(tmp_path.iterdir())


# The sound


@pytest.mark.parametrize("genre", demo_genres.GENRES)
def test_every_artist_sounds(genre):
    for song in demo_songs.plan(5, songs_per_genre=5, genres=[genre], seconds=(2.0, 2.5)):
        y = demo_songs.render(song)
        assert y.dtype == np.float32 and y.shape == (round(song.seconds * song.rate), song.channels)
        assert np.isfinite(y).all() and np.abs(y).max() <= 10 ** (-2 / 20) + 1e-3
        assert 20 * np.log10(np.sqrt(np.mean(y**2))) == pytest.approx(song.rms_db, abs=1e-3)
        halves = [np.sqrt(np.mean(half**2)) for half in np.array_split(y, 2)]
        assert min(halves) > 0.05 * max(halves), "half of the song is empty"


def test_same_seed_same_samples():
    for song in demo_songs.plan(7, songs_per_genre=1, seconds=(2.0, 2.0)):
        assert np.array_equal(demo_songs.render(song), demo_songs.render(song)), song.genre


def test_other_seed_other_samples(monkeypatch):
    one = demo_songs.plan(0, 1, ["metal"], (2.0, 2.0))[0]
    other = dataclasses.replace(one, seed=1)
    assert not np.array_equal(demo_songs.render(one), demo_songs.render(other))
    artist_of = demo_songs.artist_of  # the same musicians still play another piece
    monkeypatch.setattr(demo_songs, "artist_of", lambda seed, genre, slot: artist_of(0, genre, slot))
    assert not np.array_equal(demo_songs.render(one), demo_songs.render(other))


@pytest.mark.parametrize("voice", ["square", "guitar", "rhodes", "organ"])
@pytest.mark.parametrize("midi", [45.0, 69.3, 81.0])
def test_notes_are_in_tune(voice, midi):
    y = synth.note(synth.VOICES[voice], midi, 2.0, 0.0, np.random.default_rng(0))[: 2 * synth.RATE]
    hz = 440 * 2 ** ((midi - 69) / 12)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 16 * len(y)))
    bins = np.arange(len(spectrum)) * synth.RATE / (16 * len(y))
    near = (bins > 0.94 * hz) & (bins < 1.06 * hz)
    found = bins[near][spectrum[near].argmax()]
    assert 1200 * np.log2(found / hz) == pytest.approx(0, abs=3)  # cents; fewer are not audible


def test_score_is_read_as_written():
    assert synth.chord("Bb") == (10, (0, 4, 7, 12)) and synth.chord("Am7", key=4) == (1, (0, 3, 7, 10))
    assert synth.onsets("x..o1==.") == [(0, 0.125, "x"), (0.375, 0.125, "o"), (0.5, 0.375, "1")]
    read = {token: synth.pitches(token, 36, synth.chord("Am7"), synth.chord("F"), None, True) for token in "15l8pc"}
    assert read == {"1": [45], "5": [52], "l": [40], "8": [57], "p": [45, 52, 57], "c": [36, 40, 43, 45]}


@pytest.mark.parametrize("crest_db", demo_songs.CREST_DB)
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_master_sets_loudness_and_crest(kind, crest_db):
    rng = np.random.default_rng(0)
    y = rng.standard_normal((5 * 22050, 2), np.float32) * 0.1
    if kind == "sparse":  # 0.1 s of sound in each 0.5 s
        y *= (np.arange(len(y)) % 11025 < 2205)[:, None] + 0.01
    else:
        y *= 1 + 0.7 * np.sin(np.arange(len(y)) / 10000)[:, None]
    y = synth.master(y, 22050, -20.0, crest_db)
    rms_db = 10 * np.log10(np.mean(y**2))
    assert rms_db == pytest.approx(-20, abs=1e-3)
    assert 20 * np.log10(np.abs(y).max()) - rms_db == pytest.approx(crest_db, abs=0.5)


# The files


def test_manifest_lists_the_files(miniature):
    with open(miniature / "manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    songs = demo_songs.plan(**MINIATURE)
    assert list(rows[0]) == ["path", "genre", "artist", "album", "title", "track_id", "seconds"]
    assert rows == [{name: str(getattr(song, name)) for name in rows[0]} for song in songs]
    files = {str(path.relative_to(miniature)) for path in miniature.rglob("*") if path.is_file()}
    assert files == {row["path"] for row in rows} | {"manifest.csv", "demo.json"}
    assert {song.format for song in songs} == set(demo_songs.FORMATS)


def test_files_are_as_planned(miniature):
    for song in demo_songs.plan(**MINIATURE):
        y, rate = soundfile.read(miniature / song.path, always_2d=True)
        assert (rate, y.shape[1]) == (song.rate, song.channels)
        assert -1 / rate <= len(y) / rate - song.seconds <= (LOSSY_PAD_SECONDS if song.format == "mp3" else 1 / rate)
        assert np.isfinite(y).all() and np.abs(y).max() <= 1
        # LAME turns its input down by 0.4 dB; short files add the padding
        assert 20 * np.log10(np.sqrt(np.mean(y**2))) == pytest.approx(song.rms_db, abs=1.0), song.path


@pytest.mark.parametrize("form", demo_songs.FORMATS)
def test_tags_are_read_back(miniature, form):
    for song in (song for song in demo_songs.plan(**MINIATURE) if song.format == form):
        tags = mutagen.File(miniature / song.path).tags
        names = {"title": "TIT2", "artist": "TPE1", "album": "TALB", "genre": "TCON"}
        if form in ("mp3", "wav"):
            assert isinstance(tags, mutagen.id3.ID3)
            read = {name: list(tags[frame].text) for name, frame in names.items()}
        else:
            read = {name: tags[name] for name in names}
        assert read == {name: [getattr(song, name)] for name in names}


def test_processes_make_the_same_samples(miniature, tmp_path):
    demo.make_demo(tmp_path / "mini", workers=2, **MINIATURE)
    assert (tmp_path / "mini" / "manifest.csv").read_text() == (miniature / "manifest.csv").read_text()
    for song in demo_songs.plan(**MINIATURE):
        one, other = (soundfile.read(folder / song.path)[0] for folder in (miniature, tmp_path / "mini"))
        assert np.array_equal(one, other), song.path


def test_processes_load_no_network_library():
    code = (
        "import sys, kgenre.collections.demo.files; print({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# The folder


def test_finished_collection_is_not_made_again(tmp_path):
    before = snapshot(tiny(tmp_path / "demo"))
    tiny(tmp_path / "demo", progress=lambda done, total: pytest.fail("made again"))
    assert snapshot(tmp_path / "demo") == before
    (tmp_path / "demo" / "manifest.csv").unlink()
    assert snapshot(tiny(tmp_path / "demo")).keys() == before.keys()


def test_other_collection_replaces_the_old(tmp_path, monkeypatch):
    before = soundfile.read(next(tiny(tmp_path / "demo").glob("house/*")))[0]
    after = soundfile.read(next(tiny(tmp_path / "demo", seed=1).glob("house/*")))[0]
    assert not np.array_equal(before, after)
    stamps = snapshot(tmp_path / "demo")
    monkeypatch.setattr(demo, "DEMO_VERSION", "another")
    assert snapshot(tiny(tmp_path / "demo", seed=1)) != stamps
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


@pytest.mark.parametrize("there_before", [False, True])
def test_interrupted_build_leaves_no_half_collection(tmp_path, there_before):
    before = snapshot(tiny(tmp_path / "demo", seed=1)) if there_before else None

    with pytest.raises(KeyboardInterrupt):
        tiny(tmp_path / "demo", progress=InterruptedProgress())
    assert (snapshot(tmp_path / "demo") if there_before else None) == before
    assert (tmp_path / "demo").exists() == there_before
    tiny(tmp_path / "demo")
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert len(list((tmp_path / "demo" / "house").iterdir())) == 2


@pytest.mark.parametrize("name", ["demo", "demo.part", "demo.old"])
def test_foreign_folder_is_not_replaced(tmp_path, name):
    foreign = tmp_path / name / "thesis.txt"
    foreign.parent.mkdir()
    foreign.write_text("years of work")
    with pytest.raises(KgenreError) as error:
        tiny(tmp_path / "demo")
    assert str(error.value) == (
        "Only a folder that holds demo.json is replaced by a demo collection. "
        f"Received: {tmp_path / name}. Name another folder, or move this one away."
    )
    assert foreign.read_text() == "years of work"


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "demo").mkdir()
    assert (tiny(tmp_path / "demo") / "manifest.csv").is_file()
