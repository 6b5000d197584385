"""The page's server: loopback only, ids only, and closed to every page but its own.

Another web page in the same browser can send requests here, and by a name that it points to 127.0.0.1
(DNS rebinding) even read the answers. So the Host must be ours, an Origin must be ours, requests that the
browser marks as another site's are refused, what changes anything needs a token that only our page knows,
and no answer may be read or framed elsewhere.
"""

import secrets
import socket
from importlib.resources import files
from typing import Annotated

from fastapi import Body, FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from kgenre.core.errors import KgenreError
from kgenre.web.explore import media
from kgenre.web.explore.explorer import Explorer
from kgenre.web.guard import Guard

# Scripts in the order in which one uses the other when it is read, not when it is called.
SCRIPTS = ("points.js", "data.js", "state.js", "stage.js", "panel.js", "sound.js", "select.js", "parts.js", "app.js")


PAGE_FILES = {"style.css": "text/css", **dict.fromkeys(SCRIPTS, "text/javascript")}


Ids = Annotated[list[int], Body()]


def page_text(name: str) -> str:
    return (files("kgenre.web.explore") / "page" / name).read_text(encoding="utf-8")


def make_app(explorer: Explorer, port: int, token: str | None = None):
    """The ASGI application for a server on 127.0.0.1 at `port`."""
    token = token or secrets.token_urlsafe(24)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(KgenreError, lambda _, error: JSONResponse({"error": str(error)}, 400))
    _add_page(app, token)
    _add_answers(app, explorer)
    _add_media(app, explorer)
    _add_changes(app, explorer)
    return Guard(app, token, port)


def _add_page(app: FastAPI, token: str) -> None:
    @app.get("/")
    def index():
        return Response(page_text("index.html").replace("{{token}}", token), media_type="text/html")

    @app.get("/page/{name}")
    def part(name: str):
        if name not in PAGE_FILES:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(page_text(name), media_type=PAGE_FILES[name])


def _add_answers(app: FastAPI, explorer: Explorer) -> None:
    @app.get("/data")
    def data():
        return Response(explorer.data(), media_type="application/json")

    @app.get("/track/{track}")
    def track(track: int):
        return explorer.track(track)

    @app.get("/neighbours/{track}")
    def neighbours(track: int, n: int = 30, within: float = 2.0):
        return explorer.neighbours(track, n, within)

    @app.get("/way/{first}/{last}")
    def way(first: int, last: int, n: int = 12):
        return explorer.way(first, last, n)

    @app.get("/heat/{track}/{number}")
    def heat(track: int, number: int):
        return explorer.heat(track, number)


def _add_media(app: FastAPI, explorer: Explorer) -> None:
    @app.get("/audio/{track}")
    def audio(track: int):  # FileResponse answers Range requests
        path = explorer.library.path_of(track)
        kind = media.audio_type(path)
        if kind is None:
            return JSONResponse({"error": "browsers do not play this format; /clip does"}, 415)
        try:
            open(path, "rb").close()
        except OSError as error:
            return JSONResponse({"error": f"the file cannot be opened: {error.strerror}"}, 404)
        return FileResponse(path, media_type=kind)

    @app.get("/clip/{track}")
    def clip(track: int, start: float = 0.0, seconds: float = 30.0):
        return Response(media.clip(explorer.library.path_of(track), start, seconds), media_type="audio/wav")

    @app.get("/cover/{track}")
    def cover(track: int):
        found = media.cover(explorer.library.path_of(track))
        # 204, not 404: most tracks have none, and a browser's console should not be full of errors.
        return Response(status_code=204) if found is None else Response(found[0], media_type=found[1])


def _add_changes(app: FastAPI, explorer: Explorer) -> None:
    @app.post("/playlist")
    def playlist(ids: Ids, kind: Annotated[str, Body()]):
        return Response(explorer.playlist(ids, kind), media_type="application/octet-stream")

    @app.post("/correct")
    def correct(ids: Ids, genre: Annotated[str | None, Body()] = None):
        return {"genre": explorer.correct(ids, genre)}

    @app.post("/retrain")
    def retrain(tags: Annotated[bool, Body(embed=True)] = False):
        return explorer.retrain(tags)

    @app.post("/tags")
    def tags(ids: Ids, write: Annotated[bool, Body()]):
        return explorer.write_tags(ids, write)

    @app.post("/untag")
    def untag():
        return explorer.undo_tags()

    @app.post("/forget")
    def forget():
        return explorer.forget()


def serve(explorer: Explorer, listening: socket.socket) -> None:
    """Answers until the process is interrupted."""
    import uvicorn

    explorer.data()  # a second's work for 100 000 tracks, which the page need not wait for
    app = make_app(explorer, listening.getsockname()[1])
    settings = {"log_level": "warning", "server_header": False, "proxy_headers": False, "timeout_graceful_shutdown": 1}
    uvicorn.Server(uvicorn.Config(app, **settings)).run(sockets=[listening])
