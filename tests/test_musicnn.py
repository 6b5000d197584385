"""musicnn against a forward pass written for itself, and where its weights come from."""

import hashlib
import shutil
import zipfile

import keras
import librosa
import numpy as np
import pytest
import tensorflow as tf

from kgenre.archs import musicnn_weights
from kgenre.archs.musicnn import backbone
from kgenre.config import make_config
from kgenre.errors import KgenreError
from kgenre.model import build_model

RATE = 16000
SHAPES = {
    "conv2d": (7, 38, 1, 204),
    "conv2d_1": (7, 67, 1, 204),
    "conv2d_2": (128, 1, 1, 51),
    "conv2d_3": (64, 1, 1, 51),
    "conv2d_4": (32, 1, 1, 51),
    "conv2d_5": (7, 561, 1, 64),
    "conv2d_6": (7, 64, 1, 64),
    "conv2d_7": (7, 64, 1, 64),
    "dense": (1506, 200),
    "dense_1": (200, 50),
}
NORMS = (1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200)


def drawn(seed: int) -> dict[str, np.ndarray]:
    """Variables of the checkpoint's names and shapes, of a size that keeps activations about 1."""
    rng, arrays = np.random.default_rng(seed), {}
    for name, shape in SHAPES.items():
        arrays[f"{name}/kernel"] = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
        arrays[f"{name}/bias"] = 0.1 * rng.standard_normal(shape[-1])
    for number, size in enumerate(NORMS):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        arrays[f"{name}/gamma"], arrays[f"{name}/beta"] = rng.uniform(0.5, 1.5, size), 0.1 * rng.standard_normal(size)
        arrays[f"{name}/moving_mean"] = 0.3 * rng.standard_normal(size)
        arrays[f"{name}/moving_variance"] = rng.uniform(0.5, 1.5, size)
    return {name: array.astype("float32") for name, array in arrays.items()}


def reference(mel: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The network in plain TensorFlow, float64: mel (batch, frames, 96) -> (batch, 200), tags (batch, 50)."""
    arrays = {name: array.astype("float64") for name, array in arrays.items()}

    def norm(x, number):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        mean, variance = arrays[f"{name}/moving_mean"], arrays[f"{name}/moving_variance"]
        return (x - mean) / np.sqrt(variance + 1e-3) * arrays[f"{name}/gamma"] + arrays[f"{name}/beta"]

    def conv(x, number, padding):
        name = f"conv2d_{number}" if number else "conv2d"
        return tf.nn.relu(tf.nn.conv2d(x, arrays[f"{name}/kernel"], 1, padding) + arrays[f"{name}/bias"])

    def over_time(x):
        return tf.pad(x, [[0, 0], [3, 3], [0, 0], [0, 0]])

    x = norm(mel[..., None].astype("float64"), 0)
    front = [norm(conv(over_time(x), number, "VALID"), number + 1) for number in (0, 1)]
    front += [norm(conv(x, number, "SAME"), number + 1) for number in (2, 3, 4)]
    front = tf.concat([tf.reduce_max(y, axis=2) for y in front], axis=2)[..., None]  # (batch, frames, 561, 1)
    one = tf.transpose(norm(conv(over_time(front), 5, "VALID"), 6), (0, 1, 3, 2))
    two = tf.transpose(norm(conv(over_time(one), 6, "VALID"), 7), (0, 1, 3, 2)) + one
    three = tf.transpose(norm(conv(over_time(two), 7, "VALID"), 8), (0, 1, 3, 2)) + two
    x = tf.concat([front, one, two, three], axis=2)
    x = tf.concat([tf.reduce_max(x, axis=1), tf.reduce_mean(x, axis=1)], axis=2)  # (batch, 753, 2)
    x = norm(tf.reshape(x, (len(mel), 1506)), 9)
    x = norm(tf.nn.relu(x @ arrays["dense/kernel"] + arrays["dense/bias"]), 10)
    return x.numpy(), (x @ arrays["dense_1/kernel"] + arrays["dense_1/bias"]).numpy()


def clip(seconds: float = 3.0) -> np.ndarray:
    """Noise bursts over a chord: (2, samples), the second example 30 dB below the first."""
    time = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * f * time) for f in (220, 277.2, 330, 1320)) / 8
    sound += 0.2 * np.random.default_rng(0).standard_normal(len(time)) * (time % 0.5 < 0.05)
    return np.stack([sound, 0.03 * sound]).astype("float32")


def mel_of(waveforms: np.ndarray) -> np.ndarray:
    """musicnn's input by librosa, (batch, frames, 96)."""
    power = [librosa.feature.melspectrogram(y=y, sr=RATE, n_fft=512, hop_length=256, n_mels=96) for y in waveforms]
    return np.log10(10000 * np.stack(power).transpose(0, 2, 1) + 1)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel with checkpoints of drawn variables, made as the published one is."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(folder / musicnn_weights.WHEEL, "w") as archive:
        for seed, name in enumerate(musicnn_weights.CHECKPOINTS.values()):
            (folder / name).mkdir()
            write_checkpoint(drawn(seed), folder / name)
            for part in (folder / name).iterdir():
                archive.write(part, f"musicnn/{name}/{part.name}")
    return folder / musicnn_weights.WHEEL


@pytest.fixture
def cache(wheel, tmp_path, monkeypatch):
    """A cache folder that holds the drawn wheel alone, whose hash is the expected one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(musicnn_weights, "SHA256", sha256(wheel))
    folder = tmp_path / "kgenre"
    folder.mkdir()
    shutil.copy(wheel, folder)
    return folder


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_checkpoint(arrays: dict, folder) -> None:
    """A TensorFlow 1 checkpoint named as musicnn's, ".index" and ".data-...", with an optimizer's variables."""
    arrays = {**arrays, "dense/kernel/Adam": arrays["dense/kernel"], "beta1_power": np.float32(0)}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in {
            **arrays,
            "dense/kernel/Adam": arrays["dense/kernel"],
            "beta1_power": np.float32(0),
        }.items():
            tf.compat.v1.get_variable(name, initializer=array)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, f"{folder}/x", write_meta_graph=False)
    for part in folder.glob("x.*"):
        part.rename(folder / part.name[1:])


def model_of(weights: str, **values) -> keras.Model:
    return build_model(make_config({"weights": weights, **values}, {"arch": "musicnn"}), 10)


def test_answers_as_the_forward_pass_on_the_same_checkpoint(cache):
    waveforms = clip(2.98)
    model = model_of("mtt")
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, _ = reference(mel_of(waveforms), drawn(1))
    # 1e-5 of the largest value: float32 through eleven layers, on a mel spectrogram of float32.
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_takes_slices_of_other_lengths(cache):
    model = model_of("msd", clip_seconds=1.5)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    waveforms = clip(1.5)
    expected, _ = reference(mel_of(waveforms), drawn(0))
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_parameters_are_the_published_number():
    assert backbone(187).count_params() + 200 * 50 + 50 == 792079
    assert sum(np.prod(shape) + shape[-1] for shape in SHAPES.values()) + 4 * sum(NORMS) == 792079


@pytest.mark.parametrize(("unfreeze", "moving"), [(0, 0), (2, 4), (-1, None)])
def test_trains_whole_in_part_or_not_at_all(cache, unfreeze, moving):
    model = model_of("msd", unfreeze=unfreeze)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network = model.get_layer("musicnn")
    before = [variable.numpy() for variable in network.weights]
    model.train_on_batch(clip(2.98), np.array([0, 1]))
    moved = [not np.array_equal(old, new) for old, new in zip(before, network.weights)]
    # The two on top are a dense layer (2 variables) and its batch normalisation (4, two of them statistics).
    assert sum(moved) == {0: 0, 2: 6, -1: len(moved)}[unfreeze]


def test_is_fetched_once_and_then_read_from_the_cache(cache):
    first = musicnn_weights.load("msd")
    (cache / musicnn_weights.WHEEL).unlink()
    again = musicnn_weights.load("msd")
    assert set(first) == set(again) == set(drawn(0))
    assert all(np.array_equal(again[name], array) for name, array in drawn(0).items())
    assert sorted(path.name for path in cache.iterdir()) == ["musicnn-0.1.0-msd.npz", "musicnn-0.1.0-mtt.npz"]


def test_another_wheel_is_refused(cache, monkeypatch):
    monkeypatch.setattr(musicnn_weights, "SHA256", "0" * 64)
    with pytest.raises(KgenreError, match=r"not the wheel that was published.*Remove it") as caught:
        musicnn_weights.load("msd")
    assert str(cache / musicnn_weights.WHEEL) in str(caught.value)
    assert [path.name for path in cache.iterdir()] == [musicnn_weights.WHEEL]


def test_without_a_network_one_line_says_what_to_type(cache, monkeypatch):
    (cache / musicnn_weights.WHEEL).unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip then looks nowhere
    with pytest.raises(KgenreError) as caught:
        musicnn_weights.load("msd")
    assert "\n" not in str(caught.value)
    assert f"{musicnn_weights.FETCH}` and copy {musicnn_weights.WHEEL} to {cache}" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_damaged_weights_are_told(cache):
    musicnn_weights.load("msd")
    kept = cache / "musicnn-0.1.0-msd.npz"
    kept.write_bytes(kept.read_bytes()[:5000])
    with pytest.raises(KgenreError, match=r"msd.npz: damaged .* Remove it"):
        musicnn_weights.load("msd")


def test_unknown_weights_are_told():
    with pytest.raises(KgenreError, match="msd, mtt or none. Received: imagenet"):
        musicnn_weights.load("imagenet")


def test_another_picture_is_refused():
    with pytest.raises(KgenreError, match="96 mel bands"):
        model_of("none", n_mels=64)


@pytest.mark.parametrize("weights", ["msd", "mtt"])
def test_published_weights_answer_as_the_forward_pass(weights):
    try:
        arrays = musicnn_weights.load(weights)
    except KgenreError as error:
        pytest.skip(f"the published weights cannot be had here: {error}")
    assert {name: array.shape for name, array in arrays.items() if "kernel" in name} == {
        f"{name}/kernel": shape for name, shape in SHAPES.items()
    }
    waveforms = clip(2.98)
    model = model_of(weights)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, tags = reference(mel_of(waveforms), arrays)
    np.testing.assert_allclose(embed(waveforms), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert tags.shape[1] == len(musicnn_weights.TAGS[weights]) == 50
