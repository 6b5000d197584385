"""How much of a track is read; what happens to it then is in audio.track. Importing this brings no NumPy."""

from dataclasses import dataclass

from kgenre.core.errors import KgenreError

SLICES_PER_TRACK = 1200
AUTO = "auto"  # of decoders: those of the table that are not optional, in order


@dataclass(frozen=True)
class ReadPolicy:
    """How tracks are read.

    Args:
        slices_per_track: slices of a track at most; a longer track is sampled. None for all of every track.
        decoder: "auto", or the name of the decoder to use.

    Raises:
        KgenreError: `slices_per_track` below 1.
    """

    slices_per_track: int | None = SLICES_PER_TRACK
    decoder: str = AUTO

    @property
    def text(self) -> str:
        """For people: "all slices of each track", "at most 3 slices of each track, read by ffmpeg"."""
        n_slices = self.slices_per_track
        amount = "all slices" if n_slices is None else f"at most {n_slices} slice{'s' if n_slices > 1 else ''}"
        return f"{amount} of each track" + (f", read by {self.decoder}" if self.decoder != AUTO else "")

    def __post_init__(self):
        if self.slices_per_track is not None and self.slices_per_track < 1:
            raise KgenreError(
                "`slices_per_track` must be at least 1, or None for all. "
                f"Received: slices_per_track={self.slices_per_track}."
            )


DEFAULT_POLICY = ReadPolicy()
