"""What the page is sent of a library: columns of numbers as base64, of texts as lists."""

import json
import math
import os
from pathlib import PurePath

import numpy as np
import pandas as pd

from kgenre.core.base64_arrays import packed
from kgenre.library.head import Prediction
from kgenre.library.recordings import Recordings
from kgenre.library.retraining import RetrainReport

GENRES_PER_TRACK = 3  # that the page holds; the others are fetched with the track
MAX_GENRES_PER_TRACK = 12


def payload(library, space, quality, prediction: Prediction, offline: bool = False) -> dict:
    """All recordings that are on the map, a row each in order of the ids of the files that stand for them.

    Columns of what files and their tags tell go on with the other files: `copy_ids`, each of the row in `copy_of`.

    Args:
        library: Library.
        space: Space.
        quality: map.Quality or None.
        prediction: the genres in use.
        offline: whether the page is a file that may be sent: it does not tell where the music lies.
    """
    ids, xy = library.positions(space)
    tracks = library.tracks()
    kept = np.isin(ids, tracks.index.to_numpy())
    recordings, xy = Recordings(library, ids[kept]), xy[kept]
    first = recordings.one_of_each()
    ids, xy, copies = recordings.ids[first], xy[first], recordings.copies[~first[recordings.copies]]
    copy_ids, copied = recordings.ids[copies], recordings.ids[recordings.of[copies]]
    columns = _columns(tracks.loc[np.concatenate([ids, copy_ids])], offline)
    seconds = tracks.loc[ids, "seconds"].fillna(0)
    del tracks  # of a million it has some hundred MB, and so has what follows
    corrections = library.corrections()
    corrected = ids[np.isin(ids, list(corrections))].tolist()
    return {
        "name": " + ".join(root_name(root, offline) for root in library.roots()) or "library",
        "model": root_name(space.name, offline),
        "slice_seconds": space.slice_spec.slice_seconds,
        "quality": quality and {name: finite(value) for name, value in vars(quality).items()},
        "ids": packed(ids, "<i4"),
        "x": packed(xy[:, 0], "<f4"),
        "y": packed(xy[:, 1], "<f4"),
        "seconds": packed(seconds, "<f4"),
        "copy_ids": packed(copy_ids, "<i4"),
        "copy_of": packed(np.searchsorted(ids, copied), "<i4"),
        **columns,
        "corrections": {int(np.searchsorted(ids, track)): corrections[track] for track in corrected},
        "failures": [] if offline else failures(library, space),
        **predictions(ids, prediction),
        "tag_names": list(space.tags),
        **({"tag_table": tag_table(library, space, ids)} if offline else {}),
    }


def _columns(tracks: pd.DataFrame, offline: bool) -> dict:
    """What files and their tags tell. A page without a server has the files' names, too, which lie in their folders."""
    names = {"files": [shown(PurePath(path).name) for path in tracks["path"]]} if offline else {}
    return names | {
        "titles": titles(tracks),
        "year": packed(tracks["year"].fillna(0).clip(0, 9999), "<i2"),
        "artist": coded(tracks["artist"]),
        "album": coded(tracks["album"]),
        "folder": coded(tracks["folder"]),
        "tag": coded(tracks["genre"]),
    }


def tag_table(library, space, only) -> dict:
    """The probabilities of the model's tags as shares of 255, a row for each of `ids`, `tag_names` in their order.

    It is sent when the page first needs it: of 90 tags and 100 000 tracks it has 12 MB, as much as all else or more.

    Args:
        only: ids of the tracks.
    """
    ids, probabilities = library.tags(space, only)
    return {"ids": packed(ids, "<i4"), "values": packed(np.rint(probabilities * 255), "u1")}


def failures(library, space) -> list[list[str]]:
    """[path, reason] of what cannot be used."""
    return [[shown(path), why] for path, why in library.failures(space).itertuples(index=False)]


def predictions(ids, prediction: Prediction) -> dict:
    """Labels and some genres of each track: label numbers, and probabilities as shares of 255.

    They are those of the answer (`chosen`), then others, the most probable first. Where a track may have several genres
    (`several`), as many columns are sent as the track of the most genres needs, up to MAX_GENRES_PER_TRACK. `unsure`
    is 1 for tracks that none of them may fit.
    """
    (task, known, probabilities, unsure), labels = prediction, prediction.labels
    table, doubt = np.zeros((len(ids), len(labels)), "float32"), np.zeros(len(ids), bool)
    rows = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
    if len(known):
        found = known[rows] == ids
        table[found], doubt[found] = probabilities[rows[found]], unsure[rows[found]]
    chosen = task.chosen(table)
    most = int(chosen.sum(axis=1).max(initial=1))
    columns = min(max(GENRES_PER_TRACK, min(most, MAX_GENRES_PER_TRACK)), len(labels))
    best = np.argsort(-table - 2 * chosen, axis=1, kind="stable")[:, :columns]
    return {
        "labels": list(labels),
        "genres_per_track": columns,
        "several": task.several,
        "unsure": packed(doubt, "u1"),
        "top": packed(best, "<u2"),
        "chosen": packed(np.take_along_axis(chosen, best, axis=1), "u1"),
        "probabilities": packed(np.rint(np.take_along_axis(table, best, axis=1) * 255), "u1"),
    }


def retrain_report(report: RetrainReport) -> dict:
    """How many tracks a head learned from, how many could be evaluated, and its accuracy; None where there is none."""
    return {
        "labelled_tracks": report.labelled,
        "evaluated_tracks": report.evaluated,
        "accuracy_before": report.before,
        "accuracy_after": report.after,
    }


def root_name(root: str, offline: bool) -> str:
    """A scanned folder or a model's; of a page that may be sent, not where it lies."""
    return shown(PurePath(root).name if offline else root)


def titles(tracks: pd.DataFrame) -> list[str]:
    """The tag's title, or the file's name where there is none."""
    return [
        shown(title) or PurePath(shown(path)).stem for title, path in zip(tracks["title"], tracks["path"], strict=True)
    ]


def shown(text: str) -> str:
    """Text as a page can show it: bytes that are no UTF-8 become the replacement character."""
    return os.fsencode(text).decode("utf-8", "replace") if not text.isascii() else text


def coded(column: pd.Series) -> dict:
    """Each name once, and each row's number of its name."""
    codes, names = pd.factorize(np.array([shown(text) for text in column], dtype=object))
    return {"names": list(names), "codes": packed(codes, "<i4")}


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


def encoded(values) -> bytes:
    """JSON in ASCII: safe in a script element too, for `<` is escaped.

    Of a dict one value after the other: what the whole takes in between is several times its size.
    """
    if isinstance(values, dict):
        parts = (encoded(str(name)) + b":" + encoded(value) for name, value in values.items())
        return b"{" + b",".join(parts) + b"}"
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").encode()
