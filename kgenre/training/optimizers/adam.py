"""Adam, and Adam with decoupled weight decay.

Keras's Adam takes a weight decay too, and is then AdamW: so `adam` here is the one without, `adamw` the one with.
"""

from kgenre.training.optimizers.optimizer import LearningRate, Optimizer, OptimizerSettings, WeightDecay


class AdamSettings(OptimizerSettings):
    """Adam's."""

    learning_rate: LearningRate = 1e-3  # as published


class AdamWSettings(AdamSettings):
    """AdamW's."""

    weight_decay: WeightDecay = 4e-3  # Keras's


def adam(settings: AdamSettings, learning_rate, **options):
    """m = 0.9 m + 0.1 g; v = 0.999 v + 0.001 g^2; w -= rate * c * m / (sqrt(v) + 1e-7), of gradient g and weights w.

    c = sqrt(1 - 0.999^t) / (1 - 0.9^t) at update t, from 1. It is the second form of the paper's section 2, whose
    epsilon is beside the uncorrected v.
    """
    import keras

    return keras.optimizers.Adam(learning_rate, **options)


def adamw(settings: AdamWSettings, learning_rate, **options):
    """As `adam`, after w -= rate * weight_decay * w."""
    import keras

    return keras.optimizers.AdamW(learning_rate, weight_decay=settings.weight_decay, **options)


ADAM = Optimizer(
    AdamSettings, adam, "step sizes that do not depend on the scale of the gradients", "Kingma and Ba 2015"
)
ADAMW = Optimizer(AdamWSettings, adamw, "Adam with decoupled weight decay", "Loshchilov and Hutter 2019")
