"""Parts of files by name: the samples that they are, whichever way they are read, and what counts as a part."""

import os

import numpy as np
import pytest
from audio_files import music, write_sound

from kgenre.audio.decode import decode, probe
from kgenre.audio.decoders import AudioError
from kgenre.audio.fragments import Part, find_part, name_copy, name_slice, whole_file
from kgenre.audio.reader import TrackReader, check_files
from kgenre.audio.signature import signature
from kgenre.audio.slicing import SliceSpec
from kgenre.audio.track import count_samples

RATE = 11025
SPEC = SliceSpec(RATE, 5512, 5512)
PLENTY = 1 << 30
# As in test_audio: an excerpt is a part of the whole to the rounding of float32; seeks in mp3 to 2e-3 of full scale.
EXACT = {".wav": 1e-5, ".flac": 1e-5, ".mp3": 2e-3}


@pytest.fixture(scope="module", params=["song.wav", "song.flac", "song.mp3"])
def song(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / request.param
    write_sound(
        path, music(6.0, 22050 if path.suffix == ".flac" else 44100), 22050 if path.suffix == ".flac" else 44100
    )
    return str(path)


def whole(path: str) -> np.ndarray:
    return decode(path, RATE).samples


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.5), (1.25, 3.5), (4.0, 9.0)])
def test_part_of_a_file_is_that_part_of_its_whole_decode(song, start, end):
    path, samples = name_slice(song, start, end), whole(song)
    expected = samples[round(start * RATE) : round(end * RATE)]
    found = decode(path, RATE).samples
    assert len(found) == len(expected) == count_samples(path, RATE)
    np.testing.assert_allclose(found, expected, atol=EXACT[song[song.rindex(".") :]])
    assert probe(path).seconds == pytest.approx(len(expected) / RATE, abs=1e-3)


@pytest.mark.parametrize("cache_bytes", [0, PLENTY], ids=["decoded", "cached"])
def test_reader_gives_slices_and_crops_of_a_part(song, cache_bytes):
    start, end = 2 * 5512 / RATE, 5 * 5512 / RATE
    reader, path = TrackReader(SPEC, cache_bytes), name_slice(song, start, end)
    expected, atol = whole(song)[2 * 5512 : 5 * 5512], EXACT[song[song.rindex(".") :]]
    slices = list(reader.slices(path))
    assert [piece.start for piece in slices] == pytest.approx([0, 5512 / RATE, 2 * 5512 / RATE])
    np.testing.assert_allclose(np.concatenate([piece.samples for piece in slices]), expected, atol=atol)
    np.testing.assert_allclose(reader.crop(path, 0.0), expected[:5512], atol=atol)
    np.testing.assert_allclose(reader.crop(path, 0.5), expected[5512 : 2 * 5512], atol=atol)
    np.testing.assert_allclose(reader.crop(path, 1.0), expected[-5512:], atol=atol)
    assert reader.facts[path].seconds == pytest.approx(3 * 5512 / RATE)


def test_parts_of_a_file_are_decoded_once(song):
    reader = TrackReader(SPEC, PLENTY)
    for number in range(8):
        next(reader.slices(name_slice(song, number / 2, number / 2 + 0.5)))
    reader.crop(name_copy(song, 1), 0.3)
    reader.crop(song, 0.3)
    assert reader.decoded == 1 and list(reader.cache.tracks) == [song]


def test_slice_of_one_length_is_one_slice_at_any_rate(song):
    """Names hold enough digits that no slice is a sample longer than the network's, which would make it two."""
    for rate in (8000, 16000, 22050, 384000):
        spec = SliceSpec(rate, round(0.37 * rate), round(0.37 * rate))
        for number in range(12):
            name = name_slice(song, number * spec.slice_seconds, (number + 1) * spec.slice_seconds)
            first, last = find_part(name).span(rate, 6 * rate)
            assert last - first == spec.slice_samples and first == number * spec.slice_samples


@pytest.mark.parametrize("cache_bytes", [0, PLENTY], ids=["decoded", "cached"])
def test_copy_is_the_shifted_file_with_its_own_noise(song, cache_bytes):
    reader, samples = TrackReader(SPEC, cache_bytes), whole(song)
    for number in (1, 2):
        path, shift = name_copy(song, number), round(0.02 * number * RATE)
        copied, twice = (np.concatenate([piece.samples for piece in reader.slices(path)][:-1]) for _ in range(2))
        noise = copied - samples[shift : shift + len(copied)]
        np.testing.assert_array_equal(copied, twice)
        assert abs(np.corrcoef(noise[:4000], noise[4096:8096])[0, 1]) < 0.1  # blocks differ
        assert 0.004 < noise.std() < 0.006 and abs(noise.mean()) < 2e-4
        np.testing.assert_allclose(reader.crop(path, 0.0, 9000), copied[:9000], atol=EXACT[song[song.rindex(".") :]])
    assert name_copy(song, 0) == song
    one, two = (decode(name_copy(song, number), RATE).samples[:20000] for number in (1, 2))
    assert abs(np.corrcoef(one - samples[220:20220], two - samples[441:20441])[0, 1]) < 0.1


def test_name_of_a_real_file_is_no_part(tmp_path):
    path = str(tmp_path / "song.wav#t=1,2")
    write_sound(tmp_path / "song.wav", music(3.0, RATE, 1), RATE)
    assert find_part(path) == Part(str(tmp_path / "song.wav"), 1.0, 2.0)
    write_sound(tmp_path / "other.wav", music(2.5, RATE, 1, seed=1), RATE)
    os.rename(tmp_path / "other.wav", path)
    assert find_part(path) == Part(path) and len(decode(path, RATE).samples) == round(2.5 * RATE)
    assert find_part(path + "#t=0,1") == Part(path, 0.0, 1.0)


@pytest.mark.parametrize(
    "name", ["song.mp3", "Song #1.mp3", "a#t=3,2", "a#t=1", "a#t=-1,2", "a#t=1,2.", "#t=1,2", "a#copy="]
)
def test_other_names_are_whole_files(name):
    assert find_part(name) == Part(name) and find_part(name).is_whole


def test_member_of_an_archive_has_parts():
    assert find_part("x.npz#5#t=0,7.4") == Part("x.npz#5", 0.0, 7.4)
    assert whole_file("x.npz#5") == "x.npz#5" and whole_file("x.npz#5#copy=2") == "x.npz#5"


def test_part_behind_the_end_and_missing_file_are_named(song, tmp_path):
    behind, missing = name_slice(song, 8, 9), name_slice(str(tmp_path / "none.wav"), 0, 1)
    failures = check_files([name_slice(song, 0, 1), behind, missing], 2)
    assert set(failures) == {behind, missing} and "cannot be opened" in failures[missing]
    for cache_bytes in (0, PLENTY):
        reader = TrackReader(SPEC, cache_bytes)
        assert list(reader.slices(behind)) == [] and behind in reader.failures
        with pytest.raises(AudioError):
            reader.crop(behind, 0.0)


def test_signature_of_a_part_is_that_of_its_file(song):
    assert signature(name_slice(song, 1, 2)) == signature(song) is not None
