"""The settings of what an epoch shows of each track."""

from pydantic import Field

from kgenre.core.settings import Settings

RANDOM, FIXED = "random", "fixed"


class RandomCropSettings(Settings):
    """Slices at random places, others in each epoch."""

    # Decoding is dear and cropping cheap: four crops of a decoded track cost little more than one.
    crops_per_track: int = Field(4, ge=1, le=10000, description="random slices of each track an epoch")


class FixedCropSettings(Settings):
    """The slices that a track is cut into when it is classified, each once an epoch, as many as it has."""


# What an epoch shows, by the name of the crops.
CROP_SETTINGS: dict[str, type[Settings]] = {RANDOM: RandomCropSettings, FIXED: FixedCropSettings}
