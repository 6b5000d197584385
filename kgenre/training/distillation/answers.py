"""A teacher's answers for renditions: asked once, kept in the run, and read as what a student is to give."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.policy import ReadPolicy
from kgenre.collections.tables import COLUMNS
from kgenre.core.files import write_beside
from kgenre.core.progress import SILENT, Progress
from kgenre.embeddings.extract import embed
from kgenre.embeddings.files import read_embeddings
from kgenre.model.aggregate import aggregate
from kgenre.serving.model import Model

FILE, SCALE_FILE = "answers.npz", "scale.npz"
LEAST_DEVIATION = 1e-6  # of a value that is the same in all music, and is left as it is


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each value of a teacher's embedding, float32 (d,), over the train slices."""

    mean: np.ndarray
    deviation: np.ndarray

    def standardised(self, embeddings: np.ndarray) -> np.ndarray:
        return ((embeddings - self.mean) / self.deviation).astype("float32")


@dataclass(frozen=True)
class TrackAnswers:
    """Of one rendition: its length and the starts of the teacher's slices in seconds, and what it gave for each.

    embeddings: standardised, float32 (slices, d). probabilities: float32 (slices, labels).
    """

    seconds: float
    starts: np.ndarray
    embeddings: np.ndarray
    probabilities: np.ndarray

    @property
    def of_track(self) -> tuple[np.ndarray, np.ndarray]:
        """The track's embedding (d,) and probabilities (labels,), as models give them: means over its slices."""
        return aggregate(self.embeddings), aggregate(self.probabilities)


class CropTargets:
    """What the teacher gives for a crop anywhere in a rendition; a label function of `TrainingCrops`.

    The value at the crop's middle, linear between the middles of the teacher's slices: the crop is often shorter.

    Args:
        answers: TrackAnswers of each rendition, by its number.
        teacher_seconds, crop_seconds: of slices.
    """

    def __init__(self, answers: Iterable[TrackAnswers], teacher_seconds: float, crop_seconds: float):
        self.crop_seconds = crop_seconds
        self.tracks = [
            (
                answer.seconds,
                answer.starts + min(teacher_seconds, answer.seconds) / 2,
                np.concatenate([answer.embeddings, answer.probabilities], axis=1).astype("float32"),
            )
            for answer in answers
        ]

    def __call__(self, number: int, position: float) -> np.ndarray:
        """float32 (d + labels,) for the crop at `position` in [0, 1] of a rendition."""
        seconds, middles, values = self.tracks[number]
        middle = position * max(0.0, seconds - self.crop_seconds) + min(seconds, self.crop_seconds) / 2
        after = int(np.searchsorted(middles, middle))
        if after in (0, len(middles)):
            return values[min(after, len(middles) - 1)]
        share = np.float32((middle - middles[after - 1]) / (middles[after] - middles[after - 1]))
        return (1 - share) * values[after - 1] + share * values[after]


def ask_teacher(
    teacher: Model,
    renditions: pd.DataFrame,
    folder: Path,
    policy: ReadPolicy,
    workers: int,
    progress: Progress = SILENT,
) -> dict[str, str]:
    """Writes the teacher's answers for the renditions that it was not asked for yet.

    Args:
        renditions: of `plan_renditions`.
        folder: of the answers.

    Returns:
        {path of the rendition: cause} of those that it cannot answer.
    """
    folder.mkdir(exist_ok=True)
    texts = {"path": renditions["path"], "track_id": renditions["track"], "split": renditions["split"]}
    rows = pd.DataFrame(texts).reindex(columns=COLUMNS).astype("string").fillna("")
    failures, _ = embed(teacher, rows, folder / FILE, workers, policy, progress, probabilities=True)
    return failures


def read_answers(folder: Path, n_labels: int) -> tuple[dict[str, TrackAnswers], Scale]:
    """The answers by rendition, standardised by those for train renditions; the scale is kept beside them."""
    found = read_embeddings(folder / FILE)
    size = found.slice_embeddings.shape[1] - n_labels
    embeddings, probabilities = found.slice_embeddings[:, :size], found.slice_embeddings[:, size:]
    counts = found.table["slices"].to_numpy()
    scale = _scale(folder / SCALE_FILE, embeddings[np.repeat((found.table["split"] == "train").to_numpy(), counts)])
    embeddings, ends = scale.standardised(embeddings), np.cumsum(counts)
    answers = {}
    for row, first, last in zip(found.table.itertuples(), ends - counts, ends):
        own = (found.slice_starts[first:last], embeddings[first:last], probabilities[first:last])
        answers[row.path] = TrackAnswers(row.seconds, *own)
    return answers, scale


def _scale(path: Path, train: np.ndarray) -> Scale:
    """The scale that is kept at a path, or that of train embeddings (slices, d), which is then kept there."""
    if not path.is_file():
        deviation = train.std(axis=0, dtype="float64")
        deviation = np.where(deviation > LEAST_DEVIATION, deviation, 1.0)
        values = {"mean": train.mean(axis=0, dtype="float64"), "deviation": deviation}
        write_beside(
            path, lambda part: np.savez(part, **{name: value.astype("float32") for name, value in values.items()})
        )
    with np.load(path) as kept:
        return Scale(kept["mean"], kept["deviation"])
