"""The rungs of the ladder: splits of one collection, from those that leak most to those that do not."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from kgenre.audio.slicing import SliceSpec
from kgenre.collections.checks import MOST_UNKNOWN
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.folds import best_unit, table_groups, valid_rows
from kgenre.collections.labels import strata
from kgenre.collections.settings import CollectionOptions
from kgenre.collections.slices import copy_tracks
from kgenre.collections.splits import Collection, deal, with_split
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress

COPIES = 3  # of each track, beside itself


@dataclass(frozen=True)
class Source:
    """What the rungs split.

    name: of the collection.
    tracks, task: of collections.labelled_tracks.
    seed: of the splits.
    slice_spec: of the network.
    """

    name: str
    tracks: Tracks
    task: str
    seed: int
    slice_spec: SliceSpec
    progress: Progress = SILENT

    def split(self, protocol: str) -> Collection:
        """The collection under a protocol, whether or not it leaks."""
        options = CollectionOptions(protocol=protocol, allow_leak=True)
        own = (self.seed, self.task, self.tracks.parents, self.tracks.given_split, options, self.slice_spec)
        return with_split(self.name, self.tracks.table, *own, self.progress)

    @functools.cached_property
    def honest(self) -> Collection:
        """Under the strictest protocol that can be made of it: by artist, else album, else track."""
        table = self.tracks.table
        known = (unit for unit in ("artist", "album") if (table[unit] == "").mean() <= MOST_UNKNOWN)
        return self.split(next(known, "track"))

    def changed(self, table: pd.DataFrame, protocol: str, leaky: str = "") -> Collection:
        return Collection(self.name, table, protocol, self.task, self.tracks.parents, leaky)


@dataclass(frozen=True)
class Rung:
    """One row of RUNGS.

    title: for the picture.
    leaks: what the test tracks share with training, in a few words; "" if nothing is meant to.
    make: Source -> Collection. Raises KgenreError where the collection does not have what it takes.
    """

    title: str
    leaks: str
    make: Callable[[Source], Collection]


def _copies(source: Source) -> Collection:
    table = copy_tracks(source.tracks.table, COPIES)
    table = table.assign(split=pd.array(deal(strata(table).to_numpy(), source.seed), dtype="string"))
    protocol = f"each track and {COPIES} perturbed copies of it dealt at random, seed {source.seed}"
    return source.changed(table, protocol, "copies of one track are on two sides, made before the split")


def _epoch_on_test(source: Source) -> Collection:
    """The honest split, whose test tracks stand in for the valid ones: the epoch is chosen on what is reported."""
    honest = source.honest
    table = honest.table[honest.table["split"] != "valid"].reset_index(drop=True)
    table["split"] = table["split"].replace("test", "valid")
    protocol = f"{honest.protocol}, the epoch chosen on the reported tracks"
    return source.changed(table, protocol, "the epoch is chosen on the very tracks that are reported")


def _official(source: Source) -> Collection:
    given = source.split("official")
    if len(given.rows("test")):
        return given
    table, unit = given.table.copy(), best_unit(given.table)
    if not (table["split"] == "valid").any():
        raise KgenreError(f"{source.name}: the given split has neither valid nor test tracks to report.")
    table["split"] = table["split"].replace("valid", "test")
    rest = table.index[table["split"] == "train"]
    groups, _ = table_groups(table.loc[rest], unit, source.progress)
    table.loc[rest[valid_rows(table.loc[rest], groups, source.seed)], "split"] = "valid"
    protocol = f"{given.protocol}; it has no test tracks: its valid tracks are reported, and valid is new, by {unit}"
    return dataclasses.replace(given, table=table, protocol=protocol)


RUNGS = {
    "random-slice": Rung("random slices", "slices of the same tracks", lambda source: source.split("random-slice")),
    "augmented-copies": Rung("augmented copies", "copies of the same tracks", _copies),
    "track": Rung("random tracks", "tracks by the same artists", lambda source: source.split("track")),
    "epoch-on-test": Rung("epoch chosen on test", "the choice of the epoch", _epoch_on_test),
    "artist": Rung("split by artist", "", lambda source: source.split("artist")),
    "official": Rung("official split", "", _official),
}
