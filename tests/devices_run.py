"""Trains runs on so many devices, in a process of its own, and keeps the loss of each step.

    KERAS_BACKEND=... python tests/devices_run.py JOB...

A job is a JSON list [FILE, OUT, RUN, SETTINGS, EPOCHS]; that on most devices comes first. FILE is a collection, OUT the
JSON file of the losses, [[epoch, step, mean loss of the epoch so far], ...], RUN the run folder, SETTINGS a table. A
run that is there already goes on, with the settings as what is given beside --resume. After EPOCHS, if they are not 0,
the process ends as if it were killed.
"""

import json
import os
import sys
from pathlib import Path

from kgenre.core.progress import Progress
from kgenre.training.devices import restart_devices
from kgenre.training.run import Run
from kgenre.training.start import begin, new_run, resumed_settings


class Lines(Progress):
    def line(self, text: str) -> None:
        print(text)


def main(file: str, out: str, folder: str, given: dict, epochs: int) -> None:
    run, progress = Run(folder), Lines()
    if run.begun:
        settings = resumed_settings(run, given)
        restart_devices(settings.training.devices, run, progress, settings.training.accumulate)
    else:
        settings, run = new_run({"data": file, **given}, folder, again=False)
        settings = begin(settings, run, progress)

    from kgenre.training import fit as training

    losses, plain = [], training.TrainingCallback

    class Recorded(plain):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch
            super().on_epoch_begin(epoch, logs)

        def on_train_batch_end(self, batch, logs=None):
            losses.append([self.epoch, batch, float(logs["loss"])])
            super().on_train_batch_end(batch, logs)

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch + 1 == epochs:
                Path(out).write_text(json.dumps(losses))
                os._exit(0)

    training.TrainingCallback = Recorded
    training.fit(settings, run, progress)
    training.TrainingCallback = plain
    Path(out).write_text(json.dumps(losses))


if __name__ == "__main__":
    for job in sys.argv[1:]:
        main(*json.loads(job))
