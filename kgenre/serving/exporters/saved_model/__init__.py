"""A SavedModel for TF Serving: audio in, genres out, the labels inside. docs/serving.md tells of each signature.

Of waveforms: `serving_default`, `waveform_masked`, `wav_bytes`, `embed`, `about` and `about_rows`. Of spectrograms:
`serving_default`, `spectrogram_masked`, `embed`, `about` and `about_rows`.

signatures.py is the table of them; answers.py the graph that they share; wav.py and resample.py what is before it.
"""

import contextlib
import importlib.resources
import io
import json
from collections.abc import Mapping
from pathlib import Path

from kgenre.audio.slicing import SliceSpec
from kgenre.model.tasks import Task
from kgenre.serving.exporters.saved_model.signatures import make_signatures
from kgenre.serving.exporters.saved_model.warmup import write_warmup
from kgenre.serving.metadata import add_facts, metadata_values, model_metadata, write_metadata
from kgenre.serving.revisions import revisions

__all__ = ["ANSWER", "add_facts", "tolerance", "write"]

TOLERANCE = 1e-5
ANSWER = importlib.resources.files(__name__).joinpath("ask.py").read_text(encoding="utf-8")


def tolerance() -> float:
    return TOLERANCE


def write(model, task: Task, spec: SliceSpec, folder: Path, facts: Mapping | None = None) -> None:
    """Writes the SavedModel, requests that warm it up, what it says of itself beside the graph, and labels.txt.

    facts: FACTS of serving.metadata; a server tells them, too.
    """
    from keras.export import ExportArchive

    from kgenre.model.build import slice_model

    network = slice_model(model, task)
    facts = facts or {}
    told = {"leaky": facts.get("leaky", ""), "unsure": json.dumps(facts["unsure"]) if "unsure" in facts else ""}
    about = {**metadata_values(task, spec), **revisions(network), "temperature": facts.get("temperature", 1.0), **told}
    archive = ExportArchive()
    archive.track(network)
    for name, signature in make_signatures(network, spec, about).items():
        archive.add_endpoint(name, signature.function, list(signature.inputs))
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the signatures it wrote
        archive.write_out(str(folder))
    write_metadata(folder, model_metadata(folder, task, spec))
    write_warmup(folder / "assets.extra", spec)
    (folder / "assets.extra" / "labels.txt").write_text("\n".join(task.labels) + "\n", encoding="utf-8")
