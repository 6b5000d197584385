"""A Classifier for a model within the limits of the settings."""

from kgenre.audio.inputs import WAVEFORM
from kgenre.core.errors import KgenreError
from kgenre.serving.model import Model
from kgenre.web.classify.classifier import Classifier
from kgenre.web.classify.decoding import DecodingPool
from kgenre.web.classify.reading import ReadSettings
from kgenre.web.classify.settings import ServeSettings


def make_classifier(model: Model, settings: ServeSettings) -> Classifier:
    """
    Args:
        model: serving.Model.
        settings: ServeSettings.

    Raises:
        KgenreError: the model names no genres, or takes spectrograms.
    """
    if not model.labels:
        raise KgenreError(f"{model.name} names no genres. Choose another --model.")
    if model.slice_spec.input != WAVEFORM:
        raise KgenreError(f"{model.name} takes spectrograms, and the page takes songs. Choose another --model.")
    reading = ReadSettings(
        model.slice_spec, 60 * settings.max_minutes, settings.max_decoded_mib, settings.max_decode_mib
    )
    return Classifier(model, DecodingPool(settings.workers, reading, settings.max_decode_seconds))
