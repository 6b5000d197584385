"""LogMel against librosa, against a float64 derivation of its own, and against closed forms."""

import warnings
from functools import cache

import keras
import librosa
import numpy as np
import pytest

from kgenre.core.errors import KgenreError
from kgenre.features.layers.logmel import LogMel
from kgenre.features.layers.stft import decibels

# (sample_rate, n_fft, hop_length, n_mels, fmin, fmax)
SETTINGS = [
    (22050, 2048, 512, 128, 0.0, None),  # librosa's and the config's defaults
    (16000, 400, 160, 64, 125.0, 7500.0),  # VGGish's frame: no power of two, a hop that does not divide it
    (44100, 4096, 1000, 96, 20.0, 16000.0),
    (22050, 1024, 1024, 40, 0.0, 8000.0),  # frames side by side
    (22050, 512, 700, 32, 50.0, None),  # gaps between frames
]
SECONDS = 1.3  # no whole number of any hop


def make_signals(sample_rate: int, seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """Named test signals, float32 (samples,). Tones and chirp stay inside the bands of SETTINGS."""
    rng = np.random.default_rng(3)
    time = np.arange(int(sample_rate * seconds)) / sample_rate
    noise = rng.standard_normal(len(time))
    clicks = np.zeros(len(time))
    clicks[:: len(time) // 7] = 1.0
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.18, 329.63, 440.0))
    rise = (0.35 * sample_rate - 200) / seconds  # Hz a second
    signals = {
        "tone 440 Hz": 0.8 * np.sin(2 * np.pi * 440 * time),
        "tone 1 kHz": 0.5 * np.sin(2 * np.pi * 1000 * time),
        "high tone": 0.5 * np.sin(2 * np.pi * 0.3 * sample_rate * time),
        "chirp": 0.7 * np.sin(2 * np.pi * (200 * time + rise * time**2 / 2)),
        "noise": 0.3 * noise,
        "clicks": clicks,
        "decaying chord": 0.2 * chord * np.exp(-3 * time),
        "clipped noise": np.clip(4 * noise, -1, 1),
        "quiet noise": 1e-4 * noise,
        "quiet tone": 1e-4 * np.sin(2 * np.pi * 440 * time),  # librosa's floor cuts it off, 56 dB down
        "quieter than the floor": 1e-7 * noise,
        "constant": np.full(len(time), 0.5),
    }
    return {name: signal.astype("float32") for name, signal in signals.items()}


SIGNALS = sorted(make_signals(22050))


@cache
def outputs(settings: tuple) -> dict[str, np.ndarray]:
    """LogMel of every signal, taken as one batch: {name: (frames, n_mels)}."""
    signals = make_signals(settings[0])
    return dict(zip(signals, logmel(np.stack(list(signals.values())), *settings), strict=True))


def logmel(waveform: np.ndarray, *settings, **options) -> np.ndarray:
    """(batch, samples) -> (batch, frames, n_mels)."""
    return keras.ops.convert_to_numpy(LogMel(*settings, **options)(waveform))


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Within 1e-3 dB, and 3e-3 dB in the lowest 10 of the 80 dB.

    Rounding in the float32 transform is white, some -155 dB below the loudest bin. Beside a band
    70 dB down that is at most 1e-3 dB (measured: 6e-4); 10 dB lower it weighs three times as much.
    """
    assert ours.shape == theirs.shape
    limit = np.where(theirs > -70.0, 1e-3, 3e-3)
    error = np.abs(ours - theirs)
    assert (error <= limit).all(), f"largest difference {error.max():.1e} dB"


# The independent derivation, float64. Formulas: Slaney, Auditory Toolbox (1998); nothing of librosa's is called.
def slaney_hz(mel: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: 200/3 Hz a mel up to 1 kHz (mel 15), above it 27 mels for a factor of 6.4."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def slaney_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def band_edges(n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    """Lower edge, centres and upper edge of the bands in Hz, (n_mels + 2,)."""
    return slaney_hz(np.linspace(slaney_mel(fmin), slaney_mel(fmax), n_mels + 2))


def derived(waveform, sample_rate, n_fft, hop_length, n_mels, fmin, fmax, top_db=80.0) -> np.ndarray:
    """The docstring of LogMel, written out: (samples,) -> (frames, n_mels)."""
    edges = band_edges(n_mels, fmin, sample_rate / 2 if fmax is None else fmax)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.concatenate([np.zeros(n_fft // 2), np.float64(waveform), np.zeros(n_fft)])
    bins = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    mel = np.empty((1 + len(waveform) // hop_length, n_mels))
    weights = np.empty((n_mels, len(bins)))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:])):
        triangle = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
        weights[band] = np.maximum(0, triangle) * 2 / (high - low)  # each triangle has the area 1 Hz
    for i in range(len(mel)):
        frame = padded[i * hop_length : i * hop_length + n_fft] * window
        mel[i] = weights @ np.abs(np.fft.rfft(frame)) ** 2
    level = 10 * np.log10(np.maximum(mel, 1e-10))
    return np.maximum(level - level.max(), -top_db)


def librosa_logmel(waveform, sample_rate, n_fft, hop_length, n_mels, fmin, fmax) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=.* is too large|Empty filters")
        mel = librosa.feature.melspectrogram(
            y=waveform, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels, fmin=fmin, fmax=fmax
        )
    return librosa.power_to_db(mel, ref=np.max, top_db=80).T


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_librosa(settings, name):
    assert_close(outputs(settings)[name], librosa_logmel(make_signals(settings[0])[name], *settings))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_float64_derivation(settings, name):
    assert_close(outputs(settings)[name], derived(make_signals(settings[0])[name], *settings))


@pytest.mark.parametrize("samples", [1, 10, 511, 512, 513, 1023, 1024, 2047, 2048, 2049, 5119, 5120])
def test_lengths_about_a_frame_and_a_hop(samples):
    waveform = make_signals(22050)["decaying chord"][:samples]
    settings = SETTINGS[0]
    ours = logmel(waveform[None], *settings)[0]
    assert len(ours) == 1 + samples // 512
    assert_close(ours, librosa_logmel(waveform, *settings))
    assert_close(ours, derived(waveform, *settings))
    assert LogMel(*settings).compute_output_shape((None, samples)) == (None, 1 + samples // 512, 128)


@pytest.mark.parametrize("frames", [320, 321, 700])
@pytest.mark.parametrize("hop_length", [512, 2500])
def test_frames_are_taken_in_parts_of_a_long_waveform(frames, hop_length):
    waveform = make_signals(22050, 0.5)["noise"]
    waveform = np.resize(waveform, (frames - 1) * hop_length + 100)
    ours = logmel(waveform[None], 22050, 2048, hop_length)[0]
    assert_close(ours, librosa_logmel(waveform, 22050, 2048, hop_length, 128, 0.0, None))


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("n_mels", [1, 3, 9, 250])  # of 250 bands, those narrower than a bin are empty
def test_few_and_many_bands(n_mels):
    settings = (22050, 1024, 512, n_mels, 0.0, None)
    waveform = make_signals(22050)["noise"]
    ours = logmel(waveform[None], *settings)[0]
    assert_close(ours, derived(waveform, *settings))
    assert_close(ours, librosa_logmel(waveform, *settings))


@pytest.mark.parametrize("top_db", [20.0, 50.0, 120.0])
def test_range_is_clipped_at_top_db(top_db):
    waveform = make_signals(22050)["tone 1 kHz"]
    ours = logmel(waveform[None], top_db=top_db)[0]
    theirs = derived(waveform, *SETTINGS[0], top_db=top_db)
    assert ours.min() == -top_db and ours.max() == 0.0
    assert_close(np.maximum(ours, -80.0), np.maximum(theirs, -80.0))


def test_example_does_not_depend_on_its_neighbours():
    signals = make_signals(22050)
    quiet = [signals["quiet noise"], signals["decaying chord"]]
    beside_loud = logmel(np.stack([*quiet, signals["clipped noise"]]))
    for i, waveform in enumerate(quiet):
        # A product of another batch size may sum in another order: float32 rounding at 80 dB is 8e-6 a step.
        np.testing.assert_allclose(beside_loud[i], logmel(waveform[None])[0], rtol=0, atol=5e-5)


@pytest.mark.parametrize("samples", [0, 1, 2048, 22050])
def test_silence_is_zero(samples):
    np.testing.assert_array_equal(logmel(np.zeros((1, samples), "float32")), np.zeros((1, 1 + samples // 512, 128)))


@pytest.mark.parametrize("gain", [2.0, 0.125, 8.0])
def test_level_leaves_it_unchanged(gain):
    waveform = 0.1 * make_signals(22050)["noise"]
    # The gain is a power of two, so only the logarithm and the subtraction round: 8e-6 dB a step below 128 dB.
    np.testing.assert_allclose(logmel(gain * waveform[None]), logmel(waveform[None]), rtol=0, atol=3e-5)


@pytest.mark.parametrize("gain", [0.5, 0.1, 0.01])
def test_softer_second_half_reads_its_gain(gain):
    half = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050)
    ours = logmel(np.concatenate([half, gain * half]).astype("float32")[None])[0]
    band = ours.mean(axis=0).argmax()
    drop = ours[60:80, band].mean() - ours[10:30, band].mean()
    assert drop == pytest.approx(20 * np.log10(gain), abs=1e-4)  # 0.5 is -6.02 dB; whole periods, so only rounding


def test_decibels_of_known_powers():
    power = np.array([[1.0, 0.1, 1e-3, 1e-9], [1e4, 1.0, 0.0, 5e3]], "float32")[..., None]
    expected = [[0.0, -10.0, -30.0, -80.0], [0.0, -40.0, -80.0, 10 * np.log10(0.5)]]
    ours = keras.ops.convert_to_numpy(decibels(power, 80.0))[..., 0]
    np.testing.assert_allclose(ours, expected, atol=2e-5)  # float32 rounding at 80 dB


@pytest.mark.parametrize("hz", [150.0, 440.0, 700.0, 1000.0, 2500.0, 4200.0, 7777.0])
def test_tone_lands_in_the_band_of_the_nearest_centre(hz):
    waveform = np.sin(2 * np.pi * hz * np.arange(22050) / 22050).astype("float32")
    ours = logmel(waveform[None], 22050, 2048, 512, 40)[0]
    centres = band_edges(40, 0.0, 11025.0)[1:-1]
    inside = ours[3:-3]  # frames that the padding does not touch
    assert set(inside.argmax(axis=1)) == {np.abs(centres - hz).argmin()}


@pytest.mark.parametrize("hop_length", [512, 300])
def test_shift_by_a_hop_moves_by_a_frame(hop_length):
    waveform = make_signals(22050)["noise"].copy()
    waveform[12000:12100] += 5.0  # the loudest place, in both excerpts
    early, late = waveform[:-hop_length], waveform[hop_length:]
    early, late = logmel(np.stack([early, late]), 22050, 2048, hop_length)
    inside = slice(2048 // hop_length + 1, -(2048 // hop_length) - 2)  # frames that the padding does not touch
    np.testing.assert_array_equal(early[1:][inside], late[:-1][inside])  # the same samples: the same bits


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_stays_float32_under_mixed_precision(policy):
    loud = make_signals(22050)["clipped noise"][None]  # its power, 1e6, would overflow float16
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = LogMel()(loud)
    finally:
        keras.config.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(mixed.dtype) == "float32"
    np.testing.assert_array_equal(mixed, logmel(loud))
    assert np.isfinite(mixed).all()


@pytest.mark.parametrize("name", ["silence", "decaying chord", "clipped noise", "quieter than the floor"])
def test_gradient_is_finite(name):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: the gradient is taken with it")
    signals = {**make_signals(22050), "silence": np.zeros(28665, "float32")}
    waveform = tf.constant(signals[name][None])
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        mean = tf.reduce_mean(LogMel()(waveform))
    gradient = tape.gradient(mean, waveform).numpy()
    assert np.isfinite(gradient).all()
    floor_hides_it = name in ("silence", "quieter than the floor")
    assert (gradient == 0).all() == floor_hides_it


def test_get_config_round_trip():
    layer = LogMel(16000, 400, 160, 64, 125.0, 7500.0, 60.0, name="front")
    again = LogMel.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    waveform = make_signals(16000)["chirp"][None]
    np.testing.assert_array_equal(again(waveform), layer(waveform))
    names = ("sample_rate", "n_fft", "hop_length", "n_mels", "fmin", "fmax", "top_db", "name")
    assert [again.get_config()[name] for name in names] == [16000, 400, 160, 64, 125.0, 7500.0, 60.0, "front"]


def test_saved_file_round_trip(tmp_path):
    waveform = make_signals(16000)["chirp"][None]
    inputs = keras.Input((waveform.shape[1],))
    model = keras.Model(inputs, LogMel(16000, 400, 160, 64, 125.0, 7500.0, 60.0)(inputs))
    model.save(tmp_path / "front.keras")
    again = keras.saving.load_model(tmp_path / "front.keras")
    np.testing.assert_array_equal(again(waveform), model(waveform))
    assert again.output.shape == (None, 1 + waveform.shape[1] // 160, 64)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"n_mels": 0}, "`n_mels` must be positive. Received: n_mels=0."),
        ({"n_fft": 0}, "`n_fft` must be positive. Received: n_fft=0."),
        ({"n_fft": -4}, "`n_fft` must be positive. Received: n_fft=-4."),
        ({"hop_length": 0}, "`hop_length` must be positive. Received: hop_length=0."),
        ({"hop_length": -1}, "`hop_length` must be positive. Received: hop_length=-1."),
        ({"sample_rate": 0}, "`sample_rate` must be positive. Received: sample_rate=0."),
        ({"top_db": 0.0}, "`top_db` must be positive. Received: top_db=0.0."),
        (
            {"fmin": 8000.0, "fmax": 4000.0},
            "`fmin_hz` must be below `fmax_hz`, and that at most half the sample rate. "
            "Received: fmin_hz=8000.0, fmax_hz=4000.0, sample_rate_hz=22050.",
        ),
        ({"fmin": 4000.0, "fmax": 4000.0}, "Received: fmin_hz=4000.0, fmax_hz=4000.0, sample_rate_hz=22050."),
        ({"fmin": -1.0}, "Received: fmin_hz=-1.0, fmax_hz=11025.0, sample_rate_hz=22050."),
        ({"fmax": 12000.0}, "Received: fmin_hz=0.0, fmax_hz=12000.0, sample_rate_hz=22050."),
    ],
    ids=str,
)
def test_refuses(wrong, text):
    with pytest.raises(KgenreError) as caught:
        LogMel(**wrong)
    assert text in str(caught.value)
