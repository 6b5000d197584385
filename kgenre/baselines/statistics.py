"""Statistics of a track's librosa features: the 518 numbers that FMA's baselines are fitted on.

Seven moments over the frames of 74 features, as FMA's features.py computes them (2 048 samples a frame,
512 apart). It takes every file at its own rate; here all are taken at 22 050 Hz, so that a centroid in
one file means the same in another.

Reference: Defferrard et al., FMA: A Dataset For Music Analysis, 2017.
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from kgenre.audio.decoders import AudioError, decoder_versions
from kgenre.audio.local_file import local_file
from kgenre.audio.policy import AUTO
from kgenre.audio.slicing import repeat_to_length
from kgenre.audio.track import read_samples
from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_processes
from kgenre.embeddings.store import TrackVectors, make_header

CONFIG = {"sample_rate_hz": 22050, "n_fft": 2048, "hop_length": 512, "max_seconds": 300.0, "min_seconds": 2.0}
# In FMA's order of columns: a feature's moments by name, each with the feature's numbers.
SIZES = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
BROKEN = (
    "A process that computes statistics ended early, perhaps out of memory. Give the command again: "
    "it continues where it stopped. --workers 1 needs the least."
)
MOMENTS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")


def track_statistics(samples: np.ndarray) -> np.ndarray:
    """The moments of every feature: float32 (samples,) at 22 050 Hz -> float32 (518,), in FMA's order.

    Finite for any finite samples. What is shorter than two seconds is repeated until it is not, for the
    constant-Q transform needs them.
    """
    samples = repeat_to_length(samples, round(CONFIG["min_seconds"] * CONFIG["sample_rate_hz"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa's, that silence has no tuning
        frames = frame_features(samples)
    return np.concatenate([moments(frames[name]).ravel() for name in SIZES]).astype("float32")


def frame_features(samples: np.ndarray) -> dict[str, np.ndarray]:
    """{name: (rows, frames)} for each row of SIZES."""
    import librosa

    rate, n_fft, hop = CONFIG["sample_rate_hz"], CONFIG["n_fft"], CONFIG["hop_length"]
    feature = librosa.feature
    cqt = np.abs(librosa.cqt(samples, sr=rate, hop_length=hop, bins_per_octave=12, n_bins=7 * 12, tuning=None))
    # bins_per_octave is said again: librosa took it for 12 in FMA's day and folds by 36 now
    octaves = {"n_chroma": 12, "n_octaves": 7, "bins_per_octave": 12}
    magnitude = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop))  # (1025, frames)
    mel = feature.melspectrogram(sr=rate, S=magnitude**2)
    cens = feature.chroma_cens(C=cqt, **octaves)
    return {
        "chroma_cens": cens,
        "chroma_cqt": feature.chroma_cqt(C=cqt, **octaves),
        "chroma_stft": feature.chroma_stft(S=magnitude**2, sr=rate, n_chroma=12),
        "mfcc": feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
        "rmse": feature.rms(S=magnitude, frame_length=n_fft),
        "spectral_bandwidth": feature.spectral_bandwidth(S=magnitude, sr=rate),
        "spectral_centroid": feature.spectral_centroid(S=magnitude, sr=rate),
        "spectral_contrast": feature.spectral_contrast(S=magnitude, sr=rate, n_bands=6),
        "spectral_rolloff": feature.spectral_rolloff(S=magnitude, sr=rate),
        "tonnetz": feature.tonnetz(chroma=cens),
        "zcr": feature.zero_crossing_rate(samples, frame_length=n_fft, hop_length=hop),
    }


def moments(values: np.ndarray) -> np.ndarray:
    """MOMENTS over the frames: (rows, frames) -> float64 (7, rows).

    Skew and kurtosis (excess) are those of the sample, as SciPy's; 0 for a row that does not vary, where
    SciPy's are not defined.
    """
    values = values.astype("float64")
    mean = values.mean(axis=1)
    off = values - mean[:, None]
    variance = (off**2).mean(axis=1)
    varies = variance > (1e-12 * np.abs(mean)) ** 2
    scale = np.sqrt(np.where(varies, variance, 1.0))
    skew = np.where(varies, (off**3).mean(axis=1) / scale**3, 0.0)
    kurtosis = np.where(varies, (off**4).mean(axis=1) / scale**4 - 3.0, 0.0)
    of = {
        "kurtosis": kurtosis,
        "max": values.max(axis=1),
        "mean": mean,
        "median": np.median(values, axis=1),
        "min": values.min(axis=1),
        "skew": skew,
        "std": np.sqrt(variance),
    }
    return np.stack([of[name] for name in MOMENTS])


def stats_header(decoder: str = AUTO) -> dict:
    import librosa

    recipe = f"stats 1, librosa {librosa.__version__}, {SIZES}, {MOMENTS}"
    identity = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    return make_header("stats", identity, CONFIG, decoder, decoder_versions(decoder))


def of_tracks(paths: Sequence[str], workers: int, decoder: str = AUTO) -> Iterator[tuple[str, TrackVectors | str]]:
    """(path, statistics or why there are none) of tracks as they are ready, in processes."""
    jobs = [(path, decoder) for path in paths]
    for (path, _), answer in map_in_processes(_of_track, jobs, workers, BROKEN):
        yield path, answer


def _of_track(path: str, decoder: str) -> TrackVectors | str:
    """The statistics of a file, or why there are none. Of a longer file they are those of its first 300 s."""
    try:
        with local_file(path) as file:
            decoded = read_samples(file, CONFIG["sample_rate_hz"], CONFIG["max_seconds"], decoder)
    except AudioError as error:
        return error.cause
    except KgenreError as error:  # it cannot be fetched
        return str(error)
    return TrackVectors(path, decoded.seconds, np.zeros(1), track_statistics(decoded.samples)[None])
