"""What stands around the networks: the image, the answer of the model, and its random draws."""

import keras
import numpy as np
import pytest
from applicable_settings import compose_applicable

from kgenre.core.errors import KgenreError
from kgenre.core.settings import fields_of
from kgenre.features import FEATURES
from kgenre.model.build import load_model, reseed, slice_model
from kgenre.model.image import SpectrogramImage
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings, every_class

SMALL = {"sample_rate_hz": 8000, "slice_seconds": 0.8, "n_fft": 512, "hop_length": 160, "n_mels": 40}  # 41 frames


def small_config(**values):
    return RunSettings.compose({**SMALL, "arch": "convconvpool", **values})


def spectrogram(batch: int = 2, frames: int = 7, bins: int = 5) -> np.ndarray:
    """Decibels in [-80, 0], both ends included: (batch, frames, bins)."""
    values = np.random.default_rng(0).uniform(-80, 0, (batch, frames, bins)).astype("float32")
    values[:, 0, 0], values[:, -1, -1] = -80.0, 0.0
    return values


def waveforms(batch: int = 3) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((batch, 6400))
    return (0.1 * noise * np.linspace(0, 1, 6400)).astype("float32")


def image_of(decibels: np.ndarray, *arguments, **options) -> np.ndarray:
    return keras.ops.convert_to_numpy(SpectrogramImage(*arguments, **options)(decibels))


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear without anti-aliasing, pixel centres at i + 1/2, edges repeated; float64 (rows, columns)."""

    def weights(size, wanted):
        place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(size)))  # (wanted, size)

    return weights(image.shape[0], height) @ image @ weights(image.shape[1], width).T


@pytest.mark.parametrize("top_db", [80.0, 40.0])
def test_range_becomes_0_to_1_frequency_down_time_across(top_db):
    decibels = np.maximum(spectrogram(), -top_db)
    image = image_of(decibels, -top_db)
    assert image.min() == 0.0 and image.max() == 1.0
    for frame, band in ((0, 0), (3, 1), (6, 4)):
        # float32 rounding of a number up to 1
        np.testing.assert_allclose(image[:, band, frame, 0], 1 + decibels[:, frame, band] / top_db, atol=2e-7)


@pytest.mark.parametrize("size", [(10, 21), (3, 4), (5, 20), (9, 7), (5, None), (None, 3), (None, None)])
def test_resize_is_bilinear(size):
    decibels = spectrogram()
    image = image_of(decibels, -80.0, 0.0, *size)
    height, width = size[0] or 5, size[1] or 7
    for ours, theirs in zip(image[..., 0], 1 + np.float64(decibels) / 80, strict=True):
        np.testing.assert_allclose(ours, resized(theirs.T, height, width), rtol=0, atol=1e-6)  # float32 weights


def test_channels_are_equal():
    image = image_of(spectrogram(), -80.0, 0.0, 9, 11, channels=3)
    assert image.shape == (2, 9, 11, 3) and np.ptp(image[..., 0]) > 0.5
    np.testing.assert_array_equal(image[..., 1], image[..., 0])
    np.testing.assert_array_equal(image[..., 2], image[..., 0])


def test_frame_scaling_fills_0_to_1_in_every_frame():
    decibels = spectrogram()
    decibels[0, 3] = -12.0  # a frame of one value has no range to fill
    image = image_of(decibels, frame_scaling=True)[..., 0]  # (batch, bins, frames)
    low, high = image.min(axis=1), image.max(axis=1)  # (batch, frames)
    assert (low == 0).all()
    assert high[0, 3] == 0
    high[0, 3] = 1
    np.testing.assert_allclose(high, 1, atol=1e-6)  # float32 rounding of the division
    frame = np.float64(decibels[1, 4])
    np.testing.assert_allclose(image[1, :, 4], (frame - frame.min()) / np.ptp(frame), atol=1e-6)


def test_image_round_trip():
    layer = SpectrogramImage(-60.0, 0.0, 9, 11, 3, True, name="image")
    again = SpectrogramImage.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(spectrogram()), layer(spectrogram()))
    assert layer.compute_output_shape((None, 7, 5)) == (None, 9, 11, 3)
    assert SpectrogramImage().compute_output_shape((None, 7, 5)) == (None, 5, 7, 1)


def test_logmel_takes_the_config_values():
    values = {"sample_rate_hz": 16000, "n_fft": 400, "hop_length": 160, "n_mels": 64, "fmin_hz": 125.0}
    config = ModelSettings.compose({**values, "fmax_hz": 7500.0, "top_db": 60.0})
    layer = FEATURES["logmel"].build(config.audio.sample_rate_hz, config.features[config.feature]).get_config()
    names = ("sample_rate", "n_fft", "hop_length", "n_mels", "fmin", "fmax", "top_db")
    assert [layer[name] for name in names] == [16000, 400, 160, 64, 125.0, 7500.0, 60.0]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_answer_is_softmax_of_logits_and_the_embedding(precision):
    model = untrained_model(small_config(precision=precision), 5)
    probabilities, embedding = slice_model(model, SingleLabel(("a", "b")))(waveforms())
    logits = np.float64(keras.ops.convert_to_numpy(model(waveforms())))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)  # float32
    assert {keras.backend.standardize_dtype(output.dtype) for output in (probabilities, embedding)} == {"float32"}
    last = model.get_layer("logits")
    np.testing.assert_allclose(embedding @ last.kernel + last.bias, logits, rtol=0, atol=1e-4)  # float32 sums of 1024


def test_seed_gives_the_weights():
    def weights(seed):
        return [keras.ops.convert_to_numpy(weight) for weight in untrained_model(small_config(seed=seed), 5).weights]

    first, same, other = weights(3), weights(3), weights(4)
    assert all(np.array_equal(one, two) for one, two in zip(first, same, strict=True))
    assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def draw(model, seed: int, epoch: int) -> np.ndarray:
    """Logits with zoom and dropout on, after a reseed."""
    reseed(model, seed, epoch)
    return keras.ops.convert_to_numpy(model(waveforms(), training=True))


def test_reseed_gives_the_draws_of_an_epoch(tmp_path):
    model = untrained_model(small_config(), 5)
    model.save(tmp_path / "model.keras")
    first = draw(model, 0, 3)
    np.testing.assert_array_equal(draw(model, 0, 3), first)  # normalised by the batch: the statistics do not count
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(draw(resumed, 0, 3), first)
    for seed, epoch in ((0, 4), (1, 3), (3, 0)):
        assert np.abs(draw(model, seed, epoch) - first).max() > 1e-3, (seed, epoch)


def test_reseed_reaches_every_random_layer_with_a_state_of_its_own():
    model = untrained_model(small_config(), 5)
    reseed(model, 0, 0)
    generators = [
        layer.seed_generator if hasattr(layer, "seed_generator") else layer.generator
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout) or layer.name == "zoom_range"
    ]
    states = [tuple(keras.ops.convert_to_numpy(generator.state)) for generator in generators]
    assert len(states) == len(set(states)) == 3
    reseed(model, 0, 1)
    assert not set(states) & {tuple(keras.ops.convert_to_numpy(generator.state)) for generator in generators}


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("name", ["zoom_range", "dropout", "top_db", "seed", "n_mels", "image_channels"])
def test_layers_take_what_the_config_lets_pass(name):
    field = next(fields_of(settings)[name] for settings in every_class() if name in settings.model_fields)
    for value in (field.low, field.high):
        model = untrained_model(small_config(image_height=40, image_width=40, **{name: value}), 5)
        assert np.isfinite(keras.ops.convert_to_numpy(model(waveforms(), training=True))).all()


@pytest.mark.parametrize("arch", ["convpool", "convconvpool", "resnet50"])  # each has a smallest image
def test_dtype_policy_is_restored_after_a_refusal(arch):
    with pytest.raises(KgenreError):
        untrained_model(
            compose_applicable({"weights": "none"}, **SMALL, arch=arch, image_height=8, precision="mixed_float16"), 5
        )
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("fault", ["missing", "text", "cut", "other layers"])
def test_file_that_is_no_model_is_told(fault, tmp_path):
    path = tmp_path / "model.keras"
    if fault == "text":
        path.write_text("no model")
    elif fault == "cut":
        untrained_model(small_config(), 5).save(path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif fault == "other layers":
        inputs = keras.Input((4,))
        keras.Model(inputs, Stranger()(inputs)).save(path)
    with pytest.raises(KgenreError) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: not a readable model (") and "\n" not in str(caught.value)


class Stranger(keras.layers.Layer):
    """A layer that no loader knows."""

    def call(self, inputs):
        return inputs
