"""Every feature: against librosa or its definition, alone and in a batch, silent, loud, saved."""

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.features.layers.chroma import ChromaStft
from kgenre.features.layers.cqt import C1_HZ, ChromaCqt, Cqt
from kgenre.features.layers.logmel import LogMel
from kgenre.features.layers.logstft import LogStft
from kgenre.features.layers.mfcc import Mfcc
from kgenre.features.layers.stft import BandMatrix, frame, frame_count
from kgenre.model.build import front_end
from kgenre.model.settings import ModelSettings

RATE = 22050


def music(seconds: float = 6.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Chords of decaying partials, clicks and noise: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    beat = time % 0.5
    tones = sum(
        np.sin(2 * np.pi * hz * k * time + k) / k**1.5 for hz in (65.4, 164.8, 220.0, 329.6) for k in range(1, 6)
    )
    y = 0.1 * tones * np.exp(-3 * beat) + 0.1 * rng.standard_normal(len(time)) * np.exp(-60 * beat)
    return (y + 0.003 * rng.standard_normal(len(time))).astype("float32")


def of(layer, y: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(y[None]))[0]


def config_of(feature: str, **values):
    return ModelSettings.compose({"feature": feature, "slice_seconds": 3.0, **values})


def layer_of(config: ModelSettings):
    return FEATURES[config.feature].build(config.audio.sample_rate_hz, config.features[config.feature])


# --- parity -----------------------------------------------------------------------------------------


def test_mfcc_equals_librosa():
    y = music()
    mfcc = librosa.feature.mfcc(y=y, sr=RATE)
    deltas = [librosa.feature.delta(mfcc, order=order, mode="interp") for order in (1, 2)]
    # Coefficients reach some hundred; 1e-2 is 1e-4 of that, the float32 sum over 128 bands.
    np.testing.assert_allclose(of(Mfcc(), y), np.concatenate([mfcc, *deltas]).T, atol=1e-2)


def test_chroma_stft_equals_librosa():
    y = music()
    np.testing.assert_allclose(of(ChromaStft(), y), librosa.feature.chroma_stft(y=y, sr=RATE, tuning=0).T, atol=1e-3)


@pytest.mark.parametrize("hop_length", [512, 1024])
def test_cqt_equals_librosa(hop_length):
    y = music(10.0)
    ours = of(Cqt(hop_length=hop_length, top_db=None), y)
    theirs = np.abs(librosa.cqt(y, sr=RATE, hop_length=hop_length, sparsity=0, tuning=0)).T
    assert ours.shape == theirs.shape
    edge = 8192 // hop_length  # frames in which the longest filter reaches over an end
    difference = np.abs(ours - theirs) / theirs.max()
    assert difference[edge:-edge].max() < 1e-3
    assert difference.max() < 2e-2  # librosa's decimation filters ring at the ends


def test_cqt_decibels():
    y = music()
    magnitude, level = of(Cqt(top_db=None), y), of(Cqt(top_db=60.0), y)
    np.testing.assert_allclose(level, np.maximum(20 * np.log10(magnitude / magnitude.max()), -60), atol=1e-3)


def chroma_reference(function, y: np.ndarray) -> np.ndarray:
    cqt = librosa.cqt(y, sr=RATE, hop_length=1024, fmin=C1_HZ, n_bins=252, bins_per_octave=36, tuning=0, sparsity=0)
    return function(C=np.abs(cqt), sr=RATE, hop_length=1024, fmin=C1_HZ, tuning=0, bins_per_octave=36, n_octaves=7).T


def test_chroma_cqt_equals_librosa():
    y = music(10.0)
    difference = np.abs(of(ChromaCqt(), y) - chroma_reference(librosa.feature.chroma_cqt, y))
    assert difference[16:-16].max() < 2e-3 and difference.max() < 2e-2  # as the transform's, over 36 bins an octave


def test_chroma_cens_equals_librosa():
    y = music(10.0)
    difference = np.abs(of(ChromaCqt(cens=True), y) - chroma_reference(librosa.feature.chroma_cens, y))
    # Shares near a step of the quantizer may fall on its other side; smoothing spreads one over 41 frames.
    assert np.quantile(difference[40:-40], 0.9) < 1e-3 and difference.max() < 0.05


def test_logstft_equals_interpolation_of_librosa():
    y = music()
    power = np.abs(librosa.stft(y)) ** 2  # (bins, frames)
    at = np.geomspace(32.7, RATE / 2, 128) * 2048 / RATE
    wanted = np.stack([np.interp(at, np.arange(1025), column) for column in power.T])
    wanted = librosa.power_to_db(wanted, ref=np.max)
    np.testing.assert_allclose(of(LogStft(), y), wanted, atol=1e-2)  # single bins: no average over a band


def test_vggish_mel_equals_its_definition():
    """25 ms periodic Hann, 10 ms hop, |FFT of 512|, TensorFlow's HTK mel matrix, log(mel + 0.01); float64."""
    y = music(3.0, 16000)
    frames = np.lib.stride_tricks.sliding_window_view(y.astype("float64"), 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    mel = tf.signal.linear_to_mel_weight_matrix(64, 257, 16000, 125.0, 7500.0, tf.float64).numpy()
    wanted = np.log(np.abs(np.fft.rfft(frames * window, 512)) @ mel + 0.01)
    config = config_of("vggish_mel")
    np.testing.assert_allclose(of(layer_of(config), y), wanted, atol=1e-4)


def test_musicnn_mel_equals_its_definition():
    y = music(3.0, 16000)
    mel = librosa.feature.melspectrogram(y=y, sr=16000, n_fft=512, hop_length=256, n_mels=96)
    ours = of(layer_of(config_of("musicnn_mel")), y)
    np.testing.assert_allclose(ours, np.log10(10000 * mel + 1).T, atol=1e-4)


# --- properties of every row ------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES)
def test_alone_equals_beside_a_loud_neighbour(feature):
    config = config_of(feature)
    layer = layer_of(config)
    y = music(3.0, config.audio.sample_rate_hz)[: config.audio.slice_samples]
    loud = np.clip(50 * music(3.0, config.audio.sample_rate_hz, seed=1), -1, 1)[: config.audio.slice_samples]
    beside = keras.ops.convert_to_numpy(layer(np.stack([0.01 * y, loud])))[0]
    # 1e-4 of values up to some hundred: float32 sums in another order.
    np.testing.assert_allclose(beside, of(layer, 0.01 * y), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("feature", FEATURES)
def test_silence_and_full_scale_are_finite_with_finite_gradients(feature):
    config = config_of(feature)
    to_image = front_end(config)
    y = music(3.0, config.audio.sample_rate_hz)[: config.audio.slice_samples]
    waveforms = tf.Variable(np.stack([np.zeros_like(y), np.sign(y), y]))
    with tf.GradientTape() as tape:
        image = to_image(waveforms)
        total = tf.reduce_sum(tf.square(image))
    assert np.isfinite(image.numpy()).all() and np.ptp(image[2].numpy()) > 0.2
    gradient = tape.gradient(total, waveforms)
    if feature == "chroma_cens":  # quantized: it has no gradient
        assert gradient is None
    else:
        assert np.isfinite(gradient.numpy()).all() and np.abs(gradient.numpy()[2]).max() > 0


@pytest.mark.parametrize("feature", FEATURES)
def test_shape_formula(feature):
    config = config_of(feature)
    layer = layer_of(config)
    for samples in (100, 2048, 2049, config.audio.slice_samples):
        y = np.full(samples, 0.1, "float32")
        assert of(layer, y).shape == layer.compute_output_shape((None, samples))[1:], samples


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_float32_under_mixed_precision(feature, policy):
    config = config_of(feature)
    y = music(3.0, config.audio.sample_rate_hz)[: config.audio.slice_samples]
    wanted = of(layer_of(config), y)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        answer = layer_of(config)(y[None])
    finally:
        keras.config.set_dtype_policy(before)
    assert answer.dtype == tf.float32
    np.testing.assert_array_equal(answer[0], wanted)


@pytest.mark.parametrize("feature", FEATURES)
def test_saved_and_loaded(feature, tmp_path):
    from kgenre.model.build import load_model

    config = config_of(feature)
    waveform = keras.Input((config.audio.slice_samples,))
    model = keras.Model(waveform, front_end(config)(waveform))
    model.save(tmp_path / "model.keras")
    y = music(3.0, config.audio.sample_rate_hz)[None, : config.audio.slice_samples]
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(y), model(y))


def test_a_tone_lands_in_its_bin():
    time = np.arange(3 * RATE) / RATE
    for hz, pitch_class in ((440.0, 9), (261.63, 0), (1244.5, 3)):
        y = (0.5 * np.sin(2 * np.pi * hz * time)).astype("float32")
        assert of(Cqt(), y)[60].argmax() == round(12 * np.log2(hz / C1_HZ))
        for layer in (ChromaStft(), ChromaCqt(), ChromaCqt(cens=True)):
            assert of(layer, y)[30].argmax() == pitch_class


def test_rows_have_their_own_defaults():
    assert config_of("vggish_mel").audio.sample_rate_hz == 16000
    assert config_of("vggish_mel", sample_rate_hz=22050).audio.sample_rate_hz == 22050
    assert config_of("cqt").features["cqt"].hop_length == 1024


def test_bins_above_half_the_rate_are_refused():
    with pytest.raises(KgenreError, match="The highest bin must be below half the sample rate. Received: 3951 Hz"):
        Cqt(sample_rate=8000)
    with pytest.raises(KgenreError, match="must be above 0 and below `fmax_hz`.*fmin_hz=0"):
        LogStft(fmin=0)


# --- the parts that they share ----------------------------------------------------------------------


@pytest.mark.parametrize(("n_fft", "hop"), [(8, 4), (8, 3), (5, 2), (4, 8)])
@pytest.mark.parametrize("center", [True, False])
def test_batched_frames_equal_their_definition(n_fft, hop, center):
    """What other backends and GPUs take; TensorFlow's own framing, one by one, is tested by every parity."""
    x = np.random.default_rng(0).standard_normal((2, 29)).astype("float32")
    count = frame_count(29, n_fft, hop, center)
    padded = np.pad(x, [[0, 0], [n_fft // 2 if center else 0, 4 * n_fft]])
    wanted = np.stack([padded[:, i * hop : i * hop + n_fft] for i in range(count)], axis=1)
    np.testing.assert_array_equal(frame(x, n_fft, hop, count, center), wanted)


def test_batched_path_equals_one_by_one(monkeypatch):
    y = np.stack([music(3.0), music(3.0, seed=1)])
    layer = LogMel()
    one_by_one = layer(y).numpy()
    monkeypatch.setattr("kgenre.features.layers.stft.runs_on_tensorflow_cpu", lambda: False)
    np.testing.assert_allclose(layer(y), one_by_one, atol=1e-3)  # dB; float32 sums in another order


def test_band_matrix_is_the_whole_product():
    filters = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=50)
    spectrum = np.random.default_rng(0).random((7, 1025)).astype("float32")
    np.testing.assert_allclose(BandMatrix(filters)(spectrum), spectrum @ filters.T, rtol=1e-4)
