"""The analysis of one file of a scan, in a process of its own: hashes, tags, and slices by audio.track's policy."""

import os
from collections.abc import Generator, Iterator

from kgenre.audio.decoders import AudioError
from kgenre.audio.fingerprint import audio_hash_steps, file_hash
from kgenre.audio.tags import read_tags
from kgenre.audio.track import TrackSlices, count_steps
from kgenre.library.scan.protocol import About, Alive, Done, Failed, Job, Settings


def analyse(job: Job, settings: Settings) -> Iterator:
    """The messages on one file: About, then, if True is sent, Slices and Done; or Failed at any time."""
    path = os.fsdecode(job.path)
    try:
        status = os.stat(path)
        of_file = file_hash(path)
        of_audio = job.gone.get(of_file) or (yield from _with_signs_of_life(audio_hash_steps(path)))
    except OSError as error:
        yield Failed(f"cannot be opened: {error.strerror}.", again=True)
        return
    if (yield About(status.st_size, status.st_mtime_ns, of_file, of_audio, read_tags(path))):
        track = None
        try:
            length = yield from _with_signs_of_life(
                count_steps(path, settings.spec.sample_rate, settings.policy.decoder)
            )
            track = TrackSlices(path, settings.spec, length, settings.policy)
            yield from track
            yield Done(track.facts)
        except AudioError as error:
            yield Failed(error.cause, of_sample=track is not None and track.is_sampled)


def _with_signs_of_life(steps: Generator) -> Iterator:
    """Yields Alive for each step, so that long work is not taken for a decoder that hangs; returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        yield Alive()
