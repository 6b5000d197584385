"""The HTTP interface of a Classifier: the page, the JSON API, health and metrics."""

import itertools
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator

from fastapi import FastAPI, HTTPException, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

import kgenre
from kgenre.audio.decoders import AudioError
from kgenre.web.classify.admission import UPLOADS, Admission
from kgenre.web.classify.api_page import api_page
from kgenre.web.classify.classifier import Classifier
from kgenre.web.classify.metrics import MEDIA_TYPE, Metrics
from kgenre.web.classify.schema import Answer, ErrorAnswer, Limits, ModelAnswer, Status
from kgenre.web.classify.settings import ServeSettings
from kgenre.web.classify.uploads import Upload, UploadFolder, shown_name
from kgenre.web.guard import LOOPBACK, Guard, public_hosts
from kgenre.web.page_files import IMPORT_MAP, add_page_files, fill_page

PACKAGE = "kgenre.web.classify"
PATHS = frozenset(("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/api/model", *UPLOADS))
LINES = "application/x-ndjson"
MOST_CONNECTIONS = 256
REASONS = {
    400: "not a form with a file",
    403: "another page's request, or another server's name",
    408: "the upload has stalled",
    413: "the file is too large",
    422: "no file named `file`, or no song that can be used",
    429: "too many songs at once; Retry-After tells when to come again",
    503: "the model is being loaded; Retry-After tells when to come again",
}
ERRORS = {status: {"model": ErrorAnswer, "description": text} for status, text in REASONS.items()}
REFUSED = {403: ERRORS[403]}


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
        title="kgenre", version=kgenre.__version__, docs_url=None, redoc_url=None,
        description="Names the genres of songs. A song is an audio file: mp3, ogg, opus, flac, wav, aiff, m4a, wma.",
    ), Metrics()  # fmt: skip
    _add_errors(app)
    _add_page(app)
    _add_status(app, classifier, settings, metrics)
    _add_prediction(app, classifier, uploads, metrics)
    admitted = Admission(app, settings, lambda: classifier.ready, metrics)
    own = None if host in LOOPBACK and not names else public_hosts(names)
    return Guard(metrics.count_requests(admitted, PATHS), None, port, [IMPORT_MAP], hosts=own)


def _add_errors(app: FastAPI) -> None:
    """Every error has the form of ErrorAnswer."""

    def http_error(_, error: StarletteHTTPException):
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    def invalid(_, error: RequestValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return JSONResponse({"error": f"{place}: {first['msg']}. Send the song as the multipart field `file`."}, 422)

    app.add_exception_handler(StarletteHTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)


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


def _add_status(app: FastAPI, classifier: Classifier, settings: ServeSettings, metrics: Metrics) -> None:
    model = classifier.model

    @app.get("/api/model", tags=["model"], responses=REFUSED)
    def describe_model() -> ModelAnswer:
        """The model: its genres, its slices, and the limits of a request."""
        limits = Limits(max_upload_bytes=settings.max_upload_bytes, max_minutes=settings.max_minutes,
                        max_requests=settings.max_requests)  # fmt: skip
        return ModelAnswer(name=model.name, task=model.task.name, labels=list(model.labels),
                           slice_seconds=model.slice_spec.slice_seconds, has_tags=classifier.tags is not None,
                           limits=limits)  # fmt: skip

    @app.get("/healthz", tags=["status"], responses=REFUSED)
    def is_alive() -> Status:
        """Whether the server answers."""
        return Status(status="ok")

    @app.get("/readyz", tags=["status"], responses={**REFUSED, 503: {"model": Status, "description": "loading"}})
    def is_ready(response: Response) -> Status:
        """Whether songs can be classified: the model is loaded."""
        if not classifier.ready:
            response.status_code = 503
        return Status(status="ok" if classifier.ready else "loading")

    text = {200: {"content": {MEDIA_TYPE.split(";")[0]: {"schema": {"type": "string"}}}}}

    @app.get("/metrics", tags=["status"], response_class=Response, responses={**REFUSED, **text})
    def prometheus():
        """Counters in the text format of Prometheus."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)


def _add_prediction(app: FastAPI, classifier: Classifier, uploads: UploadFolder, metrics: Metrics) -> None:
    def classify(upload: Upload, name: str) -> Iterator[float | dict]:
        """As Classifier.predict, the answer as Answer has it; removes the upload in the end."""
        begun, seconds = time.monotonic(), None
        try:
            for found in classifier.predict(upload.path, name):
                if isinstance(found, dict):
                    seconds, found = found["seconds"], {"file": found.pop("path"), **found}
                yield found
        finally:
            upload.remove()
            metrics.song(begun, seconds)

    def answer(upload: Upload, name: str) -> dict:
        try:
            *_, found = classify(upload, name)
        except AudioError as error:
            raise HTTPException(422, public_cause(error, upload)) from None
        return found

    def lines(upload: Upload, name: str) -> Iterator[str]:
        """Fails as `answer` does where nothing could be analysed, before there is a first line."""
        found = classify(upload, name)
        try:
            first = next(found)
        except AudioError as error:
            raise HTTPException(422, public_cause(error, upload)) from None
        return itertools.chain([line(first)], rest(upload, found))

    def rest(upload: Upload, found: Iterator[float | dict]) -> Iterator[str]:
        try:
            yield from map(line, found)
        except AudioError as error:
            yield json.dumps({"error": public_cause(error, upload)}) + "\n"

    def line(found: float | dict) -> str:
        return json.dumps({"result" if isinstance(found, dict) else "progress": found}) + "\n"

    async def saved(file: UploadFile) -> Upload:
        return await run_in_threadpool(uploads.save, file.file, file.filename or "")

    @app.post("/api/predict", tags=["predict"], responses=ERRORS, response_model_exclude_none=True)
    async def predict(file: UploadFile) -> Answer:
        """The genres of a song, of the whole and slice by slice.

        `curl -F file=@song.mp3 http://127.0.0.1:8642/api/predict`
        """
        return await run_in_threadpool(answer, await saved(file), shown_name(file.filename))

    in_lines = {200: {"content": {LINES: {"schema": {"type": "string"}, "example": '{"progress": 0.5}\n'}}}}

    @app.post("/api/predict/stream", tags=["predict"], responses={**ERRORS, **in_lines}, response_class=Response)
    async def predict_with_progress(file: UploadFile):
        """The same, as lines of JSON while the song is analysed: progress, then result or error.

        `{"progress": 0.5}`, at last `{"result": {...}}` as of /api/predict, or `{"error": "..."}`.
        """
        text = await run_in_threadpool(lines, await saved(file), shown_name(file.filename))
        return StreamingResponse(text, media_type=LINES)


def serve(classifier: Classifier, settings: ServeSettings, listening: socket.socket, names: Iterable[str] = ()) -> None:
    """Answers until the process is interrupted. The model is loaded meanwhile.

    Args:
        classifier: Classifier, not started.
        settings: ServeSettings.
        listening: as of guard.listen.
        names: Hosts by which the server may be asked, beside those of its address.
    """
    import uvicorn

    host, port = listening.getsockname()[:2]
    # uvicorn raises the signal again when it has ended, which must not leave the folder behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with UploadFolder() as uploads:
        app = make_app(classifier, uploads, settings, port, host, names)
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=1,
                limit_concurrency=MOST_CONNECTIONS,
            )
        )  # fmt: skip
        loading = _Loading(classifier, server)
        loading.start()
        try:
            server.run(sockets=[listening])
        finally:
            classifier.pool.close()
    if loading.error is not None:
        raise loading.error


def public_cause(error: AudioError, upload: Upload) -> str:
    """The cause, which does not tell where the upload lay."""
    return error.cause.replace(upload.path, "the file")


class _Loading(threading.Thread):
    """Loads the model beside the server, and ends the server if that fails."""

    def __init__(self, classifier: Classifier, server):
        super().__init__(daemon=True)
        self.classifier, self.server, self.error = classifier, server, None

    def run(self) -> None:
        try:
            self.classifier.start()
        except BaseException as error:  # handed to the thread that serves, which raises it
            self.error = error
            self.server.should_exit = True
