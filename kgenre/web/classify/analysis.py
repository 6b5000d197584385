"""The analysis of one upload: in a thread, followed from the event loop, ended when its client is gone."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import StreamingResponse

END = object()
CLIENT_GONE = 499  # what nginx logs of a client that left; nobody receives it


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


class Analysis:
    """Runs `work` in a thread, within an `async with`; iterating gives what it yields, as it comes.

    When the `with` is left, the work is told to end, and waited for.

    Args:
        limiter: of the threads of analyses, which are no others: the server must answer while all of them work.
        work: called with a check, which it calls once a second or more often; the check raises Abandoned when the
            work should end.
    """

    def __init__(self, limiter: CapacityLimiter, work: Callable[[Callable[[], None]], Iterator]):
        self._limiter, self._work, self._abandoned = limiter, work, threading.Event()
        self._found: asyncio.Queue = asyncio.Queue()

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        self._thread = asyncio.create_task(to_thread.run_sync(self._run, limiter=self._limiter))
        return self

    async def __aexit__(self, *_):
        self._abandoned.set()
        await asyncio.wait([self._thread])
        if not self._thread.cancelled():
            self._thread.exception()  # raised already to who iterates, or Abandoned

    async def __aiter__(self):
        while (found := await self._found.get()) is not END:
            yield found
        await self._thread  # raises what the work has raised

    def _run(self) -> None:
        try:
            for found in self._work(self._check):
                self._put(found)
        finally:
            self._put(END)

    def _put(self, found) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended
            self._loop.call_soon_threadsafe(self._found.put_nowait, found)

    def _check(self) -> None:
        if self._abandoned.is_set():
            raise Abandoned


class AnalysisResponse(StreamingResponse):
    """The lines of an analysis, which ends with the response, however that ends."""

    def __init__(self, lines: AsyncIterable[str], analysis: contextlib.AsyncExitStack, media_type: str):
        super().__init__(lines, media_type=media_type)
        self.analysis = analysis

    async def __call__(self, scope, receive, send) -> None:
        async with self.analysis:
            await super().__call__(scope, receive, send)


async def last(found: AsyncIterable):
    """The last item."""
    item = None
    async for item in found:  # noqa: B007  the last one is returned
        pass
    return item


async def unless_gone(answer: Coroutine, request: Request):
    """What `answer` returns; None if the client of `request`, whose body has been read, leaves before."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(answer), asyncio.create_task(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
