"""The scan of a folder of music: what is new is heard, what was moved is known again, what is gone is marked.

Files are read in processes of their own (workers.py, listen.py), the model computes here in batches that
several tracks share. All that a batch completes is one transaction, so that a kill costs the tracks in
flight and nothing else.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kgenre.audio.decoders import decoder_versions
from kgenre.audio.walk import Found, walk
from kgenre.core.errors import KgenreError
from kgenre.core.progress import SILENT, Progress
from kgenre.library.records import KnownFile, Space, Track, TrackAnalysis, as_text
from kgenre.library.scan.messages import About, Done, Failed, Job, Settings, Window
from kgenre.library.scan.worker_pool import LISTENER, Workers
from kgenre.library.store import Library

BATCH_SLICES = 32  # twice as fast as one by one; larger ones gain a twentieth and cost memory
LIMIT_SECONDS = 60.0  # a disk that must spin up takes ten, a decoder that hangs takes for ever
NOT_FINITE = "the model's answer is not finite."


@dataclass
class Report:
    """What a scan did.

    space: where the model's answers are.
    counts: number of files by "unchanged", "returned" (there again as they were), "removed", "heard", "copies"
        (heard under another name), "moved", "tagged" (other tags, the same audio) and "failed".
    failures: {path: reason} of this scan; the library keeps those of all scans.
    seconds_heard: audio that was listened to.
    """

    space: Space
    counts: Counter = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds_heard: float = 0.0

    @property
    def done(self) -> int:
        """Files that were opened."""
        return sum(self.counts[name] for name in ("heard", "copies", "moved", "tagged", "failed"))


def scan(
    library: Library,
    folder,
    model,
    windows: int | None = None,
    workers: int | None = None,
    limit_seconds: float = LIMIT_SECONDS,
    retry: bool = False,
    progress: Progress = SILENT,
    listener: str = LISTENER,
) -> Report:
    """Brings a library up to date with a folder.

    Args:
        library: where results are kept, in the space of this model with these windows.
        folder: of music.
        model: as open_model gives: slices (n, slice_samples) -> probabilities, embeddings; labels, slice_spec,
            name, identity.
        windows: listen to so many windows a track, spread evenly, rather than to all of it.
        workers: reading processes; as many as there are cores if not given.
        limit_seconds: a file that gives nothing for so long is given up.
        retry: try files again that failed and have not changed since.
        progress: is shown the files done and the files to do.
        listener: what the reading processes call, "module:function"; for tests.

    Raises:
        KgenreError: no such folder; or it is empty, and the library holds tracks in it; or a number below 1.
    """
    if not Path(folder).is_dir():
        raise KgenreError(f"{folder}: no such folder. Name a folder of music.")
    for name, number in {"windows": windows, "workers": workers}.items():
        if number is not None and number < 1:
            raise KgenreError(f"`{name}` must be at least 1. Received: {number}.")
    root = os.fsencode(os.path.realpath(folder))  # one name for a folder, whichever link led to it
    found = walk(root)
    space = library.open_space(model, windows, decoder_versions())
    report, known = Report(space), library.known_files(space)
    gone = _gone(library.path, root, found, known)
    todo = _compare(found, known, retry, report)
    _note(library, root, found, known, gone, report)
    lost = _lost(root, found, known, gone) if todo else []
    settings, processes = Settings(model.slice_spec, windows), min(workers or os.cpu_count() or 1, len(todo))
    with progress.task("analysing", len(todo), "tracks") as advance:
        hearing = _Hearing(library, space, model, known, lost, report, advance)
        with Workers(processes, settings, limit_seconds, listener) as pool:
            for worker, job, message in pool.messages(hearing.jobs(todo, found.files)):
                hearing.take(worker, job, message)
            hearing.finish()
    _drop_roots(library, space)
    return report


def _gone(place: Path, root: bytes, found: Found, known: dict[bytes, KnownFile]) -> dict[bytes, KnownFile]:
    """What was known in the folder, by the library at `place`, and is not there now, or only as a link to nothing."""
    within = _below(root)
    gone = {path: held for path, held in known.items() if path.startswith(within) and found.is_gone(path)}
    gone |= {path: known[path] for path in found.faults if path in known and known[path].audio_hash is not None}
    n_lost = sum(held.state == "ok" for held in gone.values())
    if n_lost and not found.files and not found.closed:
        raise KgenreError(
            f"{os.fsdecode(root)}: holds no audio, but {n_lost} tracks of it are known. Is its drive there? "
            f"If the music is gone for good, delete {place}."
        )
    return gone


def _drop_roots(library: Library, space: Space) -> None:
    """Forgets folders that are gone, all of whose tracks are known elsewhere: they have another name now."""
    gone = [place for place in map(os.fsencode, library.roots()) if not os.path.isdir(place)]
    used = [path for path, held in library.known_files(space).items() if held.state == "ok"] if gone else []
    for place in gone:
        if not any(path.startswith(_below(place)) for path in used):
            library.drop_root(place)


def _below(root: bytes) -> bytes:
    """What the paths of a folder begin with."""
    return root.rstrip(b"/") + b"/"


def _lost(root: bytes, found: Found, known: dict[bytes, KnownFile], gone: dict[bytes, KnownFile]) -> list[KnownFile]:
    """What a file that turns up may have been: gone from here, now or before; or known from a folder that is gone
    or has another name now."""
    within = _below(root)
    before = [held for path, held in known.items() if held.state == "removed" and path not in found.files]
    elsewhere = [held for path, held in known.items() if held.state == "ok" and not path.startswith(within)
                 and not os.path.lexists(path)]  # fmt: skip
    now = [held for held in gone.values() if held.state != "removed"]
    return [*now, *before, *elsewhere]


def _compare(found: Found, known: dict[bytes, KnownFile], retry: bool, report: Report) -> list[bytes]:
    """The paths to listen to; counts the others."""
    todo = []
    for path, signature in found.files.items():
        held = known.get(path)
        changed = held is None or (held.size, held.mtime_ns) != signature
        untried = held is not None and not held.analysis_failed and held.audio_hash is not None
        if changed or not held.analysed and (retry or untried):
            todo.append(path)
        else:
            report.counts["returned" if held.state == "removed" else "unchanged"] += 1
    return todo


def _note(library: Library, root: bytes, found: Found, known: dict, gone: dict, report: Report) -> None:
    """Notes what is gone, what is there again and what is no file."""
    removed = [held.id for held in gone.values() if held.state != "removed"]
    back = [path for path in found.files if path in known and known[path].state == "removed"]
    back = [known[path].id for path in back if (known[path].size, known[path].mtime_ns) == found.files[path]]
    report.counts["removed"] += len(removed)
    # Failures are of no use where their file is gone, wherever that was.
    removed += [held.id for path, held in known.items() if held.state == "failed" and path not in gone
                and path not in found.files and path not in found.faults and not os.path.lexists(path)]  # fmt: skip
    with library.writing():
        library.add_root(root)
        library.mark_returned(back)
        library.mark_removed(removed)
        for path, reason in found.faults.items():
            report.failures[os.fsdecode(path)] = reason
            if path not in gone:  # else it is removed until it is there again, and what is known of it stays
                library.save_failure(path, 0, -1, reason)


@dataclass
class _Track:
    """A track that is being listened to, and the copies of it that turned up meanwhile."""

    job: Job
    about: About | None
    answers: list = field(default_factory=list)  # (start, probabilities, embedding) of each slice
    waiting: int = 0  # slices that the model has not answered yet
    done: Done | None = None
    copies: list[tuple[Job, About]] = field(default_factory=list)


class _Hearing:
    """What was said of the files so far, and the batch that the model will see next."""

    def __init__(
        self, library: Library, space: Space, model, known: dict, gone: list[KnownFile], report: Report, advance
    ):
        self.library, self.space, self.model, self.report, self.advance = library, space, model, report, advance
        self.known, self.gone = known, gone
        self.gone_by_audio: dict[bytes, list[KnownFile]] = defaultdict(list)
        for held in gone:
            if held.audio_hash is not None:
                self.gone_by_audio[held.audio_hash].append(held)
        self.tracks: dict[bytes, _Track] = {}  # in flight, by hash of the audio
        self.by_path: dict[bytes, _Track] = {}
        self.batch: list[tuple[_Track, Window]] = []

    def jobs(self, todo: list[bytes], files: dict[bytes, tuple[int, int]]) -> Iterator[Job]:
        """A job for each path, with the files of its size and time that are gone: a move keeps both."""
        gone: dict[tuple[int, int], dict] = defaultdict(dict)
        for held in self.gone:
            if held.audio_hash is not None:
                gone[held.size, held.mtime_ns][held.file_hash] = held.audio_hash
        for path in todo:
            yield Job(path, *files[path], gone.get(files[path], {}))

    def take(self, worker, job: Job, message) -> None:
        """Takes in what a process says of a file."""
        if isinstance(message, About):
            worker.answer(self._is_wanted(job, message))
        elif isinstance(message, Window):
            track = self.by_path[job.path]
            track.waiting += 1
            self.batch.append((track, message))
            if len(self.batch) == BATCH_SLICES:
                self._ask_model()
        elif isinstance(message, Done):
            self.by_path[job.path].done = message
            self._complete(self.by_path[job.path])
        elif isinstance(message, Failed):
            track = self.by_path.get(job.path) or _Track(job, None)
            self._fail(track, message.reason, message.again)

    def finish(self) -> None:
        """Has the model answer what is left."""
        if self.batch:
            self._ask_model()

    def _is_wanted(self, job: Job, about: About) -> bool:
        if about.audio_hash in self.tracks:
            self.tracks[about.audio_hash].copies.append((job, about))
            return False
        with self.library.writing():
            moved = self._move(job, about)
            measured = self.library.measured(about.audio_hash)
            if measured is not None and self.library.has_analysis(about.audio_hash, self.space):
                self._save(job, about, *measured)
                held = self.known.get(job.path)
                same = held is not None and held.audio_hash == about.audio_hash
                self._count("moved" if moved else "tagged" if same else "copies")
                return False
        self.tracks[about.audio_hash] = self.by_path[job.path] = _Track(job, about)
        return True

    def _move(self, job: Job, about: About) -> bool:
        """Gives a new path the row of a file with this audio that is gone, if there is one."""
        gone = self.gone_by_audio.get(about.audio_hash)
        if job.path in self.known or not gone:
            return False
        self.library.move(gone.pop().id, job.path)
        return True

    def _ask_model(self) -> None:
        batch, self.batch = self.batch, []
        probabilities, embeddings = self.model(np.stack([window.samples for _, window in batch]))
        with self.library.writing():
            for (track, window), *answer in zip(batch, probabilities, embeddings):
                track.answers.append((window.start, *answer))
                track.waiting -= 1
                self._complete(track)

    def _complete(self, track: _Track) -> None:
        """Saves a track of which all is known."""
        if track.done is None or track.waiting or not track.answers:
            return
        starts, probabilities, embeddings = (np.array(column, "float32") for column in zip(*track.answers))
        if not np.isfinite(probabilities).all() or not np.isfinite(embeddings).all():
            self._fail(track, NOT_FINITE)
            return
        about, done = track.about, track.done
        with self.library.writing():
            self.library.save_analysis(self.space, about.audio_hash, TrackAnalysis(starts, embeddings, probabilities))
            for job, of_copy in [(track.job, about), *track.copies]:
                self._save(job, of_copy, done.seconds, done.gain_db, done.note)
        self._forget(track)
        self.report.seconds_heard += min(done.seconds, len(starts) * self.space.slice_spec.slice_seconds)
        self._count("heard")
        for _ in track.copies:
            self._count("copies")

    def _save(self, job: Job, about: About, seconds: float | None, gain_db: float | None, note: str) -> None:
        tags = about.tags
        texts = [as_text(text) for text in (tags.title, tags.artist, tags.album)]
        gain_db = gain_db if tags.gain_db is None else tags.gain_db
        hashes = about.file_hash, about.audio_hash
        self.library.save([
            Track(job.path, job.size, job.mtime_ns, *hashes, *texts, tags.year, as_text(tags.genre), seconds, gain_db,
                  note)
        ])  # fmt: skip

    def _fail(self, track: _Track, reason: str, again: bool = False) -> None:
        """Notes a failure. What another space has heard stays a track; so does one that cannot be opened just now."""
        self._forget(track)
        with self.library.writing():
            elsewhere = track.about is not None and self.library.has_analysis(track.about.audio_hash)
            if elsewhere:
                self.library.save_analysis_failure(self.space, track.about.audio_hash, reason)
            for job, about in [(track.job, track.about), *track.copies]:
                held = self.known.get(job.path)
                if elsewhere:
                    self._save(job, about, *(self.library.measured(about.audio_hash) or (None, None, "")))
                elif again and held is not None and held.audio_hash is not None:
                    self.library.mark_removed([held.id])
                else:
                    self.library.save_failure(job.path, job.size, -1 if again else job.mtime_ns, reason)
                self.report.failures[os.fsdecode(job.path)] = reason
                self._count("failed")

    def _forget(self, track: _Track) -> None:
        self.by_path.pop(track.job.path, None)
        if track.about is not None:
            self.tracks.pop(track.about.audio_hash, None)

    def _count(self, name: str) -> None:
        self.report.counts[name] += 1
        self.advance()
