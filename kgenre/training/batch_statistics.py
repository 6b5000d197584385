"""Statistics of batch normalisation, measured on what the model will be given: not zoomed, shifted or mixed."""

from collections.abc import Iterable

import keras
import numpy as np

from kgenre.model.calls import updating


class BatchStatistics:
    """Replaces the moving averages of a model's batch normalisation by means over batches.

    The moving averages belong to augmented slices; what the trained model is given has other statistics. On FMA-small
    that cost 7 points of accuracy with zoomed training images (convpool; docs/results.md). Layers that are frozen keep
    theirs. Augmentations whose layer says `in_statistics`, masks and noise, stay on.

    Args:
        model: a functional keras.Model.

    Source: "precise batch normalisation" of Wu and Johnson 2021, Rethinking "Batch" in BatchNorm.
    """

    def __init__(self, model: keras.Model):
        self.layers = [layer for layer in model._flatten_layers() if _is_normalisation(layer) and layer.trainable]
        self.graph = keras.models.clone_model(
            model, clone_function=lambda layer: layer, call_function=_call, recursive=True
        )
        self.update = updating(self.graph)  # traced where it is first called: in `measure`, without momentum

    def measure(self, batches: Iterable[np.ndarray]) -> None:
        """Takes the mean over batches of slices (batch, ...), all of one size; at least one.

        They are not asked for where there is nothing to measure.
        """
        if not self.layers:
            return
        momenta = [layer.momentum for layer in self.layers]
        totals, n = [0.0] * (2 * len(self.layers)), 0
        for layer in self.layers:
            layer.momentum = 0.0  # so that the moving averages are those of the last batch
        try:
            for slices in batches:
                self.update(slices)
                totals = [total + keras.ops.convert_to_numpy(value) for total, value in zip(totals, self._variables())]
                n += 1
        finally:
            for layer, momentum in zip(self.layers, momenta):
                layer.momentum = momentum
        for variable, total in zip(self._variables(), totals):
            variable.assign(total / n)

    def _variables(self) -> list:
        return [variable for layer in self.layers for variable in (layer.moving_mean, layer.moving_variance)]


def _is_normalisation(layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _call(layer, *arguments, **named):
    """Calls a layer as in inference; batch normalisation, and what belongs to its statistics, as in training."""
    if _is_normalisation(layer) or getattr(layer, "in_statistics", False):
        named["training"] = True
    return layer(*arguments, **named)
