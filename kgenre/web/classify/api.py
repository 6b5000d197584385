"""The JSON API of a Classifier: songs, the model, health and metrics."""

import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, HTTPException, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from kgenre.audio.decoders import AudioError
from kgenre.core.errors import KgenreError
from kgenre.web.classify.admission import RETRY_SECONDS, UPLOADS
from kgenre.web.classify.analysis import CLIENT_GONE, Abandoned, Analysis, AnalysisResponse, last, unless_gone
from kgenre.web.classify.classifier import OK, Classifier, has_tags
from kgenre.web.classify.metrics import MEDIA_TYPE, Metrics
from kgenre.web.classify.schema import Answer, ErrorAnswer, Limits, ModelAnswer, Status
from kgenre.web.classify.settings import ServeSettings
from kgenre.web.classify.uploads import Upload, UploadFolder, last_part, shown_name

log = logging.getLogger(__name__)

API_PATHS = frozenset(("/healthz", "/readyz", "/metrics", "/api/model", *UPLOADS))
LINES = "application/x-ndjson"
REASONS = {
    400: "not a form with one file",
    403: "another page's request, or another server's name",
    408: "the upload has stalled",
    413: "the file is too large",
    415: "not multipart/form-data",
    422: "no file named `file`, or no song that can be used",
    429: "too many songs at once; Retry-After tells when to come again",
    503: "the model is being loaded, or does not answer; Retry-After tells when to come again",
    507: "the server's disk is full",
}
ERRORS = {status: {"model": ErrorAnswer, "description": text} for status, text in REASONS.items()}
REFUSED = {403: ERRORS[403]}


def add_status(app: FastAPI, classifier: Classifier, settings: ServeSettings, metrics: Metrics) -> None:
    checks = CapacityLimiter(1)

    @app.get("/api/model", tags=["model"], responses=REFUSED)
    async def describe_model() -> ModelAnswer:
        """The model: its genres, its slices, and the limits of a request."""
        model = classifier.model
        limits = Limits(max_upload_bytes=settings.max_upload_bytes, max_minutes=settings.max_minutes,
                        max_requests=settings.max_requests)  # fmt: skip
        return ModelAnswer(name=public_name(model.name), task=model.task.name, labels=list(model.labels),
                           slice_seconds=model.slice_spec.slice_seconds, has_tags=has_tags(model),
                           limits=limits)  # fmt: skip

    @app.get("/healthz", tags=["status"], responses=REFUSED)
    async def is_alive() -> Status:
        """Whether the server answers."""
        return Status(status="ok")

    @app.get(
        "/readyz", tags=["status"], responses={**REFUSED, 503: {"model": Status, "description": "loading, or away"}}
    )
    async def is_ready(response: Response) -> Status:
        """Whether songs can be classified: the model is loaded, and answers."""
        await to_thread.run_sync(classifier.check, limiter=checks)
        status = classifier.state
        if status != OK:
            response.status_code = 503
        return Status(status=status)

    text = {200: {"content": {MEDIA_TYPE.split(";")[0]: {"schema": {"type": "string"}}}}}

    @app.get("/metrics", tags=["status"], response_class=Response, responses={**REFUSED, **text})
    async def prometheus():
        """Counters in the text format of Prometheus."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)


def add_prediction(
    app: FastAPI, classifier: Classifier, uploads: UploadFolder, settings: ServeSettings, metrics: Metrics
) -> None:
    limiter = CapacityLimiter(settings.max_requests)

    def classify(upload: Upload, name: str, check: Callable[[], None]) -> Iterator[float | dict]:
        """As Classifier.predict, the answer as Answer has it; removes the upload in the end."""
        begun, result = time.monotonic(), "failed"
        try:
            for found in classifier.predict(upload.path, name, check):
                if isinstance(found, dict):
                    result, found = "classified", {"file": found.pop("path"), **found}
                    metrics.audio_seconds.inc(found["seconds"])
                yield found
        except Abandoned:
            result = "abandoned"
            raise
        finally:
            upload.remove()
            metrics.song(begun, result)

    async def started(file: UploadFile) -> tuple[Upload, Analysis]:
        upload = await run_in_threadpool(uploads.save, file.file, file.filename or "")
        return upload, Analysis(limiter, partial(classify, upload, shown_name(file.filename)))

    @app.post("/api/predict", tags=["predict"], responses=ERRORS, response_model_exclude_none=True)
    async def predict(file: UploadFile, request: Request) -> Answer:
        """The genres of a song, of the whole and slice by slice.

        `curl -F file=@song.mp3 http://127.0.0.1:8642/api/predict`
        """
        upload, analysis = await started(file)
        async with analysis:
            try:
                found = await unless_gone(last(analysis), request)
            except KgenreError as error:
                raise http_error(error, upload) from None
        if found is None:
            raise HTTPException(CLIENT_GONE)
        return found

    in_lines = {200: {"content": {LINES: {"schema": {"type": "string"}, "example": '{"progress": 0.5}\n'}}}}

    @app.post("/api/predict/stream", tags=["predict"], responses={**ERRORS, **in_lines}, response_class=Response)
    async def predict_with_progress(file: UploadFile, request: Request):
        """The same, as lines of JSON while the song is analysed: progress, then result or error.

        `{"progress": 0.5}`, at last `{"result": {...}}` as of /api/predict, or `{"error": "..."}`.
        """
        upload, analysis = await started(file)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(analysis)
            found = aiter(analysis)
            try:
                # What fails before there is a first line is answered as by /api/predict.
                first = await unless_gone(anext(found), request)
            except KgenreError as error:
                raise http_error(error, upload) from None
            if first is None:
                raise HTTPException(CLIENT_GONE)
            return AnalysisResponse(lines(first, found, upload), stack.pop_all(), LINES)


async def lines(first: float | dict, rest: AsyncIterator[float | dict], upload: Upload) -> AsyncIterator[str]:
    """The lines of a stream."""
    yield line(first)
    try:
        async for found in rest:
            yield line(found)
    except KgenreError as error:
        yield json.dumps({"error": http_error(error, upload).detail}) + "\n"


def line(found: float | dict) -> str:
    return json.dumps({"result" if isinstance(found, dict) else "progress": found}) + "\n"


def public_name(name: str) -> str:
    """A model's name without the folders or the address where it is: nothing of this machine is for visitors."""
    name = name.rstrip("/")
    return name.partition("/v1/models/")[2] or last_part(name)


def http_error(error: KgenreError, upload: Upload) -> HTTPException:
    """Of a song that cannot be used the cause, without the place where it lay; of all else that something is wrong."""
    if isinstance(error, AudioError):
        return HTTPException(422, error.cause.replace(upload.path, "the file"))
    log.error("%s", error)
    return HTTPException(
        503, "the model does not answer. Try again in some seconds.", {"retry-after": RETRY_SECONDS[503]}
    )
