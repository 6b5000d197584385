"""What the page may ask of a library, without the web: tracks, neighbours, ways, playlists, corrections, heat-maps."""

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kgenre.audio.decode import decode
from kgenre.audio.slicing import repeat_to_length
from kgenre.core.errors import KgenreError
from kgenre.library import head, retag, retraining
from kgenre.library.genre_names import by_plain_name, plain
from kgenre.library.playlists import csv_text, m3u8
from kgenre.library.records import Space
from kgenre.library.search.neighbours import nearest, path_between
from kgenre.library.store import Library
from kgenre.serving import occlusion as heat
from kgenre.web.explore import media, payload

MOST_NEIGHBOURS = 500
GENRE_CHARACTERS = 80


class _Genres(NamedTuple):
    """The head in use, None for the model's own, and what it says of all tracks: replaced together."""

    head: head.Head | None
    prediction: head.Prediction


class Explorer:
    """A library in one space, with the retrained head if there is one. Any thread may use it.

    Args:
        library, space: what is shown.
        quality: map.Quality of the map, or None.
        open_model: gives the model for heat-maps, when the first is asked for; None where there is none.
    """

    def __init__(self, library: Library, space: Space, quality=None, open_model: Callable | None = None):
        self.library, self.space, self.quality, self.open_model = library, space, quality, open_model
        self.lock, self.model = threading.Lock(), None
        self.version, self.kept = object(), None  # a new version for each change; what the page was sent of one
        self.ids, self.vectors = library.vectors(space)
        self.first, self.table = library.copies(), library.tracks()
        kept = head.load_head(library, space)
        self.genres = _Genres(kept, head.predict(library, space, kept))

    def _use(self, new: head.Head | None) -> dict:
        """Puts a head in use and keeps it; what the page then holds of genres."""
        genres = _Genres(new, head.predict(self.library, self.space, new))
        head.save_head(self.library, self.space, new)
        self.genres, self.version = genres, object()
        ids, _ = self.library.positions(self.space)
        page = payload.predictions(ids, genres.prediction)
        return {**page, "ids": payload.packed(ids, "<i4"), "retrained": new is not None}

    def data(self) -> bytes:
        """What the page begins with, as JSON; kept until something changes."""
        version, kept, genres = self.version, self.kept, self.genres
        if kept is not None and kept[0] is version:
            return kept[1]
        page = payload.payload(self.library, self.space, self.quality, genres.prediction)
        page |= {"retrained": genres.head is not None, "heat": self.open_model is not None}
        self.kept = (version, payload.encoded(page))  # of a version that is old by now it is not asked for again
        return self.kept[1]

    def row(self, track: int) -> int:
        """Raises KgenreError of a track that this space does not hold."""
        self.library.path_of(track)
        row = int(np.searchsorted(self.ids, track))
        if row >= len(self.ids) or self.ids[row] != track:
            raise KgenreError(f"{self.space.name} has not listened to the track with the id {track}.")
        return row

    def track(self, track: int) -> dict:
        """What the page shows of one track: path, all genres, and genres by slice with the deciding one."""
        starts, embeddings, by_slice = self.library.slices(self.space, track)
        labels, strengths, own = self.space.labels, by_slice, self.genres.head
        if own is not None:
            labels, strengths = own.labels, own(embeddings)
        mean = strengths.mean(axis=0)
        path = self.library.path_of(track)
        return {
            "path": payload.shown(path),
            "labels": list(labels),
            "mean": np.round(mean, 4).tolist(),
            "starts": np.round(starts, 3).tolist(),
            "slices": np.round(strengths, 3).tolist(),
            "deciding": int(strengths[:, mean.argmax()].argmax()),
            "playable": media.audio_type(path) is not None,
            "gain_db": payload.finite(self.table.at[track, "gain_db"]),
        }

    def neighbours(self, track: int, n: int, within: float) -> list[list]:
        """[id, cosine distance] of the nearest tracks, nearest first; copies of the same audio are left out."""
        if not (1 <= n <= MOST_NEIGHBOURS and 0 <= within <= 2):
            raise KgenreError(f"`n` must be in [1, {MOST_NEIGHBOURS}], `within` in [0, 2]. Received: {n}, {within}.")
        copies = len(self.first)
        rows, distances = nearest(self.vectors, self.row(track), min(n + copies, len(self.ids)))
        found, met = [], {self.first.get(track, track)}
        for row, distance in zip(rows[0], distances[0].tolist()):
            other = int(self.ids[row])
            if distance <= within and self.first.get(other, other) not in met:
                met.add(self.first.get(other, other))
                found.append([other, round(distance, 4)])
        return found[:n]

    def way(self, first: int, last: int, n: int) -> list[int]:
        """Ids of the tracks that lead from one to the other."""
        if not 2 <= n <= MOST_NEIGHBOURS:
            raise KgenreError(f"`n` must be in [2, {MOST_NEIGHBOURS}]. Received: {n}.")
        ends = {self.row(first), self.row(last)}
        rows = [i for i, track in enumerate(self.ids.tolist()) if i in ends or self.first.get(track, track) == track]
        at = {row: i for i, row in enumerate(rows)}
        steps = path_between(self.vectors[rows], at[self.row(first)], at[self.row(last)], n)
        return [int(self.ids[rows[step]]) for step in steps]

    def songs(self, tracks: Sequence[int]):
        """A table as playlists take it, in the order asked for, with the genre in use."""
        for track in tracks:
            self.row(track)
        labels, ids, probabilities = self.genres.prediction
        known = probabilities[np.searchsorted(ids, tracks)]
        table = self.table.loc[list(tracks)]
        return table.assign(predicted=[labels[i] for i in known.argmax(axis=1)], confidence=known.max(axis=1))

    def playlist(self, tracks: Sequence[int], kind: str) -> bytes:
        writers = {"m3u8": m3u8, "csv": csv_text}
        if kind not in writers or not tracks:
            raise KgenreError(f"`kind` must be one of {', '.join(writers)}, of at least one track. Received: {kind}.")
        return writers[kind](self.songs(tracks)).encode("utf-8", "surrogateescape")

    def correct(self, tracks: Sequence[int], genre: str | None) -> str | None:
        """Notes a genre for tracks, or takes it back. Returns it as it was noted: as the genre is already called."""
        genre = " ".join((genre or "").split()) or None
        if genre and (len(genre) > GENRE_CHARACTERS or not genre.isprintable()):
            raise KgenreError(f"A genre has at most {GENRE_CHARACTERS} printable characters. Received: {genre!r:.100}.")
        if genre:
            known = by_plain_name([*self.library.corrections().values(), *self.genres.prediction.labels])
            genre = known.get(plain(genre), genre)
        with self.library.writing():
            for track in tracks:
                self.library.correct(track, genre)
        self.version = object()
        return genre

    def write_tags(self, tracks: Sequence[int], write: bool) -> dict:
        """What writing the genres into the files would change; with `write` it is done, and can be undone."""
        with self.lock:
            table, corrections = self.songs(tracks), self.library.corrections()
            planned = retag.plan(self.library, {t: corrections.get(t, table.at[t, "predicted"]) for t in tracks})
            # Hip-Hop need not become hiphop.
            planned.changes = [one for one in planned.changes if plain(one.after[0]) not in map(plain, one.before)]
            if not write:
                changes = [
                    [payload.shown(one.path), "; ".join(one.before), "; ".join(one.after)] for one in planned.changes
                ]
                undo = bool(retag.backups(self.library))
                return {"changes": changes, "failures": _shown(planned.failures), "undo": undo}
            written = retag.write(self.library, planned.changes)
            return self._tagged(written, planned.failures)

    def undo_tags(self) -> dict:
        """Takes back the last writing of tags that was not taken back yet."""
        with self.lock:
            return self._tagged(retag.undo(self.library), {})

    def _tagged(self, written: retag.TagReport, failures: dict[str, str]) -> dict:
        """What the page is told of files whose tags were written, with the genre tag that each has now."""
        self.table, self.version = self.library.tracks(), object()
        now = [[one.track_id, payload.shown(self.table["genre"].get(one.track_id, ""))] for one in written.changes]
        undo = bool(retag.backups(self.library))
        return {"written": len(now), "tags": now, "failures": _shown(failures | written.failures), "undo": undo}

    def retrain(self, tags: bool) -> dict:
        """Fits the head anew, puts it in use and keeps it: the report, and what the page holds of genres."""
        with self.lock:
            table, known = self.table, self.library.corrections()
            if tags:
                known = tagged(table["genre"], (*known.values(), *self.space.labels)) | known
            groups = {track: f"{artist}\0{album or folder}" for track, artist, album, folder in
                      table[["artist", "album", "folder"]].itertuples()}  # fmt: skip
            copies = {track for track, first in self.first.items() if track != first}
            known = {track: genre for track, genre in known.items() if track not in copies}
            slices = (row for row in self.library.all_slices(self.space) if row[0] not in copies)
            new, report = retraining.retrain(slices, self.space.labels, known, groups)
            shown = {
                "known": report.labelled,
                "judged": report.evaluated,
                "before": report.before,
                "after": report.after,
            }
            return {**shown, **self._use(new)}

    def forget(self) -> dict:
        """Back to the model's own head."""
        with self.lock:
            return self._use(None)

    def heat(self, track: int, number: int) -> dict:
        """Heat-map of the genre of a track in one of its slices, by the model as it was trained."""
        if self.open_model is None:
            raise KgenreError("There is no model at hand for heat-maps. Start with `kgenre explore DIR --model ...`.")
        path = self.library.path_of(track)
        starts, _, by_slice = self.library.slices(self.space, track)
        if not 0 <= number < len(starts):
            raise KgenreError(f"The track has the slices 0 to {len(starts) - 1}. Received: {number}.")
        label = int(by_slice.mean(axis=0).argmax())
        with self.lock:
            self.model = self.model or self.open_model()
            spec = self.model.slice_spec
            seconds = spec.slice_seconds
            samples = decode(path, spec.sample_rate, float(starts[number]), seconds).samples
            found = heat.heat_map(self.model, repeat_to_length(samples, spec.slice_samples), spec.sample_rate, label)
        return {
            "genre": self.space.labels[label],
            "probability": round(found.probability, 4),
            "heat": np.round(found.heat, 4).tolist(),
            "edges_hz": found.edges_hz.tolist(),
            "picture": payload.packed(found.picture, "u1"),
            "shape": list(found.picture.shape),
            "seconds": seconds,
        }


def _shown(failures: dict[str, str]) -> list[list[str]]:
    return [[payload.shown(path), payload.shown(reason)] for path, reason in failures.items()]


def tagged(genres, labels) -> dict[int, str]:
    """{track id: label} of the tracks whose genre tag is the name of a label but for case, blanks and hyphens."""
    names = by_plain_name(labels)
    return {int(track): names[plain(genre)] for track, genre in genres.items() if plain(genre) in names}
