"""Renditions: the versions of each track that a student learns, the file itself and altered ones as FLAC files.

An altered one depends on the seed, the track's id, its number and, where another track is mixed to it, on the tracks
of the same split, so that a folder that is made again holds the same bytes. The teacher is asked for each.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.decode import probe
from kgenre.audio.decoders import AudioError
from kgenre.audio.fragments import find_part, name_slice
from kgenre.audio.slicing import repeat_to_length
from kgenre.audio.track import read_samples
from kgenre.augment.equalizer import draw_gains, equalised
from kgenre.augment.stretch import stretched
from kgenre.core.files import write_beside
from kgenre.core.parallel import map_in_threads
from kgenre.core.progress import SILENT, Progress
from kgenre.training.distillation.settings import DistillationSettings

TEMPO = (0.85, 1.18)  # of a factor; a wider range sounds altered
SEMITONES = 2.0  # either way: another key, still the same voices
EQUALIZER_DB = 3.0  # standard deviation, as of the augmentation `equalizer`
MIXED_DB = (-12.0, 0.0)  # level of the other track, relative to the track's own


@dataclass(frozen=True)
class Alteration:
    """What is done to a track.

    tempo: factor. semitones: of pitch. gains_db: (6,) of the equaliser.
    other: path of the track that is mixed to it; None for none. level_db: of that one, relative to the track's own.
    """

    tempo: float
    semitones: float
    gains_db: tuple[float, ...]
    other: str | None
    level_db: float

    @property
    def text(self) -> str:
        """For people."""
        mixed = f", with {self.other} at {self.level_db:+.1f} dB" if self.other else ""
        return f"tempo {self.tempo:.2f}, pitch {self.semitones:+.1f}, equalised{mixed}"


def plan_renditions(
    tracks: pd.DataFrame, settings: DistillationSettings, seed: int, folder: Path, decoder: str
) -> tuple[pd.DataFrame, dict[str, Alteration]]:
    """All renditions of tracks: of train tracks as many as the settings say, of the others the file itself.

    Returns:
        The table with path, track (the path of its track), number (0 for the file itself, of a long one its middle),
        split and alteration as text; and {path: Alteration} of the altered ones.
    """
    own = {path: middle(path, settings.rendition_seconds, decoder) for path in tracks["path"]}
    train = [own[path] for path in tracks.loc[tracks["split"] == "train", "path"]]
    place = {path: i for i, path in enumerate(train)}
    rows, alterations = [], {}
    for track in tracks.itertuples():
        rows.append((own[track.path], track.path, 0, track.split, ""))
        for number in range(1, settings.renditions if track.split == "train" else 1):
            path = str(folder / f"{_digest(track.track_id).hex()[:16]}-{number}.flac")
            at = place[own[track.path]]
            alterations[path] = draw_alteration(track.track_id, number, seed, settings.mix_share, train, at)
            rows.append((path, track.path, number, track.split, alterations[path].text))
    return pd.DataFrame(rows, columns=["path", "track", "number", "split", "alteration"]), alterations


def draw_alteration(
    track_id: str, number: int, seed: int, mix_share: float, train: Sequence[str] = (), at: int = 0
) -> Alteration:
    """What is done to a track in its rendition of a number, drawn from these arguments alone.

    Args:
        train: paths of the train tracks, of which another one may be mixed to it.
        at: its own place among them.
    """
    rng = np.random.default_rng([seed, number, *_digest(track_id)])
    tempo, semitones = np.exp(rng.uniform(*np.log(TEMPO))), rng.uniform(-SEMITONES, SEMITONES)
    gains = draw_gains(rng, EQUALIZER_DB)
    is_mixed, level, chosen = rng.random() < mix_share, rng.uniform(*MIXED_DB), int(rng.random() * (len(train) - 1))
    chosen += chosen >= at  # any but itself
    other = train[chosen] if is_mixed and len(train) > 1 else None
    return Alteration(float(tempo), float(semitones), tuple(gains.tolist()), other, float(level))


def middle(path: str, seconds: float, decoder: str) -> str:
    """The path of a track's middle part of so many seconds; its own path if it is not longer, or does not say."""
    try:
        whole = probe(path, decoder).seconds
    except AudioError:
        return path  # it fails where it is read
    if not whole > seconds or not find_part(path).is_whole:  # NaN is not longer
        return path
    start = (whole - seconds) / 2
    return name_slice(path, start, start + seconds)


def write_renditions(
    table: pd.DataFrame,
    alterations: dict[str, Alteration],
    rate: int,
    decoder: str,
    workers: int,
    progress: Progress = SILENT,
) -> dict[str, str]:
    """Writes the altered renditions that are not there yet, as 16-bit FLAC files.

    Args:
        table, alterations: of `plan_renditions`.
        rate: Hz of the files.
        workers: threads.

    Returns:
        {path of the track: cause} of those that cannot be read.
    """
    own = dict(table.loc[table["number"] == 0, ["track", "path"]].itertuples(index=False))
    altered = table[table["number"] > 0]
    missing = [row for row in altered.itertuples() if not Path(row.path).is_file()]
    failures: dict[str, str] = {}

    def write(row) -> None:
        try:
            if row.track not in failures:
                write_rendition(row.path, own[row.track], alterations[row.path], rate, decoder)
        except AudioError as error:
            failures[row.track] = error.cause

    with progress.task("writing renditions", len(altered), "files", len(altered) - len(missing)) as advance:
        for _ in map_in_threads(write, missing, workers):
            advance()
    return failures


def write_rendition(path: str, source: str, alteration: Alteration, rate: int, decoder: str) -> None:
    """Writes one altered rendition.

    Raises:
        AudioError: the source cannot be read, or is silent.
    """
    import soundfile

    samples = altered(read_samples(source, rate, decoder=decoder).samples, rate, alteration)
    if alteration.other is not None:
        try:
            other = read_samples(alteration.other, rate, decoder=decoder).samples
        except AudioError:
            pass  # that track is told of by itself, and this one is as good alone
        else:
            samples = mixed(samples, other, alteration.level_db)
    samples = samples / max(1.0, np.abs(samples).max())  # 16 bits would clip it
    write_beside(path, lambda part: soundfile.write(part, samples, rate, subtype="PCM_16"))


def altered(samples: np.ndarray, rate: int, alteration: Alteration) -> np.ndarray:
    """float32 (samples,) at another tempo and pitch, and equalised: of another length."""
    import soxr

    ratio = 2 ** (alteration.semitones / 12)
    higher = soxr.resample(samples, rate * ratio, rate, quality="HQ")  # and faster
    changed = stretched(higher, rate, alteration.tempo / ratio)
    return equalised(changed, rate, np.array(alteration.gains_db)).astype("float32")


def mixed(samples: np.ndarray, other: np.ndarray, level_db: float) -> np.ndarray:
    """The sum with another track, cut or repeated to the length, so many dB above the level of the first."""
    other = repeat_to_length(other, len(samples))[: len(samples)]
    own, others = (np.sqrt(np.mean(part.astype("float64") ** 2)) for part in (samples, other))
    return samples + (other * (10 ** (level_db / 20) * own / max(others, 1e-9))).astype("float32")


def _digest(track_id: str) -> bytes:
    return hashlib.sha256(track_id.encode("utf-8", "surrogateescape")).digest()
