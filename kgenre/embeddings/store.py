"""An embedding file in the making: what is there already, and parts beside it that survive a kill.

Parts are .npz files of the same form in a hidden folder beside the file, each written beside and renamed.
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
from kgenre.audio.decoders import decoder_versions
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.embeddings.files import FORMATS, TEXTS, check_names, check_suffix, read_metadata, stream_vectors, write_npz

MUST_AGREE = {"identity": "another model", "config_hash": "other settings", "decoder": "another decoder"}
PART_BYTES = 64 << 20  # a part is written when this much waits,
PART_SECONDS = 30.0  # or this long after the one before: what a kill costs at most


@dataclass(frozen=True)
class TrackVectors:
    """What is kept of one track: float32 slices (slices, d) and the second that each starts at (slices,)."""

    path: str
    seconds: float
    starts: np.ndarray
    slices: np.ndarray


def make_header(model: str, identity: str, config: dict) -> dict:
    """What the file says of itself. Vectors are comparable only where identity, config and decoder agree."""
    return {
        "model": model,
        "identity": identity,
        "config": config,
        "config_hash": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
        "decoder": decoder_versions(),
        "kgenre": kgenre.__version__,
    }


class Store:
    """An embedding file in the making: what there is of it, and the parts that are added.

    Args:
        path: the file, .npz or .parquet.
        header: of `make_header`.
        rows: DataFrame of the tracks that the file is to hold, with TEXTS.

    Attributes:
        lacking: paths of the tracks that have no vectors yet, or whose file has another size or time now.

    Raises:
        KgenreError: what is there was made by another model, with other settings or by another decoder.
    """

    def __init__(self, path, header: dict, rows: pd.DataFrame):
        check_suffix(path)
        check_names(path, rows["path"])
        self.path, self.header, self.rows = Path(path), header, rows.set_index("path", drop=False)[list(TEXTS)]
        self.folder = self.path.with_name(f".{self.path.name}.parts")
        self.signatures = {path: signature(path) for path in rows["path"]}
        self.sources: list[tuple[Path, pd.DataFrame]] = []  # the file as it is, and its parts
        for source in [self.path] * self.path.exists() + sorted(self.folder.glob("[0-9]*.npz")):
            self._take_in(source)
        held = {(row.path, row.size, row.mtime_ns) for _, table in self.sources for row in table.itertuples()}
        self.lacking = [path for path, at in self.signatures.items() if at is None or (path, *at) not in held]
        self.waiting: list[TrackVectors] = []
        self.bytes, self.written = 0, time.monotonic()

    def fill(self, vectors: Iterable[TrackVectors]) -> None:
        """Adds all, then puts the file together; what was added before an error or Ctrl-C stays as parts."""
        try:
            for one in vectors:
                self.add(one)
        finally:
            self.flush()
        self.finish()

    def add(self, vectors: TrackVectors) -> None:
        self.waiting.append(vectors)
        self.bytes += vectors.slices.nbytes
        if self.bytes >= PART_BYTES or time.monotonic() - self.written >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what waits as a part."""
        if self.waiting:
            table = self._table_of_waiting()
            self.folder.mkdir(exist_ok=True)
            numbers = [int(path.stem) for path in self.folder.glob("[0-9]*.npz")]
            part = self.folder / f"{max(numbers, default=0) + 1:06d}.npz"
            vectors = [(one.starts, one.slices) for one in self.waiting]
            write_beside(part, lambda beside: write_npz(beside, self.header, table, iter(vectors)))
            self.sources.append((part, table))
        self.waiting, self.bytes, self.written = [], 0, time.monotonic()

    def finish(self) -> None:
        """Puts file and parts together, and removes the parts.

        Tracks of the file that are not asked for now stay in it as long as their files are there
        unchanged, or their folder is not there at all.
        """
        kept = self._kept()
        if not any(keep.any() for keep in kept):
            raise KgenreError(f"{self.path}: not written: no track could be used.")
        table = pd.concat([self._described(table[keep]) for (_, table), keep in zip(self.sources, kept)])
        unchanged = [source for source, _ in self.sources] == [self.path] and table.equals(self.sources[0][1])
        if not unchanged:
            write = FORMATS[self.path.suffix.lower()].write
            vectors = self._vectors(kept)
            write_beside(self.path, lambda beside: write(beside, self.header, table.reset_index(drop=True), vectors))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take_in(self, source: Path) -> None:
        header, table = read_metadata(source)
        for name, what in MUST_AGREE.items():
            if header.get(name) != self.header[name]:
                place = self.folder if source.parent == self.folder else source
                raise KgenreError(
                    f"{place}: holds vectors of {what}: {header.get('model')}, `{name}` {header.get(name)}; now "
                    f"{self.header['model']}, {self.header[name]}. Name another file, or delete this one."
                )
        self.sources.append((source, table))

    def _table_of_waiting(self) -> pd.DataFrame:
        texts = self.rows.loc[[one.path for one in self.waiting]].reset_index(drop=True)
        sizes, times = zip(*(self.signatures[one.path] for one in self.waiting))
        seconds, counts = [one.seconds for one in self.waiting], [len(one.slices) for one in self.waiting]
        return texts.assign(seconds=seconds, slices=counts, size=sizes, mtime_ns=times)

    def _kept(self) -> list[np.ndarray]:
        """For each source a mask of the tracks to take from it, each track once and only if unchanged."""
        seen, masks = set(), []
        for _, table in self.sources:
            mask = np.zeros(len(table), bool)
            for i, row in enumerate(table.itertuples()):
                now = self.signatures[row.path] if row.path in self.signatures else signature(row.path)
                # A whole folder that is away may be on a disk that is not mounted.
                away = now is None and row.path not in self.signatures and not Path(row.path).parent.is_dir()
                mask[i] = row.path not in seen and (away or now == (row.size, row.mtime_ns))
                if mask[i]:
                    seen.add(row.path)
            masks.append(mask)
        return masks

    def _described(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with genre, split and the like as they are known now."""
        known = table["path"].isin(self.rows.index)
        table = table.copy()
        for name in TEXTS:
            table.loc[known, name] = self.rows.loc[table.loc[known, "path"], name].to_numpy()
        return table

    def _vectors(self, kept: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for (source, _), keep in zip(self.sources, kept):
            if keep.any():
                yield from itertools.compress(stream_vectors(source), keep)


def signature(path) -> tuple[int, int] | None:
    """Size in bytes and time of change in ns, by which a changed file is known; None where there is no file."""
    try:
        found = Path(path).stat()
    except OSError:  # the reader tells why
        return None
    return found.st_size, found.st_mtime_ns
