"""From the messages of the reading processes to rows of the library: batches for the model, and whole tracks saved."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from kgenre.audio.facts import TrackFacts
from kgenre.audio.fingerprint import audio_hash, file_hash
from kgenre.audio.tags import read_tags
from kgenre.audio.track import Slice
from kgenre.library.records import KnownFile, Space, Track, TrackAnalysis, as_text
from kgenre.library.scan.protocol import About, Done, Failed, Job
from kgenre.library.scan.report import Report
from kgenre.library.store import Library
from kgenre.model.aggregate import NOT_FINITE, SliceOutputs

BATCH_SLICES = 32  # twice as fast as one by one; larger ones gain a twentieth and cost memory
LOUDNESS_DB = -18.0  # RMS that gains aim at: ReplayGain's own target, less exactly measured
MAX_GAIN_DB = 24.0


@dataclass
class _Track:
    """A track that is being analysed, and the copies of it that turned up meanwhile."""

    job: Job
    about: About | None
    answers: list = field(default_factory=list)  # (start, probabilities, embedding) of each slice
    waiting: int = 0  # slices that the model has not answered yet
    facts: TrackFacts | None = None  # set when all slices have come
    copies: list[tuple[Job, About]] = field(default_factory=list)


class AnalysisResults:
    """The tracks in flight, and the slices of the next batch for the model.

    Args:
        library, space: where tracks and vectors are saved.
        model: slices (n, slice_samples) -> probabilities (n, classes), embeddings (n, d).
        known: {path: KnownFile} of the library.
        lost: known files that a new path may be (comparison.find_lost).
        report: Report to fill.
        advance: called after each file.
        first: whether this is a first pass, over a part of each track.
        changed: called with the paths of the tracks whose results have changed, when they are in the library.
    """

    def __init__(
        self,
        library: Library,
        space: Space,
        model,
        known: dict,
        lost: list[KnownFile],
        report: Report,
        advance: Callable,
        first: bool = False,
        changed: Callable[[list[bytes]], None] = lambda paths: None,
    ):
        self.library, self.space, self.model, self.report, self.advance = library, space, model, report, advance
        self.known, self.lost, self.first, self.changed = known, lost, first, changed
        self.saved: list[bytes] = []  # paths, since `changed` was called
        self.counted = 0  # since `advance` was called: what is said to be done must be in the library
        self.lost_by_audio: dict[bytes, list[KnownFile]] = defaultdict(list)
        for held in lost:
            if held.audio_hash is not None:
                self.lost_by_audio[held.audio_hash].append(held)
        self.tracks: dict[bytes, _Track] = {}  # in flight, by hash of the audio
        self.by_path: dict[bytes, _Track] = {}
        self.batch: list[tuple[_Track, Slice]] = []

    def jobs(self, todo: list[bytes], files: dict[bytes, tuple[int, int]]) -> Iterator[Job]:
        """A job for each path, with the files of its size and time that are gone: a move keeps both.

        A track whose first pass is to be completed is known by parts of it again, and its audio is not hashed twice.
        """
        gone: dict[tuple[int, int], dict] = defaultdict(dict)
        for held in self.lost:
            if held.audio_hash is not None:
                gone[held.size, held.mtime_ns][held.file_hash] = held.audio_hash
        for path in todo:
            held = self.known.get(path)
            same = held is not None and held.provisional and (held.size, held.mtime_ns) == files[path]
            yield Job(
                path, *files[path], gone.get(files[path], {}) | ({held.file_hash: held.audio_hash} if same else {})
            )

    def receive(self, worker, job: Job, message) -> None:
        """Handles a message of a reading process."""
        if isinstance(message, About):
            worker.answer(self._is_wanted(job, message))
        elif isinstance(message, Slice):
            track = self.by_path[job.path]
            track.waiting += 1
            self.batch.append((track, message))
            if len(self.batch) == BATCH_SLICES:
                self._compute_batch()
        elif isinstance(message, Done):
            self.by_path[job.path].facts = message.facts
            self._complete(self.by_path[job.path])
        elif isinstance(message, Failed):
            track = self.by_path.get(job.path) or _Track(job, None)
            self._fail(track, message)
        self._tell()

    def flush(self) -> None:
        """Computes the slices that are left."""
        if self.batch:
            self._compute_batch()
        self._tell()

    def _tell(self) -> None:
        """Says what is done; outside of a transaction, which a kill would undo."""
        counted, self.counted = self.counted, 0
        for _ in range(counted):
            self.advance()
        if self.saved:
            saved, self.saved = self.saved, []
            self.changed(saved)

    def _is_wanted(self, job: Job, about: About) -> bool:
        if about.audio_hash in self.tracks:
            self.tracks[about.audio_hash].copies.append((job, about))
            return False
        with self.library.writing():
            moved = self._move(job, about)
            measured = self.library.measured(about.audio_hash)
            if measured is not None and self._has_analysis(about.audio_hash):
                self._save(job, about, *measured)
                held = self.known.get(job.path)
                same = held is not None and held.audio_hash == about.audio_hash
                refined = same and held.provisional and not self.first
                self._count(job, "moved" if moved else "refined" if refined else "tagged" if same else "copies")
                return False
        self.tracks[about.audio_hash] = self.by_path[job.path] = _Track(job, about)
        return True

    def _has_analysis(self, audio_hash: bytes) -> bool:
        """Whether there is no more to do for this audio in this pass."""
        done = self.library.has_analysis(audio_hash, self.space)
        return done and (self.first or not self.library.is_provisional(audio_hash, self.space))

    def _move(self, job: Job, about: About) -> bool:
        """Gives a new path the row of a lost file with this audio, if there is one."""
        lost = self.lost_by_audio.get(about.audio_hash)
        if job.path in self.known or not lost:
            return False
        self.library.move(lost.pop().id, job.path)
        return True

    def _compute_batch(self) -> None:
        batch, self.batch = self.batch, []
        probabilities, embeddings = self.model(np.stack([piece.samples for _, piece in batch]))
        with self.library.writing():
            for (track, piece), *answer in zip(batch, probabilities, embeddings):
                track.answers.append((piece.start, *answer))
                track.waiting -= 1
                self._complete(track)

    def _complete(self, track: _Track) -> None:
        """Saves a track if all its slices are computed."""
        if track.facts is None or track.waiting or not track.answers:
            return
        starts, probabilities, embeddings = (np.array(column, "float32") for column in zip(*track.answers))
        outputs = SliceOutputs(probabilities, embeddings)
        if not outputs.finite():
            self._fail(track, Failed(NOT_FINITE, of_sample="sampled" in track.facts.flags))
            return
        about, facts = track.about, track.facts
        analysis = TrackAnalysis(starts, embeddings, probabilities, self.model.tag_probabilities(outputs))
        provisional = self.first and "sampled" in facts.flags
        with self.library.writing():
            refined = self.library.is_provisional(about.audio_hash, self.space)
            if refined:  # copies, too, know their length and level of the first pass
                self.library.expect_again(about.audio_hash)
            self.library.save_analysis(self.space, about.audio_hash, analysis, provisional)
            for job, of_copy in [(track.job, about), *track.copies]:
                self._save(job, of_copy, facts.seconds, gain_db(facts), facts.truncation)
        self._forget(track)
        self.report.seconds_analysed += min(facts.seconds, len(starts) * self.space.slice_spec.slice_seconds)
        self._count(track.job, "refined" if refined else "analysed")
        for job, _ in track.copies:
            known = self.known.get(job.path)
            self._count(job, "refined" if refined and known is not None and known.provisional else "copies")

    def _save(self, job: Job, about: About, seconds: float | None, gain_db: float | None, note: str) -> None:
        about = as_it_is_now(job.path, about)
        tags = about.tags
        texts = [as_text(text) for text in (tags.title, tags.artist, tags.album)]
        gain_db = gain_db if tags.gain_db is None else tags.gain_db
        hashes = about.file_hash, about.audio_hash
        self.saved.append(job.path)
        self.library.save([
            Track(job.path, about.size, about.mtime_ns, *hashes, *texts, tags.year, as_text(tags.genre), seconds,
                  gain_db, note)
        ])  # fmt: skip

    def _fail(self, track: _Track, failed: Failed) -> None:
        """Saves a failure. A track that another space has analysed stays, and so does one that cannot be opened now.

        A first pass saves none that all of the track may not have: the next pass tries it.
        """
        self._forget(track)
        postponed = self.first and failed.of_sample
        with self.library.writing():
            elsewhere = self._is_elsewhere(track, failed.reason, postponed)
            for job, about in [(track.job, track.about), *track.copies]:
                held = self.known.get(job.path)
                if elsewhere:
                    self._save(job, about, *(self.library.measured(about.audio_hash) or (None, None, "")))
                elif failed.again and held is not None and held.audio_hash is not None:
                    self.library.mark_removed([held.id])
                else:
                    try_again = failed.again or postponed
                    self.library.save_failure(job.path, job.size, -1 if try_again else job.mtime_ns, failed.reason)
                self.saved.append(job.path)
                if not postponed:
                    self.report.failures[os.fsdecode(job.path)] = failed.reason
                self._count(job, "postponed" if postponed else "failed")

    def _is_elsewhere(self, track: _Track, reason: str, postponed: bool) -> bool:
        """Whether another space has analysed the audio that failed; then the failure is this space's alone."""
        if track.about is None:
            return False
        if not self.first:
            self.library.drop_provisional(self.space, track.about.audio_hash)
        if not self.library.has_analysis(track.about.audio_hash):
            return False
        if not postponed:
            self.library.save_analysis_failure(self.space, track.about.audio_hash, reason)
        return True

    def _forget(self, track: _Track) -> None:
        self.by_path.pop(track.job.path, None)
        if track.about is not None:
            self.tracks.pop(track.about.audio_hash, None)

    def _count(self, job: Job, name: str) -> None:
        self.report.counts[name] += 1
        self.report.opened.add(os.fsdecode(job.path))
        self.counted += 1


def as_it_is_now(path: bytes, about: About) -> About:
    """What is known of a file, read again if its tags have been written since, by the page or by another program.

    Where the file is gone or has other audio now, it is what was read before: the next scan sees that the file does not
    have the size and time that are saved.
    """
    try:
        status = os.stat(path)
        if (status.st_size, status.st_mtime_ns) == (about.size, about.mtime_ns):
            return about
        name = os.fsdecode(path)
        now = About(status.st_size, status.st_mtime_ns, file_hash(name), audio_hash(name), read_tags(name))
    except OSError:
        return about
    return now if now.audio_hash == about.audio_hash else about


def gain_db(facts: TrackFacts) -> float:
    """The gain that brings a track to LOUDNESS_DB, for files whose tags state none."""
    return min(MAX_GAIN_DB, LOUDNESS_DB - facts.level_db)
