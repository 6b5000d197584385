"""The table of protocols: how tracks come into train, valid and test.

Importing this brings no pandas: `--help` lists the table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """One row of PROTOCOLS.

    description: for `--help`.
    unit: what stays on one side: "artist", "album", "track", "slice"; "" where the collection gives the split.
    leaky: what a model knows of the tracks that it is tested on, where that is why metrics are too high; "" if nothing.
    """

    description: str
    unit: str
    leaky: str = ""


PROTOCOLS = {
    "official": Protocol("the split that the collection gives", ""),
    "artist": Protocol("a new split, the tracks of an artist on one side", "artist"),
    "album": Protocol("a new split, the tracks of an album on one side", "album"),
    "track": Protocol("a new split, whatever artists and albums", "track"),
    "random-slice": Protocol(
        "tracks are cut into slices, which are dealt at random; needs --allow-leak",
        "slice",
        "slices of one track are on two sides, so the model is tested on tracks that it was trained on, and each slice "
        "is counted as a track",
    ),
}
