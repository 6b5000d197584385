"""The table of export formats, and the one way to export: write beside, check in a fresh process, rename.

To add one, write a file of this folder that is an ExporterModule and give it a row here; `kgenre export --format` and
the check follow. Importing this brings neither NumPy nor TensorFlow.
"""

import importlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kgenre.core.errors import KgenreError, check_known

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec
    from kgenre.model.tasks import Task
    from kgenre.model.unsure import UnsureRule


@runtime_checkable
class ExporterModule(Protocol):
    """What the module of a row of EXPORTERS must have. Options are those that its row names, by keyword.

    ANSWER: source of a program that is run in a process of its own, as a server would; its arguments are the
        folder, an .npz of tracks by name, waveforms (batch, samples) or spectrograms (batch, frames, bins) as the
        model takes them, and the .npz to write: for each NAME the arrays
        NAME/probabilities (batch, classes), NAME/slice_probabilities (batch, slices, classes), NAME/embedding
        (batch, d). It may add NAME/slice_embeddings (batch, slices, d); where an artefact can be asked in other
        ways too, the same arrays as WAY:NAME/...; and about/... with the values of metadata_values by name.
    """

    ANSWER: str

    def write(self, model, task: "Task", spec: "SliceSpec", path: Path, **options) -> None:
        """Writes the artefact of a keras.Model at a path that is free."""

    def tolerance(self, **options) -> float:
        """Largest difference allowed, of probabilities, and of embeddings as a share of their range."""

    def add_facts(self, path: Path, facts: dict) -> None:
        """Keeps FACTS of serving.metadata in the artefact."""


@dataclass(frozen=True)
class Exporter:
    """One row of EXPORTERS.

    description: what it is, for `--help`.
    module: an ExporterModule, of this package.
    server: of this package, with write_server_files(folder) for what a server needs beside the artefacts of a folder.
    suffix: of a file; "" for a folder.
    tells_facts: whether `write` takes `facts`, for the artefact itself tells them; `add_facts` is called of all.
    options: names of what `write` and `tolerance` take by keyword.
    """

    description: str
    module: str
    server: str = ""
    suffix: str = ""
    tells_facts: bool = False
    options: tuple[str, ...] = ()

    def load(self) -> ExporterModule:
        return importlib.import_module(f"{__name__}.{self.module}")

    def write_server_files(self, folder: Path) -> list[Path]:
        """Writes what is not there yet; the files that were written."""
        if not self.server:
            return []
        return importlib.import_module(f"{__name__}.{self.server}").write_server_files(folder)


EXPORTERS = {
    "saved_model": Exporter(
        "TensorFlow SavedModel, a version folder for TF Serving", "saved_model", server="tf_serving", tells_facts=True
    ),
    "litert": Exporter(
        "LiteRT, one .tflite file that answers without TensorFlow",
        "litert",
        suffix=".tflite",
        options=("quantization",),
    ),
}


def export_model(
    model,
    task: "Task",
    spec: "SliceSpec",
    folder,
    format: str = "saved_model",
    leaky: str = "",
    unsure: "UnsureRule | None" = None,
    temperature: float | Sequence[float] = 1.0,
    **options,
) -> float:
    """Writes a model in a format, checks it in a fresh process, then gives it its place.

    Args:
        model: the trained keras.Model, slices (batch, *spec.shape) -> logits (batch, classes).
        task: its task, with the labels in the order of the logits.
        spec: SliceSpec of the model's input.
        folder: path of the artefact; must not exist.
        format: a row of EXPORTERS.
        leaky: what makes its metrics too high, for those who predict by it; "" if nothing is known to.
        unsure: by which rule it is unsure; None without one.
        temperature: by which its logits have been divided, one for each label where a track may have several: told,
            not applied.
        options: of the format, as its row names them.

    Returns:
        Largest absolute difference of probabilities and embeddings from the Keras model's.

    Raises:
        KgenreError: the folder exists, or the reloaded model differs by more than the format's tolerance.
    """
    from kgenre.serving.exporters.verify import difference

    check_known("export format", format, EXPORTERS)
    folder, exporter = Path(folder), EXPORTERS[format].load()
    if folder.exists():
        raise KgenreError(f"{folder}: exists already. Name another.")
    facts = ({"leaky": leaky} if leaky else {}) | ({"unsure": unsure.values()} if unsure else {})
    facts["temperature"] = temperature
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder.parent) as beside:
        part = Path(beside) / f"artefact{EXPORTERS[format].suffix}"
        told = {"facts": facts} if EXPORTERS[format].tells_facts else {}
        exporter.write(model, task, spec, part, **options, **told)
        found = difference(model, task, spec, part, exporter.ANSWER)
        tolerance = exporter.tolerance(**options)
        if not found <= tolerance:
            raise KgenreError(
                f"The exported model differs from the trained one by {found:.1e}, more than {tolerance:g}; "
                "nothing was written. Train with --precision float32 or export on the machine that trained."
            )
        exporter.add_facts(part, facts)
        part.rename(folder)
    return found
