"""How much of a track is read; what happens to it then is in audio.track. Importing this brings no NumPy."""

from dataclasses import dataclass

from kgenre.core.errors import KgenreError
from kgenre.core.text import count

SLICES_PER_TRACK = 1200
AUTO = "auto"  # of decoders: those of the table that are not optional, in order


@dataclass(frozen=True)
class ReadPolicy:
    """How tracks are read.

    Args:
        slices_per_track: slices of a track at most; a longer track is sampled. None for all of every track.
        decoder: "auto", or the name of the decoder to use.
        first_slices: slices of a track that a library is given at first, before any track is read as the above says;
            None to read each track once. It changes nothing in the end, and nothing where one track is read.

    Raises:
        KgenreError: `slices_per_track` or `first_slices` below 1.
    """

    slices_per_track: int | None = SLICES_PER_TRACK
    decoder: str = AUTO
    first_slices: int | None = None

    @property
    def first(self) -> "ReadPolicy":
        """How the first pass over a library reads."""
        return ReadPolicy(self.first_slices, self.decoder)

    @property
    def text(self) -> str:
        """For people: "all slices of each track", "at most 3 slices of each track, read by ffmpeg"."""
        n_slices = self.slices_per_track
        amount = "all slices" if n_slices is None else f"at most {count(n_slices, 'slice')}"
        first = f"first {count(self.first_slices, 'slice')}, then " if self.first_slices else ""
        return f"{first}{amount} of each track" + (f", read by {self.decoder}" if self.decoder != AUTO else "")

    def __post_init__(self):
        for name, meaning in (("slices_per_track", "all"), ("first_slices", "no first pass")):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise KgenreError(f"`{name}` must be at least 1, or None for {meaning}. Received: {name}={number}.")


DEFAULT_POLICY = ReadPolicy()
# Of libraries. 8 slices keep 79 % of the ten nearest (docs/library.md), and cost a fraction of a whole track.
PROGRESSIVE_POLICY = ReadPolicy(None, first_slices=8)
