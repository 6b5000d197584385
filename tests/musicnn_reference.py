"""musicnn's checkpoints drawn from a seed, and its forward pass written for itself."""

import zipfile

import librosa
import numpy as np
import tensorflow as tf

from kgenre.weights import WEIGHTS

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


def reference(mel: np.ndarray, arrays: dict[str, np.ndarray]) -> tuple:
    """The network in plain TensorFlow, float64.

    mel (batch, frames, 96) -> embedding (batch, 200), tags (batch, 50), pooled (batch, 1506).
    """
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
    pooled = x
    x = norm(tf.nn.relu(x @ arrays["dense/kernel"] + arrays["dense/bias"]), 10)
    return x.numpy(), (x @ arrays["dense_1/kernel"] + arrays["dense_1/bias"]).numpy(), pooled.numpy()


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


def write_checkpoint(arrays: dict, folder) -> None:
    """A TensorFlow 1 checkpoint named as musicnn's, ".index" and ".data-...", with an optimizer's variables."""
    arrays = {**arrays, "dense/kernel/Adam": arrays["dense/kernel"], "beta1_power": np.float32(0)}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in arrays.items():
            tf.compat.v1.get_variable(name, initializer=array)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, f"{folder}/x", write_meta_graph=False)
    for part in folder.glob("x.*"):
        part.rename(folder / part.name[1:])


def write_wheel(folder):
    """A wheel with checkpoints of drawn variables, made as the published one is; its path."""
    path = folder / WEIGHTS["musicnn-msd"].file
    with zipfile.ZipFile(path, "w") as archive:
        for seed, name in enumerate(("MSD_musicnn", "MTT_musicnn")):
            (folder / name).mkdir()
            write_checkpoint(drawn(seed), folder / name)
            for part in (folder / name).iterdir():
                archive.write(part, f"musicnn/{name}/{part.name}")
    return path
