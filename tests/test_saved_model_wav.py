"""The signature `wav_bytes` against soundfile and soxr, and what it makes of files that are not as they should be."""

import io
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from kgenre.audio.decode import decode
from kgenre.audio.slicing import SliceSpec
from kgenre.model.tasks import make_task
from kgenre.serving.exporters.saved_model import resample, signatures, wav, write
from kgenre.serving.saved_model import SavedModel

RATES = (8000, 11025, 16000, 22050, 44100, 48000, 96000)
CHANNELS = (1, 2, 6)
TO_RATES = (16000, 22050)
UNUSUAL = {"no small ratio": 44099, "prime": 11027, "low": 1000, "high": 768000}
AGREEMENT_DB = -60.0  # of what is below 0.9 of the lower Nyquist frequency
EDGE_SECONDS = 0.1  # where the two filters ring on what lies before the first sample and behind the last
MUTATIONS = 300
SPEC = SliceSpec(16000, 8000, 8000)


def wav_file(samples, rate: int, format="WAV", subtype="PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def band_limited(rate: int, to_rate: int, channels: int, seconds: float = 1.0) -> np.ndarray:
    """Noise below 0.9 of the lower Nyquist frequency, with a silent start and end: (samples, channels)."""
    rng, n = np.random.default_rng(rate + channels), round(seconds * rate) + 1
    spectrum = np.fft.rfft(rng.standard_normal((n, channels)), axis=0)
    spectrum[np.fft.rfftfreq(n, 1 / rate) > 0.9 * min(rate, to_rate) / 2] = 0
    noise = np.fft.irfft(spectrum, n, axis=0)
    return 0.5 * noise / np.abs(noise).max()


@pytest.fixture(scope="module")
def converted():
    """The function of (file, rate) -> samples that the graph reads, float32."""
    import tensorflow as tf

    def traced(to_rate):
        @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
        def read(data):
            return resample.resample(*wav.graph()(data, 0), to_rate)

        return read

    readers = {rate: traced(rate) for rate in TO_RATES}
    return lambda data, to_rate: readers[to_rate](data).numpy()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> SavedModel:
    """A small exported network of random weights at 16 kHz."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    waveform = keras.Input((SPEC.slice_samples,), name="waveform")
    frames = layers.Dense(16, "relu")(layers.Reshape((-1, 100))(waveform))
    embedding = layers.GlobalAveragePooling1D(name="embedding")(frames)
    network = keras.Model(waveform, layers.Dense(3, name="logits")(embedding))
    folder = tmp_path_factory.mktemp("model") / "1"
    write(network, make_task("single", ("blues", "jazz", "metal")), SPEC, folder)
    return SavedModel(folder)


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return band_limited(44100, 16000, 2)


def ask(model, *files) -> dict:
    answer = model.module.signatures["wav_bytes"](wav_bytes=np.array(files, object))
    return {name: value.numpy() for name, value in answer.items()}


def refusal(model, data: bytes) -> str:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        ask(model, data)
    return str(caught.value)


def error_db(found, expected, to_rate: int) -> float:
    edge = round(EDGE_SECONDS * to_rate)
    error = (found - expected)[edge:-edge]
    return 20 * np.log10(np.sqrt(np.mean(error**2) / np.mean(expected[edge:-edge] ** 2)) + 1e-12)


@pytest.mark.parametrize("to_rate", TO_RATES)
@pytest.mark.parametrize(
    "rate, channels",
    [*itertools.product(RATES, CHANNELS), *((rate, 1) for rate in UNUSUAL.values())],
)
def test_wav_is_decoded_and_resampled_as_by_soundfile_and_soxr(converted, rate, channels, to_rate):
    data = wav_file(band_limited(rate, to_rate, channels), rate)
    samples, read_rate = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    assert read_rate == rate
    expected = soxr.resample(samples.mean(axis=1), rate, to_rate, quality="HQ")
    found = converted(data, to_rate)
    assert len(found) == len(expected)
    assert error_db(found, expected, to_rate) < AGREEMENT_DB


def test_tone_above_the_lower_nyquist_frequency_is_gone(converted):
    time = np.arange(44100) / 44100
    found = converted(wav_file(0.9 * np.sin(2 * np.pi * 9000 * time), 44100), 16000)
    assert np.abs(found[1600:-1600]).max() < 1 / 32768  # what rounding to 16 bits adds, which lies at all frequencies


@pytest.mark.parametrize("rate", RATES)
def test_length_is_that_of_soxr(converted, rate):
    for samples in (1, 2, 3, 10, 441, 1000, 1001):
        found = converted(wav_file(np.full(samples, 0.1), rate), 16000)
        stream = soxr.ResampleStream(rate, 16000, 1, quality="HQ")
        expected = len(stream.resample_chunk(np.zeros(samples, "float32"), last=True)) if rate != 16000 else samples
        assert len(found) == max(1, expected)


def test_long_file_is_resampled_in_blocks_without_a_seam(converted, monkeypatch):
    samples = band_limited(44100, 16000, 1, seconds=20)
    expected = soxr.resample(samples[:, 0], 44100, 16000, quality="HQ")
    error = converted(wav_file(samples, 44100), 16000) - expected
    assert np.abs(error[1600:-1600]).max() < 1e-3 * np.abs(expected).max()


def test_answers_are_those_of_the_decoded_file(model, tmp_path):
    files, expected = [], []
    for rate, channels in ((44100, 2), (8000, 1), (48000, 6), (16000, 2), (44099, 1)):
        data = wav_file(band_limited(rate, 16000, channels, seconds=0.7 + channels / 5), rate)
        (tmp_path / "song.wav").write_bytes(data)
        samples = decode(tmp_path / "song.wav", 16000).samples
        expected.append(model.module.signatures["serving_default"](waveform=samples[None])["probabilities"][0])
        files.append(data)
    found = ask(model, *files)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)  # two resamplers
    assert found["num_slices"].tolist() == [3, 2, 4, 3, 2]
    for data, answer in zip(files, found["probabilities"]):
        np.testing.assert_allclose(ask(model, data)["probabilities"][0], answer, atol=1e-5)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
def test_short_files_beside_a_long_one_take_no_memory_of_its_length(model):
    """Padded to its length, the 61 files would be 1.1 GiB of samples."""
    files = [wav_file(np.full(300_000, 0.1), 1000), *[wav_file(np.full(20, 0.1), 1000)] * 60]
    expected = ask(model, files[1])
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before = memory_mib("VmRSS")
    found = ask(model, *files)
    assert memory_mib("VmHWM") - before < 400  # 18 MiB of samples, and what the resampler takes
    assert found["slice_probabilities"].shape == (61, 600, 3)
    assert found["num_slices"].tolist() == [600] + [1] * 60
    for row in found["probabilities"][1:]:
        np.testing.assert_allclose(row, expected["probabilities"][0], rtol=0, atol=1e-5)
    assert not found["slice_probabilities"][1:, 1:].any()


def test_more_padded_answers_than_a_server_should_hold_are_refused():
    """Files of a sample beside one of 1000 slices: 67 million probabilities of three genres, nearly all zeros."""
    import tensorflow as tf

    lengths = np.array([1000 * SPEC.slice_samples] + [1] * 22_400, "int32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have at most 67108864 probabilities"):
        signatures._limited(lengths, SPEC, 3)
    assert np.array_equal(signatures._limited(lengths[:22_000], SPEC, 3), lengths[:22_000])
    assert signatures._limited(lengths[:0], SPEC, 3).shape == (0,)


def memory_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def chunk(name: bytes, body: bytes, pad: bool = True) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2 if pad else 0)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(code=1, channels=1, rate=16000, bits=16, align=None) -> bytes:
    align = 2 * channels if align is None else align
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate, rate * align & 0xFFFFFFFF, align, bits))


PCM = (1000 * np.sin(np.arange(9000) / 7)).astype("<i2").tobytes()
PLAIN = riff(fmt(), chunk(b"data", PCM))
SAME = {
    "chunks before": riff(chunk(b"LIST", b"INFOISFT\4\0\0\0abc\0"), chunk(b"id3 ", b"odd"), fmt(), chunk(b"data", PCM)),
    "odd chunk between": riff(fmt(), chunk(b"junk", b"12345"), chunk(b"data", PCM)),
    "chunks behind": riff(fmt(), chunk(b"data", PCM), chunk(b"LIST", b"INFO"), b"\0\0\0"),
    "sizes unknown": b"RIFF\xff\xff\xff\xffWAVE" + fmt() + b"data\xff\xff\xff\xff" + PCM,
    "long fmt": riff(chunk(b"fmt ", fmt()[8:] + b"\0\0"), chunk(b"data", PCM)),
    "half a frame over": riff(fmt(), chunk(b"data", PCM + b"x", pad=False)),
    "extensible": wav_file(np.frombuffer(PCM, "<i2"), 16000, format="WAVEX"),
    "wrong RIFF size": b"RIFF\0\0\0\0" + PLAIN[8:],
}


@pytest.mark.parametrize("name", SAME)
def test_wav_of_another_layout_has_the_same_answer(model, name):
    found, expected = ask(model, SAME[name]), ask(model, PLAIN)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)


FLOAT = np.linspace(-0.5, 0.5, 5000)
REFUSED = {
    "nothing": (b"", "must be a RIFF/WAVE file. Received: 0 bytes"),
    "text": (b"these are words, not music\n" * 9, "must be a RIFF/WAVE file. Received: 243 bytes"),
    "flac": (wav_file(FLOAT, 16000, format="FLAC"), "must be a RIFF/WAVE file"),
    "big-endian": (b"RIFX" + PLAIN[4:], "must be a RIFF/WAVE file"),
    "avi": (PLAIN[:8] + b"AVI " + PLAIN[12:], "must be a RIFF/WAVE file"),
    "header cut": (PLAIN[:30], "must have a fmt and a data chunk. Received: 30 bytes"),
    "no fmt": (riff(chunk(b"data", PCM)), "must have a fmt and a data chunk"),
    "data first": (riff(chunk(b"data", PCM), fmt()), "must have a fmt and a data chunk"),
    "short fmt": (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", PCM)), "must have a fmt and a data chunk"),
    "chunks without end": (riff(*[chunk(b"junk", b"")] * 2000, fmt(), chunk(b"data", PCM)), "must have a fmt and"),
    "float": (wav_file(FLOAT, 16000, subtype="FLOAT"), "must be 16-bit PCM. Received: format 3, 32 bits, 1 channels"),
    "24 bits": (wav_file(FLOAT, 16000, subtype="PCM_24"), "must be 16-bit PCM. Received: format 1, 24 bits"),
    "8 bits": (wav_file(FLOAT, 16000, subtype="PCM_U8"), "must be 16-bit PCM. Received: format 1, 8 bits"),
    "mu-law": (wav_file(FLOAT, 16000, subtype="ULAW"), "must be 16-bit PCM. Received: format 7, 8 bits"),
    "ADPCM": (wav_file(FLOAT, 16000, subtype="IMA_ADPCM"), "must be 16-bit PCM. Received: format 17, 4 bits"),
    "extensible float": (wav_file(FLOAT, 16000, "WAVEX", "FLOAT"), "must be 16-bit PCM. Received: format 3, 32 bits"),
    "no channels": (riff(fmt(channels=0), chunk(b"data", PCM)), "must have 2 bytes a sample and channel"),
    "wrong frames": (riff(fmt(align=3), chunk(b"data", PCM)), "must have 2 bytes a sample and channel"),
    "slow": (riff(fmt(rate=999), chunk(b"data", PCM)), "must be 1000 to 1000000 Hz"),
    "fast": (riff(fmt(rate=2**32 - 1), chunk(b"data", PCM)), "must be 1000 to 1000000 Hz"),
    "cut": (PLAIN[:-10], "must not be truncated. Received: 17990 of 18000 bytes of samples. Send the whole file"),
    "empty": (riff(fmt(), chunk(b"data", b"")), "must hold audio"),
    "less than a frame": (riff(fmt(channels=2), chunk(b"data", b"abc")), "must hold audio"),
    "too long": (riff(fmt(rate=1000), chunk(b"data", bytes(2 * 3_600_001))), "must be at most 3600 s long"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wav_that_cannot_be_read_is_an_invalid_argument_with_the_rule(model, name):
    data, expected = REFUSED[name]
    text = refusal(model, data)
    assert f"wav_bytes[0] {expected}" in text and "Received: " in text


def test_refusal_names_the_file_of_the_request(model):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"wav_bytes\[2\] must not be truncated"):
        ask(model, PLAIN, PLAIN, PLAIN[:-2])


def mutated(data: bytes, rng) -> bytes:
    """A file with bytes of its header changed, removed or added, or cut, or with a chunk of anything."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(0, min(len(changed), 60))) if len(changed) else 0
        kind = rng.integers(0, 6)
        if kind == 0 and changed:
            changed[place] = rng.integers(0, 256)
        elif kind == 1 and changed:
            changed[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            del changed[place : place + int(rng.integers(1, 9))]
        elif kind == 3:
            changed[place:place] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 4:
            del changed[int(rng.integers(0, len(changed) + 1)) :]
        else:
            changed[12:12] = chunk(rng.bytes(4), rng.bytes(int(rng.integers(0, 30))), pad=bool(rng.integers(0, 2)))
    return bytes(changed)


def check_mutations(model, count: int) -> None:
    import tensorflow as tf

    rng, before = np.random.default_rng(0), ask(model, PLAIN)["probabilities"]
    stereo = riff(fmt(channels=2, rate=44100), chunk(b"data", PCM))
    seeds, outcomes = (PLAIN, stereo, SAME["extensible"], SAME["chunks before"]), {"answered": 0, "refused": 0}
    for number in range(count):
        try:
            answer = ask(model, mutated(seeds[number % len(seeds)], rng))
        except tf.errors.InvalidArgumentError as error:
            assert "wav_bytes[0] must" in str(error)
            outcomes["refused"] += 1
        else:
            assert all(np.isfinite(value).all() for value in answer.values())
            np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-5)
            outcomes["answered"] += 1
    assert min(outcomes.values()) > count / 20, outcomes
    np.testing.assert_array_equal(ask(model, PLAIN)["probabilities"], before)


def test_mutated_wavs_are_answered_or_refused_as_invalid_arguments(model):
    check_mutations(model, MUTATIONS)


@pytest.mark.soak
def test_a_thousand_mutated_wavs_are_answered_or_refused(model):
    check_mutations(model, 1000)
