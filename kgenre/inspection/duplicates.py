"""Recordings that a collection holds more than once: the same audio, or a copy of it in another form.

Exact copies share the hash of their encoded audio. For the others each track is compared with its nearest tracks by
embedding, and a pair counts where the envelopes of the two agree (inspection/alignment.py). docs/inspection.md has the
measurement behind THRESHOLD.
"""

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from kgenre.audio.decoders import AudioError
from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_order
from kgenre.core.progress import SILENT, Progress
from kgenre.embeddings.neighbours import nearest, unit_vectors
from kgenre.inspection.alignment import envelope, match

THRESHOLD = 0.75  # copies reach 0.80 at least, different songs 0.69 at most
NEIGHBOURS = 10  # tracks that each is compared with; its copy is the nearest of all in 99 of 100 cases
OF_BOTH = ["path", "track_id", "genre", "split", "artist"]
COLUMNS = ["group", "kind", "leak", "match", "similarity", *(f"{name}_{side}" for name in OF_BOTH for side in "ab")]


def find_duplicates(
    rows: pd.DataFrame,
    vectors: Mapping[str, np.ndarray],
    hashes: Mapping[str, bytes],
    threshold: float = THRESHOLD,
    workers: int = 1,
    progress: Progress = SILENT,
    envelope_of: Callable[[str], np.ndarray] = envelope,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The pairs of tracks that are one recording; those on two sides of a split first.

    Args:
        rows: table of the tracks, as a Collection's.
        vectors: {path: (d,)}, embeddings by one model; tracks without one are only compared by their hash.
        hashes: {path: hash of the audio}.
        threshold: least `alignment.match` of a pair, in (0, 1].
        workers: threads.
        envelope_of: path -> what `alignment.match` compares; raises AudioError.

    Returns:
        DataFrame with COLUMNS, a row for each pair: `group` numbers what belongs together, `kind` is "exact" or "near",
        `leak` whether the two are in different splits, `match` of the audio and `similarity` of the embeddings (NaN
        where there is none); and {path: cause} of the tracks that could not be compared.

    Raises:
        KgenreError: a threshold that is not in (0, 1].
    """
    check_threshold(threshold)
    rows = rows.reset_index(drop=True)
    exact = _exact(rows["path"], hashes)
    known = np.flatnonzero(rows["path"].isin(list(vectors)))
    units = unit_vectors(np.stack([vectors[path] for path in rows["path"][known]])) if len(known) else np.zeros((0, 1))
    candidates = {pair for pair in _candidates(known, units) if pair not in exact}
    near, failures = _near(rows["path"], candidates, threshold, workers, progress, envelope_of)
    by_row = dict(zip(known.tolist(), units))
    return _table(rows, {**dict.fromkeys(exact, 1.0), **near}, exact, by_row), failures


def check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise KgenreError(f"--threshold must be above 0 and at most 1. Received: {threshold:g}.")


def _exact(paths: pd.Series, hashes: Mapping[str, bytes]) -> set[tuple[int, int]]:
    by_hash: dict[bytes, list[int]] = {}
    for row, path in enumerate(paths):
        if path in hashes:
            by_hash.setdefault(hashes[path], []).append(row)
    return {pair for same in by_hash.values() for pair in itertools.combinations(same, 2)}


def _candidates(known: np.ndarray, units: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of rows of which one is among the NEIGHBOURS nearest of the other, the smaller row first."""
    if len(known) < 2:
        return set()
    found, _ = nearest(units, np.arange(len(units)), NEIGHBOURS)
    pairs = np.stack([np.repeat(known, found.shape[1]), known[found.ravel()]], axis=1)
    return set(map(tuple, np.sort(pairs, axis=1).tolist()))


def _near(paths, candidates, threshold, workers, progress, envelope_of) -> tuple[dict, dict[str, str]]:
    """{pair: match} of the candidates that reach the threshold, and {path: cause} of the unreadable tracks."""
    needed = sorted({row for pair in candidates for row in pair})
    envelopes, failures, matches = {}, {}, {}

    def read(row: int):
        try:
            return envelope_of(paths[row])
        except AudioError as error:
            return error.cause

    with progress.task("comparing audio", len(needed), "tracks") as advance:
        for row, found in zip(needed, map_in_order(read, needed, workers)):
            if isinstance(found, str):
                failures[paths[row]] = found
            else:
                envelopes[row] = found
            advance()
    with progress.task("aligning pairs", len(candidates), "pairs") as advance:
        for a, b in sorted(candidates):
            if a in envelopes and b in envelopes and (score := match(envelopes[a], envelopes[b])) >= threshold:
                matches[a, b] = score
            advance()
    return matches, failures


def _table(rows: pd.DataFrame, matches: Mapping, exact: set, units: Mapping[int, np.ndarray]) -> pd.DataFrame:
    if not matches:
        return pd.DataFrame(columns=COLUMNS)
    a, b = np.array(list(matches)).T
    table = pd.DataFrame({
        "kind": ["exact" if pair in exact else "near" for pair in matches],
        "match": list(matches.values()),
        "similarity": [units[i] @ units[j] if i in units and j in units else np.nan for i, j in matches],
    })  # fmt: skip
    for name in OF_BOTH:
        table[f"{name}_a"], table[f"{name}_b"] = rows[name].to_numpy()[a], rows[name].to_numpy()[b]
    table["leak"] = table["split_a"] != table["split_b"]
    table["group"] = _groups(a, b, len(rows))
    order = ["leak", "match", "path_a", "path_b"]
    table = table.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    table["group"] = pd.factorize(table["group"])[0] + 1  # numbered as they are listed
    return table[COLUMNS]


def _groups(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """The connected component of each pair."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)
    return labels[a]
