"""Trainings on one of Keras's backends, in a process of its own without TensorFlow: `python backend_training.py ...`.

step-losses OUT SETTINGS: losses of the steps of the first epoch, with the weights of the run that SETTINGS name.
fit OUT SETTINGS: a whole training.
killed OUT SETTINGS: a training that is killed in the middle of its third epoch. OUT.npz: what it was after the second.
resume OUT SETTINGS: goes on with a training, up to what TensorFlow does.
command ARGUMENTS...: `kgenre ARGUMENTS`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

KILLED_AFTER = 2  # epochs


def step_losses(out: Path, given: dict) -> None:
    out.write_text(json.dumps(losses_of(given)))


def losses_of(given: dict) -> list[float]:
    import keras

    from kgenre.audio.open_reader import open_reader
    from kgenre.training.fit import batches, compiled_model
    from kgenre.training.plan import training_plan
    from kgenre.training.run import Run
    from kgenre.training.settings import RunSettings

    run = Run(given["init"])
    settings = RunSettings.compose(given)
    task, tracks = run.load_task(), run.load_tracks()
    tracks = tracks[tracks["split"] == "train"]
    targets = task.targets(tracks)
    reader, means = open_reader(settings.slice_spec, 1 << 30), []
    plan = training_plan(settings, task.strata(targets), reader, list(tracks["path"]))
    model = compiled_model(settings, task, plan.steps)
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: means.append(float(logs["loss"])))
    dataset = batches(settings, task, reader, list(tracks["path"]), targets, plan)
    model.fit(dataset, steps_per_epoch=plan.steps, callbacks=[callback], shuffle=False, verbose=0)
    sums = [0.0, *(mean * (step + 1) for step, mean in enumerate(means))]  # Keras tells means since the epoch began
    return [after - before for before, after in zip(sums, sums[1:])]


def fit(out: Path, given: dict) -> None:
    from kgenre.training.backend import start_backend
    from kgenre.training.run import Run
    from kgenre.training.start import begin, new_run, resumed_settings

    run = Run(out)
    if run.begun:
        settings = resumed_settings(run, {})
        start_backend(settings)
    else:
        settings, run = new_run(given, out, again=False)
        from kgenre.core.progress import SILENT

        settings = begin(settings, run, SILENT)
    from kgenre.training.fit import fit as train

    train(settings, run)


def resume(out: Path, given: dict) -> None:
    from kgenre.training.run import Run
    from kgenre.training.start import resumed_settings, train

    train(resumed_settings(Run(out), {}), Run(out))


def killed(out: Path, given: dict) -> None:
    from kgenre.training.callback import TrainingCallback

    ends, ends_epoch = TrainingCallback.on_train_batch_end, TrainingCallback.on_epoch_end

    def end(self, batch, logs=None):
        ends(self, batch, logs)
        if self.state.epochs == KILLED_AFTER and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def end_epoch(self, epoch, logs=None):
        ends_epoch(self, epoch, logs)
        if self.state.epochs == KILLED_AFTER:
            np.savez(f"{out}.npz", **arrays_of(self.model))

    TrainingCallback.on_train_batch_end, TrainingCallback.on_epoch_end = end, end_epoch
    fit(out, given)


def arrays_of(model) -> dict[str, np.ndarray]:
    """Weights and the optimizer's variables, in their order."""
    import keras

    parts = {"weight": model.weights, "optimizer": model.optimizer.variables}
    return {
        f"{name} {number}": keras.ops.convert_to_numpy(variable.value)
        for name, variables in parts.items()
        for number, variable in enumerate(variables)
    }


JOBS = {"step-losses": step_losses, "fit": fit, "killed": killed, "resume": resume}


def main(arguments: list[str]) -> int:
    from locked_out import lock_out

    lock_out("tensorflow")
    if arguments[0] == "command":
        from kgenre.__main__ import main as kgenre

        return kgenre(arguments[1:])
    for job in json.loads(arguments[0]):
        JOBS[job["job"]](Path(job["out"]), job["given"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
