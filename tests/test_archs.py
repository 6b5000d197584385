"""Every row of ARCHS: its layers as published, its arithmetic, a step of training, its file."""

import contextlib
import dataclasses
import functools
import inspect
import itertools

import keras
import numpy as np
import pytest
from applicable_settings import compose_applicable
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view

from kgenre.archs import ARCHS
from kgenre.core.errors import KgenreError
from kgenre.core.settings import fields_of
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.training.fit import compiled_model, untrained_model
from kgenre.training.settings import RunSettings

N_CLASSES = 8
# The image of Music-Genre-Analysis: 1024 frames, 200 x 1024 x 3.
PUBLISHED = {"slice_seconds": 23.777, "image_height": 200, "image_width": 1024, "image_channels": 3, "weights": "none"}
DEFAULT = {"weights": "none"}  # 128 bands of 256 frames
SMALL = {"sample_rate_hz": 8000, "slice_seconds": 1.28, "n_fft": 512, "hop_length": 80, "n_mels": 120}
SMALL = {**SMALL, "image_height": 128, "image_width": 128, "weights": "none"}
# A quarter of the work.
SMALLER = dict.fromkeys(("resnet50", "efficientnet_lite0"), {"image_height": 64, "image_width": 64})
# The networks of CNNs and RNNs on FMA-small pool over 384 frames at least.
LONG = {"feature": "logmel", "image_height": 84, "image_width": 384}
# musicnn takes 96 bands and nothing else.
SMALLER["musicnn"] = {"image_height": None, "image_width": None, "n_mels": 96, "unfreeze": -1}
# The taggers too. `fcn` pools over 1280 frames; the GRUs of the other have two steps in 192.
SMALLER["tagger_crnn"] = {**SMALLER["musicnn"], "image_width": 192}
SMALLER["fcn"] = {**SMALLER["musicnn"], "image_width": 1280}
SMALLER["short_fcn"] = {**SMALLER["musicnn"], "image_width": 128}
SMALLER |= dict.fromkeys(("freqcnn", "tempcnn", "squarecnn", "crnn", "crnn_parallel", "bbnn"), LONG)
SMALLER["vggish"] = {"feature": "vggish_mel", "sample_rate_hz": 16000, "hop_length": 160, "n_mels": 64}
SMALLER["vggish"] |= {"image_height": 64, "image_width": 200}  # two patches
NARROW = {"vggish": {"width": 1 / 8}, "fcn": {"width": 1 / 8}}  # 72 M parameters in full; 1.5 GMAC a slice

# Music-Genre-Analysis's layer table followed by hand: (n - kernel) // stride + 1 for a convolution, n // 2 for a
# pool, and (kernel^2 inputs + 1) outputs weights, 4 a channel for batch normalisation.
HAND = {
    ("convpool", "published"): (
        [(99, 511, 32), (49, 255, 32), (24, 127, 32), (12, 63, 32)]
        + [(11, 62, 64), (5, 31, 64), (4, 30, 128), (2, 15, 128)],
        1568 + 128 + 9248 + 128 + 8256 + 256 + 32896 + 512 + 1024 * (2 * 15 * 128 + 1) + 4096,
    ),
    ("convpool", "default"): (
        [(63, 127, 32), (31, 63, 32), (15, 31, 32), (7, 15, 32), (6, 14, 64), (3, 7, 64), (2, 6, 128), (1, 3, 128)],
        (16 + 1) * 32 + 128 + 9248 + 128 + 8256 + 256 + 32896 + 512 + 1024 * (1 * 3 * 128 + 1) + 4096,
    ),
    ("convconvpool", "published"): (
        [(100, 512, 32), (50, 256, 32), (25, 128, 32), (24, 127, 64), (23, 126, 64), (11, 63, 64)],
        416 + 4128 + 128 + 8256 + 16448 + 256 + 1024 * (11 * 63 * 64 + 1) + 4096,
    ),
    ("convconvpool", "default"): (
        [(64, 128, 32), (32, 64, 32), (16, 32, 32), (15, 31, 64), (14, 30, 64), (7, 15, 64)],
        (4 + 1) * 32 + 4128 + 128 + 8256 + 16448 + 256 + 1024 * (7 * 15 * 64 + 1) + 4096,
    ),
}
HEAD = ["Dropout", "Flatten", "Dense", "BatchNormalization", "ReLU", "Identity", "Dropout", "Dense"]


def resnet50_parameters() -> int:
    """He et al. 2016, table 1, with the biases that keras.applications gives every convolution."""
    total, width = (7 * 7 * 3 + 1) * 64 + 4 * 64, 64
    for filters, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        total += (width + 1) * 4 * filters + 4 * 4 * filters  # the shortcut's projection, once a stage
        for _ in range(blocks):
            total += (width + 1) * filters + (9 * filters + 1) * filters + (filters + 1) * 4 * filters
            total += 4 * (filters + filters + 4 * filters)
            width = 4 * filters
    return total


def small_config(arch: str, **values) -> RunSettings:
    return compose_applicable({**SMALL, **SMALLER.get(arch, {})}, arch=arch, **values)


@contextlib.contextmanager
def narrow(arch: str):
    """Within it, the network has the sizes of NARROW, if any."""
    row = ARCHS[arch]
    with pytest.MonkeyPatch.context() as patch:
        front = functools.partial(row.front, **NARROW.get(arch, {}))
        patch.setitem(ARCHS, arch, dataclasses.replace(row, front=front))
        yield


def small_model(config: RunSettings) -> keras.Model:
    with narrow(config.arch):
        return untrained_model(config, N_CLASSES)


def waveforms(batch: int, samples: int) -> np.ndarray:
    """Noise whose level rises from example to example by a factor of 100."""
    noise = np.random.default_rng(0).standard_normal((batch, samples))
    return (noise * np.geomspace(0.003, 0.3, batch)[:, None]).astype("float32")


def logits(model, waveform) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(waveform))


def values(model) -> dict[str, np.ndarray]:
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.variables}


def kinds(model, *kept) -> list:
    return [layer for layer in model.layers if isinstance(layer, kept)]


@dataclasses.dataclass
class Stepped:
    """A model before and after one step of training."""

    config: RunSettings
    model: keras.Model
    waveform: np.ndarray
    before: dict
    loss: float
    after: dict


# To trace a step takes ten times as long as to take it.
STEPS = [pytest.param((arch, True), id=arch) for arch in ARCHS]
STEPS += [pytest.param((arch, False), id=f"{arch}-graph", marks=pytest.mark.soak) for arch in ARCHS]


@pytest.fixture(scope="module", params=STEPS)
def stepped(request) -> Stepped:
    arch, eagerly = request.param
    config = small_config(arch)
    with narrow(arch):
        model = compiled_model(config, SingleLabel(tuple(map(str, range(N_CLASSES)))), steps=10)
    model.run_eagerly = eagerly
    waveform, before = waveforms(4, config.audio.slice_samples), values(model)
    loss = model.train_on_batch(waveform, np.arange(4))[0]
    return Stepped(config, model, waveform, before, float(loss), values(model))


@pytest.mark.parametrize(("arch", "size"), HAND)
def test_maps_and_parameters_are_those_worked_by_hand(arch, size):
    model = untrained_model(
        compose_applicable({"published": PUBLISHED, "default": DEFAULT}[size], arch=arch), N_CLASSES
    )
    maps, parameters = HAND[arch, size]
    assert [layer.output.shape[1:] for layer in kinds(model, layers.Conv2D, layers.MaxPooling2D)] == maps
    assert model.count_params() == parameters + (1024 + 1) * N_CLASSES
    assert model.output.shape == (None, N_CLASSES)
    assert model.get_layer("embedding").output.shape == (None, 1024)
    assert [type(layer).__name__ for layer in model.layers[-len(HEAD) :]] == HEAD


@pytest.mark.parametrize(
    ("size", "pooling", "maps", "pooled"),
    [
        (PUBLISHED, "flatten", (7, 32, 2048), 1 * 4 * 2048),
        (PUBLISHED, "average", (7, 32, 2048), 2048),
        (DEFAULT, "average", (4, 8, 2048), 2048),
    ],
)
def test_resnet50_maps_and_parameters(size, pooling, maps, pooled):
    model = untrained_model(RunSettings.compose({**size, "pooling": pooling}, {"arch": "resnet50"}), N_CLASSES)
    backbone = model.get_layer("resnet50")
    assert backbone.output.shape[1:] == maps
    assert backbone.count_params() == resnet50_parameters() == 23_587_712  # as keras.applications counts
    assert model.count_params() == 23_587_712 + (pooled + 1) * 1024 + 4 * 1024 + (1024 + 1) * N_CLASSES
    assert [type(layer).__name__ for layer in model.layers[-len(HEAD) :]] == HEAD


# The convolutional networks as arithmetic in NumPy, float64. (filters, kernel, stride, pool after it)
BLOCKS = {
    "convpool": [(32, 4, 2, True), (32, 3, 2, True), (64, 2, 1, True), (128, 2, 1, True)],
    "convconvpool": [(32, 2, 2, False), (32, 2, 2, True), (64, 2, 1, False), (64, 2, 1, True)],
}


def normalised(x, weights):
    gamma, beta, mean, variance = (next(weights) for _ in range(4))
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def computed(image: np.ndarray, blocks: list, weights) -> np.ndarray:
    """Conv, relu, batch normalisation and max-pool of `blocks`, then `dense_head`: image (h, w, c) -> logits."""
    x = image
    for filters, kernel, stride, pool in blocks:
        kernels, bias = next(weights), next(weights)
        assert kernels.shape == (kernel, kernel, x.shape[-1], filters)
        windows = sliding_window_view(x, (kernel, kernel), axis=(0, 1))[::stride, ::stride]  # (h, w, c, k, k)
        x = np.maximum(0, np.einsum("hwcij,ijcf->hwf", windows, kernels) + bias)
        if pool:
            x = normalised(x, weights)
            height, width = x.shape[0] // 2, x.shape[1] // 2
            x = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max(axis=(1, 3))
    x = x.reshape(-1) @ next(weights) + next(weights)
    return np.maximum(0, normalised(x, weights)) @ next(weights) + next(weights)


@pytest.mark.parametrize("arch", BLOCKS)
def test_logits_equal_the_arithmetic_in_numpy(arch):
    config = small_config(arch)
    model = untrained_model(config, N_CLASSES)
    rng = np.random.default_rng(5)
    # Statistics and offsets that a fresh model lacks. Variances stay above 0; some gammas do not, for with
    # gammas above 0 batch normalisation and max-pool could change places.
    spread = {"kernel": 0.03, "gamma": 1.5}
    for variable in model.weights:
        noise = rng.uniform(-1, 1, variable.shape) * spread.get(variable.name, 0.3)
        variable.assign(keras.ops.convert_to_numpy(variable) + noise)
    waveform = waveforms(1, config.audio.slice_samples)
    image = keras.Model(model.input, model.get_layer("zoom_range").output)(waveform)
    weights = iter([np.float64(keras.ops.convert_to_numpy(weight)) for weight in model.weights])
    expected = computed(np.float64(keras.ops.convert_to_numpy(image))[0], BLOCKS[arch], weights)
    assert next(weights, None) is None
    # float32 sums of some 10^3 terms, relative to the largest logit
    np.testing.assert_allclose(logits(model, waveform)[0], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_step_of_training_moves_every_kernel_that_trains(stepped):
    assert np.isfinite(stepped.loss) and stepped.loss > 0
    kernels = [variable.path for variable in stepped.model.trainable_variables if variable.path.endswith("kernel")]
    assert len(kernels) >= 4
    for path in kernels:
        assert not np.array_equal(stepped.before[path], stepped.after[path]), path
    assert all(np.isfinite(value).all() for value in stepped.after.values())


def test_a_step_of_training_leaves_frozen_variables_as_they_are(stepped):
    frozen = {
        variable.path
        for layer in stepped.model._flatten_layers(include_self=False)
        if not layer.trainable and not layer._layers
        for variable in layer.variables
    }
    moved = {path for path in stepped.before if not np.array_equal(stepped.before[path], stepped.after[path])}
    assert not frozen & moved
    statistics = {path for path in stepped.before if "moving_" in path}
    assert statistics - frozen == statistics & moved  # of batch normalisation that trains, all move
    # Two a layer. Of the last 8 layers of ResNet50 two are batch normalisation, of those of EfficientNet-Lite0 three;
    # their other 51 and 46 are frozen.
    assert len(statistics & frozen) == {"resnet50": 2 * 51, "efficientnet_lite0": 2 * 46}.get(stepped.config.arch, 0)


def test_example_does_not_depend_on_its_neighbours(stepped):
    together = logits(stepped.model, stepped.waveform)
    for i in range(len(together)):
        alone = logits(stepped.model, stepped.waveform[i : i + 1])[0]
        # Products of other batch sizes sum in another order: float32 rounding, relative to the largest logit.
        np.testing.assert_allclose(together[i], alone, rtol=0, atol=1e-4 * np.abs(together).max())
    assert np.abs(together[0] - together[-1]).max() > 1e-3 * np.abs(together).max()  # but its own sound matters


def test_saved_file_round_trip(stepped, tmp_path):
    stepped.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits(again, stepped.waveform), logits(stepped.model, stepped.waveform))
    for ours, theirs in zip(again.optimizer.variables, stepped.model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# float16 keeps 11 bits, bfloat16 8: a rounding of 2^-11 or 2^-8 in each of up to 50 layers, partly averaged out.
# One network tells that bfloat16 is set as float16 is; resnet50 has the layers of resnet18.
@pytest.mark.parametrize(
    ("arch", "precision", "tolerance"),
    [
        pytest.param(arch, precision, tolerance, marks=() if arch in archs else pytest.mark.soak)
        for precision, tolerance, archs in (
            ("mixed_float16", 0.01, {"convpool", "crnn", "musicnn", "short_fcn", "bandattn"}),
            ("mixed_bfloat16", 0.05, {"convpool"}),
        )
        for arch in ARCHS
    ],
)
def test_mixed_precision_gives_the_same_logits_in_float32(arch, precision, tolerance, full_logits):
    config = small_config(arch, precision=precision)
    model = small_model(config)
    mixed = model(waveforms(3, config.audio.slice_samples) * 3)  # up to full scale and above
    assert keras.backend.standardize_dtype(mixed.dtype) == "float32"
    assert keras.config.dtype_policy().name == "float32"  # as it was before
    convolutions = [layer for layer in model._flatten_layers() if isinstance(layer, layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {precision.removeprefix("mixed_")}
    if arch == "musicnn" and precision == "mixed_float16" and not float16_convolves_along_time():
        pytest.skip("TensorFlow's float16 convolution along time is wrong on this processor")
    expected = full_logits(arch)
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def float16_convolves_along_time() -> bool:
    """Not in oneDNN's of TensorFlow 2.21 with AVX512-FP16, where the channels are not a multiple of 32."""
    import tensorflow as tf  # not above: processes without TensorFlow import this file

    random = np.random.default_rng(0)
    x, kernel = (random.standard_normal(shape).astype("float16") for shape in ((3, 135, 1, 561), (7, 1, 561, 64)))
    found = tf.nn.conv2d(x, kernel, 1, "VALID")
    expected = tf.nn.conv2d(x.astype("float32"), kernel.astype("float32"), 1, "VALID")
    return np.allclose(found, expected, atol=0.01 * np.abs(expected).max())


@pytest.fixture(scope="module")
def full_logits():
    known = {}

    def of(arch: str) -> np.ndarray:
        if arch not in known:
            config = small_config(arch)
            known[arch] = logits(small_model(config), waveforms(3, config.audio.slice_samples) * 3)
        return known[arch]

    return of


@pytest.mark.parametrize(
    ("arch", "least", "options"),
    [
        ("convpool", 118, {}),
        ("convconvpool", 32, {}),
        ("resnet50", 32, {}),
        ("resnet50", 193, {"pooling": "flatten"}),  # a map of 7 x 7
    ],
)
def test_image_below_the_smallest_is_refused(arch, least, options):
    def build(height, width):
        untrained_model(small_config(arch, image_height=height, image_width=width, **options), N_CLASSES)

    build(least, least)
    for height, width in ((least - 1, least), (least, least - 1)):
        with pytest.raises(KgenreError) as caught:
            build(height, width)
        text = str(caught.value)
        assert text.startswith(f"`{arch}` cannot take an image of {height}x{width}x")
        flag = "--image-height" if height < least else "--image-width"
        sizes = f"Set {flag} {ARCHS[arch].min_size} or more."
        assert text.endswith(sizes if least == ARCHS[arch].min_size else "--image-width or --slice-seconds.")
        assert "\n" not in text
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("arch", ARCHS)
def test_arch_row_defaults_are_the_settings_of_its_run(arch):
    row, values = ARCHS[arch], RunSettings.compose({}, {"arch": arch}).values()
    assert {name: values[name] for name in row.defaults} == row.defaults


@pytest.mark.parametrize("arch", ARCHS)
def test_builder_is_given_every_setting_that_does_not_act_around_it(arch):
    row = ARCHS[arch]
    taken = {name for part in (row.front, row.head) if part for name in inspect.signature(part).parameters}
    assert set(fields_of(row.settings)) - taken <= {"dropout", "embedding_size"}


@pytest.mark.parametrize("arch", ARCHS)
def test_dropout_reaches_every_dropout_layer(arch):
    model = small_model(small_config(arch, dropout=0.25))
    assert {layer.rate for layer in kinds(model, layers.Dropout)} == {0.25}


def efficientnet_parameters() -> int:
    """Tan and Le 2019, table 1, without squeeze-excitation, classifier and biases."""
    total, width = 27 * 32 + 4 * 32, 32
    for blocks, kernel, expansion, filters in (
        (1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112), (4, 5, 6, 192), (1, 3, 6, 320)
    ):  # fmt: skip
        for _ in range(blocks):
            inner = expansion * width
            total += (width * inner + 4 * inner) * (expansion > 1)
            total += kernel**2 * inner + 4 * inner + inner * filters + 4 * filters
            width = filters
    return total + 320 * 1280 + 4 * 1280


def gru(inputs: int, units: int = 128) -> int:
    """Three gates of as many units with two biases each, as cuDNN's and Keras's GRU have."""
    return 3 * (inputs * units + units * units + 2 * units)


def resnet18_parameters() -> int:
    """He et al. 2016, table 1: 18 layers, one input channel, no biases."""
    total, width = 49 * 64 + 4 * 64, 64
    for filters in (64, 128, 256, 512):
        total += 9 * width * filters + 3 * 9 * filters * filters + 4 * 4 * filters
        total += 0 if width == filters else width * filters + 4 * filters  # the shortcut
        width = filters
    return total


# The tables of Song-genre CNN, CNNs and RNNs on FMA-small and ATML GTZAN followed by hand, at their own sizes with 8
# genres: convolutions and their batch normalisation (4 a channel), then dense layers, then the logits. The second
# system: 84 bins x 640 frames.
SQUARE = 9 * 8 + 32 + 9 * 8 * 32 + 128 + 9 * 32 * 128 + 512 + 9 * 128 * 256 + 1024
BY_HAND = {
    "freqcnn": 5 * 16 + 64 + 5 * 256 + 64 + 5 * 16 * 32 + 128 + 5 * 32 * 32 + 128
    + (84 * 1 * 32 + 1) * 512 + 513 * 128 + 129 * 32 + 33 * 8,
    "tempcnn": 84 * 5 * 64 + 256 + 5 * 64 * 128 + 512 + 5 * 128 * 256 + 1024 + 5 * 256 * 512 + 2048
    + 513 * 256 + 257 * 32 + 33 * 8,
    "squarecnn": SQUARE + 257 * 128 + 129 * 32 + 33 * 8,
    "crnn": SQUARE + gru(256) + 129 * 128 + 129 * 32 + 33 * 8,
    "crnn_parallel": SQUARE + gru(84) + (256 + 128 + 1) * 256 + 257 * 32 + 33 * 8,
    # Each block: four streams of BN and 1 x 1 convolution of 16, then 3 x 3 and 5 x 5 behind two of them.
    "bbnn": 160 + 64 + sum(4 * (4 * c + 16 * c + 16) + 64 + 9 * 256 + 16 + 64 + 25 * 256 + 16 for c in (16, 80, 144))
    + 4 * 208 + 208 * 32 + 32 + 128 + 33 * 8,
    # 216 - 4 = 212, 106, 102, 51, 48, 24, 21, 10 rows; 216, 108, 54, 27, 13 columns.
    "homebrew": 5 * 128 + 128 + 512 + 5 * 128 * 64 + 64 + 256 + 2 * (4 * 64 * 64 + 64 + 256)
    + (10 * 13 * 64 + 1) * 364 + 365 * 182 + 183 * 8,
    "melcrop": 9 * 32 + 128 + 9 * 32 * 64 + 256 + 9 * 64 * 128 + 512 + 9 * 128 * 256 + 1024 + 9 * 256 * 256 + 1024
    + 256 * 256 + 1024 + 257 * 8,
    "resnet18": resnet18_parameters() + 513 * 8,
    "efficientnet_lite0": efficientnet_parameters() + 1281 * 8,
    # Fronts of 204, 204, 51, 51, 51; three of 64 over all channels x 7; 2 x 753 pooled.
    "musicnn": 204 * (7 * 38 + 7 * 67 + 2) + 51 * (128 + 64 + 32 + 3) + 64 * (7 * 561 + 2 * 7 * 64 + 3)
    + 1507 * 200 + 4 * (1 + 408 + 153 + 192 + 1506 + 200) + 201 * 8,
    # Five and four convolutions with bias behind one normalised channel; two GRUs of 32.
    "fcn": 4 * (1 + 64 + 3 * 128 + 64) + sum((9 * a + 1) * b for a, b in ((1, 64), (64, 128), (128, 128), (128, 128)))
    + (9 * 128 + 1) * 64 + 65 * 8,
    "tagger_crnn": 4 * (1 + 64 + 3 * 128)
    + sum((9 * a + 1) * b for a, b in ((1, 64), (64, 128), (128, 128), (128, 128)))
    + gru(128, 32) + gru(32, 32) + 33 * 8,
    # Twice the convolutions of "fcn", the first of 32 maps, the second and third in two parts, the last a column wide.
    "short_fcn": 2 * (4 * (1 + 32 + 3 * 128 + 64) + 10 * 32 + (9 * 128 + 1) * 128 + (3 * 128 + 1) * 64)
    + sum(9 * 32 * a + (a + 1) * 128 + 9 * 128 * b + (b + 1) * 128 for a, b in ((40, 96), (16, 48)))
    + 129 * 8,
    # 96 bands: 48, then 24, 12, 6, 3 behind the pools.
    "bandattn": 4 * 96 + 21 * 32 + 4 * 32 + sum(9 * a * b + 4 * b for a, b in ((32, 64), (64, 96), (96, 128)))
    + (3 * 128 + 1) * 192 + 193 * 128 + 128 + 193 * 8,
    "vggish": sum((9 * a + 1) * b for a, b in ((1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512)))
    + (6 * 4 * 512 + 1) * 4096 + 4097 * 4096 + 4097 * 128 + 129 * 256 + 257 * 8,
}  # fmt: skip


def test_every_network_is_counted_by_hand():
    assert set(BY_HAND) | {arch for arch, _ in HAND} | {"resnet50"} == set(ARCHS)


@pytest.mark.parametrize("arch", BY_HAND)
def test_parameters_are_those_worked_by_hand(arch):
    model = untrained_model(compose_applicable(DEFAULT, arch=arch), N_CLASSES)
    assert model.count_params() == BY_HAND[arch]


@pytest.mark.parametrize(
    ("arch", "feature"),
    [
        *itertools.product(
            ("freqcnn", "tempcnn", "squarecnn", "crnn", "crnn_parallel"), ("logmel", "cqt", "chroma_stft")
        ),
        ("freqcnn", "chroma_cqt"),  # of as many bins as chroma_stft
        ("freqcnn", "chroma_cens"),
    ],
)
def test_networks_of_fma_small_take_its_features(arch, feature):
    model = untrained_model(RunSettings.compose({}, {"arch": arch, "feature": feature}), N_CLASSES)
    bins = {"logmel": 128, "cqt": 84}.get(feature, 12)
    assert model.get_layer("zoom_range").output.shape == (None, bins, 640, 1)
    assert model.get_layer("embedding").output.shape == (None, 32)


@pytest.mark.parametrize(
    ("block", "place", "added"),
    [
        # In place of 5 * 16 * 16 + 64: two convolutions of 16 and a 1 x 1 shortcut, each with BN.
        ("resnet", "second", 5 * 256 + 64 + 256 + 64),
        # Two of 8 on 16 and 24 channels, and 1 x 1 on 32, each with BN.
        ("densenet", "second", 5 * 16 * 8 + 32 + 5 * 24 * 8 + 32 + 32 * 16 + 64 - (5 * 256 + 64)),
    ],
)
def test_block_replaces_its_convolutions_as_published(block, place, added):
    config = RunSettings.compose({}, {"arch": "freqcnn", "block": block, "block_at": place})
    assert untrained_model(config, N_CLASSES).count_params() == BY_HAND["freqcnn"] + added


def test_recurrent_cells_have_the_parameters_of_their_equations():
    def parameters(**values) -> int:
        return untrained_model(RunSettings.compose({}, {"arch": "crnn", **values}), N_CLASSES).count_params()

    lstm = 4 * (256 * 128 + 128 * 128 + 128)
    assert parameters(rnn="lstm") - parameters(rnn="gru") == lstm - gru(256)
    assert parameters(bidirectional=True) - parameters() == gru(256) + 128 * 128  # the dense layer sees both


def test_too_few_frames_for_the_pools_are_refused():
    says = "pools over at least 384 frames. Received: an image of 84x128. Set --image-width 384"
    with pytest.raises(KgenreError, match=says):
        untrained_model(RunSettings.compose({}, {"arch": "freqcnn", "slice_seconds": 5.94}), N_CLASSES)


@pytest.mark.parametrize("arch", [name for name, row in ARCHS.items() if row.min_size > 1])
def test_min_size_is_the_least(arch):
    def build(rows: int):
        return untrained_model(compose_applicable(DEFAULT, arch=arch, image_height=rows, image_width=128), N_CLASSES)

    least = ARCHS[arch].min_size
    assert build(least).output.shape == (None, N_CLASSES)
    with pytest.raises(KgenreError, match="cannot take an image.*--image-height"):
        build(least - 1)
