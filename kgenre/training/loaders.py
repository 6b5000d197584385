"""Training batches for Keras's backends: the crops of `batches.py`, read in parallel and put together.

TensorFlow is given a tf.data.Dataset, whose batches its graph takes without a copy; JAX and PyTorch a Grain dataset,
which needs none of TensorFlow. The batches are the same.
"""

import keras

from kgenre.training.batches import TrainingCrops


def training_batches(crops: TrainingCrops, workers: int = 2, loader: str | None = None):
    """Batches (slices (batch, ...), labels (batch, ...)) to iterate over or to give to `keras.Model.fit`.

    Their order does not depend on the workers.

    Args:
        workers: reading threads.
        loader: one of LOADERS; that of Keras's backend if not given.
    """
    return LOADERS[loader or BACKENDS[keras.backend.backend()]](crops, workers)


def tf_data_batches(crops: TrainingCrops, workers: int):
    """tf.data.Dataset of (slices, labels)."""
    import tensorflow as tf

    shape, label = crops.reader.spec.shape, crops.example
    types, drawn_shape = (tf.float32, tf.as_dtype(label.dtype)), (len(crops.of_batch),)

    def read(item):
        slices, labels, drawn = tf.numpy_function(crops.__getitem__, [item], [*types, tf.float64])
        return tf.ensure_shape(slices, shape), tf.ensure_shape(labels, label.shape), tf.ensure_shape(drawn, drawn_shape)

    def changed(slices, labels, drawn):
        if crops.of_batch:
            slices, labels = tf.numpy_function(crops.changed_batch, [slices, labels, drawn], types)
        n = crops.plan.batch_size
        return tf.ensure_shape(slices, (n, *shape)), tf.ensure_shape(labels, (n, *label.shape))

    items = tf.data.Dataset.counter()
    if crops.n_steps is not None:
        items = items.take(len(crops))
    dataset = items.map(read, num_parallel_calls=workers, deterministic=True)
    return dataset.batch(crops.plan.batch_size, drop_remainder=True).map(changed).prefetch(2)


def grain_batches(crops: TrainingCrops, workers: int):
    """grain.IterDataset of (slices, labels)."""
    import grain

    n = crops.plan.batch_size
    read = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=max(n, workers))
    dataset = grain.MapDataset.source(crops).to_iter_dataset(read).batch(n, drop_remainder=True)
    dataset = dataset.map(lambda batch: crops.changed_batch(*batch))
    # A thread of its own puts batches together while the backend is at work on the one before.
    return grain.experimental.ThreadPrefetchIterDataset(dataset, prefetch_buffer_size=1)


LOADERS = {"tf.data": tf_data_batches, "grain": grain_batches}
BACKENDS = {"tensorflow": "tf.data", "jax": "grain", "torch": "grain"}
