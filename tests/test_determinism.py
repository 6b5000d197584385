"""`--deterministic`: two trainings with one seed, of which one was killed and resumed, end in the same weights."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from small_run import SMALL

from kgenre.training.run import Run

# Trains the runs of its arguments one after the other, going on with those that were begun; as `kgenre train` does,
# which evaluates and exports them then.
TRAIN = """
import json, sys
from kgenre.core.progress import SILENT
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.backend import start_backend
from kgenre.training.start import begin, new_run, resumed_settings

for out in sys.argv[2:]:
    run = Run(out)
    if run.begun:
        settings = resumed_settings(run, {})
        start_backend(settings)
    else:
        settings, run = new_run(json.loads(sys.argv[1]), out, again=False)
        settings = begin(settings, run, SILENT)
    from kgenre.training.fit import fit

    fit(settings, run)
"""
# Everything that draws or could add in another order.
SETTINGS = {"augment": ["zoom", "specaugment", "mixup", "tempo"], "balanced": True, "workers": 2}


def command(collection, *outs) -> list[str]:
    small = {
        flag.removeprefix("--").replace("-", "_"): json.loads(value) for flag, value in zip(SMALL[::2], SMALL[1::2])
    }
    run = {"data": str(collection / "manifest.csv"), "epochs": 3, "deterministic": True, "seed": 7}
    return [sys.executable, "-c", TRAIN, json.dumps({**small, **SETTINGS, **run}), *map(str, outs)]


def kill_after_an_epoch(arguments: list[str], out) -> None:
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            state = out / "state.json"
            if state.is_file() and len(json.loads(state.read_text())["history"]) >= 1:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.stderr.close()


@pytest.fixture(scope="module")
def runs(collection, tmp_path_factory) -> dict[str, Run]:
    """whole and killed: the same training twice, the latter stopped after an epoch and resumed by another process."""
    folder = tmp_path_factory.mktemp("deterministic")
    names = ("killed", "whole")
    kill_after_an_epoch(command(collection, folder / "killed"), folder / "killed")
    assert 1 <= len(json.loads((folder / "killed" / "state.json").read_text())["history"]) < 3
    done = subprocess.run(command(collection, *(folder / name for name in names)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: Run(folder / name) for name in names}


@pytest.mark.soak
def test_deterministic_training_ends_in_the_same_history(runs):
    tables = [pd.read_csv(runs[name] / "history.csv").drop(columns="seconds") for name in ("whole", "killed")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.soak
def test_deterministic_training_ends_in_the_same_weights(runs):
    first, second = (runs[name].load_model().get_weights() for name in ("whole", "killed"))
    assert len(first) == len(second) > 10
    for one, two in zip(first, second):
        np.testing.assert_array_equal(one, two)
