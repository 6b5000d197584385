"""Stochastic gradient descent with momentum."""

from pydantic import Field

from kgenre.training.optimizers.optimizer import LearningRate, Optimizer, OptimizerSettings, WeightDecay


class SgdSettings(OptimizerSettings):
    """Of stochastic gradient descent."""

    learning_rate: LearningRate = 1e-2  # Keras's
    # The usual one: ten updates' gradients.
    momentum: float = Field(0.9, ge=0, le=0.999, description="share of the last update that the next one repeats")
    # Off: it must be chosen together with learning rate and momentum.
    weight_decay: WeightDecay = 0.0


def sgd(settings: SgdSettings, learning_rate, **options):
    """w -= rate * weight_decay * w; m = momentum * m - rate * g; w += m, of gradient g and weights w.

    The momentum is not Nesterov's. PyTorch adds the decay to the gradient instead, so that the momentum repeats it: at
    a constant rate that is 1 / (1 - momentum) times the decay here.
    """
    import keras

    decay = settings.weight_decay or None
    return keras.optimizers.SGD(learning_rate, momentum=settings.momentum, weight_decay=decay, **options)


SGD = Optimizer(SgdSettings, sgd, "stochastic gradient descent with momentum", "Polyak 1964")
