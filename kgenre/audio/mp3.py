"""MP3 in memory, through libsndfile and LAME: one channel at a constant bit rate."""

import io

import numpy as np

RATES = {True: (32, 320), False: (8, 160)}  # kbit/s from and to: of MPEG-1, which is for 32 kHz and more, and of MPEG-2
MPEG1_HZ = 32000
DELAY = 1105  # samples of encoder and decoder; a frame of 32 kbit/s is too small for the tag that tells of them


def encode_mp3(samples: np.ndarray, sample_rate: int, kbit: int) -> bytes:
    """An MP3 file.

    Args:
        samples: float32 (samples,) in [-1, 1], mono.
        sample_rate: Hz, one that MP3 has: 44100, 24000, 22050 and so on.
        kbit: kbit/s; one that MP3 has at this rate: 32 to 320 from 32 kHz on, else 8 to 160.
    """
    import soundfile

    low, high = RATES[sample_rate >= MPEG1_HZ]
    # libsndfile takes a share of the range, and refuses 1; LAME takes the nearest rate that there is.
    level = min((high - kbit) / (high - low), 0.9999)
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="MP3", bitrate_mode="CONSTANT", compression_level=level)
    return file.getvalue()


def through_mp3(samples: np.ndarray, sample_rate: int, kbit: int) -> np.ndarray:
    """What is left of samples in an MP3 file: float32 (samples,) -> the same length, in time with what it was.

    Args:
        samples, sample_rate, kbit: of `encode_mp3`.
    """
    import soundfile

    decoded, _ = soundfile.read(io.BytesIO(encode_mp3(samples, sample_rate, kbit)), dtype="float32")
    first = DELAY if len(decoded) >= len(samples) + DELAY else 0
    decoded = decoded[first : first + len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))
