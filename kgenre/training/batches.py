"""Training batches: the tf.data pipeline from a table of tracks and a plan to augmented crops.

Shuffling is done by the plan on pairs of (track, position), so it holds no audio at all.
"""

import itertools

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.open_reader import Reader
from kgenre.training.plan import TrainingPlan


def training_batches(
    reader: Reader,
    paths,
    labels,
    plan: TrainingPlan,
    first_epoch: int = 0,
    workers: int = 2,
    of_crop: dict | None = None,
    of_batch: dict | None = None,
):
    """Endless batches of random crops, epoch after epoch: tf.data of (slices (batch, ...), label).

    The order and what is drawn depend on the plan alone, not on the workers. Where a file fails, the next
    track of the table takes its place and `reader.failures` names it.

    Args:
        labels: whole numbers (tracks,), which come as int32 (batch,); or shares of the classes
            (tracks, classes), which come as float32 (batch, classes), and which `of_batch` asks for. Of labels that
            change within a track, a function (number, position) -> float32 (n,).
        of_crop, of_batch: {name: change} of build_augmentations, for a crop and for a batch.
    """
    import tensorflow as tf

    of_crop, of_batch = of_crop or {}, of_batch or {}
    label_of = labels if callable(labels) else _of_tracks(labels)
    example = np.asarray(label_of(0, 0.0))

    def crops():
        for epoch in itertools.count(first_epoch):
            yield from zip(*plan.epoch(epoch), plan.draws(epoch, {**of_crop, **of_batch}))

    def read(index, position, drawn):
        for number in itertools.chain(range(index, len(paths)), range(index)):
            path = paths[number]
            if path in reader.failures:
                continue
            try:
                changes = list(zip(of_crop.values(), drawn))
                return changed_crop(reader, path, float(position), changes), label_of(number, float(position))
            except audio.AudioError as error:
                reader.failures[path] = error.cause
        # None can be read: the epoch's end reports it.
        return np.zeros(reader.spec.shape, "float32"), np.zeros_like(example)

    def read_graph(index, position, drawn):
        crop, label = tf.numpy_function(read, [index, position, drawn], [tf.float32, tf.as_dtype(example.dtype)])
        crop = tf.ensure_shape(crop, reader.spec.shape)
        return crop, tf.ensure_shape(label, example.shape), drawn[len(of_crop) :]

    def changed_batch(slices, labels, drawn):
        for column, change in enumerate(of_batch.values()):
            slices, labels = change.apply(slices, labels, drawn[:, column])
        return slices, labels

    signature = [((), tf.int64), ((), tf.float64), ((len(of_crop) + len(of_batch),), tf.float64)]
    signature = tuple(tf.TensorSpec(*spec) for spec in signature)
    dataset = tf.data.Dataset.from_generator(crops, output_signature=signature)
    dataset = dataset.map(read_graph, num_parallel_calls=workers, deterministic=True)
    return dataset.batch(plan.batch_size, drop_remainder=True).map(changed_batch).prefetch(2)


def _of_tracks(labels):
    """(number, position) -> the label of the track, wherever in it."""
    labels = np.asarray(labels)
    labels = labels.astype("int32" if labels.ndim == 1 else "float32")
    return lambda number, position: labels[number]


def changed_crop(reader: Reader, path: str, position: float, changes: list) -> np.ndarray:
    """A crop of a track with changes applied in order, each given as (change, value): float32, of a slice's shape.

    From the last to the first, each says how much it must be given, so that none has to pad.
    """
    sizes = [reader.spec.slice_samples]
    for change, value in reversed(changes):
        sizes.append(change.reads(sizes[-1], value))
    waveform = reader.crop(path, position, sizes.pop())
    for change, value in changes:
        waveform = change.apply(waveform, value, sizes.pop())
    return waveform
