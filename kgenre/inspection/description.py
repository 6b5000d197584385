"""What a collection consists of: tracks a genre and split, lengths, formats, artists, overlaps between splits."""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kgenre.collections.labels import MULTI
from kgenre.collections.splits import SPLITS, Collection, artist_overlap
from kgenre.core.genres import split_genres

MOST_PAIRS = 15  # of genres that occur together


@dataclass(frozen=True)
class Description:
    """What `describe` finds.

    name, protocol, task: of the collection.
    tracks: {split: number of tracks}.
    genres: a row for each genre, the commonest first: `genre`, one of each split, `tracks`, `artists`, `albums` (the
        known ones), `minutes` (NaN where no file was read).
    labels_per_track: {number of genres: tracks}.
    together: `genre`, `other`, `tracks` of the commonest pairs of genres of a track, and `share`, of the tracks of the
        rarer of the two.
    lengths: {"min", "median", "max", "total": seconds}; {} where no file was read.
    formats: {"sample rate", "channels", "format": {value as text: tracks}}.
    overlaps: a row for each pair of splits: `splits` ("valid in train"), `tracks` of the former, and how many of these
        have a counterpart in the latter: byte by byte the `same file`, the `same artist`, the `same album`; NaN where
        unknown.
    sentences: {split: overlap with train in one sentence}.
    unknown: {"artist", "album": tracks whose one is unknown}.
    unreadable: {path: cause}.
    """

    name: str
    protocol: str
    task: str
    tracks: Mapping[str, int]
    genres: pd.DataFrame
    labels_per_track: Mapping[int, int]
    together: pd.DataFrame
    lengths: Mapping[str, float]
    formats: Mapping[str, Mapping[str, int]]
    overlaps: pd.DataFrame
    sentences: Mapping[str, str]
    unknown: Mapping[str, int]
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_multi(self) -> bool:
        return self.task == MULTI


def describe(collection: Collection, files: pd.DataFrame | None = None) -> Description:
    """Describes a collection.

    Args:
        collection: as `load_collection` gives it.
        files: of `file_facts`, a row for each of its paths; None for tracks that are not audio files.
    """
    table = collection.table.reset_index(drop=True)
    seconds = pd.Series(np.nan, index=table.index)
    hashes = pd.Series("", index=table.index, dtype="string")
    if files is not None:
        by_path = files.set_index("path").loc[table["path"]].reset_index()
        seconds, hashes = by_path["seconds"], by_path["hash"]
    units = {"same file": hashes, "same artist": table["artist"].str.casefold(), "same album": _albums(table)}
    train = table[table["split"] == "train"]
    labels = [split_genres(text) for text in table["genres"]]
    return Description(
        name=collection.name,
        protocol=collection.protocol,
        task=collection.task,
        tracks={split: int((table["split"] == split).sum()) for split in SPLITS},
        genres=_genres(table, labels, seconds),
        labels_per_track=dict(sorted(Counter(map(len, labels)).items())),
        together=_together(labels),
        lengths=_lengths(seconds.dropna()),
        formats={} if files is None else _formats(files[files["cause"] == ""]),
        overlaps=_overlaps(table["split"], units),
        sentences={
            split: artist_overlap(rows, train)
            for split in SPLITS[1:]
            if len(rows := table[table["split"] == split]) and len(train)
        },
        unknown={unit: int((table[unit] == "").sum()) for unit in ("artist", "album")},
        unreadable={} if files is None else dict(files.loc[files["cause"] != "", ["path", "cause"]].to_numpy()),
    )


def _albums(table: pd.DataFrame) -> pd.Series:
    """Artist and album: "Greatest Hits" is many albums."""
    album = table["album"].str.casefold()
    return (table["artist"].str.casefold() + "\0" + album).where(album != "", "")


def _genres(table: pd.DataFrame, labels: list[list[str]], seconds: pd.Series) -> pd.DataFrame:
    long = table.assign(genre=labels, seconds=seconds, album=_albums(table)).explode("genre", ignore_index=True)
    rows = []
    for genre, tracks in long.groupby("genre"):
        known = {f"{unit}s": tracks[unit].str.casefold()[tracks[unit] != ""].nunique() for unit in ("artist", "album")}
        counts = {split: int((tracks["split"] == split).sum()) for split in SPLITS}
        minutes = tracks["seconds"].sum(min_count=1) / 60
        rows.append({"genre": genre, **counts, "tracks": len(tracks), **known, "minutes": minutes})
    return pd.DataFrame(rows).sort_values(["tracks", "genre"], ascending=[False, True], ignore_index=True)


def _together(labels: list[list[str]]) -> pd.DataFrame:
    single = Counter(itertools.chain.from_iterable(labels))
    pairs = Counter(pair for genres in labels for pair in itertools.combinations(sorted(genres), 2))
    rows = [
        (a, b, count, count / min(single[a], single[b]))
        for (a, b), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:MOST_PAIRS]
    ]
    return pd.DataFrame(rows, columns=["genre", "other", "tracks", "share"])


def _lengths(seconds: pd.Series) -> dict[str, float]:
    if seconds.empty:
        return {}
    return {
        "min": float(seconds.min()),
        "median": float(seconds.median()),
        "max": float(seconds.max()),
        "total": float(seconds.sum()),
    }


def _formats(files: pd.DataFrame) -> dict[str, dict[str, int]]:
    columns = {
        "sample rate": files["sample_rate"].dropna().map(lambda rate: f"{rate:.0f} Hz"),
        "channels": files["channels"].dropna().map(lambda n: {1: "mono", 2: "stereo"}.get(n, f"{n:.0f}")),
        "format": files["format"].replace("", "unknown"),
    }
    counts = {name: column.value_counts() for name, column in columns.items() if len(column)}
    return {name: {str(value): int(n) for value, n in found.items()} for name, found in counts.items()}


def _overlaps(splits: pd.Series, units: Mapping[str, pd.Series]) -> pd.DataFrame:
    rows = []
    for first, second in itertools.combinations(SPLITS, 2):
        of, in_first = splits == second, splits == first
        if of.any() and in_first.any():
            shares = {unit: _shared(values[of], values[in_first]) for unit, values in units.items()}
            rows.append({"splits": f"{second} in {first}", "tracks": int(of.sum()), **shares})
    return pd.DataFrame(rows, columns=["splits", "tracks", *units])


def _shared(values: pd.Series, others: pd.Series) -> float:
    """How many of the values are among the others; NaN where all of either are unknown."""
    known = others[others != ""]
    if (values == "").all() or known.empty:
        return np.nan
    return float(values.isin(known).sum())
