"""Writing an embedding file of what is in it already and of parts (kgenre.engines), each a small embedding file.

The parts lie in a hidden folder beside the file, in its format, until all tracks are done.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import kgenre
from kgenre.audio.decoders import united_versions
from kgenre.audio.signature import signature
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.embeddings.columns import TEXTS, SliceVectors
from kgenre.embeddings.files import FORMATS, check_names, check_suffix, read_metadata, stream_vectors

MUST_AGREE = {"identity": "another model", "config_hash": "other settings", "decoder": "another decoder"}


@dataclass(frozen=True)
class TrackVectors:
    """The vectors of one track: float32 slices (slices, d), and the start of each in seconds, (slices,)."""

    path: str
    seconds: float
    starts: np.ndarray
    slices: np.ndarray


def make_header(model: str, identity: str, config: dict, decoder: str, versions: str) -> dict:
    """The header of an embedding file. Vectors are comparable only if identity, config and decoder are equal.

    Args:
        model: name of the model, or its path, absolute; for people, and to know what it was trained on.
        identity: hash of what computes the vectors.
        config: settings of what it is given, as JSON takes them.
        decoder: what reads the tracks, as `--decoder` names it.
        versions: of what reads them. Those of a file that is added to may be several, with semicolons between: an
            update of a decoder changes samples less than an encoder does, and is no reason to compute all again.
    """
    return {
        "model": model,
        "identity": identity,
        "config": config,
        "config_hash": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
        "decoder": decoder,
        "decoder_versions": versions,
        "kgenre": kgenre.__version__,
    }


class Store:
    """An embedding file that is being written: its present content, and the parts that are added.

    Args:
        path: the file, .npz or .parquet.
        header: of `make_header`.
        rows: DataFrame of the tracks that the file is to hold, with TEXTS.
        signatures: of their files, {path: (size, mtime_ns) or None}; looked up if not given.

    Attributes:
        missing: {path: signature} of the tracks that have no vectors yet, or whose files have another size or time of
            change now.

    Raises:
        KgenreError: the present content was computed by another model, with other settings or by another decoder.
    """

    def __init__(self, path, header: dict, rows: pd.DataFrame, signatures: Mapping | None = None):
        check_suffix(path)
        check_names(path, rows["path"])
        self.path, self.header, self.rows = Path(path), header, rows.set_index("path", drop=False)[list(TEXTS)]
        known = signatures or {}
        self.signatures = {path: _pair(known[path]) if path in known else signature(path) for path in rows["path"]}
        self.sources: list[tuple[Path, pd.DataFrame]] = []  # the file, if it exists, and its parts
        if self.path.exists():
            self._add_source(self.path)
        held = {(row.path, row.size, row.mtime_ns) for _, table in self.sources for row in table.itertuples()}
        self.missing = {
            path: now and list(now) for path, now in self.signatures.items() if now is None or (path, *now) not in held
        }

    def finish(self, parts: Sequence[Path]) -> None:
        """Merges the file and its parts into the file: first the tracks that it holds, then those of the parts.

        Tracks of the file that are not among `rows` stay in it as long as their audio files are unchanged, or their
        folder is not there at all.

        Raises:
            KgenreError: there is not one track to write.
        """
        for part in parts:
            self._add_source(part)
        kept = self._kept()
        if not any(keep.any() for keep in kept):
            raise KgenreError(f"{self.path}: not written: no track could be used.")
        tables = [self._with_current_texts(table[keep]) for (_, table), keep in zip(self.sources, kept) if keep.any()]
        table = pd.concat(tables, ignore_index=True)
        unchanged = [source for source, _ in self.sources] == [self.path] and table.equals(self.sources[0][1])
        if not unchanged:
            write, vectors = FORMATS[self.path.suffix.lower()].write, self._vectors(kept)
            write_beside(self.path, lambda beside: write(beside, self.header, table, vectors))

    def _add_source(self, source: Path) -> None:
        header, table = read_metadata(source)
        for name, what in MUST_AGREE.items():
            if header.get(name) != self.header[name]:
                raise KgenreError(
                    f"{source}: holds vectors of {what}: {_differences(name, header, self.header)}. "
                    "Name another file, or delete this one."
                )
        versions = united_versions([header["decoder_versions"], self.header["decoder_versions"]])
        self.header = {**self.header, "decoder_versions": versions}
        self.sources.append((source, table))

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


def _pair(signature: Sequence[int] | None) -> tuple[int, int] | None:
    return None if signature is None else tuple(signature)  # of a plan, whose JSON has lists


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
