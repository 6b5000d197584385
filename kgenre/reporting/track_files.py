"""Where the pages of songs are written."""

from collections.abc import Sequence
from pathlib import Path

from kgenre.audio.inputs import track_name
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder

MARK = "<!-- kgenre report: one song -->"  # in every page of one song, and in no other file
MARKED_BYTES = 1 << 16  # from the beginning, within which the mark stands
ENDINGS = (".html", ".htm")


def page_paths(songs: Sequence[str], out: Path | None = None) -> dict[str, Path]:
    """{song: its page}: NAME.html in a folder, NAME-2.html for the next of a name.

    Args:
        songs: files.
        out: the page of the only song, or a folder, which is made; None for one song is the current folder.

    Raises:
        KgenreError: several songs without a folder, one that cannot be made, or a file in the place of a page that is
            not one of these pages.
    """
    if out is not None and out.suffix.lower() in ENDINGS:
        if len(songs) > 1:
            raise KgenreError(f"--out must be a folder where there are {len(songs)} songs. Received: {out}.")
        make_output_folder(out.parent)
        return {songs[0]: out}
    if out is None and len(songs) > 1:
        raise KgenreError(f"{len(songs)} songs get a page each: name a folder for them with --out.")
    folder = make_output_folder(out or Path())
    pages: dict[str, Path] = {}
    for song in songs:
        page, number, taken = folder / f"{track_name(song)}.html", 2, set(pages.values())
        while page in taken:
            page, number = folder / f"{track_name(song)}-{number}.html", number + 1
        if page.exists() and not _is_ours(page):
            raise KgenreError(f"{page}: exists, and kgenre did not write it. Name a file or a folder with --out.")
        pages[song] = page
    return pages


def _is_ours(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return MARK.encode() in file.read(MARKED_BYTES)
