"""Settings of the audio that a network sees, and of reading files."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from kgenre.audio.decoders import DECODER_CHOICES, DECODER_HELP
from kgenre.audio.inputs import SPECTROGRAM, WAVEFORM
from kgenre.audio.policy import AUTO, ReadPolicy
from kgenre.core.settings import Settings

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec


SliceOverlap = Annotated[
    float,
    Field(
        ge=0,
        le=0.95,
        description="share that neighbouring slices of a track have in common when it is classified, and in training "
        "with --crops fixed",
    ),
]


class AudioSettings(Settings):
    """Sample rate and slices: what a network sees of a track."""

    # 22 050 Hz holds all that 128 mel bands look at.
    sample_rate_hz: int = Field(22050, ge=1000, le=384000, description="rate that audio is resampled to")
    # 256 frames of hop 512 hold a bar or two at any tempo, and several short crops of a track teach more than one
    # long one of the same cost.
    slice_seconds: float = Field(5.94, ge=0.1, le=600, description="length of the slices that the network sees")
    slice_overlap: SliceOverlap = 0.0

    @property
    def slice_spec(self) -> "SliceSpec":
        from kgenre.audio.slicing import SliceSpec  # brings NumPy, which `--help` can do without

        samples = self.slice_samples
        return SliceSpec(self.sample_rate_hz, samples, hop(samples, self.slice_overlap))

    @property
    def slice_samples(self) -> int:
        return round(self.slice_seconds * self.sample_rate_hz)


class SpectrogramSettings(Settings):
    """What a network sees of a track that is a spectrogram already. What is None is settled by the data."""

    # 128 frames are what the system that trained on crops of spectrograms took, and all of one that has no more.
    slice_frames: int | None = Field(
        None,
        ge=8,
        le=65536,
        description="frames of the slices that the network sees; 128, or all if there are fewer",
    )
    slice_overlap: SliceOverlap = 0.0
    n_bins: int | None = Field(None, ge=1, le=65536, description="bins of a spectrogram; those of most tracks")
    frames_per_second: float | None = Field(
        None,
        ge=1e-6,
        le=1e6,
        description="of the spectrograms; 1 if the data do not say: seconds are then frames",
    )
    # Robust, for a single outlier would leave the network a part of [0, 1].
    value_low: float | None = Field(
        None,
        ge=-1e9,
        le=1e9,
        description="value that becomes 0 in the image; as the data say, or their 0.1 % quantile",
    )
    value_high: float | None = Field(
        None, ge=-1e9, le=1e9, description="value that becomes 1; as the data say, or their 99.9 % quantile"
    )

    @property
    def slice_spec(self) -> "SliceSpec":
        """Of settings that the data have settled."""
        from kgenre.audio.slicing import SliceSpec

        frames = self.slice_samples
        return SliceSpec(float(self.frames_per_second), frames, hop(frames, self.slice_overlap), self.n_bins)

    @property
    def slice_samples(self) -> int:
        return self.slice_frames


def hop(samples: int, overlap: float) -> int:
    """Samples between the starts of slices of `samples` that have a share in common."""
    return max(1, round(samples * (1 - overlap)))


# What a network is given, by the name of the input.
INPUT_SETTINGS: dict[str, type[Settings]] = {WAVEFORM: AudioSettings, SPECTROGRAM: SpectrogramSettings}


class FileSettings(Settings):
    """How files are read; none of it changes what is read."""

    # A thousand tracks of 30 s; a collection that fits is decoded once.
    cache_gib: float = Field(
        2.0, ge=0, le=4096, description="memory for decoded audio; what does not fit is decoded again each epoch"
    )
    workers: int = Field(2, ge=1, le=256, description="decoding threads")
    # Real collections have a few broken files; more of them means a wrong folder or a missing decoder.
    max_bad_share: float = Field(
        0.1, ge=0, le=1, description="share of unusable files above which the command gives up"
    )

    @property
    def policy(self) -> ReadPolicy:
        """How these settings have tracks read."""
        return ReadPolicy()


class ReaderSettings(FileSettings):
    """How audio files are read. Another decoder changes the samples by less than 1e-3."""

    # Two decoders differ by less than 1e-3 of full scale; the default is the fastest (docs/decoding.md).
    decoder: Literal[*DECODER_CHOICES] = Field(AUTO, description=DECODER_HELP)

    @property
    def policy(self) -> ReadPolicy:
        return ReadPolicy(decoder=self.decoder)


# How the files of each input are read.
READER_SETTINGS: dict[str, type[FileSettings]] = {WAVEFORM: ReaderSettings, SPECTROGRAM: FileSettings}
