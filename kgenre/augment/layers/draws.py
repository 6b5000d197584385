"""Random draws under several devices: each device draws for the whole batch and takes the rows of its share.

So what is drawn for a slice does not depend on how many devices the batch is divided among. TensorFlow alone needs it,
whose devices would all draw the same; JAX draws for the whole batch by itself.
"""

from collections.abc import Callable

import keras
from keras import ops


def rows_of_batch(draw: Callable, shape: tuple, axis: int = 0):
    """draw(shape), of this device's rows of the whole batch.

    Args:
        draw: shape -> tensor of that shape.
        shape: of the result; of equal length on each device along `axis`, the examples.
    """
    n, number = share()
    if n == 1:
        return draw(shape)
    rows = shape[axis]
    whole = draw((*shape[:axis], n * rows, *shape[axis + 1 :]))
    return ops.take(whole, number * rows + ops.arange(rows), axis=axis)


def share() -> tuple:
    """(Among how many devices the batch is divided, the number of this one from 0)."""
    if keras.backend.backend() != "tensorflow":
        return 1, 0
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()  # None where a model is built for all of them
    return (replica.num_replicas_in_sync, replica.replica_id_in_sync_group) if replica else (1, 0)
