"""Fixed slices in training: where they begin, against a plain list, over every kind of file and both loaders."""

import numpy as np
import pytest
from audio_files import music, write_sound

from kgenre.audio.decode import decode
from kgenre.audio.fragments import name_slice
from kgenre.audio.open_reader import open_reader
from kgenre.audio.slicing import SliceSpec
from kgenre.preparation.plan import ShardPlan
from kgenre.preparation.shard_writer import write_shard
from kgenre.training.batches import TrainingCrops
from kgenre.training.loaders import LOADERS, training_batches
from kgenre.training.plan import TrainingPlan, fixed_slices, training_plan
from kgenre.training.settings import RunSettings

RATE, LENGTH, PLENTY = 8000, 4000, 1 << 30
SECONDS = (0.3, 0.5, 1.0, 1.7, 2.05)  # shorter than a slice, one, a whole number of them, and two with a rest
FRAMES = (5, 8, 16, 27, 33)  # the same of spectrograms, of slices of 8
EXACT = 1e-5  # as in test_pipeline.py


def starts_of(length: int, size: int, hop: int) -> list[int]:
    """One slice behind the other, and the last with the end of the track."""
    found, start = [], 0
    while start + size < length:
        found.append(start)
        start += hop
    return [*found, max(0, length - size)]


def test_list_of_starts_is_that_of_a_song_counted_by_hand():
    assert starts_of(10, 4, 4) == [0, 4, 6] and starts_of(10, 4, 2) == [0, 2, 4, 6] and starts_of(3, 4, 2) == [0]


class Files:
    """Tracks of one kind: their paths, their values whole, and the slices that are cut of them."""

    def __init__(self, paths: list[str], wholes: list[np.ndarray], rate: float, size: int, bins: int = 0):
        self.paths, self.wholes, self.rate, self.size, self.bins = paths, wholes, rate, size, bins

    def spec(self, hop: int) -> SliceSpec:
        return SliceSpec(self.rate, self.size, hop, self.bins)

    def cut(self, number: int, start: int) -> np.ndarray:
        piece = self.wholes[number][start : start + self.size]
        return np.resize(piece, (self.size, *piece.shape[1:])).astype("float32")

    def expected(self, hop: int) -> list[tuple[int, int]]:
        """(number of the track, start) of every slice."""
        return [
            (number, start)
            for number, whole in enumerate(self.wholes)
            for start in starts_of(len(whole), self.size, hop)
        ]


def audio_files(folder) -> Files:
    paths = [str(folder / f"{number}.wav") for number in range(len(SECONDS))]
    for number, (path, seconds) in enumerate(zip(paths, SECONDS)):
        write_sound(path, music(seconds, RATE, 1, seed=number), RATE)
    return Files(paths, [decode(path, RATE).samples for path in paths], RATE, LENGTH)


def parts_of_a_file(folder) -> Files:
    write_sound(folder / "long.wav", music(4.0, RATE, 1, seed=9), RATE)
    whole, spans = decode(folder / "long.wav", RATE).samples, [(0.5, 1.75), (2.0, 3.9)]
    paths = [name_slice(str(folder / "long.wav"), *span) for span in spans]
    return Files(paths, [whole[round(first * RATE) : round(last * RATE)] for first, last in spans], RATE, LENGTH)


def shard(folder) -> Files:
    files = audio_files(folder)
    plan = ShardPlan.of_files(folder, 0, files.paths, RATE)
    write_shard(plan)
    return Files([f"{plan.file}#{index}" for index in range(len(files.paths))], files.wholes, RATE, LENGTH)


def spectrogram_files(folder) -> Files:
    wholes = [np.random.default_rng(n).standard_normal((n, 6)).astype("float32") for n in FRAMES]
    paths = [str(folder / f"{len(whole)}.npy") for whole in wholes]
    for path, whole in zip(paths, wholes):
        np.save(path, whole.T)  # (bins, frames), as files have them
    return Files(paths, wholes, 4.0, 8, bins=6)


KINDS = {"audio": audio_files, "parts": parts_of_a_file, "shard": shard, "spectrograms": spectrogram_files}


@pytest.fixture(scope="module", params=KINDS)
def files(request, tmp_path_factory) -> Files:
    return KINDS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("share", [1, 0.5, 0.3])
def test_fixed_slices_of_files_are_those_of_a_plain_list(files, share):
    hop = round(files.size * share)
    reader = open_reader(files.spec(hop), PLENTY)
    fixed = fixed_slices(reader, files.paths, workers=2)
    expected = files.expected(hop)
    assert fixed.tracks.tolist() == [number for number, _ in expected]
    for (number, start), position in zip(expected, fixed.positions, strict=True):
        assert 0 <= position <= 1
        found = reader.crop(files.paths[number], float(position))
        np.testing.assert_allclose(found, files.cut(number, start), rtol=0, atol=1e-4)  # a shard's rounding


@pytest.mark.parametrize("loader", LOADERS)
def test_epoch_shows_every_slice_once_in_another_order_each(files, loader):
    reader, hop = open_reader(files.spec(files.size // 2), 0), files.size // 2
    fixed, expected = fixed_slices(reader, files.paths, workers=2), files.expected(hop)
    plan = TrainingPlan(len(files.paths), 1, 1, seed=3, fixed=fixed)
    assert plan.steps == len(expected)
    crops, shown = TrainingCrops(reader, files.paths, range(len(files.paths)), plan, n_steps=2 * plan.steps), []
    for slices, labels in training_batches(crops, 2, loader):
        found, number = np.asarray(slices)[0], int(np.asarray(labels)[0])
        differ = [np.abs(found - files.cut(number, start)).max() for own, start in expected if own == number]
        assert min(differ) < 1e-4
        shown.append((number, [start for own, start in expected if own == number][int(np.argmin(differ))]))
    first, second = shown[: plan.steps], shown[plan.steps :]
    assert sorted(first) == sorted(second) == expected and first != second


@pytest.mark.parametrize("accumulate", [1, 2])
def test_balanced_epoch_shows_slices_of_each_genre_as_often(tmp_path, accumulate):
    files = audio_files(tmp_path)
    reader, genres = open_reader(files.spec(LENGTH), PLENTY), [0, 0, 0, 0, 1]
    config = {"balanced": True, "crops": "fixed", "batch_size": 4, "accumulate": accumulate}
    plan = training_plan(RunSettings.compose(config), genres, reader, files.paths)
    n = len(files.expected(LENGTH))
    assert plan.steps == -(-n // (4 * accumulate)) * accumulate
    tracks, _ = plan.epoch(0)
    counts = np.bincount(np.array(genres)[tracks[:n]])
    assert abs(counts[0] - counts[1]) <= 1 and counts.sum() == n


def test_fewer_steps_show_some_of_the_slices_and_others_each_epoch(tmp_path):
    files = audio_files(tmp_path)
    config = RunSettings.compose({"crops": "fixed", "batch_size": 2, "steps_per_epoch": 2})
    plan = training_plan(config, [0] * 5, open_reader(files.spec(LENGTH), PLENTY), files.paths)
    shown = [set(zip(*map(np.ndarray.tolist, plan.epoch(epoch)))) for epoch in range(8)]
    assert {len(one) for one in shown} == {4} and len(set.union(*shown)) > 6


def test_slice_of_a_file_that_fails_is_replaced_by_a_fixed_one_of_another(tmp_path):
    files = audio_files(tmp_path)
    (tmp_path / "3.wav").write_bytes(b"no audio")
    reader = open_reader(files.spec(LENGTH), PLENTY)
    fixed = fixed_slices(reader, files.paths, workers=1)
    assert fixed.tracks.tolist().count(3) == 1
    plan = TrainingPlan(5, 1, 4, seed=0, fixed=fixed)
    crops = TrainingCrops(reader, files.paths, range(5), plan)
    for item in range(3 * plan.steps * plan.batch_size):
        crop, label, _ = crops[item]
        assert label != 3
        assert any(np.allclose(crop, files.cut(n, s), atol=1e-5) for n, s in files.expected(LENGTH) if n == label)
    assert list(reader.failures) == [files.paths[3]]
