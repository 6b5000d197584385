"""tf.data pipelines: from a table of tracks to batches of waveforms.

Decoded audio is kept up to a given number of bytes and never evicted: over passes that visit every
track once, a cache that drops its oldest entry would drop each just before its next use. What is not
kept is decoded again by seeking to the window that is wanted. Shuffling is done on pairs of (track,
position), so it holds no audio at all.
"""

import itertools

import numpy as np

from kgenre.audio import decode as audio
from kgenre.audio.reader import TrackReader
from kgenre.training.plan import TrainingPlan


def training_batches(
    reader: TrackReader,
    paths,
    labels,
    plan: TrainingPlan,
    first_epoch: int = 0,
    workers: int = 2,
    of_window: dict | None = None,
    of_batch: dict | None = None,
):
    """Endless batches of random windows, epoch after epoch: tf.data of (waveform (batch, slice_samples), label).

    The order and what is drawn depend on the plan alone, not on the workers. Where a file fails, the next
    track of the table takes its place and `reader.failures` names it.

    Args:
        labels: whole numbers (tracks,), which come as int32 (batch,); or shares of the classes
            (tracks, classes), which come as float32 (batch, classes), and which `of_batch` asks for.
        of_window, of_batch: {name: change} of augment.built: augmentation of a window and of a batch.
    """
    import tensorflow as tf

    of_window, of_batch = of_window or {}, of_batch or {}
    labels = np.asarray(labels)
    labels = labels.astype("int32" if labels.ndim == 1 else "float32")

    def windows():
        for epoch in itertools.count(first_epoch):
            yield from zip(*plan.epoch(epoch), plan.strengths(epoch, {**of_window, **of_batch}))

    def read(index, position, strengths):
        for number in itertools.chain(range(index, len(paths)), range(index)):
            path = paths[number]
            if path in reader.failures:
                continue
            try:
                changes = list(zip(of_window.values(), strengths))
                return changed_window(reader, path, float(position), changes), labels[number]
            except audio.AudioError as error:
                reader.failures[path] = error.cause
        return np.zeros(reader.spec.slice_samples, "float32"), np.zeros_like(
            labels[0]
        )  # none can be read: the epoch's end will tell

    def read_graph(index, position, strengths):
        waveform, label = tf.numpy_function(read, [index, position, strengths], [tf.float32, tf.as_dtype(labels.dtype)])
        waveform, label = (
            tf.ensure_shape(waveform, (reader.spec.slice_samples,)),
            tf.ensure_shape(label, labels.shape[1:]),
        )
        return waveform, label, strengths[len(of_window) :]

    def changed_batch(waveforms, labels, strengths):
        for place, change in enumerate(of_batch.values()):
            waveforms, labels = change.apply(waveforms, labels, strengths[:, place])
        return waveforms, labels

    signature = [((), tf.int64), ((), tf.float64), ((len(of_window) + len(of_batch),), tf.float64)]
    signature = tuple(tf.TensorSpec(*spec) for spec in signature)
    dataset = tf.data.Dataset.from_generator(windows, output_signature=signature)
    dataset = dataset.map(read_graph, num_parallel_calls=workers, deterministic=True)
    return dataset.batch(plan.batch_size, drop_remainder=True).map(changed_batch).prefetch(2)


def changed_window(reader: TrackReader, path: str, position: float, changes: list) -> np.ndarray:
    """A crop of a track with changes applied in order, each given as (change, strength): float32 (slice_samples,).

    From the last to the first, each says how much it must be given, so that none has to pad.
    """
    sizes = [reader.spec.slice_samples]
    for change, strength in reversed(changes):
        sizes.append(change.reads(sizes[-1], strength))
    waveform = reader.crop(path, position, sizes.pop())
    for change, strength in changes:
        waveform = change.apply(waveform, strength, sizes.pop())
    return waveform
