"""Open audio files of libsndfile and of FFmpeg: rate, channels, length, seeks, blocks of samples."""

import functools
import os
from collections.abc import Iterator

import numpy as np
import soundfile

BLOCK_FRAMES = 1 << 17  # 3 s at 44.1 kHz: long enough that Python's share of the time vanishes
SEEK_BLOCK_FRAMES = 1 << 14  # after a seek some seconds are wanted: what is decoded beyond them is 0.4 s at most


class SoundfileSource:
    """An open file of libsndfile."""

    def __init__(self, path):
        # As bytes, so that names in another encoding than UTF-8 open too; Windows has none of these.
        self.file = soundfile.SoundFile(str(path) if os.name == "nt" else os.fsencode(path))
        self.sample_rate, self.channels = self.file.samplerate, self.file.channels
        self.format = f"{self.file.format} {self.file.subtype}".lower()
        if self.file.frames >= 1 << 60:  # libsndfile's word for a header that does not say; it cannot read such a FLAC
            self.file.close()
            raise RuntimeError("its header does not tell its length")
        self.frames = self.file.frames
        self.block_frames = BLOCK_FRAMES

    def seek(self, frame: int) -> None:
        self.file.seek(min(frame, self.frames))
        self.block_frames = SEEK_BLOCK_FRAMES

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, channels). Always float: int16 would wrap on an ogg's overs."""
        while len(block := self.file.read(self.block_frames, dtype="float32", always_2d=True)):
            yield block

    def close(self) -> None:
        self.file.close()


# Formats of FFmpeg that name other files or addresses, which it would open: a playlist is no track, and an uploaded one
# must not read what lies beside it.
REFERRING = ("hls", "concat", "dash", "imf", "sdp", "rtsp", "sap", "rtp", "image2", "webm_dash_manifest", "vobsub",
             "lavfi", "avisynth", "vapoursynth", "tty", "hds", "smoothstreaming", "dvdvideo")  # fmt: skip


@functools.cache
def _formats() -> str:
    """The formats that FFmpeg may take a file for, as it is told them."""
    import av

    return ",".join(sorted(av.formats_available - set(REFERRING)))


class AvSource:
    """An open file of FFmpeg, through PyAV. Decodes only: its mono down-mix has a gain of 1.414."""

    def __init__(self, path):
        import av  # 0.1 s that libsndfile's files need not pay

        # With "file:", for FFmpeg takes the beginning of "Artist: Song.m4a" for a protocol.
        self.container = av.open(f"file:{path}", metadata_errors="ignore", options={"format_whitelist": _formats()})
        if not self.container.streams.audio:
            self.container.close()
            raise av.error.InvalidDataError(0, "no audio stream in this file", str(path))
        self.stream = self.container.streams.audio[0]
        if self.stream.codec_context is None or not self.stream.rate:
            self.container.close()
            raise av.error.InvalidDataError(0, "no decoder for its codec, or encrypted", str(path))
        self.sample_rate, self.channels = self.stream.rate, self.stream.channels
        self.format = f"{self.container.format.name.split(',')[0]} {self.stream.codec_context.name}"
        if self.container.duration is None:
            self.frames = None
        else:
            self.frames = round(self.container.duration * 1e-6 * self.sample_rate)
        self.skip_to = self.origin = 0

    def seek(self, frame: int) -> None:
        """Goes to `frame`: back to a packet 0.5 s before it, then decodes and drops.

        Exact for AAC; for WMA, which stamps its packets in milliseconds, within 1 ms.
        """
        first = next(self.container.decode(self.stream), None)  # some decoders drop their first frame
        self.origin = self._position(first) if first is not None else 0
        self.skip_to = frame
        seconds = max(0.0, (frame + self.origin) / self.sample_rate - 0.5)
        self.container.seek(int(seconds / self.stream.time_base), stream=self.stream)

    def _position(self, frame) -> int:
        return 0 if frame.pts is None else round(float(frame.pts * frame.time_base) * self.sample_rate)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (frames, channels)."""
        import av

        to_float = av.AudioResampler(format="flt", layout=self.stream.layout, rate=self.sample_rate)
        skip = None
        for frame in self.container.decode(self.stream):
            if skip is None:  # only the first frame tells where it is: WMA's last one has no time stamp
                skip = max(0, self.skip_to + self.origin - self._position(frame)) if self.skip_to else 0
            for part in to_float.resample(frame):
                block = part.to_ndarray().reshape(-1, self.channels)
                if len(block) > skip:
                    yield block[skip:]
                skip = max(0, skip - len(block))

    def close(self) -> None:
        self.container.close()
