"""Writing an embedding file in steps, so that a run that is killed continues where it was.

New vectors are written as parts, small .npz embedding files in a hidden folder beside the file. At the end the file
and its parts are merged.
"""

import hashlib
import itertools
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import kgenre
from kgenre.audio.fragments import whole_file
from kgenre.audio.inputs import container
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.embeddings import npz
from kgenre.embeddings.columns import TEXTS, SliceVectors
from kgenre.embeddings.files import FORMATS, check_names, check_suffix, read_metadata, stream_vectors

MUST_AGREE = {"identity": "another model", "config_hash": "other settings", "decoder": "another decoder"}
PART_BYTES = 64 << 20  # a part is written when this much is pending,
PART_SECONDS = 30.0  # or this long after the part before: what a kill costs at most


@dataclass(frozen=True)
class TrackVectors:
    """The vectors of one track: float32 slices (slices, d), and the start of each in seconds, (slices,)."""

    path: str
    seconds: float
    starts: np.ndarray
    slices: np.ndarray


def make_header(model: str, identity: str, config: dict, decoder: str) -> dict:
    """The header of an embedding file. Vectors are comparable only if identity, config and decoder are equal.

    Args:
        model: name of the model, for people.
        identity: hash of what computes the vectors.
        config: settings of what it is given, as JSON takes them.
        decoder: what reads the tracks, with its versions.
    """
    return {
        "model": model,
        "identity": identity,
        "config": config,
        "config_hash": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
        "decoder": decoder,
        "kgenre": kgenre.__version__,
    }


class Store:
    """An embedding file that is being written: its present content, and the parts that are added.

    Args:
        path: the file, .npz or .parquet.
        header: of `make_header`.
        rows: DataFrame of the tracks that the file is to hold, with TEXTS.

    Attributes:
        missing: paths of the tracks that have no vectors yet, or whose files have another size or time of change now.

    Raises:
        KgenreError: the present content was computed by another model, with other settings or by another decoder.
    """

    def __init__(self, path, header: dict, rows: pd.DataFrame):
        check_suffix(path)
        check_names(path, rows["path"])
        self.path, self.header, self.rows = Path(path), header, rows.set_index("path", drop=False)[list(TEXTS)]
        self.folder = self.path.with_name(f".{self.path.name}.parts")
        self.signatures = {path: signature(path) for path in rows["path"]}
        self.sources: list[tuple[Path, pd.DataFrame]] = []  # the file, if it exists, and its parts
        for source in [self.path] * self.path.exists() + sorted(self.folder.glob("[0-9]*.npz")):
            self._add_source(source)
        held = {(row.path, row.size, row.mtime_ns) for _, table in self.sources for row in table.itertuples()}
        self.missing = [path for path, now in self.signatures.items() if now is None or (path, *now) not in held]
        self.pending: list[TrackVectors] = []
        self.pending_bytes, self.written = 0, time.monotonic()

    def add_all(self, vectors: Iterable[TrackVectors]) -> None:
        """Adds all tracks, then writes the file; what was added before an error or Ctrl-C stays as parts."""
        try:
            for track in vectors:
                self.add(track)
        finally:
            self.flush()
        self.finish()

    def add(self, vectors: TrackVectors) -> None:
        self.pending.append(vectors)
        self.pending_bytes += vectors.slices.nbytes
        if self.pending_bytes >= PART_BYTES or time.monotonic() - self.written >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes the pending tracks as a part."""
        if self.pending:
            table = self._pending_table()
            self.folder.mkdir(exist_ok=True)
            numbers = [int(path.stem) for path in self.folder.glob("[0-9]*.npz")]
            part = self.folder / f"{max(numbers, default=0) + 1:06d}.npz"
            vectors = [(track.starts, track.slices) for track in self.pending]
            write_beside(part, lambda beside: npz.write(beside, self.header, table, iter(vectors)))
            self.sources.append((part, table))
        self.pending, self.pending_bytes, self.written = [], 0, time.monotonic()

    def finish(self) -> None:
        """Merges the file and its parts into the file, and removes the parts.

        Tracks of the file that are not among `rows` stay in it as long as their audio files are unchanged, or their
        folder is not there at all.

        Raises:
            KgenreError: there is not one track to write.
        """
        kept = self._kept()
        if not any(keep.any() for keep in kept):
            raise KgenreError(f"{self.path}: not written: no track could be used.")
        table = pd.concat([self._with_current_texts(table[keep]) for (_, table), keep in zip(self.sources, kept)])
        unchanged = [source for source, _ in self.sources] == [self.path] and table.equals(self.sources[0][1])
        if not unchanged:
            write = FORMATS[self.path.suffix.lower()].write
            vectors = self._vectors(kept)
            write_beside(self.path, lambda beside: write(beside, self.header, table.reset_index(drop=True), vectors))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _add_source(self, source: Path) -> None:
        header, table = read_metadata(source)
        for name, what in MUST_AGREE.items():
            if header.get(name) != self.header[name]:
                shown = self.folder if source.parent == self.folder else source
                raise KgenreError(
                    f"{shown}: holds vectors of {what}: {_differences(name, header, self.header)}. "
                    "Name another file, or delete this one."
                )
        self.sources.append((source, table))

    def _pending_table(self) -> pd.DataFrame:
        texts = self.rows.loc[[track.path for track in self.pending]].reset_index(drop=True)
        sizes, times = zip(*(self.signatures[track.path] for track in self.pending))
        seconds, counts = [track.seconds for track in self.pending], [len(track.slices) for track in self.pending]
        return texts.assign(seconds=seconds, slices=counts, size=sizes, mtime_ns=times)

    def _kept(self) -> list[np.ndarray]:
        """For each source a mask of the tracks to take from it: each track once, and only if unchanged."""
        seen, masks = set(), []
        for _, table in self.sources:
            mask = np.zeros(len(table), bool)
            for i, row in enumerate(table.itertuples()):
                now = self.signatures[row.path] if row.path in self.signatures else signature(row.path)
                # A folder that is missing as a whole may be on a disk that is not mounted.
                unmounted = now is None and row.path not in self.signatures and not Path(row.path).parent.is_dir()
                mask[i] = row.path not in seen and (unmounted or now == (row.size, row.mtime_ns))
                if mask[i]:
                    seen.add(row.path)
            masks.append(mask)
        return masks

    def _with_current_texts(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with genre, split, artist and the like as `rows` has them now."""
        known = table["path"].isin(self.rows.index)
        table = table.copy()
        for name in TEXTS:
            table.loc[known, name] = self.rows.loc[table.loc[known, "path"], name].to_numpy()
        return table

    def _vectors(self, kept: list[np.ndarray]) -> Iterator[SliceVectors]:
        for (source, _), keep in zip(self.sources, kept):
            if keep.any():
                yield from itertools.compress(stream_vectors(source), keep)


def signature(path) -> tuple[int, int] | None:
    """Size in bytes and time of change in ns, by which a changed file is recognised; None if there is no file.

    Of a part of a file (audio.fragments), the file's.
    """
    try:
        found = container(whole_file(str(path))).stat()
    except OSError:  # the reader reports the cause
        return None
    return found.st_size, found.st_mtime_ns


def _differences(name: str, held: dict, now: dict) -> str:
    """What differs, for people: "slice_seconds 3.0, now 5.94"; `name` is of MUST_AGREE."""
    if name == "config_hash":
        of, to = held.get("config") or {}, now["config"]
        return ", ".join(
            f"{key} {of.get(key)}, now {to.get(key)}" for key in {**of, **to} if of.get(key) != to.get(key)
        )
    if name == "decoder":
        return f"{held.get('decoder')}, now {now['decoder']}"
    return f"{held.get('model')} ({held.get('identity')}), now {now['model']} ({now['identity']})"
