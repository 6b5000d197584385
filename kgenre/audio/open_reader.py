"""The reader of what a model takes: audio or spectrograms."""

from typing import TYPE_CHECKING

from kgenre.audio.inputs import SPECTROGRAM, WAVEFORM
from kgenre.audio.policy import AUTO, DEFAULT_POLICY, ReadPolicy
from kgenre.audio.reader import TrackReader
from kgenre.audio.spectrogram_reader import SpectrogramReader

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec

Reader = TrackReader | SpectrogramReader
READERS = {WAVEFORM: TrackReader, SPECTROGRAM: SpectrogramReader}


def open_reader(spec: "SliceSpec", cache_bytes: int = 0, policy: ReadPolicy = DEFAULT_POLICY) -> Reader:
    """The reader of tracks for a SliceSpec; its arguments are those of TrackReader."""
    return READERS[spec.input](spec, cache_bytes, policy)


def reader_versions(spec: "SliceSpec", decoder: str = AUTO) -> str:
    """What reads the tracks, with its versions: what is read is comparable only if this agrees.

    Raises:
        KgenreError: the decoder is unknown or does not work here.
    """
    from kgenre.audio.decoders import decoder_versions
    from kgenre.audio.spectrograms import reader_version

    return reader_version() if spec.input == SPECTROGRAM else decoder_versions(decoder)
