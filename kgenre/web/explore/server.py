"""The HTTP interface of an Explorer: tracks by the library's number for them, never by path."""

import contextlib
import secrets
import socket
from typing import Annotated, NoReturn

from fastapi import Body, FastAPI, Query
from fastapi.responses import FileResponse, JSONResponse, Response

from kgenre.core.errors import KgenreError
from kgenre.web.explore import head_plan, heat_maps, media, tag_writing
from kgenre.web.explore.explorer import MAX_TRACKS, Explorer
from kgenre.web.guard import Guard, http_server, run_until_stopped
from kgenre.web.page_files import IMPORT_MAP, SERVED_HEAD, add_page_files, fill_page

PACKAGE = "kgenre.web.explore"
SKIPPED = "X-Kgenre-Skipped"  # recordings of a selection that are no longer in the library

Ids = Annotated[list[int], Body()]
FewIds = Annotated[list[int], Query(max_length=MAX_TRACKS)]


def make_app(explorer: Explorer, port: int, token: str | None = None):
    """The ASGI application for a server on 127.0.0.1 at `port`."""
    token = token or secrets.token_urlsafe(24)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(KgenreError, lambda _, error: JSONResponse({"error": str(error)}, 400))
    _add_page(app, token)
    _add_reading(app, explorer)
    _add_media(app, explorer)
    _add_corrections(app, explorer)
    _add_tags(app, explorer)
    _add_refinement(app, explorer)
    return Guard(app, token, port, [IMPORT_MAP])


def _add_page(app: FastAPI, token: str) -> None:
    # The token, of URL-safe characters, lets the page change things.
    page = fill_page(PACKAGE, f'<meta name="kgenre-token" content="{token}">\n{SERVED_HEAD}')

    @app.get("/")
    def index():
        return Response(page, media_type="text/html")

    add_page_files(app, PACKAGE)


def _add_reading(app: FastAPI, explorer: Explorer) -> None:
    @app.get("/data")
    def data():
        return Response(explorer.data(), media_type="application/json")

    @app.get("/tag-table")
    def tag_table():
        return Response(explorer.tag_table(), media_type="application/json")

    @app.get("/track/{track}")
    def track(track: int):
        return explorer.track(track)

    @app.get("/neighbours/{track}")
    def neighbours(track: int, n: int = 30, max_distance: float = 2.0, exclude: FewIds = (), avoid: FewIds = ()):
        return explorer.neighbours(track, n, max_distance, exclude, avoid)

    @app.get("/path/{first}/{last}")
    def path(first: int, last: int, n: int = 12):
        return explorer.path(first, last, n)

    @app.get("/heat-map/{track}/{number}")
    def heat_map(track: int, number: int, start: float | None = None):
        return heat_maps.heat_map(explorer, track, number, start)

    @app.post("/playlist")
    def playlist(ids: Ids, kind: Annotated[str, Body()]):
        held, skipped = _held(explorer, ids)
        headers = {SKIPPED: str(skipped)}
        return Response(explorer.playlist(held, kind), media_type="application/octet-stream", headers=headers)


def _held(explorer: Explorer, ids: list[int]) -> tuple[list[int], int]:
    """A file of each recording of a selection, and how many of the selection are no longer in the library."""
    held = explorer.held(ids)
    return list(dict.fromkeys(files[0] for files in held.values())), len(set(ids)) - len(held)


def _add_media(app: FastAPI, explorer: Explorer) -> None:
    @app.get("/audio/{track}")
    def audio(track: int):  # FileResponse answers Range requests
        path = explorer.path_of(track)
        media_type = media.audio_type(path)
        if media_type is None:
            return JSONResponse({"error": "browsers do not play this format; /excerpt does"}, 415)
        try:
            open(path, "rb").close()
        except OSError as error:
            return JSONResponse({"error": f"the file cannot be opened: {error.strerror}"}, 404)
        return FileResponse(path, media_type=media_type)

    @app.get("/excerpt/{track}")
    def excerpt(track: int, start: float = 0.0, seconds: float = 30.0):
        return Response(media.excerpt(explorer.path_of(track), start, seconds), media_type="audio/wav")

    @app.get("/cover/{track}")
    def cover(track: int):
        found = media.cover(explorer.path_of(track))
        # 204, not 404: most tracks have none, and a browser's console should not be full of errors.
        return Response(status_code=204) if found is None else Response(found[0], media_type=found[1])


def _add_corrections(app: FastAPI, explorer: Explorer) -> None:
    @app.post("/corrections")
    def correct(ids: Ids, genre: Annotated[str | None, Body()] = None):
        held, skipped = _held(explorer, ids)
        return {"genre": explorer.correct(held, genre), "skipped": skipped}

    @app.post("/head/preview")
    def preview_head(use_tags: Annotated[bool, Body(embed=True)] = False):
        return head_plan.preview(explorer, use_tags)

    @app.post("/head/retrain")
    def apply_head(plan: Annotated[int, Body(embed=True)]):
        return head_plan.apply(explorer, plan)

    @app.post("/head/undo")
    def undo_head():
        return head_plan.undo(explorer)


def _add_tags(app: FastAPI, explorer: Explorer) -> None:
    @app.post("/tags/preview")
    def preview(wanted: tag_writing.Wanted):
        return tag_writing.preview(explorer, wanted)

    @app.post("/tags/write")
    def write(wanted: tag_writing.Wanted):
        return tag_writing.write(explorer, wanted)

    @app.post("/tags/undo")
    def undo():
        return tag_writing.undo(explorer)


def _add_refinement(app: FastAPI, explorer: Explorer) -> None:
    @app.get("/changes")
    def changes(since: int = 0):
        return explorer.changes(since)

    @app.post("/refinement")
    def pause(paused: Annotated[bool, Body(embed=True)]):
        return explorer.pause(paused)


def serve(explorer: Explorer, listening: socket.socket) -> NoReturn:
    """Answers until the process is interrupted; meanwhile a first pass is completed, if the explorer refines."""
    explorer.data()  # a second's work for 100 000 tracks, which the page need not wait for
    app = make_app(explorer, listening.getsockname()[1])
    with explorer.refinement or contextlib.nullcontext():
        run_until_stopped(http_server(app), listening)
