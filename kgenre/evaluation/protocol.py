"""Which tracks are evaluated, and what a report must state about them: split, protocol, overlap with training."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgenre.collections.splits import Collection, artist_overlap, labels_of
from kgenre.core.errors import KgenreError
from kgenre.model.tasks import Task


@dataclass(frozen=True)
class EvaluationSet:
    """The tracks that a report is about.

    data: name of the collection.
    rows: table of the tracks, as a Collection's.
    split: "train", "valid", "test" or "all".
    protocol: one sentence on how the split was made.
    note: what limits the metrics, or "".
    leaky: what makes them too high, for a report that says LEAKY, or "".
    """

    data: str
    rows: pd.DataFrame
    split: str
    protocol: str
    note: str = ""
    leaky: str = ""

    def overlap(self, paths, training_rows: pd.DataFrame | None) -> str:
        """One sentence on how many of the tracks `paths`, or their artists, are among the training rows."""
        if training_rows is None:
            return "unknown: the training tracks are not known"
        return artist_overlap(self.rows[self.rows["path"].isin(paths)], training_rows)


def evaluation_set(collection: Collection, split: str, selected: str = "the epoch") -> EvaluationSet:
    """The tracks of a split, or those of valid with a note where test is asked for and has none.

    Args:
        split: "train", "valid", "test" or "all".
        selected: what was selected on the valid tracks, for the note.

    Raises:
        KgenreError: the split has no tracks.
    """
    rows, note = (collection.table if split == "all" else collection.rows(split)), ""
    if len(rows) == 0 and split == "test":
        rows, split = collection.rows("valid"), "valid"
        note = f"no test rows: valid is reported, on which {selected} was selected, so the metrics are a little high"
    if len(rows) == 0:
        raise KgenreError(f"{collection.name}: the split {split!r} has no tracks. Name another split with --split.")
    protocol = "every track, whatever its split" if split == "all" else collection.protocol
    return EvaluationSet(collection.name, rows.reset_index(drop=True), split, protocol, note, collection.leaky)


def known_genres(tracks: EvaluationSet, task: Task) -> EvaluationSet:
    """The tracks, where the model knows their genres.

    Of several genres a track, those that the model does not know are ignored, with a note, and so are tracks that have
    no other.

    Raises:
        KgenreError: a track's one genre is none of the model's labels, or no genre of any track is.
    """
    unknown = sorted(set(labels_of(tracks.rows)) - set(task.labels))
    if not unknown:
        return tracks
    known = task.targets(tracks.rows).any(axis=1) if task.several else np.zeros(len(tracks.rows), bool)
    if not known.any():
        raise KgenreError(
            f"{tracks.data}: genres that the model does not know: {', '.join(unknown)}. It knows: "
            f"{', '.join(task.labels)}. Rename them in the manifest, or leave these tracks out."
        )
    note = f"genres that the model does not know are ignored: {len(unknown)}; tracks without another: {(~known).sum()}"
    rows = tracks.rows[known].reset_index(drop=True)
    return dataclasses.replace(tracks, rows=rows, note="; ".join(filter(None, (tracks.note, note))))
