"""The page's server: loopback only, ids only, and closed to every page but its own.

Another web page in the same browser can send requests here, and by a name that it points to 127.0.0.1
(DNS rebinding) even read the answers. So the Host must be ours, an Origin must be ours, requests that the
browser marks as another site's are refused, what changes anything needs a token that only our page knows,
and no answer may be read or framed elsewhere.
"""

import hmac
import secrets
import socket
from importlib.resources import files
from typing import Annotated

from fastapi import Body, FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from kgenre.errors import KgenreError
from kgenre.library import media
from kgenre.library.explorer import Explorer

DEFAULT_PORT = 8642
# Scripts in the order in which one uses the other when it is read, not when it is called.
SCRIPTS = ("points.js", "data.js", "state.js", "stage.js", "panel.js", "sound.js", "select.js", "parts.js", "app.js")
PAGE_FILES = {"style.css": "text/css", **dict.fromkeys(SCRIPTS, "text/javascript")}
TOKEN_HEADER = "x-kgenre-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
Ids = Annotated[list[int], Body()]
MOST_BYTES = 4 << 20  # of a request: the ids of 100 000 tracks are under 1 MiB


class Guard:
    """ASGI layer that refuses what is not from our own page and adds HEADERS to every answer."""

    def __init__(self, app, token: str, port: int):
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        reason = self.refusal(scope)
        answer = JSONResponse({"error": reason}, 403) if reason else self.app
        await answer(scope, receive, send_guarded)

    def refusal(self, scope) -> str | None:
        """Why a request is refused; None if it is not."""
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name, []).append(value)
        hosts, origins = given.get(b"host", []), given.get(b"origin", [])
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return "the Host is not this server's"
        if any(origin != b"http://" + hosts[0] for origin in origins):
            return "the Origin is another page"
        site = given.get(b"sec-fetch-site", [b"none"])[0]
        opened = scope["path"] == "/" and given.get(b"sec-fetch-mode") == [b"navigate"]  # a link to the page is fine
        if site not in (b"none", b"same-origin") and not opened:
            return "the request comes from another site"
        if scope["method"] in ("GET", "HEAD"):
            return None
        if not hmac.compare_digest(given.get(TOKEN_HEADER.encode(), [b""])[0], self.token.encode()):
            return "the token is missing or old: load the page again"
        length = given.get(b"content-length", [b""])[0]
        if not length.isdigit() or int(length) > MOST_BYTES:
            return f"the request must tell its length, at most {MOST_BYTES} bytes"
        return None


def page_text(name: str) -> str:
    return (files("kgenre.library") / "page" / name).read_text(encoding="utf-8")


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


def listen(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1: at `port`; if none is named, at DEFAULT_PORT or any free one.

    Raises:
        KgenreError: the port that was asked for is taken.
    """
    for candidate in (DEFAULT_PORT, 0) if port is None else (port,):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", candidate))
            listening.listen()  # now, or another process could bind it too; a browser that is early waits
            return listening
        except (OSError, OverflowError):
            listening.close()
    raise KgenreError(f"Port {port} is in use, or may not be had. Name another with --port, or none for any.")


def serve(explorer: Explorer, listening: socket.socket) -> None:
    """Answers until the process is interrupted."""
    import uvicorn

    explorer.data()  # a second's work for 100 000 tracks, which the page need not wait for
    app = make_app(explorer, listening.getsockname()[1])
    settings = {"log_level": "warning", "server_header": False, "proxy_headers": False, "timeout_graceful_shutdown": 1}
    uvicorn.Server(uvicorn.Config(app, **settings)).run(sockets=[listening])
