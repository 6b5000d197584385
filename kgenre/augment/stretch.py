"""Tempo and pitch of a waveform, changed while its crop is read.

Time is stretched by FFmpeg's atempo, which overlaps and adds pieces where they match; 3 ms for a slice of
5.94 s, where librosa's phase vocoder takes 20 ms, and it does not smear drums. Pitch is a resampling by
soxr, which changes tempo too, and a stretch that takes the tempo back.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings

if TYPE_CHECKING:  # `--help` can do without it
    import numpy as np

SOURCE = "Schlüter and Grill 2015"
MARGIN_SECONDS = 0.1  # read beyond what is wanted: atempo's answer may be a piece (1/24 s) short


class TempoSettings(Settings):
    """How much faster or slower."""

    # A tenth is what two performances of a song differ by; much more, and a ballad becomes a dance.
    tempo_range: float = Field(0.1, ge=0, le=0.5, description="factors of tempo are from [1 - t, 1 + t]")


class PitchSettings(Settings):
    """How much higher or lower."""

    # Two semitones either way change the key, which tells no genre, and not yet the voices.
    pitch_semitones: float = Field(2.0, ge=0, le=12, description="semitones up or down at most")


@dataclass(frozen=True)
class Tempo:
    """Plays faster or slower at the same pitch, by factors uniform in [1 - tempo_range, 1 + tempo_range].

    Args:
        tempo_range: float in [0, 0.5]: atempo slows down to a half.
        sample_rate: int, Hz.

    Raises:
        KgenreError: `tempo_range` outside its range.
    """

    tempo_range: float
    sample_rate: int

    def __post_init__(self):
        if not 0 <= self.tempo_range <= 0.5:
            raise KgenreError(f"`tempo_range` must be from 0 to 0.5. Received: tempo_range={self.tempo_range}.")

    def draw(self, rng, n: int) -> "np.ndarray":
        """Factors of tempo, float64 (n,)."""
        return rng.uniform(1 - self.tempo_range, 1 + self.tempo_range, n)

    def reads(self, samples: int, factor: float) -> int:
        """Samples that give `samples` at another tempo: more when faster, so that nothing need be padded."""
        return math.ceil(samples * factor + MARGIN_SECONDS * self.sample_rate)

    def apply(self, waveform: "np.ndarray", factor: float, samples: int) -> "np.ndarray":
        """Waveform (n,) -> float32 (samples,), its beginning at another tempo."""
        return beginning(stretched(waveform, self.sample_rate, factor), samples)


@dataclass(frozen=True)
class Pitch:
    """Plays higher or lower at the same tempo, by semitones uniform in [-pitch_semitones, pitch_semitones].

    Args:
        pitch_semitones: float in [0, 12]: an octave is the most that atempo takes back.
        sample_rate: int, Hz.

    Raises:
        KgenreError: `pitch_semitones` outside its range.
    """

    pitch_semitones: float
    sample_rate: int

    def __post_init__(self):
        if not 0 <= self.pitch_semitones <= 12:
            raise KgenreError(
                f"`pitch_semitones` must be from 0 to 12. Received: pitch_semitones={self.pitch_semitones}."
            )

    def draw(self, rng, n: int) -> "np.ndarray":
        """Semitones, float64 (n,)."""
        return rng.uniform(-self.pitch_semitones, self.pitch_semitones, n)

    def reads(self, samples: int, semitones: float) -> int:
        return samples + math.ceil(MARGIN_SECONDS * self.sample_rate)

    def apply(self, waveform: "np.ndarray", semitones: float, samples: int) -> "np.ndarray":
        """Waveform (n,) -> float32 (samples,), its beginning at another pitch."""
        import soxr

        ratio = 2 ** (semitones / 12)
        higher = soxr.resample(waveform, self.sample_rate * ratio, self.sample_rate, quality="HQ")  # and faster
        return beginning(stretched(higher, self.sample_rate, 1 / ratio), samples)


def beginning(waveform: "np.ndarray", samples: int) -> "np.ndarray":
    from kgenre.audio.slicing import repeat_to_length

    return repeat_to_length(waveform, samples)[:samples]


def stretched(waveform: "np.ndarray", sample_rate: int, factor: float) -> "np.ndarray":
    """The waveform `factor` times as fast at the same pitch: float32 (n,) -> (about n / factor,).

    Args:
        factor: float in [0.5, 100].
    """
    import av
    import numpy as np

    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono", time_base=Fraction(1, sample_rate))
    chain = [source, graph.add("atempo", f"{min(max(factor, 0.5), 100.0):.9f}"), graph.add("abuffersink")]
    for one, next_one in zip(chain, chain[1:]):
        one.link_to(next_one)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform, "float32")[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
    graph.push(frame)
    graph.push(None)  # the end
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except av.error.EOFError:
            return np.concatenate(parts)


def build_tempo(settings: TempoSettings, spec, seed: int) -> Tempo:
    return Tempo(settings.tempo_range, spec.sample_rate)


def build_pitch(settings: PitchSettings, spec, seed: int) -> Pitch:
    return Pitch(settings.pitch_semitones, spec.sample_rate)


TEMPO = Augmentation(TempoSettings, build_tempo, "crop", "faster or slower at the same pitch", SOURCE)
PITCH = Augmentation(PitchSettings, build_pitch, "crop", "higher or lower at the same tempo", SOURCE)
