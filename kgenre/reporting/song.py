"""One song as the parts of its page are given it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kgenre.audio.policy import ReadPolicy
from kgenre.reporting.excerpts import deciding_slice
from kgenre.reporting.nearest import TrainTracks
from kgenre.reporting.section import LeftOut
from kgenre.serving.model import Model
from kgenre.serving.predict import TrackPrediction


@dataclass(frozen=True)
class Song:
    """What the parts of a song's page are given.

    model: what answers. policy: how the song is read. prediction: its answer.
    train: the train tracks of the model's run, or why there are none. audio: whether the page has a player.
    """

    model: Model
    policy: ReadPolicy
    prediction: TrackPrediction
    train: TrainTracks | LeftOut
    audio: bool = True
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> int:
        """The number of the one genre that stands for the answer."""
        return int(self.prediction.task.main(self.prediction.probabilities))

    @property
    def deciding(self) -> int:
        """The number of the slice in which that genre is most probable."""
        return deciding_slice(self.prediction.slices.probabilities, self.label)

    @property
    def trained_on(self) -> bool:
        """Whether the song is known to be one of the train tracks."""
        return isinstance(self.train, TrainTracks) and self.train.holds(self.prediction.path)

    @property
    def start(self) -> float:
        """Of that slice, in seconds."""
        return float(self.prediction.facts.starts[self.deciding])

    def part(self, title: str, make: Callable):
        """What a function gives for this song; None where it raises LeftOut, whose reason is kept."""
        try:
            return make(self)
        except LeftOut as reason:
            self.left_out[title] = str(reason)
            return None
