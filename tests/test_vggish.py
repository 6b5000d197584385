"""VGGish: the module of TF-Hub, a stand-in of it, and our network with its weights."""

import dataclasses
import functools
import importlib
import io
import logging
import shutil
import sys
import tarfile

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_hub as hub
from download_server import Server

from kgenre.archs import ARCHS
from kgenre.audio.reader import TrackReader
from kgenre.core import transfer
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT
from kgenre.model.build import front_end
from kgenre.serving.predict import predict_tracks
from kgenre.serving.vggish import VggishEmbedder
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import sources

vggish = importlib.import_module("kgenre.archs.vggish")  # the builder has the module's name
RATE = 16000
WIDTH = 1 / 8
# Names and kernels at full width, in the order in which the module makes them; a bias follows each.
LAYERS = (
    ("conv1", (3, 3, 1, 64)),
    ("conv2", (3, 3, 64, 128)),
    ("conv3/conv3_1", (3, 3, 128, 256)),
    ("conv3/conv3_2", (3, 3, 256, 256)),
    ("conv4/conv4_1", (3, 3, 256, 512)),
    ("conv4/conv4_2", (3, 3, 512, 512)),
    ("fc1/fc1_1", (6 * 4 * 512, 4096)),
    ("fc1/fc1_2", (4096, 4096)),
    ("fc2", (4096, 128)),
)
NAMES = [name.split("/")[-1] for name, _ in LAYERS]


def narrowed(shape: tuple) -> tuple:
    """The sizes of a layer at WIDTH; the image's one channel stays."""
    return tuple(size if size in (1, 3) else round(size * WIDTH) for size in shape)


def stand_in_weights(seed: int = 0) -> list[tuple[str, np.ndarray]]:
    """Kernels as He's, so that activations keep their size, and biases that are not 0."""
    rng, weights = np.random.default_rng(seed), []
    for name, shape in LAYERS:
        shape = narrowed(shape)
        kernel = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
        weights.append((f"vggish/{name}/weights", kernel.astype("float32")))
        weights.append((f"vggish/{name}/biases", (0.1 * rng.standard_normal(shape[-1])).astype("float32")))
    return weights


class StandIn(tf.Module):
    """A module with the names, order and call of google/vggish/1, in plain TensorFlow."""

    def __init__(self, weights: list):
        super().__init__()
        self._variables = [tf.Variable(value, name=name) for name, value in weights]

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def __call__(self, waveform):
        mel = tf.signal.linear_to_mel_weight_matrix(64, 257, RATE, 125.0, 7500.0)
        x = tf.math.log(tf.abs(tf.signal.stft(waveform, 400, 160, 512)) @ mel + 0.01)
        x = tf.signal.frame(x, 96, 96, axis=0)[..., None]  # (patches, 96, 64, 1)
        for i, pool in enumerate((True, True, False, True, False, True)):
            kernel, bias = self._variables[2 * i : 2 * i + 2]
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
            x = tf.nn.max_pool2d(x, 2, 2, "SAME") if pool else x
        x = tf.reshape(x, (-1, self._variables[12].shape[0]))
        for i in (6, 7):
            x = tf.nn.relu(x @ self._variables[2 * i] + self._variables[2 * i + 1])
        return x @ self._variables[16] + self._variables[17]


def numpy_patches(waveform: np.ndarray) -> np.ndarray:
    """VGGish's front end in float64: 25 ms periodic Hann, 10 ms hop, |FFT of 512|, 64 HTK bands, log(x + 0.01)."""
    frames = np.lib.stride_tricks.sliding_window_view(np.float64(waveform), 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    magnitude = np.abs(np.fft.rfft(frames * window, 512))  # (frames, 257)

    def mel(hz):
        return 1127 * np.log(1 + hz / 700)

    at, edges = mel(np.arange(257) * RATE / 512), np.linspace(mel(125), mel(7500), 66)
    bands = np.zeros((257, 64))
    for k in range(64):
        low, middle, high = edges[k : k + 3]
        bands[:, k] = np.maximum(0, np.minimum((at - low) / (middle - low), (high - at) / (high - middle)))
    x = np.log(magnitude @ bands + 0.01)
    return x[: len(x) // 96 * 96].reshape(-1, 96, 64)


def numpy_embeddings(x: np.ndarray, weights: list) -> np.ndarray:
    """VGGish in float64: patches (n, 96, 64) -> (n, 128 * WIDTH)."""
    weights = [np.float64(value) for _, value in weights]
    x = x[..., None]
    for i, pool in enumerate((True, True, False, True, False, True)):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (n, h, w, c, 3, 3)
        x = np.maximum(0, np.tensordot(windows, weights[2 * i], ((4, 5, 3), (0, 1, 2))) + weights[2 * i + 1])
        if pool:
            n, height, width, channels = x.shape
            x = x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
    x = x.reshape(len(x), -1)  # time, frequency, channels
    for i in (6, 7):
        x = np.maximum(0, x @ weights[2 * i] + weights[2 * i + 1])
    return x @ weights[16] + weights[17]


def music(seconds: float) -> np.ndarray:
    """Chords that change, with noise: float32 (samples,)."""
    rng, time = np.random.default_rng(7), np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * hz * (1 + 0.2 * (time % 2 > 1)) * time) for hz in (220.0, 331.0, 440.0, 1730.0))
    return (0.15 * chord * np.exp(-2 * (time % 0.5)) + 0.01 * rng.standard_normal(len(time))).astype("float32")


def sine() -> np.ndarray:
    return np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE)


def saved(folder, weights: list) -> str:
    tf.saved_model.save(StandIn(weights), str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def weights() -> list:
    return stand_in_weights()


@pytest.fixture(scope="module")
def module(weights, tmp_path_factory) -> str:
    return saved(tmp_path_factory.mktemp("hub") / "vggish", weights)


@pytest.fixture(scope="module")
def expected(weights) -> tuple[float, float]:
    """What a 1 kHz sine comes to through the stand-in, in float64."""
    embeddings = numpy_embeddings(numpy_patches(sine()), weights)
    return embeddings.mean(), embeddings.std()


@pytest.fixture
def narrow(expected, monkeypatch):
    """The row of ARCHS at the stand-in's width, checked against what the stand-in gives."""
    row = ARCHS["vggish"]
    front = functools.partial(row.front, width=WIDTH, expected=expected)
    monkeypatch.setitem(ARCHS, "vggish", dataclasses.replace(row, front=front))


def config_of(**values):
    return RunSettings.compose({"arch": "vggish", **values})


def kinds(model: keras.Model, kind: str) -> list:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The network
@pytest.mark.parametrize("frames_over", [0, 37])
def test_embeddings_are_those_of_the_module(module, weights, frames_over):
    """Front end, patches and network of ours against NumPy in float64 and against the module as hub runs it."""
    waveform = music(0.96 * 4 + 0.015 + 0.01 * frames_over)
    backbone = vggish.vggish_backbone(WIDTH)
    vggish.load_module(backbone, vggish.find_module(module))
    image = front_end(config_of(slice_seconds=len(waveform) / RATE))(waveform[None])
    ours = keras.ops.convert_to_numpy(backbone(vggish.patches(image)))
    expected = numpy_embeddings(numpy_patches(waveform), weights)
    assert ours.shape == expected.shape == (4, 128 * WIDTH)
    assert expected.std(axis=0).mean() > 0.01 * np.abs(expected).max()  # patches that differ
    # float32 through the logarithm and nine layers, relative to the largest value
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    theirs = hub.load(module)(waveform)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_embedder_embeds_a_song_as_the_module_does(module, expected, tmp_path):
    """From a file, slice after slice of one patch each, as `kgenre embed --model vggish` does."""
    waveform = music(0.96 * 4 + 0.015)
    soundfile.write(tmp_path / "song.wav", waveform, RATE, subtype="FLOAT")
    embedder = VggishEmbedder(module, width=WIDTH, expected=expected)
    (result,) = predict_tracks(embedder, TrackReader(embedder.slice_spec), [str(tmp_path / "song.wav")])
    theirs = hub.load(module)(waveform).numpy()
    assert result.slices.probabilities.shape == (4, 0)
    np.testing.assert_allclose(result.slices.embeddings, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())
    assert embedder.identity == VggishEmbedder(module, width=WIDTH, expected=expected).identity


def test_full_network_has_the_variables_of_the_module():
    with keras.StatelessScope():  # nothing is drawn: 72 M numbers would take seconds
        shapes = [tuple(weight.shape) for weight in vggish.vggish_backbone().weights]
    assert shapes == [shape for _, kernel in LAYERS for shape in (kernel, kernel[-1:])]


@pytest.mark.parametrize(("pool", "joined"), [("mean", 16), ("concat", 5 * 16), ("attention", 16)])
def test_pools(pool, joined, narrow):
    model = untrained_model(config_of(pool=pool, weights="none"), 4)
    assert model.get_layer("embedding").output.shape == (None, 256)
    dense = kinds(model, "Dense")[-2]
    assert dense.kernel.shape == (joined, 256)
    x = np.random.default_rng(0).standard_normal((2, 5, 16)).astype("float32")
    inputs = keras.Input((5, 16))
    pooling = keras.Model(inputs, vggish.POOLS[pool](inputs))
    if pool == "attention":
        first, second = kinds(pooling, "Dense")
        scores = np.tanh(x @ np.array(first.kernel)) @ np.array(second.kernel)
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        expected = (shares * x).sum(axis=1)
    else:
        expected = x.mean(axis=1) if pool == "mean" else x.reshape(2, -1)
    np.testing.assert_allclose(pooling(x), expected, atol=1e-5)  # float32 sums


def test_five_patches_fill_a_slice_of_its_row():
    config = config_of()
    assert (config.audio.slice_samples - 400) // config.features[config.feature].hop_length + 1 == 5 * 96


@pytest.mark.parametrize(
    ("unfreeze", "trained"),
    [(3, ["fc1_1", "fc1_2", "fc2"]), (0, []), (-1, NAMES)],
)
def test_a_step_moves_what_is_unfrozen_and_nothing_else(module, narrow, unfreeze, trained):
    model = untrained_model(config_of(weights=module, unfreeze=unfreeze, slice_seconds=1.0), 4)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = {weight.path: np.array(weight) for weight in model.weights}
    model.train_on_batch(np.stack([music(1.0), -0.1 * music(1.0)]), np.array([0, 3]))
    moved = {weight.path for weight in model.weights if not np.array_equal(before[weight.path], weight)}
    head = {weight.path for layer in kinds(model, "Dense") for weight in layer.weights}
    assert len(head) == 4 and head <= moved  # dense 256 and the logits
    assert moved - head == {f"{name}/{part}" for name in trained for part in ("kernel", "bias")}


# Weights
@pytest.mark.parametrize("weights_of", ["folder", "hub"])
def test_weights_come_through_the_config(weights_of, module, weights, narrow, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    shutil.copytree(module, tmp_path / "kgenre" / "vggish-1")
    model = untrained_model(config_of(weights=module if weights_of == "folder" else "hub"), 4)
    for weight, (name, value) in zip(model.get_layer("vggish").weights, weights, strict=True):
        np.testing.assert_array_equal(weight, value, err_msg=name)


def test_check_embeddings_other_values_raises(module, expected):
    assert vggish.SINE_EMBEDDINGS == (-0.0333, 0.380)
    backbone = vggish.vggish_backbone(WIDTH)
    vggish.load_module(backbone, module)
    vggish.check_embeddings(backbone, module, expected)
    vggish.check_embeddings(backbone, module, tuple(1.09 * value for value in expected))
    for wrong in (vggish.SINE_EMBEDDINGS, (1.15 * expected[0], expected[1]), (expected[0], 0.85 * expected[1])):
        text = refusal(vggish.check_embeddings, backbone, module, wrong)
        assert text.startswith(f"{module}: not the weights of VGGish: of a 1 kHz sine")
        assert text.endswith("with --weights, or start from random weights with --weights none.")
    assert f"mean {-0.0333:.4f} and the deviation 0.380" in refusal(vggish.check_embeddings, backbone, module)


def test_check_embeddings_reversed_kernels_raises(weights, expected, tmp_path):
    """Two kernels turned about have the right shapes and the wrong values."""
    turned = [(name, value[::-1] if value.ndim == 4 else value) for name, value in weights]
    backbone = vggish.vggish_backbone(WIDTH)
    vggish.load_module(backbone, saved(tmp_path / "turned", turned))
    assert "not the weights of VGGish" in refusal(vggish.check_embeddings, backbone, "turned", expected)


def test_module_is_read_without_tensorflow_in_the_process(module, weights, tmp_path, monkeypatch):
    """As on JAX and PyTorch: by another process."""
    backbone, cut = vggish.vggish_backbone(WIDTH), tmp_path / "cut"
    shutil.copytree(module, cut)
    next((cut / "variables").glob("*data*")).write_bytes(b"")
    monkeypatch.delitem(sys.modules, "tensorflow")
    vggish.load_module(backbone, module)
    text = refusal(vggish.load_module, backbone, str(cut))
    assert "tensorflow" not in sys.modules
    assert f"{cut}: the module's variables cannot be read (ValueError: " in text
    for weight, (_, expected) in zip(backbone.weights, weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), expected)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("fewer", "not a module of VGGish (16 variables, VGGish has 18)"),
        ("narrower", "not a module of VGGish (its variable 13 has the shape (1535, 512), VGGish's (1536, 512))"),
        ("cut", "the module's variables cannot be read ("),
        ("no variables", "the module's variables cannot be read ("),
    ],
)
def test_module_that_does_not_fit_is_one_line(fault, text, module, weights, tmp_path):
    folder = tmp_path / "module"
    if fault in ("fewer", "narrower"):
        root, values = tf.Module(), [value for _, value in weights]
        values = values[:16] if fault == "fewer" else [*values[:12], values[12][1:], *values[13:]]
        root.all = [tf.Variable(value) for value in values]
        tf.saved_model.save(root, str(folder))
    else:
        shutil.copytree(module, folder)
    for path in (folder / "variables").glob("*"):
        if fault == "cut" and path.suffix != ".index":
            path.write_bytes(path.read_bytes()[:1000])
        if fault == "no variables":
            path.unlink()
    received = refusal(vggish.load_module, vggish.vggish_backbone(WIDTH), str(folder))
    assert received.startswith(f"{folder}: {text}")
    assert received.endswith(vggish.NEXT)


@pytest.mark.parametrize("name", ["nowhere", "imagenet"])
def test_no_module_names_the_choices(name):
    expected = "`weights` of `vggish` must be auto, hub, none or the folder of a TF-Hub module. Received: "
    assert refusal(vggish.find_module, name) == f"{expected}{name}, which holds no saved_model.pb."


@pytest.fixture(params=["kgenre's cache", "TF-Hub's cache"])
def hub_server(request, tmp_path, monkeypatch):
    """A server that stands for TF-Hub, with an empty cache: kgenre's, or TF-Hub's own where TFHUB_CACHE_DIR is set."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(transfer, "RETRIES", 0)
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    server = Server({})
    server.hub_cache = request.param == "TF-Hub's cache"
    server.cache = tmp_path / "hub" if server.hub_cache else tmp_path / "xdg" / "kgenre"
    if server.hub_cache:
        monkeypatch.setenv("TFHUB_CACHE_DIR", str(server.cache))
    monkeypatch.setattr(vggish, "HUB", dataclasses.replace(vggish.HUB, url=f"{server.url}/vggish/1"))
    yield server
    server.stop()


ARCHIVE = "vggish/1?tf-hub-format=compressed"  # as TF-Hub documents it


def archive(folder) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        tar.add(folder, arcname=".")
    return data.getvalue()


def own_messages(caplog) -> list[str]:
    """Without those of other packages."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("kgenre")]


def test_module_is_downloaded_once(hub_server, module, weights, caplog):
    hub_server.files[ARCHIVE] = archive(module)
    with caplog.at_level(logging.WARNING):
        assert ARCHS["vggish"].resolve(config_of(weights="auto").network) == {"weights": "hub"}
    hub_server.stop()  # from here on only the cache can answer
    backbone = vggish.vggish_backbone(WIDTH)
    vggish.load_module(backbone, vggish.find_module("hub"))
    np.testing.assert_array_equal(backbone.weights[0], weights[0][1])
    assert not own_messages(caplog) and len(hub_server.requests) == 1
    if not hub_server.hub_cache:
        assert [path.name for path in hub_server.cache.iterdir()] == ["vggish-1"]  # the archive is gone


@pytest.mark.parametrize("fault", ["missing", "no archive", "cut", "other archive"])
def test_module_unavailable_warns_or_raises(fault, hub_server, module, tmp_path, caplog):
    if fault == "other archive" and hub_server.hub_cache:
        pytest.skip("TF-Hub does not look into the archive")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("another module")
    body = {"no archive": b"words", "cut": archive(module)[:5000], "other archive": archive(tmp_path / "other")}.get(
        fault
    )
    if body:
        hub_server.files[ARCHIVE] = body
    with caplog.at_level(logging.WARNING):
        assert ARCHS["vggish"].resolve(config_of(weights="auto").network) == {"weights": "none", "unfreeze": -1}
    text = refusal(untrained_model, config_of(weights="hub"), 4)
    file = hub_server.cache / "vggish-1.tar.gz"
    if hub_server.hub_cache:
        assert text.startswith(f"VGGish's weights: {vggish.HUB.url} could not be downloaded by TF-Hub (")
        assert text.endswith("Connect to the network, or unset TFHUB_CACHE_DIR for what to copy where.")
    elif fault == "missing":
        assert text.startswith("VGGish's weights: vggish-1.tar.gz could not be downloaded from http")
        assert text.endswith(f"Connect to the network, or copy the file from another machine to {file}.")
    else:
        assert text.startswith(f"VGGish's weights: {file}: not the archive of a TF-Hub module (")
        assert text.endswith("Remove it; it is then fetched again.")
    assert own_messages(caplog) == [f"{text} Starting from random weights, with every layer trainable."]
    # no half of a module, which would be taken for a whole one
    assert {path.name for path in hub_server.cache.iterdir()} <= {"vggish-1.tar.gz"}


def test_unpack_directory_not_writable_raises(module, tmp_path, monkeypatch):
    monkeypatch.setattr("kgenre.weights.sources.os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    file = tmp_path / "vggish-1.tar.gz"
    file.write_bytes(archive(module))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    text = refusal(sources.from_tf_hub, vggish.HUB, tmp_path / "vggish-1", SILENT)
    assert text.startswith(f"{tmp_path / 'vggish-1'}: cannot be written ([Errno 28] No space). Free space there")
    assert [path.name for path in tmp_path.iterdir()] == ["vggish-1.tar.gz"]


def test_module_copied_by_hand_needs_no_network(module, weights, tmp_path, monkeypatch):
    """The archive as a browser saves it, or the unpacked module."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    (tmp_path / "kgenre").mkdir()
    (tmp_path / "kgenre" / "vggish-1.tar.gz").write_bytes(archive(module))
    for _ in range(2):
        backbone = vggish.vggish_backbone(WIDTH)
        vggish.load_module(backbone, vggish.find_module("hub"))
        np.testing.assert_array_equal(backbone.weights[0], weights[0][1])


def test_weights_that_are_named_are_left_alone(module):
    resolve = ARCHS["vggish"].resolve
    assert resolve(config_of(weights="hub").network) == {"weights": "hub"}
    assert resolve(config_of(weights=module).network) == {"weights": module}
    assert resolve(config_of(weights="none").network) == {"weights": "none", "unfreeze": -1}


# What it does not take
def test_other_features_are_refused():
    text = refusal(config_of, feature="cqt")
    assert text == (
        "`vggish` takes the feature vggish_mel. Received: feature=cqt. Leave --feature out, or choose another --arch."
    )


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ({"sample_rate_hz": 22050}, "sample_rate_hz=16000"),
        ({"n_fft": 1024}, "n_fft=512"),
        ({"hop_length": 256}, "hop_length=160"),
        ({"n_mels": 96}, "n_mels=64"),
        ({"fmin_hz": 0.0}, "fmin_hz=125.0"),
        ({"fmax_hz": 8000.0}, "fmax_hz=7500.0"),
        ({"image_width": 480}, "image_width=None"),
        ({"frame_scaling": True}, "frame_scaling=False"),
    ],
    ids=str,
)
def test_pretrained_weights_need_their_own_front_end(values, needed):
    [(name, value)] = values.items()
    text = refusal(config_of, **values)
    assert text == (
        f"The pretrained weights of `vggish` need {needed}. Received: {name}={value}. "
        "Leave it out, or start from random weights with --weights none."
    )
    assert config_of(**values, weights="none").values()[name] == value


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"n_mels": 80}, "`vggish` needs 64 mel bands in 1 channel. Received: 80 in 1. Leave out --n-mels"),
        ({"image_channels": 3}, "`vggish` needs 64 mel bands in 1 channel. Received: 64 in 3. Leave out"),
        ({"slice_seconds": 0.97}, "`vggish` needs 96 frames at least. Received: 95. Set a larger --slice-seconds"),
    ],
    ids=str,
)
def test_image_of_another_shape_is_refused(values, text):
    assert refusal(untrained_model, config_of(weights="none", **values), 4).startswith(text)
