"""The demo songs' score reading, instruments, drums, effects and mastering, in NumPy.

A track is mono float32 at `RATE`; a note is computed whole, in array operations, and
depends only on its arguments and the generator that it is given.
"""

import re
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

RATE = 32000  # Hz: cymbals up to 16 kHz at two thirds of the cost of 48 kHz
CYCLE_BITS = 12  # a cycle of 4096 points read without interpolation errs by -60 dB at harmonic 1


@dataclass(frozen=True)
class Voice:
    """An instrument. Harmonic k has the amplitude k ** -slope * |sin(pi k duty)|, or `partials[k - 1]`.

    `duty` is the width of a pulse or the plucking point of a string; 0 keeps every harmonic.
    """

    kind: str = "wave"  # a key of KINDS
    slope: float = 1.0
    duty: float = 0.0
    partials: tuple[float, ...] = ()
    attack: float = 0.006  # seconds
    decay: float = 0.0  # seconds to 1/e while the key is held; 0 holds the level
    release: float = 0.05  # seconds to 1/e after it
    bright_seconds: float = 0.0  # time in which upper harmonics (or FM) die away; 0 keeps them
    unison: int = 1
    detune_cents: float = 0.0  # the outermost of the unison
    vibrato_hz: float = 0.0
    vibrato_cents: float = 0.0
    breath: float = 0.0  # noise beside the tone
    ratio: float = 1.0  # FM: modulator over carrier frequency
    index: float = 0.0  # FM: modulation in radians


# fmt: off
VOICES = {
    "piano": Voice(slope=1.5, duty=0.12, attack=0.003, decay=0.9, release=0.12, bright_seconds=0.25, unison=2,
                   detune_cents=1.5),
    "upright piano": Voice(slope=1.2, duty=0.14, attack=0.002, decay=0.6, release=0.1, bright_seconds=0.2, unison=2,
                           detune_cents=7.0),
    "rhodes": Voice("fm", attack=0.003, decay=1.1, release=0.12, bright_seconds=0.3, ratio=1.0, index=1.3),
    "bell": Voice("fm", attack=0.002, decay=1.6, release=0.9, bright_seconds=0.8, ratio=3.5, index=1.2),
    "marimba": Voice("fm", attack=0.002, decay=0.25, release=0.1, bright_seconds=0.05, ratio=4.0, index=0.8),
    "organ": Voice(partials=(1, 0.8, 0.6, 0.5, 0, 0.3, 0, 0.25), attack=0.004, release=0.03, vibrato_hz=6.2,
                   vibrato_cents=9.0),
    "reed organ": Voice(slope=0.9, duty=0.5, attack=0.03, release=0.06, unison=2, detune_cents=6.0),
    "harpsichord": Voice("pluck", slope=0.4, duty=0.1, decay=0.7, release=0.05),
    "guitar": Voice("pluck", slope=0.9, duty=0.2, decay=0.9, release=0.06),
    "nylon guitar": Voice("pluck", slope=1.5, duty=0.3, decay=0.6, release=0.1),
    "twang": Voice("pluck", slope=0.5, duty=0.12, decay=1.2, release=0.08),
    "harp": Voice("pluck", slope=1.6, duty=0.45, decay=1.1, release=0.7),
    "violin": Voice(slope=1.0, duty=0.13, attack=0.07, release=0.12, vibrato_hz=5.6, vibrato_cents=16.0, breath=0.01),
    "strings": Voice(slope=1.2, attack=0.14, release=0.25, unison=4, detune_cents=11.0, vibrato_hz=4.8,
                     vibrato_cents=6.0),
    "cello": Voice(slope=1.4, duty=0.15, attack=0.06, release=0.14, vibrato_hz=4.9, vibrato_cents=9.0),
    "flute": Voice(partials=(1, 0.35, 0.12, 0.04, 0.02), attack=0.06, release=0.1, vibrato_hz=5.0, vibrato_cents=10.0,
                   breath=0.05),
    "clarinet": Voice(slope=1.3, duty=0.5, attack=0.04, release=0.08, breath=0.01),
    "horn": Voice(slope=1.6, attack=0.05, release=0.1, bright_seconds=0.5),
    "sax": Voice(slope=1.1, duty=0.28, attack=0.03, release=0.07, vibrato_hz=5.2, vibrato_cents=14.0, breath=0.04),
    "harmonica": Voice(slope=0.7, duty=0.33, attack=0.03, release=0.05, vibrato_hz=5.8, vibrato_cents=20.0,
                       breath=0.03),
    "choir": Voice(partials=(1, 0.7, 0.5, 0.1, 0.05, 0.12, 0.08), attack=0.3, release=0.6, unison=4, detune_cents=14.0,
                   vibrato_hz=4.6, vibrato_cents=10.0, breath=0.03),
    "warm pad": Voice(slope=1.7, attack=0.6, release=0.9, unison=4, detune_cents=9.0),
    "glass pad": Voice("fm", attack=0.5, release=1.0, ratio=2.0, index=0.7),
    "wind": Voice(partials=(0.5, 0.1), attack=1.2, release=1.0, breath=1.5),
    "super saw": Voice(slope=0.9, attack=0.01, decay=0.8, release=0.1, bright_seconds=0.35, unison=5,
                       detune_cents=18.0),
    "saw lead": Voice(slope=1.0, attack=0.01, release=0.06, unison=2, detune_cents=5.0, vibrato_hz=5.5,
                      vibrato_cents=8.0),
    "pulse 12": Voice(slope=1.0, duty=0.125, attack=0.001, release=0.01),
    "pulse 25": Voice(slope=1.0, duty=0.25, attack=0.001, release=0.01),
    "square": Voice(slope=1.0, duty=0.5, attack=0.001, release=0.01),
    "square lead": Voice(slope=1.0, duty=0.5, attack=0.002, release=0.03, vibrato_hz=6.0, vibrato_cents=18.0),
    "triangle": Voice(slope=2.0, duty=0.5, attack=0.001, release=0.01),
    "sine": Voice(partials=(1, 0.08), attack=0.02, release=0.12),
    "sub bass": Voice(partials=(1, 0.2, 0.05), attack=0.006, decay=0.9, release=0.08),
    "saw bass": Voice(slope=1.1, attack=0.004, decay=0.5, release=0.04, bright_seconds=0.09),
    "square bass": Voice(slope=1.2, duty=0.5, attack=0.004, decay=0.6, release=0.04, bright_seconds=0.12),
    "finger bass": Voice("pluck", slope=1.3, duty=0.25, decay=0.7, release=0.05),
    "double bass": Voice("pluck", slope=1.9, duty=0.35, decay=0.4, release=0.06),
    "pick bass": Voice("pluck", slope=0.8, duty=0.1, decay=0.9, release=0.04),
    "metal guitar": Voice("pluck", slope=0.6, duty=0.08, decay=2.5, release=0.025),
    "solo guitar": Voice("pluck", slope=0.7, duty=0.15, decay=4.0, release=0.05),
}
# fmt: on


@dataclass(frozen=True)
class Drum:
    """A drum: a sine that falls from `bend` * `hz` to `hz`, and a band of noise."""

    hz: float
    bend: float
    tone_seconds: float  # time to 1/e
    noise_seconds: float
    low_hz: float
    high_hz: float
    noise: float  # share of the noise, 0 to 1
    level: float = 1.0


DRUMS = {
    "kick": Drum(52.0, 4.0, 0.11, 0.006, 1500.0, 7000.0, 0.12, 1.2),
    "snare": Drum(190.0, 1.4, 0.06, 0.07, 900.0, 10000.0, 0.7, 0.8),
    "clap": Drum(900.0, 1.0, 0.004, 0.08, 900.0, 4500.0, 0.95, 0.8),
    "rim": Drum(820.0, 1.2, 0.015, 0.01, 1500.0, 8000.0, 0.3, 0.6),
    "hat": Drum(6000.0, 1.0, 0.005, 0.025, 6500.0, 15000.0, 0.98, 0.6),
    "open": Drum(6000.0, 1.0, 0.005, 0.14, 6000.0, 15000.0, 0.98, 0.45),
    "ride": Drum(3400.0, 1.0, 0.12, 0.22, 5000.0, 14000.0, 0.75, 0.28),
    "crash": Drum(4300.0, 1.0, 0.1, 0.55, 3500.0, 15000.0, 0.95, 0.45),
    "tom": Drum(105.0, 1.7, 0.16, 0.02, 400.0, 4000.0, 0.15, 1.0),
    "conga": Drum(240.0, 1.15, 0.07, 0.008, 800.0, 5000.0, 0.15, 0.5),
    "shaker": Drum(7000.0, 1.0, 0.002, 0.035, 5000.0, 13000.0, 1.0, 0.4),
}


@dataclass(frozen=True)
class Kit:
    """How a drummer's whole set differs from DRUMS."""

    pitch: float = 1.0
    length: float = 1.0
    noise: float = 1.0
    hold: int = 1  # samples for which a noise value is held: the rattle of sound chips
    high_hz: float = 15000.0


KITS = {
    "studio": Kit(),
    "brushes": Kit(1.1, 0.9, 1.3, high_hz=9000.0),
    "tight": Kit(1.15, 0.7, 0.9),
    "arena": Kit(1.05, 1.3, 1.1),
    "deep": Kit(0.88, 1.6, 0.8),
    "club": Kit(1.0, 1.2, 0.9),
    "dusty": Kit(0.95, 1.1, 1.1, high_hz=5500.0),
    "chip": Kit(1.6, 0.6, 1.0, hold=4),
    "arcade": Kit(2.0, 0.5, 1.2, hold=8),
}


NOTE_NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CHORDS = {
    "": (0, 4, 7, 12), "m": (0, 3, 7, 12), "sus": (0, 5, 7, 12),
    "7": (0, 4, 7, 10), "m7": (0, 3, 7, 10), "maj7": (0, 4, 7, 11),
}  # fmt: skip


def chord(name: str, key: int = 0) -> tuple[int, tuple[int, ...]]:
    """Root as a pitch class, transposed by `key` semitones, and the steps of the chord above it."""
    letter, flat, kind = re.fullmatch(r"([A-G])(b?)(.*)", name).groups()
    return (NOTE_NAMES[letter] - len(flat) + key) % 12, CHORDS[kind]


def onsets(pattern: str) -> list[tuple[float, float, str]]:
    """Start, length (both in bars) and token of each note of a one-bar pattern."""
    found = re.finditer(r"[^.=]=*", pattern)
    return [(match.start() / len(pattern), len(match[0]) / len(pattern), match[0][0]) for match in found]


class Melody:
    """A walk over the scale whose moves return every second bar, which makes it a motif."""

    def __init__(self, scale: str, low: int, key: int, rng: np.random.Generator):
        tones = {chord(tone, key)[0] for tone in scale.split()}
        self.ladder = [midi for midi in range(low, low + 20) if midi % 12 in tones]
        self.moves = rng.choice((-3, -2, -1, -1, 0, 1, 1, 2, 3), 24)
        self.home, self.rng = int(rng.integers(2, len(self.ladder) - 2)), rng
        self.count, self.step = 0, self.home

    def begin(self, bar: int) -> None:
        if bar % 2 == 0:
            self.count, self.step = 0, self.home + int(self.rng.choice((0, 0, 0, 1, -1, 2)))

    def next(self, root: int, steps: tuple[int, ...], strong: bool) -> int:
        """MIDI note; on strong beats the nearest tone of the chord."""
        self.step = min(len(self.ladder) - 1, max(0, self.step + int(self.moves[self.count % len(self.moves)])))
        self.count += 1
        midi = self.ladder[self.step]
        if not strong:
            return midi
        return min(range(midi - 4, midi + 5), key=lambda near: ((near - root) % 12 not in steps, abs(near - midi)))


def pitches(token: str, low: int, now, after, melody: Melody, strong: bool) -> list[int]:
    """MIDI notes of a pattern's token over the chord `now`, `after` being the chord of the next bar."""
    root, steps = now
    base = low + (root - low) % 12
    if token == "m":
        return [melody.next(root, steps, strong)]
    if token == "c":  # every tone in the octave above `low`: voices move by small steps
        return sorted({low + (root + step - low) % 12 for step in steps})
    if token == "p":
        return [base, base + 7, base + 12]
    if token == "l":
        return [low + (after[0] - low) % 12 - 1]
    above = {"1": 0, "b": 1, "2": 2, "3": steps[1], "4": 5, "5": steps[2], "6": 9, "7": steps[3], "8": 12, "9": 14}
    return [base + above[token]]


def _times(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.float32) / np.float32(RATE)


def _spectrum(voice: Voice, hz: float, dark: float) -> np.ndarray:
    """Amplitudes of the harmonics below 0.45 `RATE`; `dark` is added to the slope."""
    k = np.arange(1, 1 + max(1, int(0.45 * RATE / hz)))
    if voice.partials:
        amplitudes = np.zeros(len(k))
        amplitudes[: len(voice.partials)] = voice.partials[: len(k)]
    else:
        amplitudes = k**-voice.slope * (np.abs(np.sin(np.pi * k * voice.duty)) if voice.duty else 1.0)
    return amplitudes * k**-dark


def _cycle(amplitudes: np.ndarray) -> np.ndarray:
    """One period with an RMS of 1."""
    bins = np.zeros((1 << CYCLE_BITS) // 2 + 1, dtype=np.complex64)
    bins[1 : len(amplitudes) + 1] = -1j * amplitudes
    cycle = np.fft.irfft(bins).astype(np.float32)
    return cycle / np.sqrt(np.mean(cycle**2))


def wave(voice: Voice, hz: float, n: int, dark: float, rng: np.random.Generator) -> np.ndarray:
    """Wavetable: a cycle, crossfaded to a darker one, read by 32-bit phases, whose overflow is the wrap."""
    amplitudes = _spectrum(voice, hz, dark)
    bright = _cycle(amplitudes)
    darker = _cycle(amplitudes * np.exp(-0.7 * np.arange(len(amplitudes)))) if voice.bright_seconds else None
    t = np.arange(n, dtype=np.uint32)
    bend = _vibrato(voice, hz, n, rng) if voice.vibrato_hz else np.uint32(0)
    y = np.zeros(n, dtype=np.float32)
    for cents in np.linspace(-1, 1, voice.unison) * voice.detune_cents if voice.unison > 1 else (0.0,):
        step = np.uint32(hz * 2 ** (cents / 1200) / RATE * 2**32)
        points = (t * step + bend + np.uint32(rng.integers(2**32))) >> np.uint32(32 - CYCLE_BITS)
        y += bright[points] if darker is None else _fade(bright[points], darker[points], voice.bright_seconds)
    return y / np.float32(np.sqrt(voice.unison))


def _vibrato(voice: Voice, hz: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Phase offsets in 2 ** -32 cycles."""
    depth = hz * (2 ** (voice.vibrato_cents / 1200) - 1) / (2 * np.pi * voice.vibrato_hz)  # cycles
    turn = 2 * np.pi * (voice.vibrato_hz * _times(n) + rng.random())
    return (depth * 2**32 * np.sin(turn)).astype(np.int64).astype(np.uint32)


def _fade(bright: np.ndarray, darker: np.ndarray, seconds: float) -> np.ndarray:
    return darker + np.exp(_times(len(bright)) / np.float32(-seconds)) * (bright - darker)


def pluck(voice: Voice, hz: float, n: int, dark: float, rng: np.random.Generator) -> np.ndarray:
    """Plucked string, y[i] = g (y[i - N] + y[i - N - 1]) / 2, one period at a time.

    N is whole, so the string is up to half a sample out of tune; resampling corrects that.

    Reference: Karplus and Strong, Digital Synthesis of Plucked-String and Drum Timbres, 1983.
    """
    period = max(2, round(RATE / hz - 0.5))
    speed = hz * (period + 0.5) / RATE
    size = int(n * speed) + 2 * period + 2
    amplitudes = _spectrum(voice, hz, dark)[: period // 2]
    phases = np.exp(2j * np.pi * rng.random(len(amplitudes)))
    y = np.zeros(size, dtype=np.float32)
    burst = np.fft.irfft(np.r_[0, amplitudes * phases, np.zeros(period // 2 - len(amplitudes))], period)
    y[1 : period + 1] = burst / np.sqrt(np.mean(burst**2))
    half = np.float32(0.5 * np.exp(-period / (RATE * voice.decay)))
    for i in range(period + 1, size, period):
        count = min(period, size - i)
        y[i : i + count] = half * (y[i - period : i - period + count] + y[i - period - 1 : i - period - 1 + count])
    return np.interp(np.arange(n) * speed + 1, np.arange(size), y).astype(np.float32)


def fm(voice: Voice, hz: float, n: int, dark: float, rng: np.random.Generator) -> np.ndarray:
    """Frequency modulation by one sine whose depth dies away: tines, bells, glass."""
    t = _times(n)
    depth = voice.index * (1 - 0.6 * dark) * (np.exp(-t / voice.bright_seconds) if voice.bright_seconds else 1)
    turn = np.float32(2 * np.pi * hz) * t
    return np.float32(np.sqrt(2)) * np.sin(turn + depth * np.sin(voice.ratio * turn + np.float32(rng.random())))


KINDS = {"wave": wave, "pluck": pluck, "fm": fm}


def note(voice: Voice, midi: float, seconds: float, dark: float, rng: np.random.Generator) -> np.ndarray:
    """A note held for `seconds`, with its release behind it: float32 (samples,), RMS about 1 at its start."""
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    tail = 5 * voice.release
    n = int(RATE * min(seconds + tail, 6 * voice.decay or 99.0)) + 64
    y = KINDS[voice.kind](voice, hz, n, dark, rng)
    if voice.breath:
        y += np.float32(voice.breath) * rng.standard_normal(n, dtype=np.float32)
    t = _times(n)
    y *= np.minimum(t / np.float32(voice.attack), 1)
    if voice.decay and voice.kind != "pluck":  # a string decays by itself
        y *= np.exp(t / np.float32(-voice.decay))
    y *= np.exp(np.maximum(t - np.float32(seconds), 0) / np.float32(-voice.release))
    y[-64:] *= np.linspace(1, 0, 64, dtype=np.float32)
    return y


def hit(drum: Drum, kit: Kit, rng: np.random.Generator) -> np.ndarray:
    """A stroke: float32 (samples,)."""
    tone_seconds, noise_seconds = drum.tone_seconds * kit.length, drum.noise_seconds * kit.length
    n = int(RATE * 6 * max(tone_seconds, noise_seconds)) + 64
    t = _times(n)
    hz = drum.hz * kit.pitch * (1 + (drum.bend - 1) * np.exp(-t / 0.022))
    tone = np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.exp(-t / tone_seconds)
    noise = np.repeat(rng.standard_normal(n // kit.hold + 1, dtype=np.float32), kit.hold)[:n]
    noise = band(noise, drum.low_hz / kit.hold, min(drum.high_hz, kit.high_hz)) * np.exp(-t / noise_seconds)
    share = min(1.0, drum.noise * kit.noise)
    return (drum.level * ((1 - share) * tone + share * noise)).astype(np.float32)


def gain(db: float) -> np.float32:
    return np.float32(10 ** (db / 20))


def add(track: np.ndarray, y: np.ndarray, start: int, factor: float) -> None:
    """Mixes a note into a track in place; what lies before or after the track is cut off."""
    first, last = max(0, -start), min(len(y), len(track) - start)
    if first < last:
        track[start + first : start + last] += np.float32(factor) * y[first:last]


def band(y: np.ndarray, low_hz: float = 0.0, high_hz: float = 0.0) -> np.ndarray:
    """Second-order Butterworth filters; 0 leaves a side open."""
    for hz, side in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if 0 < hz < 0.48 * RATE:
            y = signal.sosfilt(signal.butter(2, hz, side, fs=RATE, output="sos").astype(np.float32), y)
    return y


@dataclass(frozen=True)
class Fx:
    """A track's effects, in the order in which they are applied; 0 leaves one out."""

    drive: float = 0.0  # gain before tanh, for a track of RMS 1
    low_hz: float = 0.0
    high_hz: float = 0.0
    crush_bits: int = 0
    tremolo_hz: float = 0.0
    echo_beats: float = 0.0
    duck: float = 0.0  # depth to which each beat pushes the track down
    send: float = 0.25  # share that goes to the reverb


def loudness(y: np.ndarray) -> float:
    """RMS over the samples that sound."""
    power = np.square(y, dtype=np.float32)
    sounding = power > 1e-6 * power.max(initial=0)
    return float(np.sqrt(power[sounding].mean())) if sounding.any() else 1.0


def effects(y: np.ndarray, fx: Fx, beat_seconds: float, beat_start: float) -> np.ndarray:
    """A track through its effects; beats fall at `beat_start` + whole multiples of `beat_seconds`."""
    y = y / np.float32(loudness(y))
    if fx.drive:
        y = np.tanh(np.float32(fx.drive) * y)
    y = band(y, fx.low_hz, fx.high_hz)
    if fx.crush_bits:
        y = np.round(y * 2.0 ** (fx.crush_bits - 3)) * np.float32(2.0 ** (3 - fx.crush_bits))
    if fx.tremolo_hz:
        y = y * (1 + np.float32(0.5) * np.sin(np.float32(2 * np.pi * fx.tremolo_hz) * _times(len(y))))
    if fx.echo_beats:
        dry, delay = y.copy(), int(RATE * beat_seconds * fx.echo_beats)
        for tap in range(1, 4):
            add(y, dry, tap * delay, 0.45**tap)
    if fx.duck:
        y = y * (1 - fx.duck * np.exp(-(((_times(len(y)) - beat_start) / beat_seconds) % 1) / 0.25))
    return y.astype(np.float32, copy=False)


def reverb(y: np.ndarray, seconds: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Convolution of (samples, channels) with decaying noise, other noise for each channel; 60 dB in `seconds`."""
    n = int(RATE * seconds)
    decay = 10 ** (-3 * _times(n) / np.float32(seconds))
    out = np.empty_like(y)
    for channel in range(y.shape[1]):
        room = band(rng.standard_normal(n, dtype=np.float32) * decay, 150.0, high_hz)
        out[:, channel] = signal.oaconvolve(y[:, channel], room / np.sqrt(np.sum(room**2)))[: len(y)]
    return out


def tilt(y: np.ndarray, db: float) -> np.ndarray:
    """Turns the spectrum of (samples, channels) about 800 Hz: `db` more above it than below."""
    pole = np.exp(-2 * np.pi * 800.0 / RATE)
    low = signal.lfilter([1 - pole], [1, -pole], y, axis=0)
    return (low * gain(-db / 2) + (y - low) * gain(db / 2)).astype(np.float32)


def pan(y: np.ndarray, channels: int, position: float) -> np.ndarray:
    """A track as (samples, channels), placed from -1 (left) to 1 (right) at constant power."""
    angle = (1 + position) * np.pi / 4
    return y[:, None] * np.array([[1.0]] if channels == 1 else [[np.cos(angle), np.sin(angle)]], np.float32)


def master(y: np.ndarray, rate: int, rms_db: float, crest_db: float) -> np.ndarray:
    """(samples, channels) with the given RMS and peak-to-RMS ratio.

    The gain is a power of the short-time peak: negative powers compress, positive ones expand, and the
    ratio grows with the power, so bisection finds the one that is asked for. A compressor alone could not
    raise the ratio of a dense mix, and genres could then be told by their loudness.
    """
    ceiling = gain(crest_db + 1) * np.float32(np.sqrt(np.mean(y**2)))
    y = ceiling * np.tanh(y / ceiling)  # single strokes, which no slow gain reaches, are limited first
    hop = rate // 100
    frames = np.pad(y, ((0, -len(y) % hop), (0, 0))).reshape(-1, hop * y.shape[1])
    peak, power = np.abs(frames).max(axis=1), np.mean(frames**2, axis=1)
    level = np.convolve(ndimage.maximum_filter1d(peak, 15), signal.windows.hann(15) / 7, mode="same")
    level = np.maximum(level / level.max(), 0.05)  # silence is not lifted by more than 26 dB
    low, high = -1.0, 2.0
    for _ in range(20):
        exponent = (low + high) / 2
        factor = level**exponent
        crest = 20 * np.log10((factor * peak).max() / np.sqrt(np.mean(factor**2 * power)))
        low, high = (exponent, high) if crest < crest_db else (low, exponent)
    y = y * np.interp(np.arange(len(y)) / hop - 0.5, np.arange(len(factor)), factor)[:, None]
    limit = np.sqrt(np.mean(y**2)) * gain(crest_db)
    y = np.clip(y, -limit, limit)  # peaks that a gain of 10 ms steps lets through: few, and a dB or two
    return (y * (gain(rms_db) / np.sqrt(np.mean(y**2)))).astype(np.float32)
