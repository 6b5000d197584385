"""A SavedModel for TF Serving: audio in, genres out, the labels inside. docs/serving.md tells of each signature.

Of waveforms: `serving_default`, `waveform_masked`, `wav_bytes`, `embed`, `about` and `about_rows`. Of spectrograms:
`serving_default`, `spectrogram_masked`, `embed`, `about` and `about_rows`.

signatures.py is the table of them; answers.py the graph that they share; wav.py and resample.py what is before it.
"""

import contextlib
import io
from pathlib import Path

from kgenre.audio.slicing import SliceSpec
from kgenre.model.tasks import Task
from kgenre.serving.exporters.saved_model.signatures import signatures
from kgenre.serving.exporters.saved_model.warmup import write_warmup
from kgenre.serving.metadata import metadata_values, model_metadata, write_metadata
from kgenre.serving.revisions import revisions

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
    """Writes the SavedModel, requests that warm it up, what it says of itself beside the graph, and labels.txt."""
    from keras.export import ExportArchive

    from kgenre.model.build import slice_model

    network = slice_model(model, task)
    about = {**metadata_values(task, spec), **revisions(network), "temperature": 1.0}
    archive = ExportArchive()
    archive.track(network)
    for name, signature in signatures(network, spec, about).items():
        archive.add_endpoint(name, signature.function, list(signature.inputs))
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the signatures it wrote
        archive.write_out(str(folder))
    write_metadata(folder, model_metadata(folder, task, spec))
    write_warmup(folder / "assets.extra", spec)
    (folder / "assets.extra" / "labels.txt").write_text("\n".join(task.labels) + "\n", encoding="utf-8")
