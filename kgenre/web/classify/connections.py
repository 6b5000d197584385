"""HTTP connections that are closed when no request comes: uvicorn waits for the first one for ever."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0


class HttpProtocol(H11Protocol):
    """uvicorn's, which gives the head of a request between one and two times HEADER_SECONDS."""

    _check: asyncio.TimerHandle

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._wait_on(None)

    def connection_lost(self, exc) -> None:
        self._check.cancel()
        super().connection_lost(exc)

    def _wait_on(self, answered) -> None:
        self._check = self.loop.call_later(HEADER_SECONDS, self._close_if_idle, answered)

    def _close_if_idle(self, answered) -> None:
        """`answered`: the request that had been answered last a while ago; a newer one, or one under way, is none."""
        request = self.cycle
        if (request is None or request.response_complete) and request is answered:
            self.transport.close()
        else:
            self._wait_on(request)
