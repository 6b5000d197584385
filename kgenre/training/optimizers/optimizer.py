"""What an optimizer declares, and the settings that several share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from kgenre.core.settings import Settings

LearningRate = Annotated[float, Field(ge=1e-9, le=10, description="of the optimizer, at the start")]
WeightDecay = Annotated[
    float,
    Field(
        ge=0,
        le=10,
        description="share of the weights that each update takes off, times the learning rate (decoupled from the "
        "gradient); biases and normalisation keep all",
    ),
]

# The names of the variables that no decay acts on, as Keras's models have it: they are few, and decay of a scale or an
# offset limits what a layer gives, not how many weights it takes.
WITHOUT_DECAY = ("bias", "gamma", "beta")


class OptimizerSettings(Settings):
    """How far each update of the weights goes."""

    learning_rate: LearningRate = 1e-3


@dataclass(frozen=True)
class Optimizer:
    """One row of OPTIMIZERS.

    settings: the optimizer's own settings.
    build: the settings, the learning rate (a float or a schedule of Keras), and by keyword options of
        keras.optimizers.Optimizer -> such an optimizer.
    description: what it is, for the table in docs/training.md.
    source: the paper it is from.
    """

    settings: type[OptimizerSettings]
    build: Callable
    description: str
    source: str
