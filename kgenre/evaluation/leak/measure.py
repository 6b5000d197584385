"""What a rung's model reaches: by slices and by tracks, with the overlap of its test tracks with training."""

from collections import defaultdict
from dataclasses import asdict, dataclass

import numpy as np

from kgenre.audio.fragments import whole_file
from kgenre.audio.open_reader import open_reader
from kgenre.collections.splits import artist_share, track_share
from kgenre.core.genres import split_genres
from kgenre.core.progress import SILENT, Progress
from kgenre.evaluation.evaluate import run_collection
from kgenre.evaluation.protocol import evaluation_set
from kgenre.model.aggregate import aggregate
from kgenre.serving.catalogue import open_model
from kgenre.serving.predict import predict_tracks
from kgenre.training.run import Run


@dataclass(frozen=True)
class Measured:
    """One run of the ladder. A hit is a slice, or a track, whose most probable genre is one of the track's.

    tracks: files, however many rows are parts or copies of them.
    genres, genres_per_track: labels of the model, and how many of them a reported track has in the mean.
    artist_overlap: share of the reported rows by an artist of training; None where artists are not known.
    track_overlap: share of the reported rows that are parts or copies of a file of training.
    """

    protocol: str
    train_rows: int
    tracks: int
    track_hits: int
    slices: int
    slice_hits: int
    genres: int
    genres_per_track: float
    artist_overlap: float | None
    track_overlap: float

    def values(self) -> dict:
        return asdict(self)


def measure(run: Run, progress: Progress = SILENT) -> Measured:
    """Measures the exported model of a run on its test tracks, or on its valid ones where it has none."""
    model, collection, reading = open_model(run.folder), run_collection(run), run.load_settings().reader
    rows, known = evaluation_set(collection, "test").rows, run.training_rows("train")
    reader = open_reader(model.slice_spec, int(reading.cache_gib * 2**30), policy=reading.policy)
    genres = dict(zip(rows["path"], rows["genres"]))
    by_track, right = defaultdict(list), []
    with progress.task("measuring", len(rows), "tracks") as advance:
        for result in predict_tracks(model, reader, list(rows["path"]), workers=reading.workers, advance=advance):
            slices, own = result.slices.probabilities, split_genres(genres[result.path])
            by_track[whole_file(result.path)].append((slices, own))
            right += [_is_hit(model.labels, probabilities, own) for probabilities in slices]
    used = rows[rows["path"].isin(reader.facts)]
    return Measured(
        protocol=collection.protocol,
        train_rows=len(collection.rows("train")),
        tracks=len(by_track),
        track_hits=sum(
            _is_hit(model.labels, aggregate(np.concatenate([slices for slices, _ in parts])), parts[0][1])
            for parts in by_track.values()
        ),
        slices=len(right),
        slice_hits=sum(right),
        genres=len(model.labels),
        genres_per_track=float(np.mean([len(own) for ((_, own), *_) in by_track.values()])),
        artist_overlap=artist_share(used, known),
        track_overlap=track_share(used, known),
    )


def _is_hit(labels, probabilities: np.ndarray, genres: list[str]) -> bool:
    return labels[int(probabilities.argmax())] in genres
