"""Settings of a pre-training, beside those of a run; and which of a run's it does not have."""

from pydantic import Field

from kgenre.augment import AUGMENTS
from kgenre.collections.settings import CollectionOptions
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings
from kgenre.model.answer_settings import AnswerSettings
from kgenre.training.settings import RunSettings
from kgenre.training.unlabelled import AUDIO, COLLECTION, Unlabelled


class PretrainingSettings(Settings):
    """How songs are told from each other."""

    # SimCLR's best for small batches (Chen et al. 2020, table 5).
    contrast_temperature: float = Field(
        0.1, ge=0.01, le=10, description="by which cosine similarities are divided; lower minds the nearest songs more"
    )
    projection_size: int = Field(
        128,
        ge=2,
        le=4096,
        description="values of the vector that is compared, of two layers that are dropped afterwards",
    )


# Of a run's settings: those that a pre-training has otherwise than `kgenre train`. The other songs of a batch are what
# a song is told from, so that a batch is larger.
DEFAULTS = {"batch_size": 64}
# Those that it does not have, and why.
WITHOUT = {
    **dict.fromkeys(CollectionOptions.model_fields, "is of tracks with genres, and pre-training needs none"),
    **dict.fromkeys(AnswerSettings.model_fields, "is of `kgenre train` and of what answers, such as `kgenre predict`"),
    **dict.fromkeys(
        ("label_share", "balanced", "positive_weights"), "is of tracks with genres, and pre-training needs none"
    ),
    "accumulate": "is of `kgenre train`: a song is told from the others of one step, however many make an update",
    "crops": "is of `kgenre train`: what is told apart are random slices of songs",
    "init": "is of `kgenre train`, which can begin with pre-trained weights",
    "devices": "is of `kgenre train`: a song is told from the others of the whole batch, of which a device has a share",
}
DESCRIPTIONS = {
    "data": f"{AUDIO}; spectrograms:DIR or FILE.npz; {COLLECTION}",
    "slice_overlap": "share that neighbouring slices of a track have in common where all of it is read",
    "epochs": "epochs at most; fewer when the pair accuracy on valid no longer rises",
    "patience": "epochs without a better pair accuracy on valid before it stops",
    "crops_per_track": "random slices of each track in an epoch, two of which make a pair",
    "batch_size": "slices in a batch; a song is told from the other songs in it",
}
PRETRAINING = Unlabelled("pre-training", PretrainingSettings, DEFAULTS, WITHOUT, DESCRIPTIONS)


def check_pairs(settings: RunSettings) -> None:
    """Raises KgenreError where batches cannot hold pairs of crops, or an augmentation would mix songs."""
    training = settings.training
    counts = {"batch_size": training.batch_size, "crops_per_track": settings.cropping.crops_per_track}
    for name, value in counts.items():
        if value % 2:
            raise KgenreError(
                f"`{name}` must be even, for pre-training shows songs in pairs of crops. Received: {name}={value}. "
                f"Set --{name.replace('_', '-')} {value + 1}."
            )
    if training.batch_size < 4:
        raise KgenreError(
            f"`batch_size` must be at least 4, two songs of two crops. Received: batch_size={training.batch_size}."
        )
    if mixing := [name for name in settings.augmentations if AUGMENTS[name].place == "batch"]:
        raise KgenreError(
            f"`augment`: {mixing[0]} mixes songs, which pre-training tells from each other. Received: "
            f"{' '.join(settings.augmentations)}. Leave it out."
        )
