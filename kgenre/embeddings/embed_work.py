"""The embedding of tracks by a model, as work for an engine."""

from collections.abc import Callable, Iterator

import numpy as np

from kgenre.audio.fetched import FetchingReader
from kgenre.audio.open_reader import reader_versions
from kgenre.audio.policy import ReadPolicy
from kgenre.core.files import lasting_name
from kgenre.embeddings.store import TrackVectors, make_header
from kgenre.embeddings.work import VectorWork, check_agrees
from kgenre.engines.work import Items
from kgenre.serving.model_source import ModelSource
from kgenre.serving.predict import track_answers


class EmbedWork(VectorWork):
    """Gives the embeddings of the slices of tracks.

    Args:
        header: `header_of` the model, policy and probabilities.
        suffix: of the embedding file.
        source: the model.
        workers: decoding threads in the process of the command.
        policy: how tracks are read.
        probabilities: keep those of the labels behind each embedding.
    """

    def __init__(
        self, header: dict, suffix: str, source: ModelSource, workers: int, policy: ReadPolicy, probabilities: bool
    ):
        super().__init__(header, suffix)
        self.source, self.workers, self.policy, self.probabilities = source, workers, policy, probabilities

    def vectors(self, threads: int | None) -> Callable[[Items], Iterator[tuple[str, TrackVectors | str]]]:
        model = self.source.open(threads)
        check_agrees(header_of(model, self.policy, self.probabilities), self.header)

        def of(items: Items) -> Iterator[tuple[str, TrackVectors | str]]:
            reader = FetchingReader(model.slice_spec, self.policy)
            for path, answer in track_answers(model, reader, list(items), threads or self.workers):
                yield path, answer if isinstance(answer, str) else vectors_of(answer, self.probabilities)

        return of


def header_of(model, policy: ReadPolicy, probabilities: bool = False) -> dict:
    """The header of a file of the embeddings that a model gives."""
    own = {"labels": list(model.task.labels), "slices_per_track": policy.slices_per_track}
    own |= {"probabilities": True} if probabilities else {}
    versions = reader_versions(model.slice_spec, policy.decoder)
    return make_header(
        lasting_name(model.name), model.identity, {**model.slice_spec.values(), **own}, policy.decoder, versions
    )


def vectors_of(result, probabilities: bool = False) -> TrackVectors:
    """The TrackVectors of a track's result; with probabilities, these behind the embedding of each slice."""
    slices = result.slices.embeddings
    if probabilities:
        slices = np.concatenate([slices, result.slices.probabilities], axis=1)
    return TrackVectors(result.path, result.seconds, np.array(result.facts.starts), slices)
