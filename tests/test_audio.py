"""The decoder: parity with an independent path, excerpts, blocks, and every fault by its words."""

import importlib.metadata
import os
import re
import shutil
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import soxr
from audio_files import AV_SONGS, SONG_SECONDS, SONGS, tone, write_av, write_sound

from kgenre.audio.decode import decode, probe, stream
from kgenre.audio.decoders import DECODERS, AudioError, decoder_versions
from kgenre.audio.sources import BLOCK_FRAMES
from kgenre.core.errors import KgenreError

RATE = 22050
# float32 arithmetic of two resamplers and mixers at a level of 1: 1e-7 a step, under 1e-6 seen.
EXACT = 1e-5
SNDFILE_SONGS = tuple(name for name in SONGS if name not in AV_SONGS)
STARTS = (0.0, 0.05, 0.5, 1.234567, 3.3, 5.9, 6.5)  # the first needs no seek, the last excerpt ends with the file


def snr_db(samples, reference) -> float:
    """Signal-to-noise ratio against a reference of the same length."""
    samples, reference = np.asarray(samples, "float64"), np.asarray(reference, "float64")
    return 10 * np.log10((reference @ reference) / max(1e-30, np.sum((samples - reference) ** 2)))


def best_lag(samples, reference, reach: int) -> int:
    """The shift in [-reach, reach] at which samples[n + lag] resembles reference[n] most."""
    size = 1 << (len(samples) + len(reference)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(spectrum, size)
    lags = np.arange(-reach, reach + 1)
    return int(lags[np.argmax(correlation[lags])])


def aligned(samples, reference, lag: int):
    """Both cut to what they share where samples[n + lag] belongs to reference[n]."""
    samples, reference = samples[max(0, lag) :], reference[max(0, -lag) :]
    shared = min(len(samples), len(reference))
    return samples[:shared], reference[:shared]


# --- parity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SNDFILE_SONGS)
def test_decode_agrees_with_soundfile_numpy_and_one_shot_soxr(songs, name):
    channels, rate = soundfile.read(songs[name], dtype="float64", always_2d=True)
    reference = np.clip(soxr.resample(channels.mean(axis=1), rate, RATE, quality="HQ"), -1, 1)
    decoded = decode(songs[name], RATE)
    assert decoded.samples.dtype == np.float32
    assert decoded.samples.shape == reference.shape
    np.testing.assert_allclose(decoded.samples, reference, rtol=0, atol=EXACT)
    assert (decoded.sample_rate, decoded.seconds, decoded.flags) == (RATE, len(reference) / RATE, ())


# Steps of the sample format at full scale of 1: the encoder rounds or truncates to within one of them.
@pytest.mark.parametrize(
    ("name", "step"),
    [("pcm8.wav", 2**-7), ("pcm16.wav", 2**-15), ("pcm24.wav", 2**-23), ("float.wav", 2**-24), ("eight.wav", 2**-15),
     ("4k.wav", 2**-15), ("192k.flac", 2**-15), ("pcm16.flac", 2**-15), ("pcm24.flac", 2**-23), ("song.aiff", 2**-15)],
)  # fmt: skip
def test_lossless_files_hold_the_mean_of_the_channels(songs, name, step):
    song = SONGS[name]
    decoded = decode(songs[name], song.rate).samples
    # 1e-7: float32 rounding of the mean.
    np.testing.assert_allclose(decoded, song.samples().mean(axis=1), rtol=0, atol=step + 1e-7)


# Lossy coding of this signal at 128 kbit/s leaves 27 to 37 dB; a wrong gain of 1.41 would leave 8 dB, a lost
# channel 10 dB or less. Encoder delay must be gone, but FFmpeg's WMA decoder drops a first frame of 2048.
@pytest.mark.parametrize(
    ("name", "lag"),
    [("song.ogg", 0), ("eight.ogg", 0), ("song.opus", 0), ("cbr.mp3", 0), ("vbr.mp3", 0), ("22k.mp3", 0),
     ("song.m4a", 0), ("mono.m4a", 0), ("song.wma", -2048), ("mono.wma", -2048)],
)  # fmt: skip
def test_lossy_files_agree_with_their_source(songs, name, lag):
    song = SONGS[name]
    source = song.samples().mean(axis=1)
    decoded = decode(songs[name], song.rate).samples
    assert best_lag(decoded, source, 3000) == lag
    samples, reference = aligned(decoded, source, lag)
    assert len(samples) >= len(source) - 2048
    assert snr_db(samples, reference) > 24


@pytest.mark.parametrize("name", SONGS)
def test_probe_agrees_with_decode(songs, name):
    info = probe(songs[name])
    assert (info.sample_rate, info.channels) == (SONGS[name].rate, SONGS[name].channels)
    assert info.decoder == ("ffmpeg" if name in AV_SONGS else "libsndfile")
    # FFmpeg adds AAC's padding (up to 1024 samples) and drops a frame of WMA (2048).
    tolerance = 0.05 if name in AV_SONGS else 1 / RATE
    assert info.seconds == pytest.approx(decode(songs[name], RATE).seconds, abs=tolerance)
    assert info.seconds == pytest.approx(SONG_SECONDS, abs=tolerance)


def test_variable_and_constant_bit_rate_are_both_tested(songs):
    assert songs["vbr.mp3"].stat().st_size != songs["cbr.mp3"].stat().st_size


# --- excerpts and blocks --------------------------------------------------------------------------


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", [name for name in SONGS if not name.endswith(".wma")])
def test_excerpt_is_a_part_of_the_whole(songs, name, start):
    whole = decode(songs[name], RATE).samples
    excerpt = decode(songs[name], RATE, start, 1.0)
    expected = whole[round(start * RATE) :][:RATE]
    assert excerpt.samples.shape == expected.shape
    if name == "mono.m4a" and start:
        # FFmpeg's encoder replaces noise by a random generator's, which runs on from wherever decoding began.
        assert best_lag(excerpt.samples, expected, 500) == 0
        assert snr_db(excerpt.samples, expected) > 40  # 60 dB seen; one sample off would give 30 dB
    else:
        np.testing.assert_allclose(excerpt.samples, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", ["song.wma", "mono.wma"])
def test_excerpt_of_wma_is_within_a_millisecond(songs, name, start):
    rate = SONGS[name].rate  # its own, so that a lag is a whole number of samples
    whole = decode(songs[name], rate).samples
    excerpt = decode(songs[name], rate, start, 1.0).samples
    expected = whole[round(start * rate) :][:rate]
    lag = best_lag(excerpt, expected, 3000)
    assert abs(lag) <= (rate / 1000 if start else 0)
    assert abs(len(excerpt) - len(expected)) <= rate / 1000
    np.testing.assert_allclose(*aligned(excerpt, expected, lag), rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", SONGS)
def test_excerpt_beyond_the_end_says_so(songs, name):
    with pytest.raises(AudioError, match=r"too short: 0\.00000 s of audio after 7\.5 s; at least 0\.1 s are needed\."):
        decode(songs[name], RATE, 7.5, 1.0)


@pytest.mark.parametrize("seconds", [0.1, 1.7, 60.0])
def test_excerpt_is_as_long_as_asked_or_as_what_is_there(songs, seconds):
    excerpt = decode(songs["pcm16.flac"], RATE, 2.0, seconds)
    assert len(excerpt.samples) == round(min(seconds, SONG_SECONDS - 2.0) * RATE)


@pytest.mark.parametrize("name", ["pcm16.wav", "192k.flac", "song.ogg", "cbr.mp3", "song.m4a", "song.wma"])
def test_blocks_join_to_the_whole(songs, name):
    blocks = list(stream(songs[name], RATE))
    longest = BLOCK_FRAMES * RATE / SONGS[name].rate
    assert len(blocks) > 1
    # The resampler holds back some 10 ms, which come with the last block.
    assert max(len(block) for block in blocks) <= longest + 0.05 * RATE
    assert np.array_equal(np.concatenate(blocks), decode(songs[name], RATE).samples)


def test_one_decode_in_many_threads(songs):
    names = ["pcm16.wav", "cbr.mp3", "song.ogg", "song.m4a", "song.wma"]
    alone = {name: decode(songs[name], RATE).samples for name in names}
    with ThreadPoolExecutor(4) as pool:
        for name, decoded in zip(names * 4, pool.map(lambda name: decode(songs[name], RATE), names * 4)):
            assert np.array_equal(decoded.samples, alone[name]), name


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """One hour at 8 kHz: a click every ten seconds."""
    path = tmp_path_factory.mktemp("hour") / "hour.flac"
    minute = np.zeros(60 * 8000, "int16")
    minute[:: 10 * 8000] = 16384
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(minute)
    return path


def test_long_file_streams_in_flat_memory(hour):
    samples = clicks = 0
    tracemalloc.start()
    try:
        for block in stream(hour, 8000):
            samples += len(block)
            clicks += np.count_nonzero(block == 0.5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (samples, clicks) == (3600 * 8000, 360)
    assert peak < 4e6  # a few blocks of 0.5 MB; the whole is 115 MB


def test_excerpt_costs_the_excerpt_alone(hour):
    began = time.thread_time()
    whole = np.concatenate(list(stream(hour, 8000)))
    middle = time.thread_time()
    for start in range(3590, 3599):
        excerpt = decode(hour, 8000, start + 0.5, 1.0).samples
        assert np.array_equal(excerpt, whole[round((start + 0.5) * 8000) :][:8000])
    # Nine seconds of an hour: 1 % of the time seen. Decoding up to each would take nine times the whole.
    assert time.thread_time() - middle < (middle - began) / 2


# --- the mix and the resampler --------------------------------------------------------------------


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 44100, 48000, 96000, 192000])
def test_tone_keeps_pitch_level_and_phase(tmp_path, rate):
    path = tmp_path / "tone.wav"
    write_sound(path, tone(1000, 2.0, rate), rate, subtype="PCM_24")
    decoded = decode(path, RATE).samples
    inside = slice(RATE // 4, -RATE // 4)  # away from the edges, where a filter rings
    # The pass band of soxr's HQ setting ripples by less than 0.01 dB, which is 6e-4 of 0.5.
    np.testing.assert_allclose(decoded[inside], tone(1000, 2.0, RATE)[:, 0][inside], rtol=0, atol=6e-4)


def test_what_the_rate_cannot_hold_is_removed(tmp_path):
    path = tmp_path / "ultrasound.wav"
    write_sound(path, tone(15000, 2.0, 48000) + tone(500, 2.0, 48000, 0.25), 48000, subtype="FLOAT")
    decoded = decode(path, RATE).samples[RATE // 4 : -RATE // 4]
    # 15 kHz would fold to 7 050 Hz at a level of 0.5; soxr's HQ setting stops 120 dB and more.
    expected = tone(500, 2.0, RATE, 0.25)[RATE // 4 : -RATE // 4, 0]
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=3e-4)


def test_channels_are_averaged(tmp_path):
    """A channel alone among n comes out at 1/n, whichever it is and whoever decodes."""
    for channels in (2, 3, 8):
        for loud in range(channels):
            samples = np.zeros((RATE, channels), "float32")
            samples[:, [loud]] = tone(440, 1.0, RATE, 0.8)
            write_sound(tmp_path / "one.wav", samples, RATE, subtype="FLOAT")
            mono = decode(tmp_path / "one.wav", RATE).samples
            np.testing.assert_allclose(mono, samples[:, loud] / channels, rtol=0, atol=1e-7)
    for loud in range(2):
        samples = np.zeros((44100, 2), "float32")
        samples[:, [loud]] = tone(440, 1.0, 44100, 0.8)
        write_av(tmp_path / "one.m4a", samples, 44100, "aac")
        mono = decode(tmp_path / "one.m4a", 44100).samples[8820:-8820]
        assert np.sqrt(np.mean(mono**2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.02)  # 0.2 dB for lossy coding


def test_overshoot_is_clipped_and_nothing_else_is_changed(faulty):
    path = faulty / "overshoot.mp3"
    raw, rate = soundfile.read(path, dtype="float32")
    assert np.abs(raw).max() > 1.1  # lossy coding of a square wave at full scale
    decoded = decode(path, rate).samples
    # 1e-6: the mp3 decoder rounds differently where it is asked for blocks instead of the whole.
    np.testing.assert_allclose(decoded, np.clip(raw, -1, 1), rtol=0, atol=1e-6)
    for other in (16000, 48000):  # the resampler overshoots too
        assert np.abs(decode(path, other).samples).max() == 1.0


# --- flags ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "flags"),
    [("silence.flac", ("silent",)), ("dither.wav", ("silent",)), ("clipped.wav", ("clipped",)),
     ("overshoot.mp3", ("clipped",)), ("half_cbr.mp3", ("truncated",)), ("mp3_named.wav", ()),
     ("m4a_named.mp3", ()), ("index_first.m4a", ())],
)  # fmt: skip
def test_flags(faulty, name, flags):
    assert decode(faulty / name, RATE).flags == flags


def test_an_excerpt_of_a_truncated_file_has_no_such_flag(faulty):
    assert decode(faulty / "half_cbr.mp3", RATE, 1.0, 1.0).flags == ()


@pytest.mark.parametrize("name", SONGS)
def test_good_files_have_no_flags(songs, name):
    assert decode(songs[name], RATE).flags == ()


def test_silence_is_below_80_db(tmp_path):
    for level, flags in ((0.98e-4, ("silent",)), (1.02e-4, ())):
        write_sound(tmp_path / "quiet.wav", tone(441, 1.0, RATE, level), RATE, subtype="FLOAT")
        assert decode(tmp_path / "quiet.wav", RATE).flags == flags


# libsndfile takes the length of these from what is there, so that nothing is missing from its point of view.
@pytest.mark.parametrize(
    ("half", "whole"),
    [("half_pcm16.wav", "pcm16.wav"), ("half_song.ogg", "song.ogg"), ("half_song.opus", "song.opus"),
     ("half_cbr.mp3", "cbr.mp3")],
)  # fmt: skip
def test_truncated_file_gives_what_it_holds(faulty, songs, half, whole):
    beginning = decode(faulty / half, RATE).samples
    assert 2.9 < len(beginning) / RATE < 3.6
    sound = len(beginning) - RATE // 10  # the last packet lacks its overlap with the next
    np.testing.assert_allclose(beginning[:sound], decode(songs[whole], RATE).samples[:sound], rtol=0, atol=EXACT)


@pytest.mark.parametrize(("half", "whole"), [("half_index_first.m4a", "song.m4a"), ("half_song.wma", "song.wma")])
def test_file_that_breaks_in_the_middle_is_refused_but_its_beginning_can_be_had(faulty, songs, half, whole):
    with pytest.raises(AudioError, match="broken in the middle: ") as caught:
        decode(faulty / half, RATE)
    assert isinstance(caught.value.__cause__, DECODERS[probe(faulty / half).decoder].errors())
    beginning = decode(faulty / half, RATE, 0.0, 2.0).samples
    np.testing.assert_allclose(beginning, decode(songs[whole], RATE).samples[: 2 * RATE], rtol=0, atol=EXACT)


# --- faults ---------------------------------------------------------------------------------------

UNREADABLE = r"not an audio file that can be read \(libsndfile: .+; ffmpeg: .+\)\."
NO_MP3 = r"not an audio file that can be read \(libsndfile: no mp3 frame found; ffmpeg: .+\)\."
NO_AUDIO = r"holds no audio: the file has a header and nothing after it\. Replace the file\."
NOT_FINITE = r"5 NaN or infinite samples\. Write the file again from its source\."


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("missing.mp3", r"cannot be opened: No such file or directory\."),
        ("text.mp3/song.mp3", r"cannot be opened: Not a directory\."),
        ("folder.mp3", r"cannot be opened: Is a directory\."),
        ("zero_bytes.mp3", r"empty file: 0 bytes\. Replace the file\."),
        ("text.mp3", NO_MP3),
        ("two\nlines.mp3", NO_MP3),
        ("header_cbr.mp3", NO_MP3),
        ("header_song.ogg", UNREADABLE),
        ("header_song.m4a", UNREADABLE),
        ("half_song.m4a", UNREADABLE),
        ("header_pcm16.flac", r"broken in the middle: \S.*"),
        ("half_pcm16.flac", r"broken in the middle: \S.*"),
        ("header_pcm16.wav", NO_AUDIO),
        ("no_samples.wav", NO_AUDIO),
        ("one_sample.wav", r"too short: 0\.00005 s of audio; at least 0\.1 s are needed\."),
        ("10_ms.wav", r"too short: 0\.00998 s of audio; at least 0\.1 s are needed\."),
        ("10_ms.mp3", r"too short: 0\.00998 s of audio; at least 0\.1 s are needed\."),
        ("99_ms.flac", r"too short: 0\.09900 s of audio; at least 0\.1 s are needed\."),
        ("nan.wav", NOT_FINITE),
        ("inf.wav", NOT_FINITE),
        ("opposite.flac", r"the channels cancel each other \(opposite phase\)\. Invert one channel\."),
    ],
)
def test_fault_names_path_and_cause_in_one_line(faulty, name, cause):
    with pytest.raises(AudioError) as caught:
        decode(faulty / name, RATE)
    error = caught.value
    assert isinstance(error, KgenreError)
    assert re.fullmatch(cause, error.cause)
    assert error.path == str(faulty / name)
    assert str(error) == f"{faulty / name}: {error.cause}".replace("\n", "\\n")
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("name", ["zero_bytes.mp3", "text.mp3", "folder.mp3", "missing.mp3", "half_song.m4a"])
def test_probe_finds_the_same_fault(faulty, name):
    with pytest.raises(AudioError) as decoding:
        decode(faulty / name, RATE)
    with pytest.raises(AudioError) as probing:
        probe(faulty / name)
    assert str(probing.value) == str(decoding.value)


def test_fault_in_the_middle_comes_after_the_blocks_before_it(tmp_path):
    samples = tone(440, 13.0, RATE)
    samples[2 * BLOCK_FRAMES] = np.nan  # in the third block
    write_sound(tmp_path / "late.wav", samples, RATE, subtype="FLOAT")
    blocks = stream(tmp_path / "late.wav", RATE)
    np.testing.assert_allclose(next(blocks), samples[:BLOCK_FRAMES, 0], rtol=0, atol=0)
    with pytest.raises(AudioError, match="1 NaN or infinite samples"):
        list(blocks)


def test_nearly_opposite_channels_are_no_fault(tmp_path):
    """-40 dB of the sum is left: quiet, but it is there."""
    left = tone(440, 1.0, RATE)
    write_sound(tmp_path / "wide.wav", np.hstack([left, -0.98 * left]), RATE, subtype="FLOAT")
    np.testing.assert_allclose(decode(tmp_path / "wide.wav", RATE).samples, 0.01 * left[:, 0], rtol=0, atol=1e-7)


@pytest.mark.parametrize("source", ["cbr.mp3", "song.m4a"])
@pytest.mark.parametrize("name", ["\"'a b'", "\N{MUSICAL NOTE}", "100 %d", "Artist: Song", "new\nline", b"\xe9t\xe9"])
def test_odd_file_names(songs, tmp_path, monkeypatch, source, name):
    """Relative names, which FFmpeg could take for a protocol, and names that are not UTF-8."""
    monkeypatch.chdir(tmp_path)
    path = os.fsdecode(name) + os.path.splitext(source)[1]
    try:
        shutil.copy(songs[source], path)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system does not take such a name")
    assert np.array_equal(decode(path, RATE).samples, decode(songs[source], RATE).samples)


def test_decoder_versions_name_all_that_changes_samples():
    said = decoder_versions()
    for name in ("soundfile", "av", "soxr"):
        assert f"{name} {importlib.metadata.version(name)}" in said
    assert f"libsndfile {soundfile.__libsndfile_version__}" in said
