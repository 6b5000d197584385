"""The statistics of tracks as work for an engine."""

from collections.abc import Callable, Iterator

from kgenre.baselines import spectrogram_statistics, statistics
from kgenre.embeddings.store import TrackVectors
from kgenre.embeddings.work import VectorWork, check_agrees
from kgenre.engines.work import Items

AUDIO, SPECTROGRAMS = "audio", "spectrograms"
MODULES = {AUDIO: statistics, SPECTROGRAMS: spectrogram_statistics}


class StatisticsWork(VectorWork):
    """Gives one vector a track, its statistics.

    Args:
        of: a key of MODULES, what the tracks are.
        suffix: of the embedding file.
        workers: processes or threads, in the process of the command.
        decoder: of audio.
    """

    def __init__(self, of: str, suffix: str, workers: int, decoder: str):
        super().__init__(MODULES[of].stats_header(decoder), suffix)
        self.of, self.workers, self.decoder = of, workers, decoder

    def vectors(self, threads: int | None) -> Callable[[Items], Iterator[tuple[str, TrackVectors | str]]]:
        module = MODULES[self.of]
        check_agrees(module.stats_header(self.decoder), self.header)
        return lambda items: module.of_tracks(list(items), threads or self.workers, self.decoder)
