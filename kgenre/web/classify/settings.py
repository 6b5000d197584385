"""Limits of the web app: what one request may ask for, and how many are served at once."""

from pydantic import Field

from kgenre.core.settings import Settings

MIB = 1 << 20


class ServeSettings(Settings):
    """What is refused, and with how many processes songs are decoded."""

    # An hour of 320 kbit/s is 144 MB, twenty minutes of 24-bit stereo WAV at 48 kHz 350 MB.
    max_upload_mib: int = Field(256, ge=1, le=16384, description="largest file that is taken, MiB")
    # A side of an album or a mix; hours are the library scan's work.
    max_minutes: float = Field(60.0, ge=0.1, le=6000, description="longest song that is taken")
    # An hour of stereo at 96 kHz is 2.8 GB of float32, which is never held at once; a small file that becomes more
    # than that is no song.
    max_decoded_mib: int = Field(4096, ge=1, le=1 << 20, description="largest size of a song when it is decoded, MiB")
    # Six songs of one impatient person, and two of another.
    max_requests: int = Field(
        8, ge=1, le=1024, description="songs handled at once; further requests are asked to come later"
    )
    # A telephone between two networks is silent for ten seconds.
    max_stall_seconds: float = Field(30.0, ge=0.1, le=3600, description="longest time that an upload may stand still")
    # An hour of FLAC at 96 kHz decodes and resamples in 20 s on one core.
    max_decode_seconds: float = Field(120.0, ge=0.1, le=3600, description="longest time that a song may take to decode")
    # Decoders need 100 MB for the worst files of real collections; the address space that they reserve is more.
    max_decode_mib: int = Field(1024, ge=64, le=1 << 20, description="largest memory of a decoding process, MiB")
    workers: int = Field(2, ge=1, le=256, description="decoding processes")

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mib * MIB
