"""The table of export formats: what each row must have, and what asking for help does not cost."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kgenre.audio.slicing import SliceSpec
from kgenre.model.aggregate import SliceOutputs
from kgenre.model.tasks import make_task
from kgenre.serving.exporters import EXPORTERS, ExporterModule, verify
from kgenre.serving.exporters.quantizations import QUANTIZATIONS


@pytest.mark.parametrize("name", EXPORTERS)
def test_exporter_has_what_an_export_calls(name):
    module = EXPORTERS[name].load()
    assert isinstance(module, ExporterModule)
    assert 0 < module.tolerance() <= 1e-4


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_tolerance_of_a_tflite_file_is_that_of_its_quantization(name):
    row = EXPORTERS["litert"]
    assert row.options == ("quantization",)
    assert row.load().tolerance(quantization=name) == QUANTIZATIONS[name].tolerance


def test_export_help_names_the_quantizations_and_imports_neither_numpy_nor_tensorflow():
    code = "import sys\nfrom kgenre import export\ntry:\n    export.main(['--help'])\nfinally:\n    print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, modules = done.stdout.rsplit("\n", 2)[:2]
    assert f"{{{','.join(QUANTIZATIONS)}}}" in text
    assert not {"numpy", "tensorflow", "ai_edge_litert"} & set(modules.split())


def test_answer_that_is_not_finite_differs_infinitely_wherever_it_is(monkeypatch):
    """The last of several answers, for a maximum of Python's passes over NaN that is not its first."""
    spec, task = SliceSpec(8000, 8000, 8000), make_task("single", ("blues", "jazz"))
    halves = SliceOutputs(np.full((1, 2), 0.5, "float32"), np.ones((1, 3), "float32"))

    class Halves:
        slice_spec = spec

        def __call__(self, slices):
            return SliceOutputs(*(np.repeat(one, len(slices), axis=0) for one in halves))

    def asked(value: float) -> float:
        def ask(folder, answer, cases):
            answers = {
                f"{name}/{key}": one
                for name, batch in cases.items()
                for key, one in verify._expected(Halves(), batch).items()
            }
            answers["several/embedding"][1] += value
            return answers

        monkeypatch.setattr(verify, "ask", ask)
        return verify.difference(None, task, spec, Path("nowhere"), "")

    monkeypatch.setattr("kgenre.serving.keras_model.KerasModel", lambda *_: Halves())
    assert asked(0.0) == 0.0 and asked(0.25) == 0.25
    assert asked(np.nan) == asked(np.inf) == float("inf")
