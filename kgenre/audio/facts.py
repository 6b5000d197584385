"""What is known of a track when it has been read: length, level, and what is odd about it."""

import math
from dataclasses import dataclass

import numpy as np

from kgenre.audio import decode as audio

FULL_SCALE, CLIPPED_SHARE = 0.9999, 1e-3  # as in audio.decode, whose flags are of a whole decode
SILENT = f"silent: no sample reaches {audio.SILENCE_DB:.0f} dB, so there is nothing to classify."


@dataclass(frozen=True)
class TrackFacts:
    """What is known of a track when its last slice has been read.

    seconds: length; of a track read by seeking, the one that its header states.
    peak, level_db: largest absolute sample, and RMS in dB of full scale, of the audio that was read.
    starts: seconds at which the slices start.
    flags: any of "truncated", "clipped" (more than 0.1 % of the samples at full scale), "sampled" (not all slices).
    truncation: what `describe_truncation` gives, "" where the file is as long as its header states.
    """

    seconds: float
    peak: float
    level_db: float
    starts: tuple[float, ...]
    flags: tuple[str, ...] = ()
    truncation: str = ""

    @property
    def note(self) -> str:
        """What a listing should tell of the track: truncated, sampled; "" where there is nothing to tell."""
        sampled = f"sampled: {len(self.starts)} slices, not all of the track." if "sampled" in self.flags else ""
        return " ".join(part for part in (self.truncation, sampled) if part)


@dataclass
class Level:
    """Samples, power, peak and samples at full scale of the audio that was added."""

    samples: int = 0
    power: float = 0.0
    peak: float = 0.0
    n_clipped: int = 0

    def add(self, block: np.ndarray) -> np.ndarray:
        """Adds a block, float32 (samples,), and returns it."""
        peak = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        if peak >= FULL_SCALE:
            self.n_clipped += int((np.abs(block) >= FULL_SCALE).sum())
        self.samples += len(block)
        self.power += float(block @ block)
        self.peak = max(self.peak, peak)
        return block

    @property
    def level_db(self) -> float:
        """RMS in dB of full scale."""
        return 10 * math.log10(self.power / self.samples)

    @property
    def is_clipped(self) -> bool:
        return self.n_clipped > CLIPPED_SHARE * self.samples


def describe_truncation(samples: int, stated: int, sample_rate: int) -> str:
    """The note on a file of `samples` whose header states `stated`; "" where they agree to 0.5 s."""
    if stated - samples <= audio.TRUNCATED_SECONDS * sample_rate:
        return ""
    return (
        f"truncated: {samples / sample_rate:.1f} s of audio, less than its header says ({stated / sample_rate:.1f} s)."
    )
