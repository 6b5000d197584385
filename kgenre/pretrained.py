"""Pretrained networks that give embeddings without being trained first, by name."""

import hashlib

import numpy as np

from kgenre.inference import Predictor
from kgenre.pipeline import TrackReader


class VggishEmbedder:
    """TF-Hub's VGGish, an embedding of 128 for every 0.96 s; it names no genres.

    Raises:
        KgenreError: the module cannot be had.
    """

    name, labels = "vggish", []

    def __init__(self, module: str = "hub"):
        import keras

        from kgenre.archs import vggish
        from kgenre.config import make_config
        from kgenre.model import front_end

        config = make_config({}, {"arch": "vggish", "clip_seconds": 0.975})  # 96 frames and the last one's window
        self.sample_rate, self.clip_samples = config.sample_rate_hz, config.clip_samples
        self.hop_samples = vggish.FRAMES * config.hop_length
        path = vggish.find_module(module)
        network = vggish.vggish_backbone()
        vggish.load_module(network, path)
        vggish.check_figure(network, path)
        waveform = keras.Input((self.clip_samples,), dtype="float32")
        patches = vggish.patches(front_end(config)(waveform))
        self.model = keras.Model(waveform, network(patches))
        self.identity = hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest()[:16]

    def __call__(self, windows) -> tuple[np.ndarray, np.ndarray]:
        """Windows (n, clip_samples) -> probabilities of no genres (n, 0), embeddings (n, 128)."""
        embeddings = self.model(windows, training=False).numpy()
        return np.zeros((len(embeddings), 0), "float32"), embeddings

    def reader(self, cache_bytes: int = 0) -> TrackReader:
        return TrackReader(self.sample_rate, self.clip_samples, self.hop_samples, cache_bytes)


def _musicnn() -> Predictor:
    from kgenre import default

    return Predictor(default.saved_model(), "musicnn")  # its embedding is musicnn's own


PRETRAINED = {"musicnn": _musicnn, "vggish": VggishEmbedder}
