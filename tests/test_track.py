"""The reading policy: each of its rules, on files and on streams that no file could be."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
import soundfile
from audio_files import music, write_sound

from kgenre.audio import decode as audio
from kgenre.audio import track as track_module
from kgenre.audio.decoders import AudioError
from kgenre.audio.facts import SILENT
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.audio.track import TrackSlices, count_samples, count_steps, read_samples
from kgenre.core.errors import KgenreError

RATE = 8000
SPEC = SliceSpec(RATE, RATE, RATE)
WHOLE = ReadPolicy(None)
SECONDS = 59.7  # no whole number of slices
EXACT = 1e-5  # a seek resamples from elsewhere: equal to the rounding of float32


def read(path, policy=DEFAULT_POLICY, spec=SPEC, length=None, **options):
    """The slices of a track, stacked, and its facts."""
    track = TrackSlices(str(path), spec, length or count_samples(path, spec.sample_rate), policy, **options)
    slices = list(track)
    assert tuple(piece.start for piece in slices) == track.facts.starts
    return np.stack([piece.samples for piece in slices]), track.facts


def refusal(path, **options) -> str:
    with pytest.raises(AudioError) as caught:
        read(path, **options)
    return caught.value.cause


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """About a minute of stereo at 44.1 kHz, as {suffix: path}."""
    folder, samples = tmp_path_factory.mktemp("minute"), music(SECONDS, 44100, 2)
    paths = {suffix: folder / f"minute{suffix}" for suffix in (".flac", ".mp3", ".ogg")}
    for path in paths.values():
        with soundfile.SoundFile(path, "w", 44100, 2) as file:
            for block in np.array_split(samples, 100):  # libsndfile's Vorbis encoder cannot take a minute at once
                file.write(block)
    return paths


# --- whole tracks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [RATE, RATE // 2])
def test_read_of_a_track_within_the_limit_gives_all_slices(minute, hop):
    spec = SliceSpec(RATE, RATE, hop)
    for path in minute.values():
        whole = audio.decode(path, RATE)
        slices, facts = read(path, ReadPolicy(spec.count(len(whole.samples))), spec)
        assert np.array_equal(slices, cut_slices(whole.samples, spec))
        assert facts.starts == tuple(spec.starts(len(whole.samples)) / RATE)
        assert facts.seconds == whole.seconds and facts.flags == () and facts.note == ""
        assert facts.peak == np.abs(whole.samples).max()
        assert facts.level_db == pytest.approx(10 * math.log10(np.mean(whole.samples.astype("float64") ** 2)), abs=1e-4)


def test_read_of_a_track_shorter_than_a_slice_repeats_it(tmp_path):
    write_sound(tmp_path / "short.wav", music(0.3, RATE, 1), RATE)
    slices, facts = read(tmp_path / "short.wav")
    assert np.array_equal(slices, cut_slices(audio.decode(tmp_path / "short.wav", RATE).samples, SPEC))
    assert facts.starts == (0.0,) and facts.seconds == 0.3


@pytest.mark.parametrize(
    "name",
    ["half_cbr.mp3", "half_pcm16.wav", "clipped.wav", "overshoot.mp3", "mp3_named.wav", "m4a_named.mp3"],
)
def test_read_of_an_odd_file_finds_the_flags_of_a_whole_decode(faulty, name):
    _, facts = read(faulty / name)
    assert facts.flags == tuple(sorted(audio.decode(faulty / name, RATE).flags, reverse=True))


def test_read_of_a_truncated_file_uses_what_is_there(faulty):
    path = faulty / "half_cbr.mp3"
    whole, stated = audio.decode(path, RATE), audio.probe(path).seconds
    slices, facts = read(path)
    assert np.array_equal(slices, cut_slices(whole.samples, SPEC))
    assert facts.flags == ("truncated",) and facts.seconds == whole.seconds
    note = f"truncated: {whole.seconds:.1f} s of audio, less than its header says ({stated:.1f} s)."
    assert facts.truncation == facts.note == note


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, ReadPolicy(1)])
def test_read_of_an_unusable_file_raises_the_cause(faulty, policy):
    assert refusal(faulty / "silence.flac", policy=policy) == SILENT
    assert refusal(faulty / "dither.wav", policy=policy) == SILENT
    assert refusal(faulty / "zero_bytes.mp3", policy=policy) == "empty file: 0 bytes. Replace the file."
    for name, words in {"nan.wav": "NaN", "10_ms.wav": "too short", "text.mp3": "not an audio file"}.items():
        assert words in refusal(faulty / name, policy=policy)
    assert "holds no audio" in refusal(faulty / "no_samples.wav", policy=policy, length=1)


# --- more slices than the policy allows -----------------------------------------------------------


@pytest.mark.parametrize("max_seeks", [0, 64])
@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg"])
def test_read_of_a_longer_track_spreads_the_slices_evenly(minute, suffix, max_seeks, monkeypatch):
    """Whether they are found by seeking or in one pass."""
    monkeypatch.setattr(track_module, "MAX_SEEKS", max_seeks)
    whole = audio.decode(minute[suffix], RATE).samples
    slices, facts = read(minute[suffix], ReadPolicy(7))
    starts = [round((i + 0.5) / 7 * (len(whole) - RATE)) for i in range(7)]
    np.testing.assert_allclose(np.array(facts.starts) * RATE, starts, atol=2)  # an mp3's header states a sample or two
    expected = np.stack([whole[start : start + RATE] for start in np.round(np.array(facts.starts) * RATE).astype(int)])
    np.testing.assert_allclose(slices, expected, rtol=0, atol=EXACT)
    assert facts.flags == ("sampled",) and facts.note == "sampled: 7 slices, not all of the track."
    assert facts.seconds == pytest.approx(len(whole) / RATE, abs=1e-3)


@pytest.mark.parametrize("max_seeks", [0, 64])
def test_read_where_spread_slices_lie_behind_the_end_keeps_the_others(faulty, max_seeks, monkeypatch):
    monkeypatch.setattr(track_module, "MAX_SEEKS", max_seeks)
    spec = SliceSpec(RATE, RATE // 4, RATE // 4)
    path = faulty / "half_cbr.mp3"  # 3.5 s of 7 s
    slices, facts = read(path, ReadPolicy(4), spec)
    assert len(slices) == 2 and set(facts.flags) == {"truncated", "sampled"}
    assert facts.truncation.startswith("truncated: ") and "sampled: 2 slices" in facts.note


@pytest.mark.parametrize("max_seeks", [0, 64])
def test_read_where_all_slices_lie_behind_the_end_starts_at_the_beginning(minute, tmp_path, max_seeks, monkeypatch):
    monkeypatch.setattr(track_module, "MAX_SEEKS", max_seeks)
    path = tmp_path / "scrap.mp3"
    path.write_bytes(minute[".mp3"].read_bytes()[:40000])
    whole = audio.decode(path, RATE).samples
    slices, facts = read(path, ReadPolicy(2), length=60 * RATE)
    assert np.array_equal(slices, cut_slices(whole, SPEC)[:2])
    assert facts.starts == tuple(SPEC.starts(len(whole))[:2] / RATE)


def test_read_of_a_track_longer_than_stated_stops_at_the_limit(minute):
    slices, facts = read(minute[".flac"], ReadPolicy(5), length=4 * RATE)
    assert np.array_equal(slices, cut_slices(audio.decode(minute[".flac"], RATE).samples, SPEC)[:5])
    assert facts.flags == ("sampled",)
    slices, facts = read(minute[".flac"], WHOLE, length=4 * RATE)
    assert len(slices) == 60 and facts.flags == () and facts.seconds == SECONDS


def test_default_policy_reads_an_hour_of_the_default_model_whole():
    assert DEFAULT_POLICY.slices_per_track * 3.0 == 3600.0


@pytest.mark.parametrize("number", [0, -1])
def test_policy_with_less_than_one_slice_is_refused(number):
    with pytest.raises(KgenreError, match=f"must be at least 1, or None for all. Received: slices_per_track={number}."):
        ReadPolicy(number)


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, WHOLE])
def test_read_of_ten_hours_needs_the_memory_of_a_song(tmp_path, policy):
    """A stream of 10 hours in blocks of 3 s, each of its own level, so that a slice tells its place."""
    blocks = 12000

    def stream(path, sample_rate, start, decoder):
        return (np.full(3 * sample_rate, (number + 1) / blocks, "float32") for number in range(blocks))

    spec = SliceSpec(1000, 3000, 3000)
    track = TrackSlices("mix.mp3", spec, blocks * 3000, policy, stream)
    tracemalloc.start()
    try:
        means = [float(piece.samples.mean()) for piece in track]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    places = (np.arange(1200) + 0.5) / 1200 if policy is DEFAULT_POLICY else (np.arange(blocks) + 0.5) / blocks
    np.testing.assert_allclose(means, places, atol=2 / blocks)
    assert peak < 2e6  # 0.9 MB seen, most of it starts; the samples are 144 MB
    assert track.facts.seconds == 36000.0


# --- length ---------------------------------------------------------------------------------------


@pytest.fixture
def unstated(minute, tmp_path):
    """A FLAC whose header does not state its length."""
    data = bytearray(minute[".flac"].read_bytes())
    data[21] &= 0xF0  # the 36 bits of the number of samples
    data[22:26] = bytes(4)
    path = tmp_path / "unstated.flac"
    path.write_bytes(data)
    assert math.isnan(audio.probe(path).seconds)
    return path


def test_read_of_a_file_without_stated_length_counts_it(unstated, minute):
    steps = count_steps(unstated, RATE)
    assert sum(1 for _ in steps) > 10  # a sign of life after each block
    assert count_samples(unstated, RATE) == round(SECONDS * RATE) == count_samples(minute[".flac"], RATE)
    for policy in (DEFAULT_POLICY, ReadPolicy(3)):
        slices, facts = read(unstated, policy)
        expected, known = read(minute[".flac"], policy)
        np.testing.assert_allclose(slices, expected, rtol=0, atol=EXACT)
        assert facts.starts == known.starts and facts.flags == known.flags


def test_count_of_a_stream_without_end_gives_up(unstated, monkeypatch):
    monkeypatch.setattr(track_module, "MAX_COUNT_SECONDS", 1800.0)
    monkeypatch.setattr(audio, "stream", lambda path, rate, **_: itertools.repeat(np.zeros(60 * rate, "float32")))
    with pytest.raises(AudioError, match="goes on for more than 0 hours"):
        count_samples(unstated, RATE)


def test_read_with_a_decoder_that_cannot_read_the_file_raises(songs):
    """So the policy's decoder reaches every place that opens a file."""
    policy = ReadPolicy(decoder="libsndfile")
    spec = SliceSpec(RATE, RATE, RATE)
    reader = TrackReader(spec, 0, policy)
    assert list(reader.slices(str(songs["song.m4a"]))) == [] and list(reader.failures) == [str(songs["song.m4a"])]
    with pytest.raises(AudioError):
        reader.crop(str(songs["song.m4a"]), 0.5)
    with pytest.raises(AudioError):
        list(TrackSlices(str(songs["song.m4a"]), spec, 7 * RATE, policy))
    assert len(list(TrackReader(spec).slices(str(songs["song.m4a"])))) > 6


# --- through a reader -----------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, ReadPolicy(3), ReadPolicy(1)])
def test_slices_of_a_reader_do_not_depend_on_its_cache(minute, policy):
    paths = [str(path) for path in minute.values()]
    without, cached = TrackReader(SPEC, 0, policy), TrackReader(SPEC, 1 << 30, policy)
    for path in paths:
        cached.crop(path, 0.0)  # which keeps the whole track
    decoded = cached.decoded
    for path in paths:
        slices = [np.stack([piece.samples for piece in reader.slices(path)]) for reader in (without, cached)]
        np.testing.assert_allclose(*slices, rtol=0, atol=EXACT)
        assert without.facts[path].starts == pytest.approx(cached.facts[path].starts, abs=1e-3)
        assert without.facts[path].flags == cached.facts[path].flags
    assert cached.decoded == decoded


def test_read_samples_gives_a_beginning_and_refuses_silence(minute, faulty):
    whole = audio.decode(minute[".ogg"], RATE)
    assert np.array_equal(read_samples(minute[".ogg"], RATE).samples, whole.samples)
    assert np.array_equal(read_samples(minute[".ogg"], RATE, 2.5).samples, whole.samples[: 5 * RATE // 2])
    with pytest.raises(AudioError, match="silent"):
        read_samples(faulty / "silence.flac", RATE)
