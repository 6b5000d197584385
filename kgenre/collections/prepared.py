"""Prepared sets: what `kgenre prepare` writes, read as a collection.

A set is a folder of shards (audio.shards) with tracks.csv, a row for each track, and manifest.json, which is written
last: settings, versions, counts, checksums. The paths in tracks.csv are relative, so that a set can be moved.
"""

import json
import os
from pathlib import Path

import pandas as pd

from kgenre.audio.inputs import split_shard
from kgenre.audio.shards import open_shard
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.tables import read_manifest
from kgenre.core.errors import KgenreError

MANIFEST, TRACKS, LEFT_OUT, PLAN = "manifest.json", "tracks.csv", "left_out.csv", "plan.json"
FORMAT, VERSION = "kgenre prepared set", 2


def is_prepared(folder: Path) -> bool:
    """Whether a folder is a prepared set, or the beginning of one."""
    try:
        with (folder / PLAN).open("rb") as file:  # of which the rest names a million files
            return FORMAT.encode() in file.read(64)
    except OSError:
        return False


def read_prepared(folder: Path) -> Tracks:
    """The tracks of a prepared set, in the split that they had.

    Raises:
        KgenreError: it is not finished, a shard is missing, cut or of another set, or a track is none of its shards.
    """
    again = f"Give `kgenre prepare --out {folder}`"
    if not (folder / MANIFEST).is_file():
        raise KgenreError(f"{folder}: this set is not finished. {again}: it goes on.")
    manifest = read_manifest_of(folder)
    for shard in manifest["shards"]:
        file = folder / shard["file"]
        if (size := file_size(file)) != shard["bytes"]:
            found = "missing" if size is None else f"{size} bytes, where it had {shard['bytes']}"
            raise KgenreError(f"{file}: {found}. {again}: it writes this shard again.")
        if open_shard(file).set_id.hex() != manifest["set"]:
            raise KgenreError(f"{file}: is a shard of another set. {again}: it writes this shard again.")
    table = read_manifest(folder / TRACKS)
    counts = {str((folder / shard["file"]).resolve()): shard["tracks"] for shard in manifest["shards"]}
    for path in table["path"]:
        file, index = split_shard(path)
        if index is None or index >= counts.get(file, 0):
            raise KgenreError(f"{folder / TRACKS}: {path} is no track of this set. {again}: it writes the table again.")
    given = manifest["protocol"].removeprefix("split ")
    return Tracks(table, manifest["parents"], _left_out(folder / LEFT_OUT), given)


def read_manifest_of(folder: Path) -> dict:
    """What manifest.json says; it is there.

    Raises:
        KgenreError: it is damaged, or of another version.
    """
    manifest = _read(folder / MANIFEST)
    if manifest.get("format") == FORMAT and manifest.get("version") != VERSION:
        raise KgenreError(
            f"{folder}: a set of version {manifest.get('version')}. This kgenre reads version {VERSION}. "
            "Update kgenre, or prepare the collection again in another folder."
        )
    if not {"format", "set", "shards", "parents", "protocol"} <= manifest.keys():
        raise KgenreError(f"{folder / MANIFEST}: not readable. Remove it, and give `kgenre prepare --out {folder}`.")
    return manifest


def file_size(file: Path) -> int | None:
    """In bytes; None if there is no file."""
    try:
        return os.stat(file).st_size
    except OSError:
        return None


def _left_out(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    table = pd.read_csv(file, dtype="string", keep_default_na=False, encoding_errors="surrogateescape")
    return dict(zip(table["name"], table["cause"]))


def _read(file: Path) -> dict:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
