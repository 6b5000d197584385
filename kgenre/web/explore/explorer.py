"""A library as the page sees it, without the web: tracks, neighbours, paths, playlists, corrections."""

import os
import threading
from collections.abc import Callable, Sequence

import numpy as np

from kgenre.core.base64_arrays import packed
from kgenre.core.errors import KgenreError
from kgenre.library import head
from kgenre.library.playlists import csv_text, m3u8
from kgenre.library.recordings import Recordings
from kgenre.library.records import Space
from kgenre.library.refinement import Refinement
from kgenre.library.search.filters import confidence, predicted_texts, tag_texts
from kgenre.library.search.path import path_between
from kgenre.library.search.vectors import load_vectors, nearest_songs, row_of
from kgenre.library.store import Library
from kgenre.model.aggregate import aggregate
from kgenre.web.explore import media, payload
from kgenre.web.explore.corrections import checked_genre
from kgenre.web.explore.genres_in_use import GenresInUse, refreshed

MAX_TRACKS = 500  # of an answer
EVERY = -1  # in place of a track's id, in Explorer.refined: the genres of all tracks have changed


class Explorer:
    """A library in one space, with the retrained head if there is one. Any thread may use it.

    A recording is asked for by the id of any of its files. The first one that can be used stands for it.

    Args:
        library, space: what is shown.
        quality: map.Quality of the map, or None.
        open_model: returns the model for heat-maps, when the first is requested; None where there is none.
    """

    def __init__(self, library: Library, space: Space, quality=None, open_model: Callable | None = None):
        self.library, self.space, self.quality, self.open_model = library, space, quality, open_model
        self.lock, self._model = threading.Lock(), None
        self._version, self._encoded = object(), None  # a new version for each change; what the page was sent of one
        self.refinement: Refinement | None = None  # what changes analyses while the page is used
        self.plan = None  # head_plan.Plan of what was previewed last and is not applied
        self.refined: list[int] = []  # ids in the order in which their analyses changed, or EVERY
        self.ids, self.gone = np.zeros(0, "int64"), set()  # gone: ids that an open page may have, no longer usable
        self._load()

    def _load(self) -> None:
        ids, vectors = load_vectors(self.library, self.space)
        gone = self.gone.union(np.setdiff1d(self.ids, ids).tolist()).difference(ids.tolist())
        self.ids, self.vectors, self.gone = ids, vectors, gone
        self._group()
        heads = head.load_heads(self.library, self.space)
        prediction = head.predict(self.library, self.space, heads[-1] if heads else None)
        self.genres = GenresInUse(heads, prediction, len(self.refined))

    def _group(self) -> None:
        """Which files are of one recording, and which one stands for each in lists: bool (files,)."""
        self.recordings = Recordings(self.library, self.ids)
        self.listed = self._listed(self.gone)

    def _listed(self, gone: set[int]) -> np.ndarray:
        return self.recordings.one_of_each(~np.isin(self.ids, list(gone)))

    def data(self) -> bytes:
        """What the page begins with, as JSON; kept until something changes."""
        version, encoded, genres = self._version, self._encoded, self.genres
        if encoded is not None and encoded[0] is version:
            return encoded[1]
        page = payload.payload(self.library, self.space, self.quality, genres.prediction)
        page |= {"heads": genres.learned_from, "heat_map": self.open_model is not None}
        page |= {"refines": self.refinement is not None, "changes": genres.version, "version": genres.version}
        self._encoded = (version, payload.encoded(page))  # if the version is old by now, it is not used again
        return self._encoded[1]

    def tag_table(self) -> bytes:
        """The model's tags of all recordings, as JSON."""
        return payload.encoded(payload.tag_table(self.library, self.space, self.ids[self.listed]))

    def reload_tracks(self) -> None:
        """After tags in files have changed, by which the files of a recording are in order."""
        self._group()
        self._version = object()

    def refine(self, folder, workers: int | None = None) -> Refinement:
        """What completes the first pass over a folder, not started yet; the page shows what it changes."""
        self.refinement = Refinement(
            self.library, folder, self.opened_model(), self.space, workers, self.refresh, self.reload
        )
        return self.refinement

    def refresh(self, paths: Sequence[bytes]) -> None:
        """After the analyses of some files have changed, or failed."""
        with self.lock:  # the head that is in use must not change meanwhile
            names = [os.fsdecode(path) for path in paths]
            named = [track for track in map(self.library.id_of_any, names) if track is not None]
            found = [track for one in named for track in self.recordings.files(one) or [one]]  # an analysis is of all
            held = self.library.analysed(self.space, found)
            ids = [track for track in dict.fromkeys(found) if track in held]
            genres = refreshed(self.library, self.space, self.ids, self.vectors, self.genres, ids)
            shown = set(np.intersect1d(found, self.ids).tolist())
            gone = self.gone.union(shown) - held
            if gone != self.gone:
                self.gone, self.listed = gone, self._listed(gone)
            self.refined.extend(ids)
            self.genres = genres._replace(version=len(self.refined))
            self._version = object()

    def _others(self, *rows: int) -> np.ndarray:
        """The listed files of other recordings than some: bool (files,)."""
        return self.listed & ~np.isin(self.recordings.of, self.recordings.of[list(rows)])

    def reload(self) -> None:
        """After all analyses have changed, and new tracks have come."""
        with self.lock:
            self._load()
            self._version = object()

    def changes(self, since: int) -> dict:
        """What the page does not know yet: genres and tags of the tracks whose analysis has changed since then.

        `changes` is what the next call is asked with; `refinement` is None where nothing more will come; `gone` are
        the ids of all tracks that can no longer be used. After a retraining it has the genres of all tracks, no tags.
        """
        # Before the rest: at the end, all changes are among these.
        status = self.refinement.status.values() if self.refinement is not None else None
        genres = self.genres
        changed = np.unique(np.array(self.refined[max(0, since) : genres.version], "int64"))
        analysed = changed[changed != EVERY]
        ids = genres.prediction.ids if len(changed) > len(analysed) else analysed
        return {
            "changes": genres.version,
            "refinement": status,
            "failures": payload.failures(self.library, self.space),
            "gone": packed(sorted(self.gone), "<i4"),
            "genres": self.shown(ids, genres) if len(ids) else None,
            "tags": payload.tag_table(self.library, self.space, analysed) if len(analysed) else None,
        }

    def shown(self, ids: np.ndarray, genres: GenresInUse) -> dict:
        """What the page shows of the genres of some tracks."""
        page = payload.predictions(ids, genres.prediction)
        return page | {"ids": packed(ids, "<i4"), "heads": genres.learned_from, "version": genres.version}

    def pause(self, paused: bool) -> dict:
        """Pauses the refinement, or goes on with it: its status."""
        if self.refinement is None:
            raise KgenreError("All recordings are analysed: there is nothing to pause.")
        self.refinement.pause(paused)
        return self.refinement.status.values()

    def opened_model(self):
        """The model, opened when it is first needed."""
        if self.open_model is None:
            raise KgenreError("Heat-maps need the model. Start with `kgenre explore DIR --model ...`.")
        self._model = self._model or self.open_model()
        return self._model

    def row(self, track: int) -> int:
        """Raises KgenreError if this space does not hold the track."""
        self.library.path_of(track)
        row = row_of(self.ids, track)
        if row is None:
            raise KgenreError(f"{self.space.name} has not analysed the recording with the id {track}.")
        return row

    def held(self, tracks: Sequence[int]) -> dict[int, list[int]]:
        """{track: files of its recording} of those of a selection that can still be used, the file that stands for it
        first: files may fail in the second pass, or be removed.

        Raises:
            KgenreError: the selection is not empty, and none of its tracks can be used.
        """
        files = {track: self.recordings.files(track) for track in tracks}
        of_use = self.library.analysed(self.space, (one for every in files.values() for one in every))
        usable = {track: [one for one in every if one in of_use] for track, every in files.items()}
        held = {track: every for track, every in usable.items() if every}
        if tracks and not held:
            raise KgenreError(
                "A selection needs recordings that are in the library. Load the page again. "
                f"Received: {len(files)} that {'is' if len(files) == 1 else 'are'} no longer there."
            )
        return held

    def files(self, track: int) -> list[int]:
        """The usable files of a recording, the one that stands for it first.

        Raises:
            KgenreError: there is none.
        """
        of_use = self.library.analysed(self.space, every := self.recordings.files(track))
        if not of_use:
            raise KgenreError(f"No recording of {self.space.name} has the id {track}. Load the page again.")
        return [one for one in every if one in of_use]

    def file(self, track: int) -> int:
        """The file that stands for the recording of a track."""
        return self.files(track)[0]

    def path_of(self, track: int) -> str:
        """The path of the file that stands for the recording of a track."""
        return self.library.path_of(self.file(track))

    def track(self, track: int) -> dict:
        """What the page shows of one recording: its files, all genres, and genres by slice with the deciding one."""
        track, *others = self.files(track)
        starts, embeddings, by_slice = self.library.slices(self.space, track)
        task, own = self.space.task, self.genres.head
        if own is not None:
            task, by_slice = own.task, own(embeddings, by_slice)
        mean = aggregate(by_slice)
        path = self.library.path_of(track)
        return {
            "path": payload.shown(path),
            "copies": self._places(others),
            "labels": list(task.labels),
            "chosen": task.chosen(mean).tolist(),
            "probabilities": np.round(mean, 4).tolist(),
            "slice_starts": np.round(starts, 3).tolist(),
            "slice_probabilities": np.round(by_slice, 3).tolist(),
            "deciding_slice": int(by_slice[:, task.main(mean)].argmax()),
            "playable": media.audio_type(path) is not None,
            "gain_db": payload.finite(self.library.tracks([track]).at[track, "gain_db"]),
        }

    def _places(self, tracks: Sequence[int]) -> list[list[str]]:
        """[path, folder] of files."""
        table = self.library.tracks(tracks).loc[tracks]
        return [[payload.shown(path), payload.shown(folder)] for path, folder in zip(table["path"], table["folder"])]

    def neighbours(
        self, track: int, n: int, max_distance: float, exclude: Sequence[int] = (), avoid: Sequence[int] = ()
    ) -> list[list]:
        """[id, cosine distance] of the nearest tracks, nearest first; copies of the same audio are left out.

        Args:
            exclude: ids that are left out, with their copies.
            avoid: ids; so is what is nearer to one of them than to the track, of the MAX_TRACKS nearest.
        """
        if not (1 <= n <= MAX_TRACKS and 0 <= max_distance <= 2):
            raise KgenreError(
                f"`n` must be in [1, {MAX_TRACKS}], `max_distance` in [0, 2]. Received: {n}, {max_distance}."
            )
        row = self.row(self.file(track))
        name = payload.shown(self.library.path_of(track))
        avoided = np.flatnonzero(np.isin(self.ids, avoid))
        allowed = self._others(row, *np.flatnonzero(np.isin(self.ids, exclude)), *avoided)
        rows, distances = nearest_songs(self.vectors, row, MAX_TRACKS if len(avoided) else n, allowed, name)
        near = distances <= max_distance
        if len(avoided):
            near &= distances <= self._distances(rows, avoided)
        ids = self.ids[rows[near][:n]].tolist()
        return [[other, round(distance, 4)] for other, distance in zip(ids, distances[near][:n].tolist())]

    def _distances(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Of each row, the cosine distance of the nearest of ascending others: (rows,)."""
        order = np.argsort(rows)
        cosines = self.vectors.units(rows[order]) @ self.vectors.units(others).T  # (rows, others)
        nearest = np.empty(len(rows))
        nearest[order] = 1 - cosines.max(axis=1)
        return nearest

    def path(self, first: int, last: int, n: int) -> list[int]:
        """Ids of the tracks that lead from one to the other."""
        if not 2 <= n <= MAX_TRACKS:
            raise KgenreError(f"`n` must be in [2, {MAX_TRACKS}]. Received: {n}.")
        ends = [self.row(self.file(end)) for end in (first, last)]
        return self.ids[path_between(self.vectors, *ends, n, self._others(*ends))].tolist()

    def songs(self, tracks: Sequence[int]):
        """A table as playlists take it, in the given order, with the genre in use."""
        for track in tracks:
            self.row(track)
        prediction = self.genres.prediction
        rows = np.searchsorted(prediction.ids, tracks)
        task, known = prediction.task, prediction.probabilities[rows]
        table = self.library.tracks(tracks).loc[list(tracks)]
        return table.assign(
            predicted=predicted_texts(task, known, prediction.unsure[rows]), confidence=confidence(task, known)
        )

    def tag_texts(self, tracks: Sequence[int]) -> list[str]:
        """The model's tags of tracks that this space holds, as text."""
        ids, probabilities = self.library.tags(self.space, list(tracks))
        known = dict(zip(ids.tolist(), tag_texts(self.space.tags, probabilities)))
        return [known.get(track, "") for track in tracks]

    def playlist(self, tracks: Sequence[int], kind: str) -> bytes:
        writers = {"m3u8": m3u8, "csv": csv_text}
        if kind not in writers or not tracks:
            raise KgenreError(
                f"`kind` must be one of {', '.join(writers)}, of at least one recording. Received: {kind}."
            )
        songs = self.songs(tracks)
        if kind == "csv" and self.space.tags:
            songs = songs.assign(tags=self.tag_texts(tracks))
        return writers[kind](songs).encode("utf-8", "surrogateescape")

    def correct(self, tracks: Sequence[int], genre: str | None) -> str | None:
        """Stores a genre for tracks, or removes it. Returns it as it was stored: in the spelling already in use."""
        genre = checked_genre(genre, [*self.library.corrections().values(), *self.genres.prediction.labels])
        with self.library.writing():
            for track in tracks:
                self.library.correct(track, genre)
        self._version = object()
        return genre

    def use(self, heads: Sequence[head.Head], prediction: head.Prediction) -> dict:
        """Puts the last of some heads in use, or the model's own, and keeps them: what the page then shows of genres.

        The caller holds the lock.
        """
        head.save_heads(self.library, self.space, heads)
        self.refined.append(EVERY)  # other tabs have the genres of another head
        self.genres, self._version = GenresInUse(tuple(heads), prediction, len(self.refined)), object()
        return self.shown(self.library.positions(self.space)[0], self.genres)
