"""Audio files for tests: a seeded musical signal, real encoders, and the faults of real collections.

SONGS lists the good files by name and `make_songs` writes them; `make_faulty` writes the files that
the decoder must refuse or flag. Nothing here imports the package.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

SONG_SECONDS = 7.0  # more than two of the decoder's blocks at 44.1 kHz
CHORD_HZ = (110.0, 220.0, 277.18, 329.63, 440.0)


def music(seconds: float, rate: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    """A chord that is struck every half second, clicks and noise; each channel has its own mix.

    Args:
        seconds, rate: length and Hz. Partials stay under a quarter of the rate.
        channels: columns of the result, all different.
        seed: the noise, the clicks and the phases.

    Returns:
        float32 (samples, channels), peak 0.7, so that lossy coding does not reach full scale.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    struck = np.exp(-3.0 * (time % 0.5))
    notes = [struck * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) for hz in CHORD_HZ if hz < rate / 4]
    clicks = np.zeros(len(time))
    clicks[rng.integers(0, len(time), max(1, int(4 * seconds)))] = 1.0
    clicks = np.convolve(clicks, np.hanning(max(3, rate // 2000)))[: len(time)]
    parts = np.stack([*notes, clicks])  # (notes + 1, samples)
    mixed = parts.T @ rng.uniform(0.2, 1.0, (len(parts), channels))
    mixed += 0.01 * rng.standard_normal(mixed.shape)
    return (0.7 * mixed / np.abs(mixed).max()).astype("float32")


def tone(hz: float, seconds: float, rate: int, level: float = 0.5) -> np.ndarray:
    """A sine: float32 (samples, 1)."""
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype("float32")[:, None]


def write_sound(path, samples: np.ndarray, rate: int, **options) -> None:
    """Encodes with libsndfile; `options` are those of soundfile.write."""
    if Path(path).suffix == ".opus":
        options = {"format": "OGG", "subtype": "OPUS", **options}
    soundfile.write(str(path), samples, rate, **options)


def write_av(path, samples: np.ndarray, rate: int, codec: str, container_options=None, **codec_options) -> None:
    """Encodes with FFmpeg through PyAV, at 128 kbit/s.

    Args:
        path: its suffix names the container.
        samples: float32 (samples, channels), one or two channels.
        rate: Hz.
        codec: name of the encoder, as "aac" or "wmav2".
        container_options, codec_options: FFmpeg's, as {"movflags": "faststart"} and aac_pns="0".
    """
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=codec_options)
        stream.bit_rate = 128000
        stream.codec_context.open()
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        while (part := fifo.read(size) or fifo.read(0)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def cut_short(source, path, share: float = 0.5) -> None:
    """Writes the first `share` of the bytes of `source`."""
    data = Path(source).read_bytes()
    Path(path).write_bytes(data[: int(share * len(data))])


@dataclass(frozen=True)
class Song:
    """One row of SONGS: what the file holds, and `write(path, samples, rate)` that encodes it."""

    write: Callable = write_sound
    rate: int = 44100
    channels: int = 2

    def samples(self) -> np.ndarray:
        """float32 (samples, channels), the same for all rows of one rate and channels; read-only."""
        return _song_samples(self.rate, self.channels)


@functools.cache
def _song_samples(rate: int, channels: int) -> np.ndarray:
    samples = music(SONG_SECONDS, rate, channels, seed=rate + channels)
    samples.flags.writeable = False
    return samples


SONGS = {
    "pcm8.wav": Song(functools.partial(write_sound, subtype="PCM_U8")),
    "pcm16.wav": Song(functools.partial(write_sound, subtype="PCM_16")),
    "pcm24.wav": Song(functools.partial(write_sound, subtype="PCM_24")),
    "float.wav": Song(functools.partial(write_sound, subtype="FLOAT")),
    "mono.wav": Song(channels=1),
    "eight.wav": Song(channels=8),
    "4k.wav": Song(rate=4000, channels=1),
    "48k.wav": Song(rate=48000),
    "192k.flac": Song(rate=192000),
    "pcm16.flac": Song(functools.partial(write_sound, subtype="PCM_16")),
    "pcm24.flac": Song(functools.partial(write_sound, subtype="PCM_24"), rate=48000, channels=1),
    "song.aiff": Song(),
    "song.ogg": Song(),
    "eight.ogg": Song(channels=8),
    "song.opus": Song(rate=48000),
    "cbr.mp3": Song(functools.partial(write_sound, bitrate_mode="CONSTANT")),
    "vbr.mp3": Song(functools.partial(write_sound, bitrate_mode="VARIABLE", compression_level=0.3)),
    "22k.mp3": Song(rate=22050, channels=1),
    "song.m4a": Song(functools.partial(write_av, codec="aac", aac_pns="0")),
    "mono.m4a": Song(functools.partial(write_av, codec="aac"), rate=48000, channels=1),
    "song.wma": Song(functools.partial(write_av, codec="wmav2")),
    "mono.wma": Song(functools.partial(write_av, codec="wmav2"), channels=1),
}
AV_SONGS = tuple(name for name, song in SONGS.items() if getattr(song.write, "func", None) is write_av)


def make_songs(folder: Path) -> dict[str, Path]:
    """Writes every row of SONGS: {name: path}."""
    for name, song in SONGS.items():
        song.write(folder / name, song.samples(), song.rate)
    return {name: folder / name for name in SONGS}


def make_faulty(folder: Path, songs: dict[str, Path]) -> None:
    """Writes the files that scans of real collections meet, named by their fault.

    Args:
        folder: where to write.
        songs: of `make_songs`; the truncated, cut and misnamed files are made of them.
    """
    noise = music(2.0, 22050, 1)
    (folder / "zero_bytes.mp3").write_bytes(b"")
    (folder / "text.mp3").write_text("Please buy the full album at your local record store.\n" * 400)
    (folder / "folder.mp3").mkdir()
    (folder / "two\nlines.mp3").write_text("the name has two lines\n")
    for name, n_bytes in {"pcm16.wav": 44, "pcm16.flac": 42, "song.ogg": 58, "cbr.mp3": 48, "song.m4a": 44}.items():
        (folder / f"header_{name}").write_bytes(songs[name].read_bytes()[:n_bytes])
    for name in ("pcm16.wav", "pcm16.flac", "song.ogg", "song.opus", "cbr.mp3", "song.m4a", "song.wma"):
        cut_short(songs[name], folder / f"half_{name}")
    song = SONGS["song.m4a"]
    song.write(folder / "index_first.m4a", song.samples(), song.rate, container_options={"movflags": "faststart"})
    cut_short(folder / "index_first.m4a", folder / "half_index_first.m4a")
    (folder / "mp3_named.wav").write_bytes(songs["cbr.mp3"].read_bytes())
    (folder / "m4a_named.mp3").write_bytes(songs["song.m4a"].read_bytes())
    write_sound(folder / "no_samples.wav", noise[:0], 22050)
    write_sound(folder / "one_sample.wav", noise[:1], 22050)
    write_sound(folder / "10_ms.wav", noise[:220], 22050)
    write_sound(folder / "10_ms.mp3", noise[:220], 22050)
    write_sound(folder / "99_ms.flac", noise[:2183], 22050)
    write_sound(folder / "silence.flac", np.zeros((44100, 1), "float32"), 22050)
    write_sound(folder / "dither.wav", 3e-5 * np.sign(noise), 22050)
    write_sound(folder / "clipped.wav", np.clip(4 * noise, -1, 1), 22050)
    for name, value in {"nan.wav": np.nan, "inf.wav": np.inf}.items():
        bad = noise.copy()
        bad[30000:30005] = value
        write_sound(folder / name, bad, 22050, subtype="FLOAT")
    write_sound(folder / "opposite.flac", np.hstack([noise, -noise]), 22050)
    # A full-scale square wave: lossy coding overshoots it by more than a decibel.
    write_sound(folder / "overshoot.mp3", np.sign(tone(441, 3.0, 44100)), 44100)
