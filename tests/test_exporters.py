"""The table of export formats: what each row must have, and what asking for help does not cost."""

import subprocess
import sys

import pytest

from kgenre.serving.exporters import EXPORTERS, ExporterModule
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
