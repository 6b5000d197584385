"""The front end under XLA: every feature and augmentation of the graph compiles, with nothing left for the host."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import xla_rows
from xla_rows import FEATURES, HOST, IN_GRAPH, ROWS, make_row, operations, program

from kgenre.features.layers import stft

# Of the largest value: sums in another order, 1e-5 in a constant-Q bin 80 dB under the loudest, as measured.
TOLERANCE = 1e-4
# Each layer once: those of chroma_cqt are those of cqt and chroma_cens, whose programs take longest to compile.
COMPARED = [pytest.param(name, marks=pytest.mark.soak if name == "chroma_cqt" else ()) for name in ROWS]


@pytest.fixture(scope="module")
def programs_of_jax(tmp_path_factory):
    """() -> {row: HLO text}, of a process that is at work while TensorFlow compiles here."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    file = tmp_path_factory.mktemp("jax") / "programs.json"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, xla_rows.__file__, str(file)], env=environment)
    yield lambda: json.loads(file.read_text()) if process.wait() == 0 else pytest.fail("see standard error")
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def begins(programs_of_jax):
    """JAX begins before the first test of TensorFlow."""


@pytest.fixture
def on_accelerator(monkeypatch):
    """Features take the form that they have where there is a GPU."""
    monkeypatch.setattr(stft, "runs_on_tensorflow_cpu", lambda: False)


@pytest.fixture
def known_draws(monkeypatch):
    """Random numbers depend on their shape alone: XLA draws by another algorithm than TensorFlow's own kernels."""

    def draw(shape, low=0.0, high=1.0, dtype="float32", seed=None):
        return tf.constant(np.random.default_rng(1).uniform(low, high, [int(n) for n in shape]), dtype)

    for name in ("uniform", "normal"):
        monkeypatch.setattr(keras.random, name, draw)


@pytest.mark.parametrize("name", ROWS)
def test_row_compiles_without_the_host(name, on_accelerator):
    found = operations(program(*make_row(name)))
    assert "parameter" in found and len(found) > 5  # the text is read as it should be
    assert ("fft" in found) == (name in FEATURES)
    assert not found & HOST


def compare(name: str, seconds: float) -> None:
    function, inputs = make_row(name, seconds)
    inputs = [tf.constant(x) for x in inputs]
    plain = function(*inputs).numpy()
    compiled = tf.function(function, jit_compile=True)(*inputs).numpy()
    assert np.isfinite(compiled).all()
    np.testing.assert_allclose(compiled, plain, rtol=0, atol=TOLERANCE * np.abs(plain).max())
    if name in IN_GRAPH:
        assert np.abs(plain - inputs[0].numpy()).max() > 0.01  # it did act


@pytest.mark.parametrize("name", COMPARED)
def test_compiled_row_gives_the_same(name, on_accelerator, known_draws):
    compare(name, 1.5)


@pytest.mark.soak
@pytest.mark.parametrize("name", FEATURES)
def test_compiled_row_of_a_processor_gives_the_same_for_a_long_slice(name):
    compare(name, 29.7)


def test_host_operation_is_found_in_tensorflow():
    def through_python(x):
        return tf.numpy_function(lambda x: x, [x], tf.float32) + 1.0

    with pytest.raises(ValueError, match="PyFunc"):
        program(through_python, [np.zeros(3, "float32")])


@pytest.mark.parametrize("name", ROWS)
def test_row_lowers_under_jax_without_the_host(name, programs_of_jax):
    found = operations(programs_of_jax()[name])
    assert "parameter" in found and len(found) > 5
    assert ("fft" in found) == (name in FEATURES)
    assert not found & HOST


def test_host_operation_is_found_in_jax():
    jax = pytest.importorskip("jax")

    def through_python(x):
        return jax.pure_callback(lambda x: x, jax.ShapeDtypeStruct((3,), "float32"), x) + 1.0

    text = jax.jit(through_python).lower(np.zeros(3, "float32")).as_text(dialect="hlo")
    assert operations(text) & HOST == {"custom-call"}


def test_operations_are_read_behind_their_types():
    lines = [
        "ENTRY main {",
        "  a.1 = f32[2,3]{1,0} parameter(0)",
        "  ROOT b = (f32[], (s32[3]{0}, u8[])) tuple(a.1, c)",
    ]
    assert operations("\n".join(lines)) == {"parameter", "tuple"}
