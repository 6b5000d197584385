"""Mixup: pairs of waveforms and of their labels."""

from dataclasses import dataclass

from kgenre.core.errors import KgenreError


@dataclass(frozen=True)
class Mixup:
    """s x + (1 - s) y of each waveform x and its neighbour y in the batch, and of their labels.

    s is drawn from Beta(alpha, alpha) for each example: near 0 or 1 for a small alpha, uniform for 1.
    The plan has shuffled the tracks, so the neighbour is a random one; the last one's is the first.

    Args:
        alpha: float, positive.

    Raises:
        KgenreError: `alpha` not positive.

    Reference: Zhang et al. 2018.
    """

    alpha: float = 0.2

    def __post_init__(self):
        if not self.alpha > 0:
            raise KgenreError(f"`alpha` must be positive. Received: alpha={self.alpha}.")

    def draw(self, rng, n: int):
        """Shares of the first of each pair, float64 (n,) in [0, 1]."""
        return rng.beta(self.alpha, self.alpha, n)

    def apply(self, waveforms, labels, shares):
        """(batch, samples), (batch, classes), (batch,) -> waveforms and labels of the same shapes, float32."""
        import tensorflow as tf

        shares = tf.cast(shares, tf.float32)[:, None]
        pairs = ((tf.cast(x, tf.float32), tf.roll(tf.cast(x, tf.float32), -1, axis=0)) for x in (waveforms, labels))
        return tuple(shares * x + (1 - shares) * y for x, y in pairs)
