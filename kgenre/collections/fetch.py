"""Datasets that are downloaded: archives fetched, checked, unpacked, each complete or absent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Remote
from kgenre.core.download import TIMEOUT_SECONDS, download
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.files import make_output_folder
from kgenre.core.progress import SILENT, Progress
from kgenre.core.published import check_space
from kgenre.core.unzip import unzip

DIGESTS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the number of hexadecimal digits


@dataclass(frozen=True)
class Source:
    """Where the files come from, and what they must be.

    mirror: URL of a folder that holds files of the same names; None for the publisher.
    digests: {file: hexadecimal digest} instead of the declared digest and size.
    verify: whether declared digests and sizes are checked.

    Raises:
        KgenreError: a mirror that is no URL.
    """

    mirror: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    verify: bool = True

    def __post_init__(self):
        if self.mirror and not self.mirror.startswith(("http://", "https://")):
            raise KgenreError(f"`--mirror` takes the URL of a folder, https://HOST/FOLDER. Received: {self.mirror}.")

    def url(self, remote: Remote) -> str:
        return f"{self.mirror.rstrip('/')}/{remote.file}" if self.mirror else remote.url

    def is_published(self, remote: Remote) -> bool:
        """Whether it is the very file that is declared."""
        return self.verify and remote.file not in self.digests

    def expected(self, remote: Remote) -> dict[str, str | int | None]:
        """The keyword arguments of `download` that say what the file must be."""
        if digest := self.digests.get(remote.file):
            return {DIGESTS[len(digest)]: digest}
        declared = {name: getattr(remote, name) for name in ("sha256", "sha1", "md5", "size")}
        return declared if self.verify else {}


def parse_digests(texts: Sequence[str], dataset: Dataset) -> dict[str, str]:
    """{file: digest} of texts such as "fma_small.zip=ade154f7...".

    Raises:
        KgenreError: of another form, or a file that the dataset does not have.
    """
    digests = {}
    for text in texts:
        file, _, digest = text.partition("=")
        if not re.fullmatch(r"[0-9a-fA-F]+", digest) or len(digest) not in DIGESTS:
            raise KgenreError(
                "`--digest` takes FILE=HEX, with 40 digits of a SHA-1, 64 of a SHA-256 or 32 of an MD5. "
                f"Received: {text}. Take them from sha1sum or sha256sum."
            )
        check_known("file", file, [remote.file for remote in dataset.remotes], where="`--digest`: ")
        digests[file] = digest.lower()
    return digests


def fetch(name: str, dataset: Dataset, folder: Path | None, source: Source, progress: Progress = SILENT) -> None:
    """Downloads and unpacks what is missing of a dataset; what was interrupted goes on.

    An archive is removed when it is unpacked.

    Raises:
        KgenreError: nothing to download, no space, a file that is unavailable, wrong or unsafe.
    """
    if not dataset.remotes:
        raise KgenreError(f"{name}: has nothing to download. Type `kgenre datasets {name}` for how.")
    if folder is None:
        raise KgenreError(f"{name}: is a folder of yours. Name one with --to to download what belongs to it.")
    make_output_folder(folder)
    missing = [remote for remote in dataset.remotes if not remote.find(folder)]
    for remote in dataset.remotes:
        if remote not in missing:
            progress.line(f"{remote.find(folder)}: is there already")
            if (archive := folder / remote.file).exists() and archive != remote.find(folder):
                progress.line(f"{archive}: no longer needed; remove it to free {archive.stat().st_size / 1e6:.0f} MB")
    _check_space(name, folder, [remote for remote in missing if source.is_published(remote)])
    for remote in missing:
        expected = source.expected(remote)
        archive = download(
            source.url(remote), folder / remote.file, progress=progress, timeout=TIMEOUT_SECONDS, **expected
        )
        if archive.suffix == ".zip":
            made = unzip(archive, folder, progress)
            archive.unlink(missing_ok=True)
            progress.line(f"{made}: complete")


def _check_space(name: str, folder: Path, missing: list[Remote]) -> None:
    """Before the first byte of many: everything unpacked, beside the largest archive."""
    if not missing:
        return
    needed = sum(remote.bytes_on_disk for remote in missing)
    needed += max((remote.size or remote.space for remote in missing if remote.file.endswith(".zip")), default=0)
    names = [name for remote in missing for name in (remote.file, f".part-{remote.file}")]
    parts = [folder / f".part-{remote.file.removesuffix('.zip')}" for remote in missing]
    held = [folder / name for name in names] + [path for part in parts for path in part.rglob("*")]
    check_space(folder, needed - sum(path.stat().st_size for path in held if path.is_file()), name)
