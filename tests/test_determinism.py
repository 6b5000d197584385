"""`--deterministic`: two trainings with one seed, and one that was killed and resumed, end in the same weights."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_run import SMALL

from kgenre.training.run import Run

# Trains the runs of its arguments one after the other, resuming those that were begun.
TRAIN = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import answers_here
from kgenre import train
from kgenre.serving.exporters import verify
verify.run_apart = answers_here.run_here
arguments = sys.argv[sys.argv.index("--") + 1:]
for out in sys.argv[1 : sys.argv.index("--")]:
    again = ["--resume", "--out", out]
    import os
    status = train.main(again if os.path.exists(os.path.join(out, "config.json")) else ["--out", out, *arguments])
    assert status == 0, status
"""


def command(collection, *outs) -> list[str]:
    flags = ["--data", str(collection / "manifest.csv"), *SMALL, "--epochs", "3", "--deterministic", "--seed", "7"]
    # Everything that draws or could add in another order.
    flags += ["--augment", "zoom", "specaugment", "mixup", "tempo", "--balanced", "--workers", "2"]
    return [sys.executable, "-c", TRAIN, str(Path(__file__).parent), *map(str, outs), "--", *flags]


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
    """first and second: the same training twice. killed: stopped after an epoch and resumed."""
    folder = tmp_path_factory.mktemp("deterministic")
    names = ("killed", "first", "second")
    kill_after_an_epoch(command(collection, folder / "killed"), folder / "killed")
    assert 1 <= len(json.loads((folder / "killed" / "state.json").read_text())["history"]) < 3
    done = subprocess.run(command(collection, *(folder / name for name in names)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: Run(folder / name) for name in names}


@pytest.mark.parametrize("other", ["second", "killed"])
def test_deterministic_training_ends_in_the_same_history(runs, other):
    tables = [pd.read_csv(runs[name] / "history.csv").drop(columns="seconds") for name in ("first", other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize("other", ["second", "killed"])
def test_deterministic_training_ends_in_the_same_weights(runs, other):
    first, second = (runs[name].load_model().get_weights() for name in ("first", other))
    assert len(first) == len(second) > 10
    for one, two in zip(first, second):
        np.testing.assert_array_equal(one, two)
