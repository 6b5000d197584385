"""What the files of a collection are: length, rate, channels, format, and which cannot be read."""

import math
import os
from collections.abc import Sequence

import pandas as pd

from kgenre.audio import decode as audio
from kgenre.audio.fingerprint import audio_hash, file_hash
from kgenre.audio.inputs import is_in_shard
from kgenre.audio.policy import AUTO
from kgenre.audio.shards import member_bytes
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress
from kgenre.inspection.spectrogram_files import are_spectrograms, spectrogram_facts, spectrogram_hash

COLUMNS = ["path", "seconds", "sample_rate", "channels", "format", "bytes", "hash", "cause"]


def file_facts(
    paths: Sequence[str],
    workers: int,
    progress: Progress = SILENT,
    decoder: str = AUTO,
    frames_per_second: float | None = None,
) -> pd.DataFrame:
    """A row with COLUMNS for each file, from its header and its first seconds; nothing is decoded whole.

    `hash` is of parts of the file, so that byte-identical files share it. `cause` says why a file cannot be read, and
    is "" for the others; what is unknown of a file is NaN or "". Spectrograms are read whole; `frames_per_second` is
    theirs, if it is known.
    """
    if are_spectrograms(paths):
        facts, title = spectrogram_facts(frames_per_second), "reading spectrograms"
    else:
        facts, title = (lambda path: _facts(path, decoder)), "reading headers"
    return pd.DataFrame(_in_threads(facts, paths, workers, progress, title), columns=COLUMNS)


def audio_hashes(paths: Sequence[str], workers: int, progress: Progress = SILENT) -> dict[str, bytes]:
    """{path: hash of its encoded audio}, which tags do not change; without the files that cannot be opened.

    Of spectrograms, the hash of their values.
    """

    def hash_of(path: str) -> bytes | None:
        try:
            return audio_hash(path)
        except (OSError, audio.AudioError):  # the reader reports the cause
            return None

    hash_of = spectrogram_hash if are_spectrograms(paths) else hash_of
    found = zip(paths, _in_threads(hash_of, paths, workers, progress, "hashing"))
    return {path: digest for path, digest in found if digest is not None}


def _in_threads(function, paths: Sequence[str], workers: int, progress: Progress, title: str) -> list:
    results = []
    with progress.task(title, len(paths), "tracks") as advance:
        for result in map_in_order(function, paths, workers):
            results.append(result)
            advance()
    return results


def _facts(path: str, decoder: str) -> tuple:
    try:
        info = audio.probe(path, decoder)
        _check_beginning(path, info, decoder)
        return path, info.seconds, info.sample_rate, info.channels, info.format, *_size_and_hash(path), ""
    except audio.AudioError as error:
        return path, math.nan, math.nan, math.nan, "", math.nan, "", error.cause


def _check_beginning(path: str, info: audio.AudioInfo, decoder: str) -> None:
    """Raises AudioError where the first block cannot be decoded, or there is too little audio."""
    blocks = audio.stream(path, info.sample_rate, decoder=decoder)
    samples = 0
    for block in blocks:
        samples += len(block)
        if samples >= audio.MIN_SECONDS * info.sample_rate:
            break
    blocks.close()
    audio.check_length(path, samples, info.sample_rate)


def _size_and_hash(path: str) -> tuple[int, str]:
    try:
        size = member_bytes(path) if is_in_shard(path) else os.path.getsize(path)
        return size, file_hash(path).hex()
    except OSError as error:
        raise audio.AudioError(path, f"cannot be opened: {error.strerror}.") from error
