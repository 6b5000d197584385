"""The scalars of a training for TensorBoard, written by its own package: Keras's callback would import TensorFlow."""

import time
from collections.abc import Mapping
from pathlib import Path


class Board:
    """Scalars of epochs, under the names of keras.callbacks.TensorBoard: `epoch_loss` and so on, in the run "train".

    Each process that trains writes a file of its own, which TensorBoard puts together.

    Args:
        folder: path of the logs.
    """

    def __init__(self, folder: Path):
        self.folder, self.file = Path(folder) / "train", None

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        """Adds the values of an epoch, from 0."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=f"epoch_{name}", simple_value=value) for name, value in values.items()]
        self._write(step=epoch, summary=Summary(value=scalars))

    def _write(self, **fields) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        is_new = self.file is None
        if is_new:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file = self.folder / f"events.out.tfevents.{time.time_ns()}.kgenre"
        with self.file.open("ab") as stream:
            writer = RecordWriter(stream)
            if is_new:
                writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            writer.write(Event(wall_time=time.time(), **fields).SerializeToString())
