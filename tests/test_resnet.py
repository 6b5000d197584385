"""ResNet50: what trains, where its weights come from, and what is said when they cannot be had."""

import dataclasses
import hashlib
import logging
import shutil
import warnings

import h5py
import keras
import numpy as np
import pytest
from download_server import Server
from keras.src.applications import resnet as keras_resnet
from keras.src.legacy.saving import legacy_h5_format

from kgenre.archs import ARCHS, resnet
from kgenre.archs.pretrained import freeze, load_file
from kgenre.core import transfer
from kgenre.core.errors import KgenreError
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import WEIGHTS, sources

NAME = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"  # as keras.applications asks for it
SMALL = {"sample_rate_hz": 8000, "slice_seconds": 0.5, "image_height": 64, "image_width": 32}
# The last 8 layers of the backbone are "1_relu, 2_conv, 2_bn, 2_relu, 3_conv, 3_bn, add, out" of its last block.
LAST_8 = [
    "conv5_block3_2_conv/kernel",
    "conv5_block3_2_conv/bias",
    "conv5_block3_2_bn/gamma",
    "conv5_block3_2_bn/beta",
    "conv5_block3_3_conv/kernel",
    "conv5_block3_3_conv/bias",
    "conv5_block3_3_bn/gamma",
    "conv5_block3_3_bn/beta",
]


def small_config(**values):
    return RunSettings.compose({**SMALL, "weights": "none", **values}, {"arch": "resnet50"})


def backbone_of(**values) -> keras.Model:
    return untrained_model(small_config(**values), 4).get_layer("resnet50")


def assert_same_weights(ours: keras.Model, theirs: keras.Model) -> None:
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        assert our.path == their.path
        np.testing.assert_array_equal(our, their)


@pytest.fixture(scope="module")
def donor() -> keras.Model:
    """A backbone all of whose weights, the statistics too, are drawn from a seed."""
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for variable in backbone.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape).astype("float32"))
    return backbone


@pytest.fixture(scope="module")
def spare() -> keras.Model:
    """A backbone for tests that may change its weights."""
    return resnet.load_backbone((32, 32, 3), "none")


def thaw(backbone: keras.Model) -> None:
    for layer in backbone.layers:  # the model's own `trainable` is True already and says nothing to them
        layer.trainable = True


@pytest.fixture(scope="module")
def shelf(donor, tmp_path_factory):
    """A folder with the donor's weights in the form of keras.applications' downloads."""
    folder = tmp_path_factory.mktemp("shelf")
    with h5py.File(folder / NAME, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, donor)
    return folder


@pytest.fixture
def published(shelf, tmp_path, monkeypatch):
    """A server that publishes the donor's weights in place of Keras's, and an empty cache directory."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(transfer, "RETRIES", 0)
    content = (shelf / NAME).read_bytes()
    server = Server({NAME: content})
    publish(monkeypatch, url=f"{server.url}/{NAME}", md5=hashlib.md5(content).hexdigest(), size=len(content))
    yield server
    server.stop()


def publish(monkeypatch, **values) -> None:
    monkeypatch.setattr(resnet, "IMAGENET", dataclasses.replace(resnet.IMAGENET, **values))


def test_imagenet_row_is_that_of_keras():
    row = WEIGHTS["resnet50-imagenet"]
    assert row.url == keras_resnet.BASE_WEIGHTS_PATH + NAME and row.file == NAME
    assert row.md5 == keras_resnet.WEIGHTS_HASHES["resnet50"][1]


@pytest.mark.parametrize(("unfreeze", "trainable"), [(8, LAST_8), (5, LAST_8[4:]), (0, []), (1000, None), (-1, None)])
def test_exactly_the_last_layers_train(spare, unfreeze, trainable):
    thaw(spare)
    freeze(spare, unfreeze)
    paths = [variable.path for variable in spare.trainable_variables]
    if trainable is None:  # all: 53 convolutions with bias and 53 batch normalisations, two variables each
        assert len(paths) == 4 * 53
    else:
        assert paths == trainable
    assert len(spare.weights) == 6 * 53


@pytest.mark.parametrize(("unfreeze", "count"), [(8, len(LAST_8)), (-1, 4 * 53)])
def test_unfreeze_of_the_config(unfreeze, count):
    assert len(backbone_of(unfreeze=unfreeze).trainable_variables) == count


def test_frozen_batch_normalisation_runs_on_its_statistics(spare):
    thaw(spare)
    freeze(spare, 0)
    image = np.random.default_rng(1).random((2, 32, 32, 3)).astype("float32") * 255
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in spare.weights]
    in_training = keras.ops.convert_to_numpy(spare(image, training=True))
    np.testing.assert_array_equal(in_training, spare(image, training=False))
    for was, weight in zip(before, spare.weights, strict=True):
        np.testing.assert_array_equal(was, weight)


@pytest.mark.parametrize("scaling", ["imagenet", "unit"])
def test_pixel_scaling(scaling):
    model = untrained_model(small_config(scaling=scaling), 4)
    waveform = np.random.default_rng(2).standard_normal((1, 4000)).astype("float32")
    image = keras.Model(model.input, model.get_layer("zoom_range").output)(waveform)
    before = model.layers[model.layers.index(model.get_layer("resnet50")) - 1]
    seen = keras.Model(model.input, before.output)(waveform)
    image, seen = np.float64(image), np.float64(seen)
    assert image.min() >= 0 and image.max() <= 1 and np.ptp(image) > 0.1
    # keras.applications' "caffe" mode: 0..255, less the means of blue, green and red, which all see one image
    expected = 255 * image - [103.939, 116.779, 123.68] if scaling == "imagenet" else image
    np.testing.assert_allclose(seen, expected, rtol=0, atol=3e-5)  # float32 at 255


def test_flatten_pools_7_by_7_and_average_pools_all():
    rng = np.random.default_rng(3)
    for pooling, size in (("average", (64, 96)), ("flatten", (224, 230))):
        model = untrained_model(small_config(pooling=pooling, image_height=size[0], image_width=size[1]), 4)
        backbone = model.get_layer("resnet50")
        pool = model.layers[model.layers.index(backbone) + 1]
        maps = rng.random((1, *backbone.output.shape[1:])).astype("float32")
        expected = maps.mean(axis=(1, 2)) if pooling == "average" else maps[:, :7, :7].mean(axis=(1, 2))[:, None, None]
        np.testing.assert_allclose(pool(maps), expected, rtol=1e-5)  # float32 mean of 49 numbers


def test_weights_of_a_file(donor, tmp_path):
    path = tmp_path / "mine.weights.h5"
    donor.save_weights(path)
    assert_same_weights(backbone_of(weights=str(path)), donor)


def test_weights_of_a_legacy_file(donor, shelf):
    assert_same_weights(backbone_of(weights=str(shelf / NAME)), donor)


@pytest.mark.parametrize("fault", ["text", "cut", "other network", "other suffix"])
def test_wrong_file_is_one_line(fault, spare, shelf, tmp_path):
    path = tmp_path / {"other suffix": "wrong.npz"}.get(fault, "wrong.weights.h5")
    if fault == "cut":
        path.write_bytes((shelf / NAME).read_bytes()[:1_000_000])
    elif fault == "other network":
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(path)
    else:
        path.write_text("no weights")
    with warnings.catch_warnings(), pytest.raises(KgenreError) as caught:
        warnings.simplefilter("error")  # nothing but the one line
        load_file(spare, str(path))
    assert str(caught.value).startswith(f"{path}: does not hold the weights of resnet50 without its top (")
    assert "\n" not in str(caught.value)


def test_missing_file_names_the_choices(tmp_path):
    path = tmp_path / "none.weights.h5"
    with pytest.raises(KgenreError) as caught:
        backbone_of(weights=str(path))
    expected = f"`weights` must be auto, imagenet, none or a file. Received: {path}, which is no file. "
    expected += "Name one with --weights."
    assert str(caught.value) == expected


@pytest.mark.parametrize("channels", [1, 2])
def test_needs_three_channels(channels):
    with pytest.raises(KgenreError) as caught:
        untrained_model(small_config(image_channels=channels), 4)
    assert str(caught.value) == f"`resnet50` needs 3 channels. Received: {channels}. Set --image-channels 3."


def own_records(caplog) -> list[logging.LogRecord]:
    """Without those of other packages."""
    return [record for record in caplog.records if record.name.startswith("kgenre")]


def test_imagenet_is_downloaded_once(published, donor, caplog):
    assert ARCHS["resnet50"].resolve(small_config(weights="auto").network) == {"weights": "imagenet"}
    published.stop()  # from here on only the cache can answer
    caplog.clear()
    assert_same_weights(backbone_of(weights="imagenet"), donor)
    assert not own_records(caplog) and len(published.requests) == 1


@pytest.mark.parametrize("fault", ["missing", "refused", "silent", "corrupt"])
def test_imagenet_unavailable_warns_or_raises(fault, published, tmp_path, monkeypatch, caplog):
    file = tmp_path / "cache" / "kgenre" / NAME
    monkeypatch.setattr(sources, "TIMEOUT_SECONDS", 0.3)
    if fault == "missing":
        published.files.clear()
    elif fault == "refused":
        published.stop()
    elif fault == "silent":
        published.plan = ["silent", "silent"]
    else:
        published.files[NAME] = published.files[NAME][:-1] + b"?"
    with caplog.at_level(logging.WARNING):
        resolved = ARCHS["resnet50"].resolve(small_config(weights="auto").network)
    with pytest.raises(KgenreError) as caught:
        untrained_model(small_config(weights="imagenet"), 4)
    assert resolved == {"weights": "none", "unfreeze": -1}
    text = str(caught.value)
    assert text.startswith("ResNet50's ImageNet weights: ") and text.endswith(f" to {file}.") and "\n" not in text
    cause = {
        "missing": f"{NAME} could not be downloaded from {published.url}/{NAME} (HTTP 404 Not Found)",
        "refused": "Connection refused",
        "silent": "Read timed out",
        "corrupt": "not the published file: its md5 must begin with",
    }
    assert cause[fault] in text
    [warning] = own_records(caplog)
    assert warning.getMessage() == f"{text} Starting from random weights, with every layer trainable."
    assert not file.exists()


def test_imagenet_copied_by_hand_needs_no_network(published, shelf, donor, tmp_path):
    published.stop()
    (tmp_path / "cache" / "kgenre").mkdir(parents=True)
    shutil.copy(shelf / NAME, tmp_path / "cache" / "kgenre")
    assert_same_weights(backbone_of(weights="imagenet"), donor)


def test_weights_that_are_named_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.weights.h5").write_bytes(b"")
    resolve = ARCHS["resnet50"].resolve
    assert resolve(small_config(weights="imagenet").network) == {"weights": "imagenet"}
    assert resolve(small_config(weights="a.weights.h5").network) == {"weights": str(tmp_path / "a.weights.h5")}
    assert resolve(small_config(weights="none", unfreeze=8).network) == {"weights": "none", "unfreeze": -1}
    assert ARCHS["convpool"].resolve(ARCHS["convpool"].settings()) == {}
