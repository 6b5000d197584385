"""Who may upload now: an ASGI layer that refuses a song before it is received, and limits how it is received.

A refused upload is read to its end, within limits: a client that is still sending would see a broken connection
instead of the answer.
"""

import asyncio
import time
from collections.abc import Callable

from fastapi import HTTPException
from fastapi.responses import JSONResponse

from kgenre.web.classify.metrics import Metrics
from kgenre.web.classify.settings import ServeSettings

UPLOADS = frozenset(("/api/predict", "/api/predict/stream"))
RETRY_SECONDS = {429: "2", 503: "5"}
UPLOAD_SECONDS = 1800.0  # of a whole upload: the largest one at 1 Mbit/s
DRAIN_SECONDS = 20.0


class ClientStalled(Exception):
    """A client does not take its answer."""


class Admission:
    """
    Args:
        app: the ASGI application.
        settings: ServeSettings.
        is_ready: whether songs can be classified yet.
        metrics: Metrics.
    """

    def __init__(self, app, settings: ServeSettings, is_ready: Callable[[], bool], metrics: Metrics):
        self.app, self.settings, self.is_ready, self.metrics = app, settings, is_ready, metrics
        self.in_flight = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in UPLOADS:
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal:
            await self._refuse(*refusal, scope, receive, send)
            return
        began = False

        async def send_noted(message) -> None:
            nonlocal began
            began = True
            await self._send_limited(send, message)

        self._count(1)
        try:
            await self.app(scope, self._limited(receive), send_noted)
        except ClientStalled:
            pass  # an answer that is not complete closes the connection
        except asyncio.CancelledError:  # the server ends
            if not began:
                await _answer(503, "the server is being stopped.", scope, receive, send)
        finally:
            self._count(-1)

    def _refusal(self, scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if not headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
            return 415, "send the song as a form, multipart/form-data, in the field `file`."
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.settings.max_upload_bytes:
            return 413, self._too_large()
        if not self.is_ready():
            return 503, "the model is being loaded. Try again in some seconds."
        if self.in_flight >= self.settings.max_requests:
            return 429, f"{self.in_flight} songs are being analysed. Try again in some seconds."
        return None

    async def _refuse(self, status: int, text: str, scope, receive, send) -> None:
        left, end = self.settings.max_upload_bytes, time.monotonic() + DRAIN_SECONDS
        while left > 0 and time.monotonic() < end:
            try:
                message = await asyncio.wait_for(receive(), DRAIN_SECONDS)
            except TimeoutError:
                break
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await _answer(status, text, scope, receive, send)

    def _limited(self, receive):
        """`receive` that ends an upload which is too large, stalls or takes too long."""
        taken, complete, end = 0, False, time.monotonic() + UPLOAD_SECONDS

        async def limited():
            nonlocal taken, complete
            if complete:  # then it tells when the client is gone, which may be never
                return await receive()
            try:
                message = await asyncio.wait_for(
                    receive(), min(self.settings.max_stall_seconds, max(0.0, end - time.monotonic()))
                )
            except TimeoutError:
                raise HTTPException(408, "the upload has stalled.") from None
            taken += len(message.get("body", b""))
            complete = not message.get("more_body")
            if taken > self.settings.max_upload_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return limited

    async def _send_limited(self, send, message) -> None:
        """Sends to a client that must take what it is sent: it would hold its place for ever."""
        try:
            await asyncio.wait_for(send(message), self.settings.max_stall_seconds)
        except TimeoutError:
            raise ClientStalled from None

    def _too_large(self) -> str:
        return f"the file is too large: at most {self.settings.max_upload_mib} MiB are taken."

    def _count(self, by: int) -> None:
        self.in_flight += by
        self.metrics.in_flight.set(self.in_flight)


async def _answer(status: int, text: str, scope, receive, send) -> None:
    retry = {"retry-after": RETRY_SECONDS[status]} if status in RETRY_SECONDS else {}
    await JSONResponse({"error": text}, status, retry)(scope, receive, send)
