"""Pipelines: what an epoch shows, in which order, at what cost, and what becomes of bad files."""

import logging
import shutil
import sys
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from audio_files import music, tone, write_sound

from kgenre.audio.cache import AudioCache
from kgenre.audio.decode import decode, probe
from kgenre.audio.decoders import AudioError
from kgenre.audio.facts import SILENT
from kgenre.audio.reader import TrackReader, check_bad_share, check_files
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.core.errors import KgenreError
from kgenre.serving.predict import slice_batches
from kgenre.training.batches import TrainingCrops
from kgenre.training.loaders import training_batches
from kgenre.training.plan import TrainingPlan, training_plan
from kgenre.training.settings import RunSettings

RATE = 8000
CLIP = 4000
PLENTY = 1 << 30
HZ = (300, 550, 800, 1050, 1300, 1550)  # the tone of each label: multiples of the 2 Hz that a clip resolves
EXACT = 1e-5  # as in test_audio: a crop is a part of the whole to the rounding of float32


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """One track for each row of HZ, its label its place: 2.0 to 4.5 s, several rates, noise to tell crops apart."""
    folder = tmp_path_factory.mktemp("tones")
    paths = []
    for label, hz in enumerate(HZ):
        rate, seconds = (RATE, 11025, 22050)[label % 3], 2.0 + label / 2
        noise = 0.02 * np.random.default_rng(label).standard_normal((round(seconds * rate), 1))
        paths.append(str(folder / f"{label}.wav"))
        write_sound(paths[-1], tone(hz, seconds, rate) + noise, rate)
    return paths


def reader_of(cache_bytes: int = PLENTY, hop: int = CLIP) -> TrackReader:
    return TrackReader(SliceSpec(RATE, CLIP, hop), cache_bytes)


def label_of(waveform) -> int:
    """The row of HZ that a waveform of CLIP samples holds."""
    hz = np.argmax(np.abs(np.fft.rfft(waveform))) * RATE / CLIP
    return int(np.argmin(np.abs(np.array(HZ) - hz)))


def take(dataset, n_batches: int):
    """The first batches of a dataset, joined: waveforms (n, clip), labels (n,)."""
    waveforms, labels = zip(*dataset.take(n_batches).as_numpy_iterator())
    return np.concatenate(waveforms), np.concatenate(labels)


def by_track(batches) -> dict[int, np.ndarray]:
    """Slices of each track in the order they came; the last of each track, and no other, must say so."""
    found, ended = {}, set()
    for numbers, lasts, waveforms in batches:
        for number, last, waveform in zip(numbers, lasts, waveforms):
            assert number not in ended
            found.setdefault(int(number), []).append(waveform)
            if last:
                ended.add(int(number))
    assert ended == set(found)
    return {number: np.stack(pieces) for number, pieces in found.items()}


# --- cache and reader -----------------------------------------------------------------------------


def test_cache_keeps_what_came_first_within_its_limit():
    cache = AudioCache(1000)
    first, second, third = (np.full(100, value, "float32") for value in (1, 2, 3))
    cache.add("a", first)
    cache.add("a", first)
    assert cache.used == 400
    cache.add("b", second)
    cache.add("c", third)
    assert cache.get("a") is first and cache.get("b") is second and cache.get("c") is None
    assert cache.used == 800
    assert cache.has_room(200) and not cache.has_room(201)


def test_cache_keeps_its_limit_among_threads():
    """Without its lock the sum goes wrong in about one round of three."""

    def add_all(cache: AudioCache, start: threading.Barrier) -> None:
        start.wait()
        for number in range(6000):
            cache.add(f"{number}", np.zeros(250, "float32"))

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places as often as they can
    try:
        for _ in range(8):
            cache, start = AudioCache(2_000_500), threading.Barrier(8)
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(add_all, [cache] * 8, [start] * 8))
            assert cache.used == 2_000_000 == sum(samples.nbytes for samples in cache.tracks.values())
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.parametrize("position", [0.0, 0.123456, 0.5, 0.987654, 1.0])
@pytest.mark.parametrize("cache_bytes", [PLENTY, 0])
def test_crop_at_any_position_is_a_part_of_the_decoded_track(tones, cache_bytes, position):
    reader = reader_of(cache_bytes)
    for path in tones:
        whole = decode(path, RATE).samples
        start = round(position * (len(whole) - CLIP))
        crop = reader.crop(path, position)
        np.testing.assert_allclose(crop, whole[start : start + CLIP], rtol=0, atol=EXACT)


@pytest.mark.parametrize("cache_bytes", [PLENTY, 0])
def test_crop_of_a_short_track_repeats_it(tmp_path, cache_bytes):
    path = str(tmp_path / "short.wav")
    write_sound(path, music(0.3, RATE, 1), RATE)
    whole = decode(path, RATE).samples
    for position in (0.0, 0.7):
        assert np.array_equal(reader_of(cache_bytes).crop(path, position), whole[np.arange(CLIP) % len(whole)])


def test_reader_decodes_once_what_fits_and_each_time_what_does_not(tones):
    sizes = [4 * len(decode(path, RATE).samples) for path in tones]
    reader = reader_of(sizes[0] + sizes[1])
    for path in tones[:3] * 5:
        reader.crop(path, 0.5)
    assert reader.decoded == 1 + 1 + 5
    assert set(reader.cache.tracks) == set(tones[:2])


def test_keep_all_or_none_gives_the_same_bits_in_any_order(tones):
    sizes = [4 * len(decode(path, RATE).samples) for path in tones]
    held = []
    for paths in (tones, tones[::-1]):
        reader = reader_of(sizes[0] + sizes[1])
        reader.keep_all_or_none(tones)
        crops = {path: reader.crop(path, 0.3) for path in paths}
        assert reader.cache.used == 0
        held.append([crops[path] for path in tones])
    np.testing.assert_array_equal(*held)
    reader = reader_of(PLENTY)
    reader.keep_all_or_none([*tones, "missing.wav"])
    reader.crop(tones[0], 0.3)
    assert reader.cache.used == sizes[0]


def test_crop_behind_the_end_of_a_truncated_file_comes_from_its_beginning(faulty, caplog):
    path = str(faulty / "half_cbr.mp3")
    beginning = decode(path, RATE, 0.0, CLIP / RATE).samples
    assert np.array_equal(reader_of(0).crop(path, 1.0), beginning)
    # Where it is decoded whole, its true length is known.
    whole = decode(path, RATE).samples
    with caplog.at_level(logging.WARNING, "kgenre"):
        assert np.array_equal(reader_of().crop(path, 1.0), whole[-CLIP:])
    stated = probe(path).seconds
    note = f"truncated: {len(whole) / RATE:.1f} s of audio, less than its header says ({stated:.1f} s)."
    assert caplog.messages == [f"{path}: {note}"]


def test_crop_of_a_silent_track_raises(faulty):
    with pytest.raises(AudioError) as caught:
        reader_of().crop(str(faulty / "silence.flac"), 0.5)
    assert caught.value.cause == SILENT == "silent: no sample reaches -80 dB, so there is nothing to classify."


# --- the checks before a run ----------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
def test_check_files_names_what_headers_tell(tones, faulty, workers):
    bad = ["text.mp3", "zero_bytes.mp3", "folder.mp3", "missing.mp3", "no_samples.wav", "10_ms.wav", "header_cbr.mp3"]
    paths = [str(faulty / name) for name in bad] + tones + [str(faulty / "nan.wav")]
    advanced = []
    found = check_files(paths, workers, lambda: advanced.append(1))
    assert len(advanced) == len(paths)
    assert list(found) == paths[: len(bad)]
    for path, cause in found.items():
        with pytest.raises(AudioError) as caught:
            decode(path, 22050)  # the files' own, so that too short a length is told to the same digits
        assert cause == caught.value.cause


def test_too_many_bad_files_stop_the_run():
    failures = {"/music/a.mp3": "empty file: 0 bytes. Replace the file.", "/music/b.mp3": "unreadable."}
    with pytest.raises(KgenreError) as caught:
        check_bad_share(failures, 19, 0.1)
    assert str(caught.value) == (
        "2 of 19 files cannot be used, more than `max_bad_share`=0.1 allows. First: /music/a.mp3: empty file: "
        "0 bytes. Replace the file. Fix or remove these files, or raise --max-bad-share."
    )
    check_bad_share(failures, 20, 0.1)
    check_bad_share(failures, 3, 1.0)
    check_bad_share({}, 0, 0.1)
    check_bad_share(failures, 5, 0.1, n_collection=20)
    with pytest.raises(KgenreError, match="^2 of 2 files cannot be used, so nothing is left"):
        check_bad_share(failures, 2, 0.1, n_collection=20)
    with pytest.raises(KgenreError, match="^2 of 2 files cannot be used, so nothing is left"):
        check_bad_share(failures, 2, 1.0)
    with pytest.raises(KgenreError, match=r"^1 of 1000 files .* `max_bad_share`=0 allows"):
        check_bad_share({"a": "b"}, 1000, 0.0)


# --- the plan -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_tracks", "crops", "batch"), [(7, 3, 4), (6, 2, 4), (1, 1, 5), (100, 4, 32)])
def test_epoch_shows_every_track_as_often_and_fills_up(n_tracks, crops, batch):
    plan = TrainingPlan(n_tracks, crops, batch, seed=5)
    assert plan.steps == int(np.ceil(n_tracks * crops / batch))
    for epoch in range(3):
        order, positions = plan.epoch(epoch)
        assert len(order) == len(positions) == plan.steps * batch
        assert np.bincount(order[: n_tracks * crops], minlength=n_tracks).tolist() == [crops] * n_tracks
        filler = order[n_tracks * crops :]
        assert filler.tolist() == np.resize(order[: n_tracks * crops], len(order))[n_tracks * crops :].tolist()


@pytest.mark.parametrize(("sizes", "crops"), [((1, 9, 3), 4), ((5, 5), 1), ((7,), 2), ((2, 1, 1, 1), 1)])
def test_a_balanced_epoch_shows_each_genre_as_often_and_each_track_of_it_as_often(sizes, crops):
    genres = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)) * 2, sizes))  # 2: one has no track
    n = len(genres) * crops
    plan = TrainingPlan(len(genres), crops, 4, seed=1, genres=tuple(genres.tolist()))
    for epoch in range(3):
        order, positions = plan.epoch(epoch)
        assert len(order) == len(positions) == plan.steps * 4
        shown = np.bincount(order[:n], minlength=len(genres))
        for genre in set(genres.tolist()):
            own = shown[genres == genre]
            assert own.sum() in (n // len(sizes), -(-n // len(sizes))), "of each genre as many"
            assert own.max() - own.min() <= 1, "of each track of it as many"
    if len(genres) > 1:
        assert plan.epoch(0)[0].tolist() != plan.epoch(1)[0].tolist()


def test_a_balanced_plan_knows_the_genres_of_the_train_tracks():
    for balanced, genres in ((True, (3, 3, 3, 0)), (False, ())):
        config = RunSettings.compose({"balanced": balanced})
        assert training_plan(config, [3, 3, 3, 0], reader_of(), ["unread"] * 4).genres == genres


def test_epochs_depend_on_seed_and_number_alone():
    plan = TrainingPlan(50, 2, 10, seed=1)
    for own, other in zip(plan.epoch(3), TrainingPlan(50, 2, 10, seed=1).epoch(3)):
        assert np.array_equal(own, other)
    for other in (plan.epoch(4), TrainingPlan(50, 2, 10, seed=2).epoch(3)):
        assert not np.array_equal(plan.epoch(3)[0], other[0])
        assert not np.array_equal(plan.epoch(3)[1], other[1])


def test_positions_cover_the_track_evenly():
    _, positions = TrainingPlan(1000, 10, 10, seed=0).epoch(0)
    counts, _ = np.histogram(positions, bins=10, range=(0, 1))
    assert counts.sum() == 10000
    assert np.abs(counts - 1000).max() < 150  # 5 standard deviations of a binomial count, sqrt(900) each


# --- training batches -----------------------------------------------------------------------------


def test_training_batches_follow_the_plan(tones):
    """Each waveform is the crop that the plan names, with the label of its track."""
    plan = TrainingPlan(len(tones), 4, 5, seed=0)
    waveforms, labels = take(training_batches(TrainingCrops(reader_of(), tones, range(len(HZ)), plan)), 2 * plan.steps)
    wholes = [decode(path, RATE).samples for path in tones]
    order, positions = (np.concatenate(parts) for parts in zip(plan.epoch(0), plan.epoch(1)))
    assert labels.tolist() == order.tolist()
    for waveform, number, position in zip(waveforms, order, positions):
        start = round(position * (len(wholes[number]) - CLIP))
        assert np.array_equal(waveform, wholes[number][start : start + CLIP])
    assert [label_of(waveform) for waveform in waveforms] == labels.tolist()


def test_training_batches_do_not_depend_on_workers_or_cache(tones, songs):
    paths = [str(songs["eight.ogg"]), *tones]  # the first takes 50 times as long to decode: the others overtake it
    plan = TrainingPlan(len(paths), 3, 4, seed=9)
    waveforms, labels = take(
        training_batches(TrainingCrops(reader_of(), paths, range(len(paths)), plan), workers=1), 2 * plan.steps
    )
    for workers, cache_bytes in ((4, PLENTY), (3, 0), (2, 150_000)):
        reader = reader_of(cache_bytes)
        again, same = take(
            training_batches(TrainingCrops(reader, paths, range(len(paths)), plan), workers=workers), 2 * plan.steps
        )
        assert same.tolist() == labels.tolist()
        np.testing.assert_allclose(again, waveforms, rtol=0, atol=EXACT)


def test_resumed_stream_is_the_unbroken_one(tones):
    plan = TrainingPlan(len(tones), 2, 5, seed=3)
    waveforms, labels = take(training_batches(TrainingCrops(reader_of(), tones, range(len(HZ)), plan)), 4 * plan.steps)
    resumed, same = take(
        training_batches(TrainingCrops(reader_of(), tones, range(len(HZ)), plan, first_epoch=2)), 2 * plan.steps
    )
    done = 2 * plan.steps * plan.batch_size
    assert same.tolist() == labels[done:].tolist()
    assert np.array_equal(resumed, waveforms[done:])


def test_second_epoch_decodes_nothing(tones):
    reader = reader_of()
    plan = TrainingPlan(len(tones), 4, 6, seed=0)
    batches = training_batches(TrainingCrops(reader, tones, range(len(HZ)), plan), workers=2).as_numpy_iterator()
    for _ in range(plan.steps):
        next(batches)
    decoded = reader.decoded
    assert len(tones) <= decoded <= 2 * len(tones)  # two workers may meet at one track
    for _ in range(3 * plan.steps):
        next(batches)
    assert reader.decoded == decoded


def test_small_cache_keeps_its_limit_and_what_it_has(tones):
    limit = 4 * (16000 + 20000 + 1000)  # the first two tracks and a little
    reader = reader_of(limit)
    plan = TrainingPlan(len(tones), 3, 3, seed=1)
    batches = training_batches(TrainingCrops(reader, tones, range(len(HZ)), plan), workers=3).as_numpy_iterator()
    for _ in range(plan.steps):
        next(batches)
        assert reader.cache.used <= limit
    held, decoded = set(reader.cache.tracks), reader.decoded
    assert held and len(held) < len(tones)
    for _ in range(15 * plan.steps):
        next(batches)
        assert sum(samples.nbytes for samples in list(reader.cache.tracks.values())) <= limit
    assert set(reader.cache.tracks) == held
    # Each crop of a track that is not held is decoded, one that is held is not. tf.data reads ahead, 30 crops seen;
    # a second held track, or none, would make a difference of 45.
    not_held = 15 * plan.crops_per_track * (len(tones) - len(held))
    assert not_held - 40 <= reader.decoded - decoded <= not_held + 40


def test_failing_files_are_replaced_and_listed(tones, faulty):
    names = {1: "text.mp3", 3: "silence.flac", 4: "nan.wav", 6: "zero_bytes.mp3"}
    good = {0: 0, 2: 1, 5: 2}  # place in the table -> label; the labels of bad files are never seen
    paths = [str(faulty / names[place]) if place in names else tones[good[place]] for place in range(7)]
    labels = [90 if place in names else good[place] for place in range(7)]
    reader = reader_of()
    plan = TrainingPlan(7, 4, 7, seed=0)
    waveforms, seen = take(training_batches(TrainingCrops(reader, paths, labels, plan), workers=3), plan.steps)
    for number, label in zip(plan.epoch(0)[0], seen.tolist()):
        assert label == good.get(number, label) and label in good.values()
    assert [label_of(waveform) for waveform in waveforms] == seen.tolist()
    assert set(reader.failures) == {str(faulty / name) for name in names.values()}
    for path, cause in reader.failures.items():
        with pytest.raises(AudioError) as caught:
            reader.crop(path, 0.0)
        assert cause == caught.value.cause


class _NoAudio:
    """A reader that counts which tracks it is asked for; those of a lost shard have failed before."""

    def __init__(self, lost):
        self.spec, self.failures, self.seen = SliceSpec(8000, 4, 4), dict.fromkeys(lost, "damaged"), Counter()

    def crop(self, path, position, samples=None):
        self.seen[path] += 1
        return np.zeros(4, "float32")


def test_tracks_of_a_lost_shard_are_replaced_by_many_and_by_the_same_again():
    paths, plan = [f"t{number}" for number in range(1000)], TrainingPlan(1000, 1, 32, seed=0)
    labels, seen = range(1000), []
    for order in (1, -1):
        reader = _NoAudio(paths[300:360])
        crops = TrainingCrops(reader, paths, labels, plan, first_epoch=3)
        shown = [int(crops[item][1]) for item in list(range(plan.steps * plan.batch_size))[::order]]
        assert max(reader.seen.values()) <= 5 and not set(shown) & set(range(300, 360))
        seen.append(shown[::order])
    assert seen[0] == seen[1]


def test_training_set_of_bad_files_alone_lists_them_for_the_check(faulty):
    """tf.data would bury an error raised here; batches of silence reach the epoch's end, where this check is."""
    paths = [str(faulty / name) for name in ("text.mp3", "zero_bytes.mp3")]
    reader = reader_of()
    waveforms, labels = take(training_batches(TrainingCrops(reader, paths, [7, 8], TrainingPlan(2, 1, 2, seed=0))), 1)
    assert not waveforms.any() and labels.tolist() == [0, 0]
    assert set(reader.failures) == set(paths)
    with pytest.raises(KgenreError, match=r"^2 of 2 files cannot be used"):
        check_bad_share(reader.failures, len(paths), 0.5)


# --- sliding batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [CLIP, CLIP // 2])
@pytest.mark.parametrize(("workers", "cache_bytes"), [(1, PLENTY), (3, PLENTY), (2, 0)])
def test_sliding_slices_are_those_of_the_decoded_whole(tones, workers, cache_bytes, hop):
    reader = reader_of(cache_bytes, hop)
    for _ in range(2):  # the second time from the cache, where there is one
        found = by_track(slice_batches(reader, tones, 5, workers))
        assert sorted(found) == list(range(len(tones)))
        for number, path in enumerate(tones):
            whole = decode(path, RATE).samples
            assert np.array_equal(found[number], cut_slices(whole, SliceSpec(RATE, CLIP, hop)))
            assert reader.facts[path].seconds == len(whole) / RATE
            assert reader.facts[path].peak == np.abs(whole).max()
    assert reader.decoded == (len(tones) if cache_bytes else 2 * len(tones))
    assert reader.failures == {}


def test_sliding_batches_are_full_but_for_the_last(tones):
    expected = sum(SliceSpec(RATE, CLIP, CLIP).count(len(decode(path, RATE).samples)) for path in tones)
    sizes = [len(numbers) for numbers, _, _ in slice_batches(reader_of(), tones, 7)]
    assert sizes == [7] * (expected // 7) + [expected % 7] * (expected % 7 > 0)


def test_sliding_over_bad_files_lists_them_and_finishes_the_others(tones, faulty, tmp_path):
    late = music(20.0, RATE, 1)
    late[19 * RATE] = np.inf
    write_sound(tmp_path / "late.wav", late, RATE, subtype="FLOAT")
    names = ["text.mp3", "silence.flac", "no_samples.wav", "10_ms.wav", "opposite.flac"]
    bad = [str(faulty / name) for name in names] + [str(tmp_path / "late.wav")]
    paths = [path for pair in zip(bad, tones) for path in pair]
    reader = reader_of()
    found = {}
    for numbers, _, waveforms in slice_batches(reader, paths, 4, workers=2):
        for number, waveform in zip(numbers, waveforms):
            found.setdefault(paths[number], []).append(waveform)
    assert list(reader.failures) != [] and set(reader.failures) == set(bad)
    for path in tones:
        assert np.array_equal(
            np.stack(found[path]), cut_slices(decode(path, RATE).samples, SliceSpec(RATE, CLIP, CLIP))
        )
    for path in bad:
        if path.endswith("silence.flac"):
            assert reader.failures[path] == SILENT
            continue
        with pytest.raises(AudioError) as caught:
            decode(path, RATE)
        assert reader.failures[path] == caught.value.cause


def test_silent_track_is_listed_from_the_cache_too(faulty):
    path = str(faulty / "dither.wav")
    reader = reader_of()
    for expected_decodes in (1, 1):
        reader.failures.clear()
        list(slice_batches(reader, [path], 4))
        assert reader.failures == {path: SILENT}
        assert reader.decoded == expected_decodes


def long_tracks(folder, n_tracks: int, minutes: int) -> list[str]:
    """Tracks of 1.92 MB a minute once decoded."""
    paths = [str(folder / f"{number}.flac") for number in range(n_tracks)]
    write_sound(paths[0], np.tile(music(10.0, RATE, 1), (6 * minutes, 1)), RATE)
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    return paths


def sliding_peak(reader: TrackReader, paths) -> int:
    """Bytes that were held at most during a pass over all slices."""
    tracemalloc.start()
    try:
        found = sum(len(numbers) for numbers, _, _ in slice_batches(reader, paths, 32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == sum(round(reader.facts[path].seconds * RATE / CLIP) for path in paths)
    return peak


@pytest.mark.parametrize("cache_bytes", [0, 6_000_000])
def test_memory_does_not_grow_with_the_length_of_tracks(tmp_path, cache_bytes):
    """No track of 9.6 MB fits the cache, so none may be gathered for it."""
    reader = reader_of(cache_bytes)
    # Four streams side by side, each with a few blocks of 0.5 MB: 10.7 MB seen. All tracks are 38.4 MB.
    assert sliding_peak(reader, long_tracks(tmp_path, n_tracks=4, minutes=5)) < 15e6
    assert reader.cache.used == 0


def test_memory_does_not_grow_with_the_number_of_tracks(tmp_path):
    reader = reader_of(4_000_000)
    paths = long_tracks(tmp_path, n_tracks=20, minutes=1)
    for decoded in (20, 20 + 18):  # two fit the cache
        # The cache, and a handful of streams of up to 2.5 MB each: 19 MB seen. All tracks are 38.4 MB.
        assert sliding_peak(reader, paths) < 27e6
        assert reader.cache.used == 2 * 60 * RATE * 4
        assert reader.decoded == decoded
