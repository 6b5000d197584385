"""What a track is, audio or a spectrogram, as the name of its file tells; importing this brings no NumPy.

An .npz file holds the spectrograms of many tracks. The path of one is FILE.npz#INDEX, and of a part of one
FILE.npz#INDEX#t=START,END. A .shard file holds the audio of many (audio.shards), named in the same way.
"""

import os
import re
from pathlib import Path

PART = re.compile(r"#(?:t=[\d.]+,[\d.]+|copy=\d+)$")
WAVEFORM, SPECTROGRAM = "waveform", "spectrogram"
INPUTS = (WAVEFORM, SPECTROGRAM)
SPECTROGRAMS = "spectrograms"  # the dataset, as in --data spectrograms:DIR
ARRAYS = ".npz"
SHARD = ".shard"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
SPECTROGRAM_SUFFIXES = frozenset((".npy", *IMAGE_SUFFIXES))
SPECTROGRAM_FILES = f"{', '.join(sorted(SPECTROGRAM_SUFFIXES))} or FILE{ARRAYS}#INDEX"


def split_member(path) -> tuple[str, int | None]:
    """The file and the index of a track of an .npz file: "a#b.npz#5" -> ("a#b.npz", 5); other paths with None.

    What stands behind it and names a part (audio.fragments) is left out.
    """
    return _split(path, ARRAYS)


def split_shard(path) -> tuple[str, int | None]:
    """The file and the index of a track of a shard, as `split_member`."""
    return _split(path, SHARD)


def _split(path, suffix: str) -> tuple[str, int | None]:
    text = PART.sub("", os.fspath(path))
    at = text.lower().rfind(f"{suffix}#")
    if at < 0:
        return text, None
    file, member = text[: at + len(suffix)], text[at + len(suffix) + 1 :]
    return (file, int(member)) if member.isascii() and member.isdigit() else (text, None)


def is_in_shard(path) -> bool:
    """Whether a track is one of a shard, as its name says."""
    return split_shard(path)[1] is not None


def track_name(path) -> str:
    """The name of a track where nothing else names it: its file's without the ending, "a.npz#5" of an .npz."""
    return Path(path).name if split_member(path)[1] is not None or is_in_shard(path) else Path(path).stem


def container(path) -> Path:
    """The file that holds a track, which is the track's own but for those of an .npz and of a shard."""
    return Path(split_shard(path)[0] if is_in_shard(path) else split_member(path)[0])


def is_spectrogram(path) -> bool:
    """Whether a track is a spectrogram, as its name says."""
    file, index = split_member(path)
    return index is not None or Path(file).suffix.lower() in SPECTROGRAM_SUFFIXES


def input_of(data: str) -> str:
    """The input that a collection has, as the text of `--data` says; of a manifest it is taken to be audio."""
    named = data.partition(":")[0] == SPECTROGRAMS or Path(data).suffix.lower() == ARRAYS
    return SPECTROGRAM if named else WAVEFORM
