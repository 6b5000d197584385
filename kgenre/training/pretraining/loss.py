"""The loss and the metric of a pre-training: which crops of a batch are of one song.

Targets (batch,) are numbers of songs, outputs (batch, d) vectors of length 1.

Source: the normalized temperature-scaled cross-entropy of Chen et al. 2020, A Simple Framework for Contrastive Learning
of Visual Representations; two crops of a recording as the pair: Saeed et al. 2021, COLA. Where a song has more than
two crops in a batch each of the others is a partner, as in Khosla et al. 2020.
"""

import keras
from keras import ops

APART = -1e9  # the similarity of a crop to itself, which nothing is compared with


@keras.saving.register_keras_serializable(package="kgenre")
class PairLoss(keras.losses.Loss):
    """Of each crop i the mean over its partners p of -ln(exp(s_ip / T) / sum over j != i of exp(s_ij / T)).

    s are cosines. A crop without a partner, for its partner's file failed, costs nothing.

    Args:
        temperature: T.
    """

    def __init__(self, temperature, name="pair_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true, y_pred):
        similar, partners = compared(y_true, y_pred)
        log_shares = ops.log_softmax(similar / self.temperature, axis=1)
        return -ops.sum(partners * log_shares, axis=1) / ops.maximum(ops.sum(partners, axis=1), 1.0)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="kgenre")
class PairAccuracy(keras.metrics.Mean):
    """Share of the crops whose most similar other crop of the batch is of the same song."""

    def __init__(self, name="pair_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(found_partners(y_true, y_pred))


def found_partners(songs, vectors):
    """1 for each crop whose most similar other crop is of the same song, else 0: (batch,)."""
    similar, partners = compared(songs, vectors)
    nearest = ops.expand_dims(ops.argmax(similar, axis=1), axis=1)
    return ops.squeeze(ops.take_along_axis(partners, nearest, axis=1), axis=1)


def compared(songs, vectors):
    """Cosines (batch, batch), a crop's own set to APART, and which of the others are its partners, as 1 and 0."""
    n = ops.shape(vectors)[0]
    itself = ops.eye(n, dtype=vectors.dtype)
    songs = ops.reshape(songs, (-1, 1))
    partners = ops.cast(ops.equal(songs, ops.transpose(songs)), vectors.dtype) * (1 - itself)
    return ops.matmul(vectors, ops.transpose(vectors)) + APART * itself, partners
