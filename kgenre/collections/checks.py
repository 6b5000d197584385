"""Checks of a split: what a protocol needs, and what must not be on two sides.

Of a split that is made here, recordings that occur twice are kept on one side. Of a given one they are an error, and
so is a track id; an artist on two sides is not, for published splits have them: reports state it as overlap.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from kgenre.audio.decoders import AudioError
from kgenre.audio.fingerprint import audio_hash
from kgenre.audio.fragments import whole_file
from kgenre.audio.inputs import is_in_shard, split_member
from kgenre.audio.shards import member_bytes
from kgenre.audio.spectrograms import member_bins
from kgenre.collections.protocols import PROTOCOLS
from kgenre.core.errors import KgenreError
from kgenre.core.genres import split_genres
from kgenre.core.progress import SILENT, Progress

SPLITS = ("train", "valid", "test")
KNOWN_SHARE = 0.9  # a unit is used when at least this share of the tracks has it
MOST_UNKNOWN = 0.5  # where a unit is asked for; beyond this share of tracks without an artist, overlap says nothing
PART_BYTES = 64 << 10


def check_protocol(name: str, table: pd.DataFrame, protocol: str, allow_leak: bool) -> None:
    """Raises KgenreError where the table lacks what a protocol needs, or the protocol leaks and that is not allowed."""
    row = PROTOCOLS[protocol]
    if row.leaky and not allow_leak:
        raise KgenreError(
            f"{name}: the protocol {protocol} leaks: {row.leaky}. Choose another --protocol, or add --allow-leak: "
            "every report will then say LEAKY."
        )
    if row.unit == "" and not (table["split"] != "").any():
        raise KgenreError(
            f"{name}: gives no split. Received: protocol {protocol}. Leave --protocol out, or give a column `split` "
            "in a manifest."
        )
    if row.unit in ("artist", "album") and (table[row.unit] == "").mean() > MOST_UNKNOWN:
        files = "Name a table of artists with --artists FILE, or use" if row.unit == "artist" else "Use"
        raise KgenreError(
            f"{name}: a split by {row.unit} needs the {row.unit} of at least {1 - MOST_UNKNOWN:.0%} of the tracks. "
            f"Received: {(table[row.unit] != '').mean():.0%}. {files} another --protocol."
        )


def is_known(table: pd.DataFrame, unit: str) -> bool:
    """Whether so many tracks have an artist, or an album, that a split can keep them together."""
    return bool((table[unit] != "").mean() >= KNOWN_SHARE)


def check_given(name: str, table: pd.DataFrame, allow_leak: bool, progress: Progress = SILENT) -> str:
    """What a given split leaks: "" if nothing.

    Raises:
        KgenreError: a recording or a track id is on two sides, and that is not allowed.
    """
    found = [
        f"{what}, as {_names(table, ids, twice[0])}"
        for what, ids in recordings(table, progress).items()
        if (twice := on_two_sides(table["split"], ids))
    ]
    if found and not allow_leak:
        raise KgenreError(
            f"{name}: the given split has tracks on two sides: {found[0]}. Leave one of them out, make a new split "
            "with --protocol track, or add --allow-leak: every report will then say LEAKY."
        )
    return f"the split has tracks on two sides: {'; '.join(found)}" if found else ""


def check_unit(name: str, table: pd.DataFrame, unit: str) -> None:
    """Raises KgenreError where an artist, or an album, is on two sides of a split that promises one."""
    if unit == "track":
        return
    ids = table[unit].str.casefold().where(table[unit] != "")
    if twice := on_two_sides(table["split"], ids):
        raise KgenreError(f"{name}: the {unit} {_names(table, ids, twice[0])} is on two sides of a split by {unit}.")


def on_two_sides(split: pd.Series, ids: pd.Series) -> list:
    """The ids that occur in more than one split; NaN is no id."""
    sides = split.groupby(ids.to_numpy()).nunique()
    return sorted(sides[sides > 1].index)


def missing_genres(table: pd.DataFrame) -> list[str]:
    """A line for each of valid and test that has tracks, but none of some genres."""
    genres = {
        split: {genre for text in table.loc[table["split"] == split, "genres"] for genre in split_genres(text)}
        for split in SPLITS
    }
    every = set().union(*genres.values())
    return [
        f"note: no {split} tracks of: {', '.join(sorted(every - genres[split]))}"
        for split in SPLITS[1:]
        if genres[split] and every - genres[split]
    ]


def recordings(table: pd.DataFrame, progress: Progress = SILENT) -> dict[str, pd.Series]:
    """What tells that two rows are the same recording: {description: ids (rows,), NaN where there is none}.

    A track id that is no more than the name of a file says nothing: every album has its "01 - Intro".
    """
    files = table["path"].map(whole_file)
    stems = files.map(lambda path: Path(path).stem)
    ids = table["track_id"].where((table["track_id"] != "") & (table["track_id"] != stems))
    parts = files.where(files.duplicated(keep=False))
    return {"the same file": parts, "the same track id": ids, "the same audio": files.map(same_audio(files, progress))}


def join_recordings(table: pd.DataFrame, groups: np.ndarray, progress: Progress = SILENT) -> np.ndarray:
    """The groups, object (rows,), joined where rows of several are the same recording."""
    for ids in recordings(table, progress).values():
        for rows in ids.groupby(ids).groups.values() if ids.notna().any() else ():
            own = set(groups[table.index.get_indexer(rows)])
            if len(own) > 1:
                groups = np.where(np.isin(groups, list(own)), min(own), groups)
    return groups


def same_audio(paths: Iterable[str], progress: Progress = SILENT) -> dict[str, str]:
    """{path: hash} of the files whose encoded audio is that of another one, whatever their tags; of an .npz, values.

    Only files of one size are compared, by 64 KiB from their middle, and by all their audio where these are equal: a
    collection of a hundred thousand files is looked through in minutes. A copy that was encoded again, or whose tags
    have another size, is not found here.
    """
    by_size = defaultdict(list)
    for path in {whole_file(path): None for path in paths}:
        try:
            by_size[_size(path)].append(path)
        except (OSError, AudioError):  # the reader reports the cause
            continue
    alike = [path for same in by_size.values() if len(same) > 1 for path in same]
    for hash_of, title in ((_middle, "comparing files of equal size"), (_whole, "comparing equal files")):
        alike = _alike(alike, hash_of, title, progress)
    return dict(alike)


def _alike(paths: Iterable[str], hash_of, title: str, progress: Progress) -> dict[str, str]:
    """{path: hash} of those whose hash is that of another."""
    found, paths = defaultdict(list), list(paths)

    def digest(path: str) -> bytes | None:
        try:
            return hash_of(path)
        except (OSError, AudioError):
            return None
        finally:
            advance()

    if not paths:
        return {}
    with progress.task(title, len(paths), "files") as advance, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for path, value in zip(paths, pool.map(digest, paths)):
            found[value].append(path)
    return {path: value.hex() for value, same in found.items() if value and len(same) > 1 for path in same}


def _is_member(path: str) -> bool:
    """Whether a track is one of an .npz."""
    return split_member(path)[1] is not None


def _size(path: str) -> int | tuple[int, ...]:
    if is_in_shard(path):
        return member_bytes(path)
    return member_bins(path).shape if _is_member(path) else os.stat(path).st_size


def _whole(path: str) -> bytes:
    return _digest(member_bins(path)) if _is_member(path) else audio_hash(path)


def _digest(values: np.ndarray) -> bytes:
    return hashlib.blake2b(values.tobytes(), digest_size=16).digest()


def _middle(path: str) -> bytes:
    """Size and 64 KiB from the middle of a file, where no tags are; the middle bin of a spectrogram of an .npz."""
    if is_in_shard(path):
        return audio_hash(path)
    if _is_member(path):
        bins = member_bins(path)
        return _digest(bins[len(bins) // 2])
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size // 2 - PART_BYTES // 2))
        return hashlib.blake2b(file.read(PART_BYTES), key=size.to_bytes(8, "big"), digest_size=16).digest()


def _names(table: pd.DataFrame, ids: pd.Series, twice) -> str:
    """A track of each side."""
    rows = table[(ids == twice).fillna(False).to_numpy()].drop_duplicates("split")
    return " and ".join(f"{row.path} ({row.split})" for row in rows.itertuples())
