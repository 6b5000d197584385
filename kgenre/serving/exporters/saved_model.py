"""A SavedModel for TF Serving: waveforms of any length in, genres out, the labels inside.

Endpoint `serving_default`: `waveform` float32 (batch, samples), mono in [-1, 1] at the model's rate ->
`probabilities` (batch, classes), `slice_probabilities` (batch, slices, classes), `embedding` (batch, d).
Endpoint `about`: labels, task, sample_rate, clip_samples, hop_samples.
"""

import contextlib
import io
from pathlib import Path

from kgenre.audio.slicing import SliceSpec, slice_in_graph
from kgenre.model.aggregate import aggregate_in_graph
from kgenre.model.tasks import Task
from kgenre.serving.metadata import metadata_values, model_metadata, write_metadata

SLICES_AT_ONCE = 64  # bounds the memory of a long waveform's spectrograms

# Nothing but TensorFlow is imported, as in a server: no Keras layers, no kgenre.
ANSWER = """
import sys
import numpy as np
import tensorflow as tf
folder, cases, answers = sys.argv[1:]
serve = tf.saved_model.load(folder).signatures["serving_default"]
waveforms = np.load(cases)
results = {name: serve(waveform=tf.constant(waveforms[name])) for name in waveforms.files}
np.savez(answers, **{f"{name}/{key}": value for name, out in results.items() for key, value in out.items()})
"""


def write(model, task: Task, spec: SliceSpec, folder: Path) -> None:
    """Writes the SavedModel, what it says of itself beside the graph, and labels.txt."""
    import tensorflow as tf
    from keras.export import ExportArchive

    from kgenre.model.build import slice_model

    network = slice_model(model, task)
    archive = ExportArchive()
    archive.track(network)
    waveform = tf.TensorSpec((None, None), tf.float32, name="waveform")
    archive.add_endpoint("serving_default", serving_function(network, spec), [waveform])
    archive.add_endpoint("about", lambda: {n: tf.constant(v) for n, v in metadata_values(task, spec).items()}, [])
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the signatures it wrote
        archive.write_out(str(folder))
    write_metadata(folder, model_metadata(folder, task, spec))
    (folder / "assets.extra" / "labels.txt").write_text("\n".join(task.labels) + "\n", encoding="utf-8")


def serving_function(network, spec: SliceSpec):
    """The graph of `serving_default` for a network of slices -> probabilities and embeddings."""
    import tensorflow as tf

    predict_slices = in_blocks(network, spec.slice_samples)

    def serve(waveform):
        slices = slice_in_graph(waveform, spec)  # (batch, slices, slice_samples)
        outputs = predict_slices(tf.reshape(slices, (-1, spec.slice_samples)))
        lead = tf.shape(slices)[:2]
        probabilities, embeddings = (
            tf.ensure_shape(tf.reshape(rows, tf.concat([lead, [-1]], axis=0)), (None, None, output.shape[-1]))
            for rows, output in zip(outputs, network.outputs)
        )
        return {
            "probabilities": aggregate_in_graph(probabilities),
            "slice_probabilities": probabilities,
            "embedding": aggregate_in_graph(embeddings),
        }

    return serve


def in_blocks(network, slice_samples: int):
    """The network in a graph that takes SLICES_AT_ONCE slices at a time: (n, slice_samples) -> its outputs, n rows."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, slice_samples), tf.float32)])
    def predict_slices(slices):
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

    return predict_slices
