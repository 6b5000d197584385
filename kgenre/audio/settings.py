"""Settings of the audio that a network sees, and of reading files."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kgenre.audio.decoders import DECODER_CHOICES, DECODER_HELP
from kgenre.audio.policy import AUTO, ReadPolicy
from kgenre.core.settings import Settings

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec


class AudioSettings(Settings):
    """Sample rate and slices: what a network sees of a track."""

    # 22 050 Hz holds all that 128 mel bands look at.
    sample_rate_hz: int = Field(22050, ge=1000, le=384000, description="rate that audio is resampled to")
    # 256 frames of hop 512 hold a bar or two at any tempo, and several short crops of a track teach more than one
    # long one of the same cost.
    slice_seconds: float = Field(5.94, ge=0.1, le=600, description="length of the slices that the network sees")
    slice_overlap: float = Field(
        0.0, ge=0, le=0.95, description="share that neighbouring slices of a track have in common when it is classified"
    )

    @property
    def slice_spec(self) -> "SliceSpec":
        from kgenre.audio.slicing import SliceSpec  # brings NumPy, which `--help` can do without

        samples = self.slice_samples
        return SliceSpec(self.sample_rate_hz, samples, max(1, round(samples * (1 - self.slice_overlap))))

    @property
    def slice_samples(self) -> int:
        return round(self.slice_seconds * self.sample_rate_hz)


class ReaderSettings(Settings):
    """How files are read. Another decoder changes the samples by less than 1e-3; the others change nothing."""

    # A thousand tracks of 30 s; a collection that fits is decoded once.
    cache_gib: float = Field(
        2.0, ge=0, le=4096, description="memory for decoded audio; what does not fit is decoded again each epoch"
    )
    workers: int = Field(2, ge=1, le=256, description="decoding threads")
    # Two decoders differ by less than 1e-3 of full scale; the default is the fastest (docs/decoding.md).
    decoder: Literal[*DECODER_CHOICES] = Field(AUTO, description=DECODER_HELP)
    # Real collections have a few broken files; more of them means a wrong folder or a missing decoder.
    max_bad_share: float = Field(
        0.1, ge=0, le=1, description="share of unusable files above which the command gives up"
    )

    @property
    def policy(self) -> ReadPolicy:
        """How these settings have tracks read."""
        return ReadPolicy(decoder=self.decoder)
