"""The folder of parts: a local one, or any place that fsspec writes to (s3://, gs://, memory://).

A part is written beside and renamed, so that it is there whole or not at all. Its name is a hash of what it holds: two
workers that compute the same chunk write the same file, and whichever comes second replaces it by its equal.
"""

import contextlib
import gzip
import json
import os
import posixpath
import re
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import KgenreError
from kgenre.core.files import locked, make_output_folder
from kgenre.core.urls import is_url
from kgenre.engines.chunks import Chunk
from kgenre.engines.settings import EngineSettings

PLAN, LOCK = "plan.json.gz", ".lock"
# Names of parts, and of what was being written when a worker was killed; another file of the folder is not ours.
PART = re.compile(r"\d{6,}-([0-9a-f]{16})")
BESIDE = re.compile(r"\.[0-9a-f]{32}-")
BESIDE_OUTPUT = re.compile(r"\..+\.parts")
# Where a put shows the whole object or none; elsewhere a file is put beside and renamed.
ATOMIC_PUT = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"}


@dataclass(frozen=True)
class PartsFolder:
    """The parts of one command.

    url: of the folder, as fsspec takes it; or a path.
    suffix: of the parts.
    """

    url: str
    suffix: str

    def __str__(self) -> str:
        return self.url

    @property
    def is_local(self) -> bool:
        return not is_url(self.url)

    def keys(self) -> dict[str, str]:
        """{key of a chunk: file name} of the parts that are there."""
        found = ((PART.fullmatch(name.removesuffix(self.suffix)), name) for name in self._names())
        return {match[1]: name for match, name in found if match}

    def has(self, chunk: Chunk) -> bool:
        """Whether there is a part of this chunk, by the name that it has now."""
        name = chunk.file_stem + self.suffix
        return (Path(self.url) / name).is_file() if self.is_local else self._fs().exists(self._path(name))

    def write(self, name: str, write: Callable[[Path], object]) -> None:
        """Calls `write` with a path of this machine, then puts that file into the folder under `name`."""
        if self.is_local:
            folder = Path(self.url)
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f".{uuid.uuid4().hex}-{name}"  # of a random name: workers have equal process numbers
            try:
                write(beside)
                with beside.open("rb") as file:
                    os.fsync(file.fileno())  # after a power cut the name must not belong to an empty file
                os.replace(beside, folder / name)
            finally:
                beside.unlink(missing_ok=True)
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            write(file)
            self._put(file, name)

    @contextlib.contextmanager
    def local_file(self, name: str) -> Iterator[Path]:
        """A file of the folder as a path of this machine, for as long as the context lasts."""
        if self.is_local:
            yield Path(self.url) / name
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            self._fs().get_file(self._path(name), str(file))
            yield file

    def delete(self, names: list[str]) -> None:
        for name in names:
            if self.is_local:
                (Path(self.url) / name).unlink(missing_ok=True)
            else:
                self._fs().rm_file(self._path(name))

    @contextlib.contextmanager
    def locked(self, shared: bool) -> Iterator[None]:
        """Keeps other runs out of a local folder, but for those that share it; it is removed if it is empty in the end.

        Raises:
            KgenreError: another run has it.
        """
        if not self.is_local:
            yield
            return
        folder = make_output_folder(self.url, "--parts-folder")
        step = "Wait for it to end, or name another folder with --parts-folder."
        busy = f"{self}: another command has its parts here. {step}"
        try:
            with locked(folder / LOCK, busy, shared=shared):
                yield
        finally:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def remove(self, names: Collection[str]) -> None:
        """Deletes these parts; and, where no others are left, the plan and what was being written at a kill.

        In a folder beside an output all parts are of that: what is left there of another list of tracks goes, too.
        """
        parts = set(self.keys().values())
        own = parts if BESIDE_OUTPUT.fullmatch(Path(self.url).name) else parts & set(names)
        rest = [name for name in self._names() if name == PLAN or BESIDE.match(name)] if own == parts else []
        self.delete([*own, *rest])

    @property
    def has_plan(self) -> bool:
        return PLAN in self._names()

    def write_plan(self, plan: dict) -> None:
        """Writes what `kgenre merge` needs to know, unless it is there already."""
        data = gzip.compress(json.dumps(plan).encode(), mtime=0)
        if self.has_plan:
            with self.local_file(PLAN) as file:
                if file.read_bytes() == data:
                    return
        self.write(PLAN, lambda file: file.write_bytes(data))

    def read_plan(self) -> dict:
        """What `write_plan` wrote.

        Raises:
            KgenreError: there is none, or it is damaged.
        """
        if not self.has_plan:
            raise KgenreError(f"{self}: holds no {PLAN}. Name the folder of parts of `kgenre ... --part K/N`.")
        try:
            with self.local_file(PLAN) as file:
                return json.loads(gzip.decompress(file.read_bytes()))
        except (OSError, EOFError, ValueError) as error:
            raise KgenreError(f"{self}: {PLAN} is damaged ({error}). Delete it and repeat the command.") from error

    def _names(self) -> list[str]:
        if self.is_local:
            return sorted(os.listdir(self.url)) if Path(self.url).is_dir() else []
        system, path = self._fs(), self._path("")
        system.invalidate_cache()  # workers write behind its back
        try:
            return sorted(posixpath.basename(name) for name in system.ls(path, detail=False))
        except FileNotFoundError:
            return []

    def _put(self, file: Path, name: str) -> None:
        system, protocol = self._fs(), self.url.partition("://")[0]
        system.makedirs(self._path(""), exist_ok=True)
        if protocol in ATOMIC_PUT:
            system.put_file(str(file), self._path(name))
            return
        beside = self._path(f".{uuid.uuid4().hex}-{name}")
        system.put_file(str(file), beside)
        system.mv(beside, self._path(name))

    def _fs(self):
        from kgenre.core.urls import file_system

        return file_system(self.url)

    def _path(self, name: str) -> str:
        return posixpath.join(self.url.rstrip("/"), name) if name else self.url.rstrip("/")


def folder_beside(file: Path) -> str:
    """The hidden folder beside a file, or a folder, in which its parts lie until it is complete."""
    return str(Path(file).absolute().with_name(f".{Path(file).name}.parts"))


def parts_of(settings: EngineSettings, out) -> str:
    """The folder of the parts: that of --parts-folder, or the hidden one beside the output."""
    return settings.parts_folder or folder_beside(out)
