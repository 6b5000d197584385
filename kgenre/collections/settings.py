"""Settings of the collection that a command reads."""

from typing import Literal

from pydantic import Field

from kgenre.collections.datasets import DATASETS
from kgenre.collections.protocols import PROTOCOLS
from kgenre.core.settings import Settings

# What `--data` takes: the help texts and the errors say it in the same words.
DATA_METAVAR = "NAME|NAME:DIR|DIR|MANIFEST|NPZ"
DATA = (
    f"a dataset ({', '.join(DATASETS)}), NAME:DIR for one in a folder of its own, a folder of genre folders, "
    "a folder that `kgenre prepare` wrote, a .csv or .parquet manifest, or an .npz of spectrograms"
)


class CollectionSettings(Settings):
    """The collection to read."""

    data: str = Field("demo", description=DATA, json_schema_extra={"metavar": DATA_METAVAR})


class CollectionOptions(Settings):
    """How a collection is read: which genres count, and as what; and how its tracks are split."""

    task: Literal["single", "multi"] | None = Field(
        None, description="one genre a track, or several; what the collection has if not given"
    )
    level: Literal["top", "all"] = Field("top", description="of a tree of genres: the top ones, or all of them")
    min_tracks_per_genre: int = Field(
        1, ge=1, le=10**6, description="genres of fewer tracks are left out, and so are tracks without another genre"
    )
    artists: str | None = Field(
        None,
        description="a file with the artists of tracks: a .csv with track_id or path and artist, or GTZANindex.txt",
        json_schema_extra={"metavar": "FILE"},
    )
    # Without one: the given split, else by artist, album or track, the first that nearly all tracks have.
    protocol: Literal[*PROTOCOLS] | None = Field(
        None,
        description="how tracks are split into train, valid and test, by default the given split, else by artist, "
        "album, folder or track; " + "; ".join(f"{name}: {row.description}" for name, row in PROTOCOLS.items()),
    )
    allow_leak: bool = Field(
        False, description="accept a split whose test tracks are known from training; every report will say LEAKY"
    )
