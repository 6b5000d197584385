"""A .tflite file for LiteRT: one slice in, probabilities and embedding out, all of it in built-in operations.

Signature `serving_default`: `waveform` float32 (1, slice_samples), mono in [-1, 1] at the model's rate, or
`spectrogram` float32 (1, frames, bins) -> `probabilities` (1, classes), `embedding` (1, d). The batch is fixed, so
that the recurrent networks convert and XNNPACK computes nearly all of the graph. Behind the graph are labels.txt
and about.json (serving/litert_file.py); cutting and averaging slices is left to the caller, as audio/slicing.py
and model/aggregate.py do.
"""

import tempfile
from pathlib import Path

from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError, check_known
from kgenre.model.tasks import Task
from kgenre.serving.exporters.quantizations import DEFAULT_QUANTIZATION, QUANTIZATIONS
from kgenre.serving.litert_file import add_facts, write_metadata
from kgenre.serving.metadata import metadata_values, model_identity

__all__ = ["ANSWER", "add_facts", "tolerance", "write"]

# No TensorFlow: slices are cut and averaged as kgenre does wherever it asks a model.
ANSWER = """
import sys
import numpy as np
from kgenre.audio.slicing import cut_slices
from kgenre.model.aggregate import aggregate
from kgenre.serving.litert_model import LitertModel
path, cases, answers = sys.argv[1:]
model, found = LitertModel(path), {}
tracks = np.load(cases)
for name in tracks.files:
    outputs = [model(cut_slices(track, model.slice_spec)) for track in tracks[name]]
    found[name + "/probabilities"] = np.stack([aggregate(one.probabilities) for one in outputs])
    found[name + "/slice_probabilities"] = np.stack([one.probabilities for one in outputs])
    found[name + "/embedding"] = np.stack([aggregate(one.embeddings) for one in outputs])
np.savez(answers, **found)
"""


def tolerance(quantization: str = DEFAULT_QUANTIZATION) -> float:
    return QUANTIZATIONS[quantization].tolerance


def write(model, task: Task, spec: SliceSpec, path: Path, quantization: str = DEFAULT_QUANTIZATION) -> None:
    """Writes the .tflite file.

    Raises:
        KgenreError: the network has an operation that LiteRT lacks.
    """
    from kgenre.model.build import slice_model

    check_known("quantization", quantization, QUANTIZATIONS)
    network = slice_model(model, task)
    path.write_bytes(_converted(network, spec, quantization))
    values = metadata_values(task, spec)
    identity = model_identity(values, [weight.numpy() for weight in network.weights])
    if quantization != DEFAULT_QUANTIZATION:  # its vectors are others
        identity = f"{identity}-{quantization}"
    write_metadata(path, {**values, "identity": identity, "quantization": quantization})


def _converted(network, spec: SliceSpec, quantization: str) -> bytes:
    import tensorflow as tf

    chosen = QUANTIZATIONS[quantization]
    with tempfile.TemporaryDirectory() as scratch:
        _save(network, spec, scratch, chosen.optimize)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=["serving_default"])
        if chosen.optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [getattr(tf, name) for name in chosen.types]
        try:
            return converter.convert()
        except (tf.lite.experimental.convert.ConverterError, ValueError, RuntimeError) as error:
            cause = next((line for line in str(error).splitlines() if line.strip()), "no message")
            raise KgenreError(
                f"{network.name}: cannot be converted to LiteRT ({cause}). Use `--format saved_model`."
            ) from error


def _save(network, spec: SliceSpec, folder: str, quantized: bool) -> None:
    """A SavedModel of one slice at a time, for the converter. Its weights are constants: variables would stay such."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from kgenre.features.layers.stft import traced_for_conversion

    signature = [tf.TensorSpec((1, *spec.shape), tf.float32, name=spec.input)]
    answer = tf.function(lambda slices: network(slices, training=False), input_signature=signature)
    with traced_for_conversion(quantized):
        constant = convert_variables_to_constants_v2(answer.get_concrete_function())

    @tf.function(input_signature=signature)
    def serve(slices):
        probabilities, embedding = constant(slices)
        return {"probabilities": probabilities, "embedding": embedding}

    module = tf.Module()
    tf.saved_model.save(module, folder, signatures={"serving_default": serve.get_concrete_function()})
