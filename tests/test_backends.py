"""Features and networks on Keras's other backends: the answers and gradients of TensorFlow, without TensorFlow."""

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import backend_answers
import numpy as np
import pytest

from kgenre.archs import ARCHS
from kgenre.cli.run import run
from kgenre.core.errors import KgenreError
from kgenre.core.keras_backends import training_backend
from kgenre.features import FEATURES
from kgenre.training.fit import untrained_model

BACKENDS = ("jax", "torch")
# Run in a process of its own, for a backend is chosen when Keras is imported. TensorFlow looks installed, but to
# import it fails: what passes needs none of it.
OTHER_PROCESS = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from locked_out import lock_out

lock_out("tensorflow")
import backend_answers
import numpy as np

rows, differentiated = (names.split() for names in sys.argv[4:])
np.savez(sys.argv[3], **backend_answers.answers(Path(sys.argv[2]), rows, differentiated))
"""
# What the arithmetic of float32 leaves between two orders of summation: 3e-6 of the largest value in the networks
# and 2e-5 in a constant-Q bin 80 dB under the loudest, as measured; a wrong padding or gate is off by 1e-2 and more.
TOLERANCE = 1e-4
# Whose layers others have, too: cqt, and resnet18, convpool, crnn and musicnn, and short_fcn.
LIKE_OTHERS = (
    *("chroma_cqt", "chroma_cens"),
    *("resnet50", "efficientnet_lite0", "freqcnn", "squarecnn", "tempcnn", "convconvpool", "melcrop", "homebrew"),
    *("crnn_parallel", "tagger_crnn", "bbnn", "fcn"),
)
# To differentiate takes seconds a network, of JAX to compile: those whose layers between them are of every kind.
DIFFERENTIATED = (*(name for name in FEATURES if name not in LIKE_OTHERS), "convpool", "musicnn", "crnn", "bandattn")
ROWS = [
    pytest.param(row, marks=pytest.mark.soak if row in LIKE_OTHERS else ())
    for row in (*FEATURES, *ARCHS, "zoom", "saved")
]
GRADIENT_CASES = [
    pytest.param(backend, row, marks=pytest.mark.soak if row not in DIFFERENTIATED else ())
    for backend in BACKENDS
    for row in (*FEATURES, *ARCHS)
]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """Files that TensorFlow saved: a network of convolutions, and a recurrent one on another feature."""
    folder = tmp_path_factory.mktemp("models")
    for arch, options in (("melcrop", {"feature": "logmel"}), ("crnn", {"feature": "mfcc", "bidirectional": True})):
        config = backend_answers.smallest_config(arch, **options)
        untrained_model(config, backend_answers.N_CLASSES).save(folder / f"{arch}.keras")
    return folder


@pytest.fixture(scope="module")
def differentiated(request) -> dict[str, list[str]]:
    """{backend: rows whose gradients the tests that are run compare}."""
    rows = {backend: [] for backend in BACKENDS}
    for params in parameters(request, test_gradients_agree):
        rows[params["found"]].append(params["row"])
    return rows


@pytest.fixture(scope="module")
def rows(request, differentiated) -> list[str]:
    """Those that the tests that are run compare."""
    answered = {params["row"] for params in parameters(request, test_answers_agree)}
    return sorted(answered.union(*differentiated.values()) - {"zoom", "saved"})


def parameters(request, test) -> list[dict]:
    return [
        item.callspec.params for item in request.session.items if getattr(item, "originalname", "") == test.__name__
    ]


@pytest.fixture(scope="module")
def started(models, rows, differentiated, tmp_path_factory):
    """{backend: (process, file of its answers)} of those that are installed, at work while TensorFlow answers here."""
    running = {}
    for backend in BACKENDS:
        if importlib.util.find_spec(backend) is None:
            continue
        folder = tmp_path_factory.mktemp(backend)
        environment = {**os.environ, "KERAS_BACKEND": backend}
        # Most of JAX's time goes into compiling programs that run three times. The long form gives it that time:
        # without optimizations the gradient of short_fcn's global maximum is wrong or not a number, as measured.
        if set(differentiated["jax"]) <= set(DIFFERENTIATED):
            environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
        arguments = [str(Path(__file__).parent), str(models), str(folder / "answers.npz")]
        arguments += [" ".join(rows), " ".join(differentiated[backend])]
        with open(folder / "log", "w") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", OTHER_PROCESS, *arguments], env=environment, stdout=log, stderr=log
            )
        running[backend] = (process, folder / "answers.npz")
    yield running
    for process, _ in running.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def expected(started, models, rows, differentiated) -> dict[str, np.ndarray]:
    return backend_answers.answers(models, rows, set().union(*differentiated.values()))


@pytest.fixture(scope="module")
def answered(started, expected):
    """backend -> its arrays, read once."""

    @functools.cache
    def arrays_of(backend: str) -> dict[str, np.ndarray]:
        process, answers = started[backend]
        assert process.wait() == 0, (answers.parent / "log").read_text()[-3000:]
        with np.load(answers) as arrays:
            return dict(arrays)

    return arrays_of


@pytest.fixture(params=BACKENDS)
def found(request, started, answered) -> dict[str, np.ndarray]:
    if request.param not in started:
        pytest.skip(f"{request.param} is not installed")
    return answered(request.param)


def test_same_arrays(found, expected, rows):
    shapes = {name: array.shape for name, array in found.items()}
    gradients = {name.partition(":")[0] for name in shapes if ": gradient" in name}
    assert shapes == {
        name: array.shape
        for name, array in expected.items()
        if ": gradient" not in name or name.partition(":")[0] in gradients
    }
    assert {name.partition(":")[0] for name in found} == {*rows, "zoom", "saved"}


@pytest.mark.parametrize("row", ROWS)
def test_answers_agree(row, found, expected):
    for name in of_row(row, expected, gradients=False):
        largest = np.abs(expected[name]).max()
        assert largest > 0, name
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=TOLERANCE * largest, err_msg=name)


@pytest.mark.parametrize(("found", "row"), GRADIENT_CASES, indirect=["found"])
def test_gradients_agree(row, found, expected):
    """Of each weight, by norm: within the tolerance in one example, and a hundredfold in every one.

    Where a relu or a max-pool stands within rounding of its kink, each backend takes a side, and the
    example's gradients differ by 1e-3. That is right, and which example it is depends on the machine; a
    fault would be in all of them.
    """
    for name in of_row(row, expected, gradients=True):
        wanted, got = (arrays[name].reshape(len(arrays[name]), -1) for arrays in (expected, found))
        size, difference = np.linalg.norm(wanted, axis=1), np.linalg.norm(got - wanted, axis=1)
        assert np.isfinite(difference).all(), name
        assert (size > 0).all() == (row != "chroma_cens"), name  # which is quantized: it has no gradient
        relative = difference / np.maximum(size, 1e-30)
        assert relative.min() < TOLERANCE and relative.max() < 100 * TOLERANCE, name


def of_row(row: str, arrays: dict, gradients: bool) -> list[str]:
    """The names of a row's arrays; never none."""
    names = [name for name in arrays if name.startswith(f"{row}: ") and (": gradient" in name) == gradients]
    assert names
    return names


@pytest.mark.parametrize(
    ("variable", "file", "expected"),
    [
        (None, None, "tensorflow"),
        (None, '{"backend": "jax"}', "jax"),
        ("", '{"backend": "jax"}', "jax"),
        ("torch", '{"backend": "jax"}', "torch"),
        (None, "no table", "tensorflow"),
    ],
)
def test_training_backend_is_that_of_keras(variable, file, expected, monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if file is not None:
        (tmp_path / "keras.json").write_text(file)
    assert training_backend() == expected


def test_training_backend_of_a_file_that_does_not_train_names_the_file(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    with pytest.raises(KgenreError, match=r"keras.json: unknown KERAS_BACKEND 'numpy'.*jax, tensorflow, torch"):
        training_backend()


@pytest.mark.parametrize("backend", BACKENDS)
def test_grain_that_is_missing_is_brought_by_the_extra_of_the_backend(backend, monkeypatch, capsys):
    def command(args):
        raise ModuleNotFoundError("No module named 'grain'", name="grain")

    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert run(command, None, pandas=False) == 2
    assert f"pip install 'kgenre[{backend}]'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["distill --teacher musicnn --data music --out", "export --model run --out"])
def test_commands_that_need_tensorflow_say_so(command, collection, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    command = command.replace("music ", f"{collection} ")
    name, *arguments = [*command.split(), str(tmp_path / "out")]
    assert importlib.import_module(f"kgenre.{name}").main(arguments) == 2
    said = capsys.readouterr().err
    assert "Export and distillation need Keras's TensorFlow backend. Received: jax. Set KERAS_BACKEND=tensorf" in said
    assert not (tmp_path / "out").exists()
