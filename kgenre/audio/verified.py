"""Shards read whole and compared with their checksums, each once until it changes: before training, not in each run.

Which were found whole is kept beside them with size and time of change, where the folder can be written. What changes
on the disk without these is found where it is read (audio.shards).
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kgenre.audio.shards import ShardError, open_shard
from kgenre.core.files import write_json
from kgenre.core.parallel import map_in_order

FILE = "verified.json"  # {name of a shard: [bytes, time of change in ns]}


def damaged_shards(
    files: Iterable[str],
    workers: int,
    again: bool = False,
    done: Callable[[str], object] = lambda file: None,
    digests: Mapping[str, str] | None = None,
) -> dict[str, ShardError]:
    """{file: its error} of the shards that cannot be used.

    Args:
        workers: reading threads.
        again: read those, too, that were found whole before.
        done: is called with each file, from any thread.
        digests: {file: its SHA-256}, which are compared, too.
    """
    files = list(files)
    known = {} if again else {folder: _read(folder) for folder in {Path(file).parent for file in files}}

    def checked(file: str) -> ShardError | tuple[int, int] | None:
        try:
            found = os.stat(file)
            signature = (found.st_size, found.st_mtime_ns)
            if known.get(Path(file).parent, {}).get(Path(file).name) != list(signature):
                open_shard(file).verify((digests or {}).get(file, ""))
            return signature
        except OSError:
            return _error(file)
        except ShardError as error:
            return error
        finally:
            done(file)

    found = dict(zip(files, map_in_order(checked, files, workers)))
    _keep({file: signature for file, signature in found.items() if isinstance(signature, tuple)}, known)
    return {file: error for file, error in found.items() if isinstance(error, ShardError)}


def _error(file: str) -> ShardError | None:
    try:
        open_shard(file)
    except ShardError as error:
        return error
    return None  # it is there again


def _read(folder: Path) -> dict:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):  # none yet, or not to be trusted
        return {}


def _keep(whole: dict[str, tuple[int, int]], known: dict[Path, dict]) -> None:
    folders: dict[Path, dict] = {}
    for file, signature in whole.items():
        folders.setdefault(Path(file).parent, {})[Path(file).name] = list(signature)
    for folder, own in folders.items():
        before = known.get(folder, {})
        if {**before, **own} != before:
            with contextlib.suppress(OSError):  # a disk that is read only: they are read again next time
                write_json(folder / FILE, {**before, **own})
