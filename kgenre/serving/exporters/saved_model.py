"""A SavedModel for TF Serving: waveforms or spectrograms of any length in, genres out, the labels inside.

Endpoint `serving_default`: `waveform` float32 (batch, samples), mono in [-1, 1] at the model's rate; or `spectrogram`
float32 (batch, frames, bins) of a model that takes these -> `probabilities` (batch, classes), `slice_probabilities`
(batch, slices, classes), `embedding` (batch, d).
Endpoint `about`: labels, task, sample_rate, clip_samples, hop_samples, input; with the input "spectrogram", bins, and
sample_rate, clip_samples and hop_samples are of frames.
"""

import contextlib
import io
from pathlib import Path

from kgenre.audio.slicing import SliceSpec, slice_in_graph
from kgenre.model.aggregate import aggregate_in_graph
from kgenre.model.tasks import Task
from kgenre.serving.metadata import metadata_values, model_metadata, write_metadata

SLICES_AT_ONCE = 64  # bounds the memory of a long track's spectrograms

# Nothing but TensorFlow is imported, as in a server: no Keras layers, no kgenre.
ANSWER = """
import sys
import numpy as np
import tensorflow as tf
folder, cases, answers = sys.argv[1:]
serve = tf.saved_model.load(folder).signatures["serving_default"]
(input,) = serve.structured_input_signature[1]
tracks = np.load(cases)
results = {name: serve(**{input: tf.constant(tracks[name])}) for name in tracks.files}
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
    track = tf.TensorSpec((None, None, *spec.shape[1:]), tf.float32, name=spec.input)
    archive.add_endpoint("serving_default", serving_function(network, spec), [track])
    values = metadata_values(task, spec)
    archive.add_endpoint("about", lambda: {name: _constant(value) for name, value in values.items()}, [])
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the signatures it wrote
        archive.write_out(str(folder))
    write_metadata(folder, model_metadata(folder, task, spec))
    (folder / "assets.extra" / "labels.txt").write_text("\n".join(task.labels) + "\n", encoding="utf-8")


def _constant(value):
    """A float keeps its precision: it is part of the model's identity."""
    import tensorflow as tf

    return tf.constant(value, tf.float64 if isinstance(value, float) else None)


def serving_function(network, spec: SliceSpec):
    """The graph of `serving_default` for a network of slices -> probabilities and embeddings."""
    import tensorflow as tf

    predict_slices = in_blocks(network, spec.shape)

    def serve(track):
        slices = slice_in_graph(track, spec)  # (batch, slices, *spec.shape)
        outputs = predict_slices(tf.reshape(slices, (-1, *spec.shape)))
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


def in_blocks(network, shape: tuple[int, ...]):
    """The network in a graph that takes SLICES_AT_ONCE slices at a time: (n, *shape) -> its outputs, n rows."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
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
