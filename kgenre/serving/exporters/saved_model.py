"""A SavedModel for TF Serving, checked in a fresh process before it takes its name.

It has the endpoint `serving_default`: `waveform` float32 (batch, samples), any length, at the
model's rate -> `probabilities` (batch, classes), `slice_probabilities` (batch, slices, classes) and
`embedding` (batch, d); and the endpoint `about`: labels, sample_rate, clip_samples, hop_samples.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from kgenre.audio.slicing import SliceSpec, cut_slices, slice_in_graph
from kgenre.core.errors import KgenreError

TOLERANCE = 1e-5


SLICES_AT_ONCE = 64  # bounds the memory of a long waveform's spectrograms


# Runs where nothing but TensorFlow is imported, as a server would: no Keras layers, no kgenre.
CHECK = """
import sys
import numpy as np
import tensorflow as tf
folder, cases, answers = sys.argv[1:]
serve = tf.saved_model.load(folder).signatures["serving_default"]
waveforms = np.load(cases)
results = {name: serve(waveform=tf.constant(waveforms[name])) for name in waveforms.files}
np.savez(answers, **{f"{name}/{key}": value for name, out in results.items() for key, value in out.items()})
"""


def export(model, labels: list[str], spec: SliceSpec, folder) -> float:
    """Writes the SavedModel beside `folder`, checks it in a fresh process, then moves it there.

    Args:
        model: the trained keras.Model, waveform (batch, slice_samples) -> logits (batch, classes).
        labels: list of str, in order of the logits.
        spec: SliceSpec of the model's input.
        folder: path of the version's folder; must not exist.

    Returns:
        Largest absolute difference of probabilities and embeddings from the Keras model's.

    Raises:
        KgenreError: the folder exists, or the reloaded model differs by more than 1e-5.
    """
    folder = Path(folder)
    if folder.exists():
        raise KgenreError(f"{folder}: exists already. Name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder.parent) as beside:
        part = Path(beside) / "saved_model"
        _write(model, labels, spec, part)
        difference = verify(model, part, spec)
        if not difference <= TOLERANCE:
            raise KgenreError(
                f"The exported model differs from the trained one by {difference:.1e}, more than {TOLERANCE:g}; "
                "nothing was written. Train with --precision float32 or export on the machine that trained."
            )
        part.rename(folder)
    return difference


def verify(model, folder, spec: SliceSpec) -> float:
    """Largest difference between the SavedModel in a fresh process and the Keras model in this one.

    The Keras model's answers go through the array slicing that training and evaluation use, so the
    served graph's own slicing is part of what is compared: noise of less than a slice, of one, of
    several slices and a rest, and a loud one beside a silent one.
    """
    import numpy as np

    from kgenre.model.build import slice_model

    rng = np.random.default_rng(0)
    length = spec.slice_samples
    lengths = {"short": length // 3, "one": length, "several": 3 * length + length // 5}
    cases = {name: 0.1 * rng.standard_normal((2, n)).astype("float32") for name, n in lengths.items()}
    cases["several"][1] = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch) / "answers.npz"
        np.savez(Path(scratch) / "cases.npz", **cases)
        command = [sys.executable, "-c", CHECK, str(folder), str(Path(scratch) / "cases.npz"), str(answers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise KgenreError(f"The exported model cannot be loaded with TensorFlow alone: {last}")
        served = np.load(answers)
        served = {name: served[name] for name in served.files}
    network = slice_model(model)
    return max(_difference(network, name, cases[name], served, spec) for name in cases)


def _difference(network, name, waveforms, served, spec) -> float:
    import numpy as np

    slices = np.stack([cut_slices(waveform, spec) for waveform in waveforms])  # (batch, slices, slice_samples)
    outputs = network(slices.reshape(-1, spec.slice_samples), training=False)
    probabilities, embeddings = (np.asarray(output) for output in outputs)
    probabilities = probabilities.reshape(*slices.shape[:2], -1)
    embeddings = embeddings.reshape(*slices.shape[:2], -1).mean(axis=1)
    expected = {
        "probabilities": probabilities.mean(axis=1),
        "slice_probabilities": probabilities,
        "embedding": embeddings,
    }
    if any(served[f"{name}/{key}"].shape != value.shape for key, value in expected.items()):
        return float("inf")
    scale = {"embedding": max(1.0, float(np.abs(embeddings).max()))}  # it has no natural range
    return max(
        float(np.abs(served[f"{name}/{key}"] - value).max()) / scale.get(key, 1.0) for key, value in expected.items()
    )


def _write(model, labels: list[str], spec: SliceSpec, folder: Path) -> None:
    import contextlib
    import io

    import tensorflow as tf
    from keras.export import ExportArchive

    from kgenre.model.build import slice_model
    from kgenre.serving.metadata import model_metadata, write_metadata

    network = slice_model(model)

    @tf.function(input_signature=[tf.TensorSpec((None, spec.slice_samples), tf.float32)])
    def in_blocks(slices):
        shapes = [(None, output.shape[-1]) for output in network.outputs]
        probabilities, embeddings = (
            tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=shape)
            for shape in shapes
        )
        block = 0
        for start in tf.range(0, tf.shape(slices)[0], SLICES_AT_ONCE):
            one, other = network(slices[start : start + SLICES_AT_ONCE], training=False)
            probabilities, embeddings = probabilities.write(block, one), embeddings.write(block, other)
            block += 1
        return probabilities.concat(), embeddings.concat()

    def serve(waveform):
        slices = slice_in_graph(waveform, spec)  # (batch, slices, slice_samples)
        probabilities, embeddings = in_blocks(tf.reshape(slices, (-1, spec.slice_samples)))
        shape = tf.concat([tf.shape(slices)[:2], [-1]], axis=0)
        classes, dimensions = (output.shape[-1] for output in network.outputs)
        by_slice = tf.ensure_shape(tf.reshape(probabilities, shape), (None, None, classes))
        embeddings = tf.ensure_shape(tf.reshape(embeddings, shape), (None, None, dimensions))
        return {
            "probabilities": tf.reduce_mean(by_slice, axis=1),
            "slice_probabilities": by_slice,
            "embedding": tf.reduce_mean(embeddings, axis=1),
        }

    def about():
        return {
            "labels": tf.constant(labels),
            "sample_rate": tf.constant(spec.sample_rate),
            "clip_samples": tf.constant(spec.slice_samples),
            "hop_samples": tf.constant(spec.hop_samples),
        }

    archive = ExportArchive()
    archive.track(network)
    archive.add_endpoint("serving_default", serve, [tf.TensorSpec((None, None), tf.float32, name="waveform")])
    archive.add_endpoint("about", about, [])
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the signatures it wrote
        archive.write_out(str(folder))
    write_metadata(folder, model_metadata(folder, labels, spec))
    (folder / "assets.extra" / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
