"""Random zoom of the spectrogram."""

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class ZoomSettings(Settings):
    """How much larger or smaller."""

    # As Music-Genre-Analysis published it for its convolutional networks.
    zoom_range: float = Field(
        0.3, ge=0, le=0.95, description="height and width are scaled by factors from [1 - z, 1 + z]"
    )


def build(settings: ZoomSettings, spec, seed: int):
    from kgenre.augment.layers.zoom import ZoomRange

    return ZoomRange(settings.zoom_range, seed=seed, name="zoom_range")


ZOOM = Augmentation(ZoomSettings, build, "spectrogram", "scaled in frequency and time", "Music-Genre-Analysis")
