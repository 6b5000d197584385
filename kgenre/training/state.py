"""The state of a training, which survives a kill: the history, the last checkpoint and the best."""

import json
import math
from collections.abc import Callable

import keras
import pandas as pd

from kgenre.core.files import write_beside, write_json, write_text
from kgenre.model.build import load_model
from kgenre.training.curves import draw_curves
from kgenre.training.run import Run


class TrainingState:
    """What is known after the last whole epoch. state.json names the checkpoint that belongs to it.

    Files are written in an order that leaves a valid state at any moment: the epoch's checkpoint, then
    state.json in one rename, then the removal of checkpoints that it no longer names.

    Args:
        run: the run.
        metric: name of the main metric: in [0, 1], higher is better.
        by_loss: whether a lower loss alone makes an epoch the better one.
    """

    def __init__(self, run: Run, metric: str, by_loss: bool = False):
        self.run, self.metric, self.by_loss = run, metric, by_loss
        self.history, self.best, self.stopped = [], 0, False
        path = run / "state.json"
        if path.is_file():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self.history, self.best, self.stopped = saved["history"], saved["best"], saved["stopped"]

    @property
    def epochs(self) -> int:
        return len(self.history)

    def checkpoint(self, epoch: int):
        return self.run / "checkpoints" / f"epoch-{epoch:04d}.keras"

    def add(self, row: dict, model: keras.Model, patience: int) -> None:
        """Takes in an epoch. Better is a higher main metric of valid tracks, or an equal one at a lower loss.

        With `by_loss` the loss comes first.
        """
        row = {"epoch": self.epochs + 1, **row}
        if not self.history or self._rank(row) > self._rank(self.history[self.best - 1]):
            self.best = row["epoch"]
        self.history.append(row)
        self.stopped = self.epochs - self.best >= patience
        self.checkpoint(1).parent.mkdir(exist_ok=True)
        write_beside(self.checkpoint(self.epochs), model.save)
        saved = {"history": self.history, "best": self.best, "stopped": self.stopped}
        write_json(self.run / "state.json", saved)
        write_text(self.run / "history.csv", self.table().to_csv(index=False))
        self._remove_except(self.best, self.epochs)

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.history)
        return table.assign(best=table["epoch"] == self.best)

    def finish(self, model: keras.Model, network_of: Callable = lambda trained: trained) -> None:
        """Saves the best epoch's weights as the run's model.keras, without the optimizer's state.

        Args:
            model: the run's network in float32, as its weights are under every precision.
            network_of: the model of a checkpoint -> the same network in it.
        """
        draw_curves(self.table(), self.run / "curves.png", self.metric)
        trained = network_of(load_model(self.checkpoint(self.best)))
        model.set_weights(trained.get_weights())
        write_beside(self.run / "model.keras", model.save)

    def _remove_except(self, *epochs: int) -> None:
        for path in self.checkpoint(1).parent.glob("*"):
            if path not in [self.checkpoint(epoch) for epoch in epochs]:
                path.unlink()

    def _rank(self, row: dict) -> tuple[float, float]:
        valid = row[f"valid_{self.metric}"]
        if math.isnan(valid):  # no valid tracks: the last epoch is as good as any
            return (0.0, row["epoch"])
        return (-row["valid_loss"], valid) if self.by_loss else (valid, -row["valid_loss"])
