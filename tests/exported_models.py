"""Small exported models for the tests, and the Keras model's answers to compare theirs with."""

import dataclasses

import numpy as np

from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.model.aggregate import aggregate
from kgenre.model.build import build_model
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import make_task
from kgenre.serving.exporters import export_model
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.saved_model import SavedModel

TOLERANCE = 1e-5
LABELS = ("blues", "jazz", "metal")
SETTINGS = {"arch": "convpool", "slice_seconds": 1.5, "hop_length": 256}
LENGTHS = (0, 1, 400, 33075, 40000, 66150, 99999)  # a slice has 33075 samples
FRAMES = (0, 1, 7, 32, 77)


@dataclasses.dataclass
class Exported:
    network: object
    task: object
    spec: SliceSpec
    folder: object

    def __post_init__(self):
        self.keras = KerasModel(self.network, self.task, self.spec)
        self.signatures = SavedModel(self.folder).module.signatures

    def expected(self, track) -> dict[str, np.ndarray]:
        """The Keras model's answer to one track; of an empty one, to one sample of zeros."""
        track = track if len(track) else np.zeros((1, *track.shape[1:]), "float32")
        outputs = self.keras(cut_slices(track, self.spec))
        return {
            "probabilities": aggregate(outputs.probabilities),
            "slice_probabilities": outputs.probabilities,
            "embedding": aggregate(outputs.embeddings),
            "slice_embeddings": outputs.embeddings,
        }


def network(**changes):
    """An untrained network whose answers differ from track to track."""
    model = build_model(ModelSettings.compose({**SETTINGS, **changes}), len(LABELS))
    model.get_layer("logits").set_weights([30 * weight for weight in model.get_layer("logits").get_weights()])
    return model


def exported(model, spec, folder) -> Exported:
    task = make_task("single", LABELS)
    export_model(model, task, spec, folder)
    return Exported(model, task, spec, folder)


def export_of_waveforms(folder) -> Exported:
    return exported(network(), ModelSettings.compose(SETTINGS).slice_spec, folder)


def export_of_spectrograms(folder) -> Exported:
    """Of spectrograms (frames, 12) between -80 and 0, 32 frames a slice."""
    import keras
    from keras import layers

    from kgenre.model.image import SpectrogramImage

    keras.utils.set_random_seed(0)
    spec = SliceSpec(4.0, 32, 24, bins=12)
    frames = keras.Input(spec.shape, name="spectrogram")
    image = SpectrogramImage(-80.0, 0.0, name="spectrogram_image")(frames)
    x = layers.GlobalAveragePooling2D(name="embedding")(layers.Conv2D(8, 5, activation="relu")(image))
    model = keras.Model(frames, layers.Dense(len(LABELS), name="logits")(x))
    return exported(model, spec, folder)


def tracks(lengths, seed=0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.uniform(0.01, 0.2) * rng.standard_normal(n)).astype("float32") for n in lengths]


def frames(lengths) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.uniform(-80, 0, (n, 12)).astype("float32") for n in lengths]


def padded(parts, filling: float) -> np.ndarray:
    batch = np.full((len(parts), max(map(len, parts)), *parts[0].shape[1:]), filling, "float32")
    for row, part in zip(batch, parts):
        row[: len(part)] = part
    return batch


def values(answer) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in answer.items()}


def check(answer, expected, names) -> None:
    for name in names:
        scale = max(1.0, np.abs(expected[name]).max())  # an embedding has no natural range
        np.testing.assert_allclose(answer[name], expected[name], rtol=0, atol=TOLERANCE * scale, err_msg=name)
