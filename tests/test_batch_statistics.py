"""Statistics of batch normalisation: measured on slices without augmentation, as the trained model is given them."""

import keras
import numpy as np
import pytest
from keras import layers
from test_archs import ARCHS, small_config, small_model, waveforms
from test_spectrograms import GENRES, write_npz

from kgenre.__main__ import main
from kgenre.augment.layers.random_layers import SpecAugment, SpectrogramNoise
from kgenre.training.batch_statistics import BatchStatistics
from kgenre.training.run import Run

TRAINED = "--slice-frames 80 --value-high 200 --arch convconvpool --augment zoom shift --epochs 2".split()


def array(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def test_measure_gives_the_mean_over_batches_of_mean_and_variance_also_in_a_nested_model():
    inside = keras.Input((3,))
    nested = keras.Model(inside, layers.BatchNormalization(name="second")(layers.Dense(2, name="dense")(inside)))
    inputs = keras.Input((3,))
    x = layers.GaussianNoise(1.0)(inputs)
    x = layers.BatchNormalization(name="first")(x)
    frozen = layers.BatchNormalization(name="frozen", trainable=False)
    model = keras.Model(inputs, layers.Dropout(0.9)(nested(frozen(x))))
    rng = np.random.default_rng(0)
    batches = [rng.normal(number, 1 + number, (50, 3)).astype("float32") for number in range(3)]

    statistics = BatchStatistics(model)
    statistics.measure(batches)

    first = model.get_layer("first")
    np.testing.assert_allclose(array(first.moving_mean), np.mean([b.mean(0) for b in batches], axis=0), rtol=1e-5)
    np.testing.assert_allclose(array(first.moving_variance), np.mean([b.var(0) for b in batches], axis=0), rtol=1e-5)
    normal = [(b - b.mean(0)) / np.sqrt(b.var(0) + 1e-3) for b in batches]
    scaled = [b / np.sqrt(1 + 1e-3) for b in normal]  # by the frozen layer's untouched statistics
    dense = [b @ array(nested.get_layer("dense").kernel) for b in scaled]
    second = nested.get_layer("second")
    np.testing.assert_allclose(array(second.moving_variance), np.mean([b.var(0) for b in dense], axis=0), rtol=1e-4)
    assert not array(frozen.moving_mean).any() and (array(frozen.moving_variance) == 1).all()
    assert {layer.momentum for layer in statistics.layers} == {0.99}


# With normalisation of every kind: frozen in part, in branches, recurrent, of one dimension.
EVERY_KIND = ("convpool", "efficientnet_lite0", "bbnn", "crnn", "musicnn", "short_fcn")


@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=pytest.mark.soak if arch not in EVERY_KIND else ()) for arch in ARCHS]
)
def test_network_measured_on_a_batch_normalises_that_batch(arch):
    trained = {"unfreeze": -1} if "unfreeze" in small_config(arch).values() else {}
    config = small_config(arch, augment=(), **trained)
    model = small_model(config)
    statistics = BatchStatistics(model)
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)]
    assert [layer for layer in found if layer.trainable] == statistics.layers
    if not found:
        pytest.skip(f"{arch} has no batch normalisation")
    batch = waveforms(4, config.slice_spec.slice_samples)
    statistics.measure([batch])
    expected = array(statistics.graph(batch))
    np.testing.assert_allclose(array(model(batch)), expected, atol=1e-3 * np.abs(expected).max())


# Uniform values have a variance of 1 / 12; masked cells take the mean, and the noise adds 1 / 4.
@pytest.mark.parametrize(
    "layer, low, high", [(SpecAugment(0.5, seed=0), 0.01, 0.07), (SpectrogramNoise(0.5, seed=0), 0.32, 0.35)]
)
def test_masks_and_noise_belong_to_the_statistics(layer, low, high):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, layers.BatchNormalization(name="after")(layer(inputs)))
    image = np.random.default_rng(0).uniform(0, 1, (64, 8, 8, 1)).astype("float32")
    BatchStatistics(model).measure([image])
    assert low < array(model.get_layer("after").moving_variance).item() < high


def test_trained_model_has_the_statistics_of_slices_as_files_hold_them(tmp_path):
    file = write_npz(tmp_path / "a.npz")
    command = ["train", "--data", str(file), "--out", str(tmp_path / "run"), *TRAINED]
    assert main([*command, "--crops-per-track", "1", "--batch-size", "3"]) == 0
    run = Run(tmp_path / "run")
    model, mel = run.load_model(), np.load(file)["mel"]
    train = np.transpose(mel[np.load(file)["split"] == "train"], (0, 2, 1)).astype("float32")
    first = next(layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization))
    values = array(keras.Model(model.input, first.input)(train))
    np.testing.assert_allclose(array(first.moving_mean), values.mean((0, 1, 2)), rtol=1e-3, atol=1e-5)
    assert len(run.load_labels()) == len(GENRES)
