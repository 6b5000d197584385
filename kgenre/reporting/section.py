"""What a section of a report declares, and what it is given to write with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from kgenre.audio.policy import AUTO
from kgenre.core.files import write_json, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.reporting.figures import figure_html
from kgenre.reporting.subject import Subject


class LeftOut(Exception):
    """A section that this report cannot have; the text says why, in one line."""


@dataclass(frozen=True)
class Options:
    """What the user chose of a report.

    audio: whether excerpts of tracks are put into the page.
    workers: decoding threads.
    robustness_tracks: how many tracks are altered and predicted again.
    seed: of what is drawn.
    decoder: of audio that is read again.
    """

    audio: bool = True
    workers: int = 2
    robustness_tracks: int = 100
    seed: int = 0
    decoder: str = AUTO


@dataclass
class Output:
    """Where a section leaves its files, and what it hands to the page's script.

    folder: for the files; it exists.
    excerpts: {number of a track: data: URL of its sound}, for the list of tracks that the page opens.
    """

    folder: Path
    options: Options
    progress: Progress = SILENT

    def __post_init__(self):
        self.excerpts: dict[int, str] = {}

    def figure(self, name: str, figure, alt: str) -> Markup:
        """Writes NAME.png and gives the figure as SVG for the page.

        Args:
            alt: what a person who cannot see it should know.
        """
        return figure_html(figure, self.folder / f"{name}.png", alt)

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Writes NAME.csv, without the index."""
        write_text(self.folder / f"{name}.csv", table.to_csv(index=False))

    def json(self, name: str, value) -> None:
        """Writes NAME.json."""
        write_json(self.folder / f"{name}.json", value)


@dataclass(frozen=True)
class Section:
    """One row of SECTIONS.

    title: its heading.
    make: what gives its content as HTML. It raises LeftOut where it cannot.
    """

    title: str
    make: Callable[[Subject, Output], Markup]
