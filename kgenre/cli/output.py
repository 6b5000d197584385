"""The flags --out and --format: where a command writes its result, and in which format."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgenre.cli.flags import check_file
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_beside
from kgenre.core.text import count

# The file endings of each format that a command may have; the first one is the usual one.
ENDINGS = {
    "text": (".txt",),
    "m3u8": (".m3u8", ".m3u"),
    "csv": (".csv",),
    "jsonl": (".jsonl",),
    "npz": (".npz",),
    "parquet": (".parquet",),
    "html": (".html", ".htm"),
    "png": (".png",),
}


@dataclass(frozen=True)
class Output:
    """Where a result goes. path: the file, None for standard output. format: a name in ENDINGS."""

    path: Path | None
    format: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file, written or not; rather than standard output, a pipe or a device."""
        return self.path is not None and (self.path.is_file() or not self.path.exists())

    def write_text(self, text: str) -> None:
        """Writes the text; lone surrogates in it, undecodable bytes of file names, are written as these bytes."""
        if self.path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            self.write(lambda path: path.write_text(text, encoding="utf-8", errors="surrogateescape"))

    def report_songs(self, songs: int) -> None:
        """Says on standard error how many songs the file holds, if there is a file."""
        if self.path is not None:
            print(f"{self.path}: {count(songs, 'song')}", file=sys.stderr)

    def write(self, write: Callable[[Path], object]) -> None:
        """Calls `write` with a path beside the file, then renames it: the file is complete or unchanged."""
        if not self.is_file:  # a pipe or a device, which nothing can be renamed to
            write(self.path)
        else:
            write_beside(self.path.resolve(), write)  # a link stays a link


def add_output_flags(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Adds --out and --format. `formats`: names in ENDINGS, the default first."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: standard output)")
    text = f"format of the output (default: that of the file's ending, else {formats[0]})"
    parser.add_argument("--format", choices=formats, help=text)


def read_output(
    out: Path | None, formats: Sequence[str], format: str | None = None, needs_ending: bool = False
) -> Output:
    """The output that the flags describe.

    Args:
        out: value of --out.
        formats: the command's formats, the default first.
        format: value of --format.
        needs_ending: whether a file without an ending is refused, rather than written in the default format.

    Raises:
        KgenreError: the file's ending is of no format of the command or contradicts --format, or it cannot be written.
    """
    if out is None:
        return Output(None, format or formats[0])
    ending = out.suffix.lower()
    by_ending = next((name for name in formats if ending in ENDINGS[name]), None)
    if format and by_ending not in (None, format):
        raise KgenreError(
            f"--format and the file's ending must agree. Received: --format {format}, {out}. "
            f"Leave out --format, or name a file that ends in {ENDINGS[format][0]}."
        )
    if not format and not by_ending and (ending or needs_ending):
        raise KgenreError(f"{out}: {_ending_rule(formats)}. Received: {ending or 'no ending'}. Choose another name.")
    check_file(out, "--out")
    return Output(out, format or by_ending or formats[0])


def _ending_rule(formats: Sequence[str]) -> str:
    return f"the file's name must end in {' or '.join(ENDINGS[name][0] for name in formats)}"
