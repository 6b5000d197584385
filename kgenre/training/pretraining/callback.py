"""What happens around the steps of a pre-training: as of any training, but valid songs are told from each other."""

from collections.abc import Callable, Iterable

import numpy as np
from keras import ops

from kgenre.model.calls import inference
from kgenre.training.batch_statistics import BatchStatistics
from kgenre.training.callback import TrainingCallback
from kgenre.training.pretraining.loss import PairLoss, found_partners


class PretrainingCallback(TrainingCallback):
    """As TrainingCallback, with the loss and the accuracy of pairs of valid songs, in batches as those of training.

    Args, beside those of TrainingCallback:
        temperature: of PairLoss.
        pairs: () -> batches (slices, numbers of songs) of valid songs, without augmentation; the same each time.
    """

    def __init__(self, *arguments, temperature: float, pairs: Callable[[], Iterable]):
        super().__init__(*arguments)
        self.loss, self.pairs = PairLoss(temperature, reduction=None), pairs

    def on_train_begin(self, logs=None):
        self.vectors = inference(self.model)
        self.statistics = BatchStatistics(self.model)

    def validate(self) -> dict[str, float]:
        losses, found = [], []
        with self.progress.task("validating", None, "batches") as advance:
            for slices, songs in self.pairs():
                vectors = ops.convert_to_tensor(self.vectors(np.asarray(slices))[0])
                songs = ops.convert_to_tensor(songs)
                losses.append(ops.convert_to_numpy(self.loss(songs, vectors)))
                found.append(ops.convert_to_numpy(found_partners(songs, vectors)))
                advance()
        return {"valid_loss": float(np.mean(losses)), "valid_pair_accuracy": float(np.mean(found))}
