"""The page of one song: what a model names it, when and why, and what it resembles."""

from pathlib import Path

from markupsafe import Markup

from kgenre.audio.decoders import AudioError
from kgenre.audio.policy import ReadPolicy
from kgenre.core.files import write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.core.single_page import single_page
from kgenre.core.text import one_line
from kgenre.inspection import page as inspection
from kgenre.reporting import song_parts as parts
from kgenre.reporting.nearest import TrainTracks
from kgenre.reporting.page import POLICY, page_file
from kgenre.reporting.section import LeftOut
from kgenre.reporting.song import Song
from kgenre.reporting.song_figures import clock
from kgenre.reporting.templates import render
from kgenre.reporting.track_files import MARK
from kgenre.serving.model import Model
from kgenre.serving.predict import predict_track


def write_track_pages(
    model: Model,
    pages: dict[str, Path],
    command: str,
    policy: ReadPolicy,
    train: TrainTracks | LeftOut,
    audio: bool = True,
    progress: Progress = SILENT,
) -> dict[str, str]:
    """Writes a page for each song.

    Args:
        model: that names genres.
        pages: {song: its page}.
        command: for the page.

    Returns:
        {path: cause} of the songs that could not be read.
    """
    failures = {}
    with progress.task("songs", len(pages), "tracks") as advance:
        for path, page in pages.items():
            try:
                song = Song(model, policy, predict_track(model, path, policy), train, audio)
                write_text(page, track_page(song, command))
            except AudioError as error:
                failures[path] = error.cause
            advance()
    return failures


def track_page(song: Song, command: str) -> str:
    """The whole page."""
    prediction, name = song.prediction, Path(song.prediction.path).name
    body = render(
        "track.html",
        mark=Markup(MARK),  # noqa: S704  a constant
        name=name,
        command=command,
        song=song,
        length=clock(prediction.seconds),
        top=list(prediction.top().items()),
        over_time=song.part("Over time", parts.over_time),
        bars=song.part("Genres", parts.genre_bars),
        tags=song.part("Tags", parts.tag_bars),
        heat=song.part("What decided", parts.heat_map_of),
        sound=song.part("Sound", parts.sound),
        nearest=song.part("Nearest train tracks", parts.nearest),
        start=clock(song.start),
    )
    style = inspection.page_file("base.css") + page_file("report.css")
    return single_page(one_line(f"{name}: {prediction.genre}"), style, page_file("theme.js"), body, POLICY)
