"""A reader of tracks at URLs: each is fetched to this machine, read as a file, and deleted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kgenre.audio.local_file import local_file
from kgenre.audio.open_reader import Reader, open_reader
from kgenre.audio.policy import DEFAULT_POLICY, ReadPolicy
from kgenre.audio.track import Slice
from kgenre.core.errors import KgenreError
from kgenre.core.urls import is_url

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec


class FetchingReader:
    """`slices`, `failures` and `facts` of the reader of a SliceSpec, of files and of URLs."""

    def __init__(self, spec: "SliceSpec", policy: ReadPolicy = DEFAULT_POLICY):
        self.reader: Reader = open_reader(spec, policy=policy)
        self.spec, self.policy = spec, policy
        self.failures, self.facts = self.reader.failures, self.reader.facts

    def slices(self, path: str) -> Iterator[Slice]:
        """The slices of a track, in order; one that cannot be fetched or read ends early, in `failures`."""
        if not is_url(path):
            yield from self.reader.slices(path)
            return
        reader = open_reader(self.spec, policy=self.policy)  # of its own, for the copy's name is not the track's
        try:
            with local_file(path) as file:
                yield from reader.slices(file)
        except KgenreError as error:
            self.failures[path] = str(error)
            return
        self.failures.update((path, cause) for cause in reader.failures.values())
        self.facts.update((path, facts) for facts in reader.facts.values())
