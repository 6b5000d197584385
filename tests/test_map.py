"""The map, the retrained head, heat-maps and covers."""

import base64

import mutagen
import numpy as np
import pytest
from audio_files import music, write_sound
from libraries import LABELS, InventedModel, LevelModel, invented_track, make_library
from mutagen.flac import Picture
from mutagen.id3 import APIC
from mutagen.mp4 import MP4Cover
from recorded_progress import RecordedProgress

from kgenre.audio.policy import PROGRESSIVE_POLICY, ReadPolicy
from kgenre.core.errors import KgenreError
from kgenre.embeddings import layout
from kgenre.library import head, retraining
from kgenre.library.build import last_policy, open_library, update_library
from kgenre.library.map import placement
from kgenre.library.map.quality import MapQuality, map_quality
from kgenre.library.map.update import update_map
from kgenre.library.records import TrackAnalysis
from kgenre.library.store import Library
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving import occlusion as heat
from kgenre.web.explore import media
from kgenre.web.explore.corrections import tagged

JPEG = b"\xff\xd8\xff\xe0 a picture"


def clusters(n: int, seed: int = 0, kinds: int = 4, d: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % kinds
    return (3.0 * np.eye(kinds, d)[kind] + rng.normal(0, 0.3, (n, d))).astype("float32"), kind


@pytest.fixture(scope="module")
def drawn():
    """Vectors, kinds and a map of 200 tracks."""
    vectors, kind = clusters(200)
    return vectors, kind, layout.layout(vectors, seed=0)


def nearest_kind(points, positions, kind) -> np.ndarray:
    middles = np.stack([positions[kind == one].mean(axis=0) for one in range(kind.max() + 1)])
    return np.linalg.norm(points[:, None] - middles, axis=2).argmin(axis=1)


def test_perplexity_of_grows_with_tracks_within_limits():
    assert [layout.perplexity_of(n) for n in (100, 10_000, 100_000)] == [5, 50, 50]
    assert 22 < layout.perplexity_of(2000) < 23
    for n in range(2, 40):
        assert layout.perplexity_of(n) <= max(1, (n - 1) / 3)


def test_layout_clusters_are_islands(drawn):
    vectors, kind, positions = drawn
    assert positions.dtype == np.float32 and positions.shape == (200, 2)
    assert (nearest_kind(positions, positions, kind) == kind).all()
    quality = map_quality(vectors, positions)
    assert quality.trustworthiness > 0.9
    assert quality.preservation > 4 * 10 / 200  # chance is 10 of 199


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_layout_few_tracks_is_finite(n):
    positions = layout.layout(clusters(n)[0])
    assert positions.shape == (n, 2) and np.isfinite(positions).all()
    assert np.isnan(map_quality(clusters(n)[0], positions).trustworthiness)


def test_layout_one_nan_vector_is_finite():
    vectors, _ = clusters(6)
    vectors[3] = np.nan
    assert np.isfinite(layout.layout(vectors)).all()


@pytest.mark.parametrize("large", [10, 10_000], ids=["grid", "tree"])
def test_place_new_tracks_far_from_origin_join_their_cluster(drawn, large, monkeypatch):
    # openTSNE moves a map to the origin before it places points: a map far from it must stay there.
    vectors, kind, positions = drawn
    monkeypatch.setattr(placement, "LARGE", large)
    far = positions + np.float32([500, -300])
    before = far.copy()
    new, new_kind = clusters(40, seed=1)
    placed = placement.place_new_tracks(new, vectors, far)
    assert (nearest_kind(placed, far, kind) == new_kind).all()
    np.testing.assert_array_equal(far, before)
    spread = np.linalg.norm(far[kind == 0] - far[kind == 0].mean(axis=0), axis=1).max()
    assert np.linalg.norm(placed[new_kind == 0] - far[kind == 0].mean(axis=0), axis=1).max() < 1.5 * spread


def test_align_rotated_mirrored_map_equals_old_one():
    old = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
    turned = old @ np.array([[0.6, 0.8], [0.8, -0.6]], "float32") + 7
    np.testing.assert_allclose(placement.align(turned, old, np.arange(50)), old, atol=1e-5)
    np.testing.assert_allclose(placement.align(turned, old[10:], np.arange(10, 50)), old, atol=1e-5)


def test_map_quality_perfect_map_is_one_and_random_map_is_chance():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 300)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert map_quality(vectors, vectors) == MapQuality(1.0, 1.0)
    shuffled = map_quality(vectors, rng.permutation(vectors))
    assert 0.3 < shuffled.trustworthiness < 0.7 and shuffled.preservation < 0.1


def add_tracks(library, numbers) -> None:
    space = library.space()
    rng = np.random.default_rng(9)
    for number in numbers:
        track = invented_track(number, number % len(LABELS))
        vectors = rng.normal(0, 0.3, (3, 16)) + 2.0 * (np.arange(16) == number % len(LABELS))
        library.save([track])
        library.save_analysis(
            space, track.audio_hash, TrackAnalysis(np.arange(3), vectors, np.full((3, len(LABELS)), 1 / 6))
        )


def test_update_map_new_tracks_keep_old_positions_and_remap_aligns(tmp_path):
    with make_library(tmp_path / "library.sqlite", 120) as library:
        space = library.space()
        first = update_map(library, space)
        ids, old = library.positions(space)
        assert len(ids) == 120 and first.trustworthiness > 0.8
        assert update_map(library, space) == first
        add_tracks(library, range(1000, 1020))
        update_map(library, space)
        now_ids, now = library.positions(space)
        assert len(now_ids) == 140
        np.testing.assert_array_equal(now[np.isin(now_ids, ids)], old)
        update_map(library, space, remap=True)
        _, again = library.positions(space)
        moved = np.linalg.norm(again - now, axis=1).mean()
        mirrored = np.linalg.norm(again * [-1, 1] - now, axis=1).mean()
        assert 0 < moved < mirrored


def test_update_library_scans_and_maps_and_shows_progress(tmp_path):
    music_folder = tmp_path / "music"
    music_folder.mkdir()
    for number in range(10):
        write_sound(music_folder / f"{number}.wav", music(1.0, 8000, 1, seed=number), 8000)
    (music_folder / "broken.mp3").write_bytes(b"no music")
    progress = RecordedProgress()
    with open_library(music_folder) as library:
        assert library.path == music_folder / ".kgenre" / "library.sqlite"
        assert last_policy(library, LevelModel()) == PROGRESSIVE_POLICY
        update = update_library(library, music_folder, LevelModel(), ReadPolicy(1), workers=1, progress=progress)
        assert update.scan.counts["analysed"] == 10 and list(update.scan.failures) == [str(music_folder / "broken.mp3")]
        assert len(library.positions(update.scan.space)[0]) == 10 and update.quality.summary.startswith("too few")
        assert last_policy(library, LevelModel()) == ReadPolicy(1)
    told = [(title, total, sum(steps)) for title, total, steps in progress.tasks]
    assert told == [("analysing", 11, 11), ("laying out the map", 15, 15)]


@pytest.mark.parametrize(("name", "rule"), [("none", "no such folder"), ("empty", "no audio"), ("a.txt", "is a file")])
def test_open_library_without_music_is_refused(name, rule, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(KgenreError, match=rule):
        open_library(tmp_path / name)
    assert not list((tmp_path / "empty").iterdir())


def test_update_library_model_without_genres_is_refused(tmp_path):
    with Library(tmp_path / "library.sqlite") as library, pytest.raises(KgenreError, match="needs a model with genres"):
        update_library(library, tmp_path, LevelModel(task=SingleLabel(())))


@pytest.mark.soak
def test_layout_umap_clusters_are_islands(tmp_path):
    pytest.importorskip("umap", reason="umap-learn is not installed")
    vectors, kind = clusters(60)
    positions = layout.layout(vectors, method="umap")
    assert (nearest_kind(positions, positions, kind) == kind).all()
    placed = placement.place_new_tracks(vectors[:4], vectors, positions, method="umap")
    assert (nearest_kind(placed, positions, kind) == kind[:4]).all()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with make_library(tmp_path_factory.mktemp("library") / "library.sqlite", 180) as library:
        yield library


def test_retrain_correction_is_learnt_for_other_albums(library):
    space, table = library.space(), library.tracks()
    jazz = table.index[table["path"].str.contains("/jazz/")]
    known = dict.fromkeys(jazz[:20].tolist(), "bebop")  # a name that the model does not know
    groups = table["path"].str.rsplit("/", n=1).str[0].to_dict()
    taught, report = retraining.retrain(library.all_slices(space), space.task, known, groups)
    assert taught.labels == (*LABELS, "bebop")
    assert (report.labelled, report.evaluated, report.before) == (20, 20, 0.0)
    assert report.after >= 0.7  # of one album alone: there are twice as many tracks of its kind that are left as jazz
    ids, probabilities = head.track_probabilities(taught, library.all_slices(space))
    answers = dict(zip(ids.tolist(), probabilities.argmax(axis=1)))
    assert all(taught.labels[answers[track]] == "bebop" for track in jazz[20:].tolist())
    metal = table.index[table["path"].str.contains("/metal/")]
    assert all(taught.labels[answers[track]] == "metal" for track in metal.tolist())  # no other genre is forgotten


def overlapping(n: int = 332, d: int = 32, seed: int = 3) -> tuple[list[tuple], SingleLabel]:
    """Slices of tracks, two each, of ten genres that overlap, with the probabilities of a linear head, and its task."""
    rng = np.random.default_rng(seed)
    genre, centres = np.arange(n) % 10, rng.normal(size=(10, d))
    embeddings = centres[genre][:, None] + rng.normal(0, 1.3, (n, 1, d)) + rng.normal(0, 0.5, (n, 2, d))
    task = SingleLabel(tuple(f"genre {number}" for number in range(10)))
    probabilities = task.probabilities((embeddings @ centres.T - (centres**2).sum(axis=1) / 2) / 3)
    tracks = [(i, None, *parts) for i, parts in enumerate(zip(embeddings.astype("float32"), probabilities))]
    return tracks, task


def genres_of(slices: list[tuple], taught: head.Head) -> np.ndarray:
    return head.track_probabilities(taught, slices)[1].argmax(axis=1)


@pytest.mark.parametrize("track", [5, 100, 240])
def test_retrain_one_correction_of_hundreds_is_learnt_and_changes_few_others(track):
    slices, task = overlapping()
    own = np.array([probabilities.mean(axis=0).argmax() for *_, probabilities in slices])
    given = np.argsort(slices[track][-1].mean(axis=0))[-3]  # the third of its genres, which is to overtake two
    taught, report = retraining.retrain(slices, task, {track: task.labels[given]}, {})
    genres = genres_of(slices, taught)
    assert report.labelled == taught.learned_from == 1 and genres[track] == given
    assert (genres != own).sum() <= 0.03 * len(slices), "the fit that this replaced changed a third and more"
    assert set(genres[np.arange(len(genres)) != track]) == set(own)


def test_retrain_again_gives_the_same_head():
    slices, task = overlapping()
    first, second = (retraining.retrain(slices, task, {7: "genre 1", 8: "new"}, {})[0] for _ in range(2))
    assert first.labels == second.labels == (*task.labels, "new")
    np.testing.assert_array_equal(first.kernel, second.kernel)
    np.testing.assert_array_equal(first.bias, second.bias)


def test_retrain_new_genre_of_one_album_is_taken_by_it_and_what_is_near():
    slices, task = overlapping()
    rng, d = np.random.default_rng(0), slices[0][2].shape[1]
    far = 3 * rng.normal(size=d)  # albums of a kind that the model does not know
    flat = np.full((2, 10), 0.1, "float32")
    slices += [(400 + i, None, (far + rng.normal(0, 0.8, (2, d))).astype("float32"), flat) for i in range(20)]
    taught, _ = retraining.retrain(slices, task, dict.fromkeys(range(400, 410), "gamelan"), {})
    genres = np.array(taught.labels)[genres_of(slices, taught)]
    assert (genres[-20:] == "gamelan").all() and (genres[:-20] == "gamelan").mean() < 0.02


def test_load_head_equals_saved_head_and_predicts_mean_of_slices(library):
    space = library.space()
    known = {int(track): LABELS[row // 10 % 6] for row, track in enumerate(library.tracks().index[:60])}
    taught, _ = retraining.retrain(library.all_slices(space), space.task, known, {})
    head.save_heads(library, space, [taught])
    task, ids, probabilities, unsure = head.predict(library, space, head.load_head(library, space))
    assert task == taught.task and not unsure.any()
    head.save_heads(library, space, [])
    assert head.load_head(library, space) is None
    np.testing.assert_array_equal(head.predict(library, space, None).probabilities, library.probabilities(space)[1])
    _, embeddings, own = library.slices(space, int(ids[7]))
    np.testing.assert_allclose(probabilities[7], taught(embeddings, own).mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_retrain_genre_of_one_album_is_not_evaluated(library):
    space, ids = library.space(), library.tracks().index
    album = {int(track): "bebop" for track in ids[:5]}
    _, report = retraining.retrain(library.all_slices(space), space.task, album, dict.fromkeys(album, "one album"))
    assert (report.labelled, report.before, report.after) == (5, None, None)
    album |= {int(track): "jazz" for track in ids[20:24]}
    groups = {track: f"album {track // 2}" if genre == "jazz" else "one album" for track, genre in album.items()}
    _, report = retraining.retrain(library.all_slices(space), space.task, album, groups)
    assert (report.labelled, report.evaluated) == (9, 4), "a genre of one album cannot be evaluated by other albums"
    with pytest.raises(KgenreError, match="needs at least one correction"):
        retraining.retrain(library.all_slices(space), space.task, {}, {})
    with pytest.raises(KgenreError, match="is analysed by this model"):
        retraining.retrain(library.all_slices(space), space.task, {10**6: "jazz"}, {})


def test_tagged_ignores_case_and_hyphens():
    assert tagged({1: "Hip Hop", 2: "hiphop", 3: "Polka", 4: ""}, LABELS) == {1: "hip-hop", 2: "hip-hop"}


def test_heat_map_hottest_cell_is_the_deciding_one():
    rate, model = 8000, InventedModel()
    time = np.arange(model.slice_spec.slice_samples) / rate
    samples = (0.1 * np.random.default_rng(0).standard_normal(len(time))).astype("float32")
    part = (time >= 0.6) & (time < 0.8)  # parts of 0.2 s: the fourth
    samples += np.where(part, np.sin(2 * np.pi * 600 * time), 0).astype("float32")

    def predict(slices):
        level = np.abs(slices @ (part * np.exp(2j * np.pi * 600 * time))) / part.sum()
        return np.stack([level, 1 - level], axis=1), None

    found = heat.heat_map(predict, samples, rate, label=0)
    band, column = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert (found.edges_hz[band], found.edges_hz[band + 1], column) == (400, 800, 3)
    assert found.heat.max() > 0.7 * found.probability
    np.testing.assert_allclose(np.delete(found.heat.ravel(), found.heat.argmax()), 0, atol=0.2)
    assert found.spectrogram.dtype == np.uint8 and found.spectrogram.max() == 255


def with_cover(path, picture: bytes):
    file = mutagen.File(path)
    if path.suffix == ".mp3":
        file.add_tags()
        file.tags.add(APIC(mime="image/jpeg", type=3, data=picture))
    elif path.suffix == ".m4a":
        file["covr"] = [MP4Cover(picture)]
    else:
        block = Picture()
        block.data = picture
        if path.suffix == ".flac":
            file.add_picture(block)
        else:
            file["metadata_block_picture"] = [base64.b64encode(block.write()).decode()]
    file.save()


@pytest.mark.parametrize("name", ["cbr.mp3", "pcm16.flac", "song.ogg", "song.opus", "song.m4a"])
def test_cover_is_found_and_other_data_is_not_served(name, songs, tmp_path):
    path = tmp_path / name
    path.write_bytes(songs[name].read_bytes())
    assert media.cover(str(path)) is None
    with_cover(path, b"<svg onload='alert(1)'/>")
    assert media.cover(str(path)) is None
    (tmp_path / "cover.jpg").write_bytes(JPEG)
    assert media.cover(str(path)) == (JPEG, "image/jpeg")
    path.write_bytes(songs[name].read_bytes())
    with_cover(path, b"\x89PNG\r\n\x1a\n...")
    assert media.cover(str(path))[1] == "image/png"


def test_clip_has_the_given_length(songs):
    import io

    import soundfile

    samples, rate = soundfile.read(io.BytesIO(media.excerpt(str(songs["song.wma"]), 2.0, 1.5)))
    assert rate == 44100 and len(samples) == pytest.approx(1.5 * rate, abs=100)
    with pytest.raises(KgenreError, match="seconds"):
        media.excerpt(str(songs["song.ogg"]), 0.0, 1e9)
