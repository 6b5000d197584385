"""Settings of a distillation, beside those of a run; and which of a run's it does not have."""

from pydantic import Field

from kgenre.collections.settings import CollectionOptions
from kgenre.core.settings import Settings
from kgenre.training.unlabelled import AUDIO, COLLECTION, Unlabelled


class DistillationSettings(Settings):
    """How a student is taught."""

    # The song itself and two others: what a teacher says of altered music is as true as of new music, and new music
    # is what a collection lacks.
    renditions: int = Field(
        3,
        ge=1,
        le=1000,
        description="versions of each train track that are learnt: the file itself, the others altered",
    )
    # A song; of a mix of two hours, the middle, so that it does not outweigh twenty songs in the teacher's time.
    rendition_seconds: float = Field(
        300.0, ge=1, le=86400, description="longest part of a track that is learnt, from its middle"
    )
    # Two songs at once are no song; a few of them, and the student learns what lies between kinds of music.
    mix_share: float = Field(
        0.25, ge=0, le=1, description="share of the altered versions that another track is mixed to"
    )
    # Both losses are about 0.1 to 0.5 in the end: the embedding's is 1 for a constant answer, the tags' about 0.2.
    tag_weight: float = Field(
        1.0, ge=0, le=1000, description="of the tags' cross-entropy beside the embedding's mean squared error"
    )


# Of a run's settings: those that the student has otherwise than `kgenre train`. What changes music without the teacher
# being asked again, as zoom does, would teach the student to ignore the change.
DEFAULTS = {"augment": (), "dropout": 0.0}
# Those that it does not have, and why.
WITHOUT = {
    **dict.fromkeys(CollectionOptions.model_fields, "is of tracks with genres, and a student needs none"),
    "input": "is audio: a student hears it",
    "init": "is of `kgenre train`, which can begin with a student's weights",
    "label_share": "is of tracks with genres, and a student needs none",
    "balanced": "is of tracks with genres, and a student needs none",
    "positive_weights": "is of tracks with genres, and a student needs none",
    "embedding_size": "is that of the teacher",
    "unsure_below": "is of `kgenre train` and of what answers, such as `kgenre predict`",
}

DESCRIPTIONS = {
    "data": f"{AUDIO}; {COLLECTION}",
    "epochs": "epochs at most; fewer when the answers on valid come no nearer to the teacher's",
    "patience": "epochs without nearer answers on valid before it stops",
}
DISTILLATION = Unlabelled("distillation", DistillationSettings, DEFAULTS, WITHOUT, DESCRIPTIONS)
