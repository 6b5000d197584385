"""The web app: the page and the API of a Classifier, behind what guards them."""

import logging
import signal
import socket
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

import kgenre
from kgenre.web.classify.admission import Admission
from kgenre.web.classify.api import API_PATHS, add_prediction, add_status
from kgenre.web.classify.api_page import api_page
from kgenre.web.classify.classifier import Classifier
from kgenre.web.classify.metrics import Metrics
from kgenre.web.classify.settings import ServeSettings
from kgenre.web.classify.uploads import UploadFolder
from kgenre.web.guard import LOOPBACK, Guard, http_server, public_hosts, run_until_stopped
from kgenre.web.page_files import IMPORT_MAP, add_page_files, fill_page

log = logging.getLogger(__name__)

PACKAGE = "kgenre.web.classify"
PATHS = frozenset(("/", "/docs", "/openapi.json")) | API_PATHS
MOST_CONNECTIONS = 256
FORM = {"max_files": 1, "max_fields": 4, "max_part_size": 1 << 16}
NOT_FOUND = {
    404: "there is nothing at this path. /docs has the paths that there are.",
    405: "this path takes requests of another method. /docs has them.",
}


def make_app(
    classifier: Classifier,
    uploads: UploadFolder,
    settings: ServeSettings,
    port: int,
    host: str = LOOPBACK[0],
    names: Iterable[str] = (),
):
    """The ASGI application.

    Args:
        classifier: Classifier.
        uploads: UploadFolder.
        settings: ServeSettings.
        port, host: that it is served at.
        names: by which it is asked, where `host` is not loopback.
    """
    app, metrics = FastAPI(
        title="kgenre", version=kgenre.__version__, docs_url=None, redoc_url=None, form_limits=FORM,
        description="Names the genres of songs. A song is an audio file: mp3, ogg, opus, flac, wav, aiff, m4a, wma.",
    ), Metrics()  # fmt: skip
    _add_errors(app)
    _add_page(app)
    add_status(app, classifier, settings, metrics)
    add_prediction(app, classifier, uploads, settings, metrics)
    admitted = Admission(app, settings, lambda: classifier.ready, metrics)
    own = None if host in LOOPBACK and not names else public_hosts(names)
    return Guard(metrics.count_requests(admitted, PATHS), None, port, [IMPORT_MAP], hosts=own)


def _add_errors(app: FastAPI) -> None:
    """Every error has the form of ErrorAnswer."""

    def refused(_, error: HTTPException):
        if isinstance(error.__cause__, OSError):  # while a form was parsed
            return no_room(_, error.__cause__)
        text = NOT_FOUND.get(error.status_code, str(error.detail))
        return JSONResponse({"error": text}, error.status_code, error.headers)

    def no_room(_, error: OSError):
        log.error("an upload could not be kept: %s", error)
        return JSONResponse({"error": "the server has no room for the file."}, 507)

    def invalid(_, error: RequestValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return JSONResponse({"error": f"{place}: {first['msg']}. Send the song as the multipart field `file`."}, 422)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(OSError, no_room)
    app.add_exception_handler(500, lambda *_: JSONResponse({"error": "a fault of the server"}, 500))


def _add_page(app: FastAPI) -> None:
    page, described = fill_page(PACKAGE), []

    @app.get("/", include_in_schema=False)
    def index():
        return Response(page, media_type="text/html")

    @app.get("/docs", include_in_schema=False)
    def docs():
        if not described:
            described.append(api_page(app.openapi()))
        return Response(described[0], media_type="text/html")

    add_page_files(app, PACKAGE)


def serve(
    classifier: Classifier, settings: ServeSettings, listening: socket.socket, names: Iterable[str] = ()
) -> NoReturn:
    """Answers until the process is interrupted. The model is loaded meanwhile.

    Args:
        classifier: Classifier, not started.
        settings: ServeSettings.
        listening: as of guard.listen.
        names: Hosts by which the server may be asked, beside those of its address.
    """
    from kgenre.web.classify.connections import HttpProtocol

    host, port = listening.getsockname()[:2]
    # uvicorn raises the signal again when it has ended, which must not leave the folder behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with UploadFolder() as uploads, ThreadPoolExecutor(1) as beside:
        app = make_app(classifier, uploads, settings, port, host, names)
        server = http_server(app, limit_concurrency=MOST_CONNECTIONS, http=HttpProtocol)

        def stop_if_failed(loading) -> None:
            if loading.exception() is not None:
                server.should_exit = True

        loading = beside.submit(classifier.start)
        loading.add_done_callback(stop_if_failed)
        try:
            run_until_stopped(server, listening, loading.result)
        finally:
            classifier.pool.close()
