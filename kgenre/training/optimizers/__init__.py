"""The table of optimizers.

To add one, declare it in a file of this folder (its settings, how it is built) and give it a line here. Flags,
`--help`, the table in docs/training.md and the tests follow from the table.
"""

from kgenre.training.optimizers.adam import ADAM, ADAMW
from kgenre.training.optimizers.optimizer import Optimizer, OptimizerSettings
from kgenre.training.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "Optimizer", "OptimizerSettings"]

OPTIMIZERS: dict[str, Optimizer] = {
    "adam": ADAM,
    "adamw": ADAMW,
    "sgd": SGD,
}
