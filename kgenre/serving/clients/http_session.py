"""HTTP requests with a deadline for the whole of each.

The timeouts of requests are of each wait: a server that sends a byte now and then, in its headers or its body, or one
"100 Continue" after the other, would be waited for without end. So a request runs in a thread of its own, and its
connection is cut when the time is over.
"""

import functools
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter

from kgenre.serving.clients.transport import CHECK_SECONDS


@dataclass(frozen=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class HttpSession:
    """Connections that are kept from one request to the next; of one thread at a time, and until one fails."""

    def __init__(self):
        self._session, self._sockets = requests.Session(), weakref.WeakSet()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._sockets))

    def post(
        self, url: str, body: bytes, seconds: float, check: Callable[[], None], auth: tuple[str, str] | None = None
    ) -> Answer:
        """Posts JSON; redirections are not followed.

        Args:
            check: called about once a second; what it raises ends the request.

        Raises:
            TimeoutError: there was no whole answer within the seconds.
            requests.RequestException: the connection failed.
        """
        done, deadline = Future(), time.monotonic() + seconds
        # The wait of each read ends after the deadline: it is not what tells that an answer is late.
        ask = functools.partial(self._post, url, body, seconds + CHECK_SECONDS, auth)
        threading.Thread(target=_fulfil, args=(done, ask), daemon=True).start()
        try:
            while (left := deadline - time.monotonic()) > 0:
                try:
                    return done.result(min(left, CHECK_SECONDS))
                except TimeoutError:
                    if done.done():  # that of the request, rather than of this wait
                        raise
                    check()
            raise TimeoutError(f"no answer within {seconds:g} s")
        except BaseException as error:
            self._cut()
            if isinstance(error, requests.RequestException) and time.monotonic() >= deadline:
                # This process stood still: the thread has told of its own wait before this one did.
                raise TimeoutError(f"no answer within {seconds:g} s") from error
            raise

    def _post(self, url: str, body: bytes, wait: float, auth) -> Answer:
        with self._session.post(
            url, data=body, timeout=wait, auth=auth, allow_redirects=False, stream=True,
            headers={"Content-Type": "application/json"},
        ) as response:  # fmt: skip
            return Answer(response.status_code, response.reason or "", response.headers, response.content)

    def _cut(self) -> None:
        """Ends what the thread waits for, so that it ends, too."""
        for connected in list(self._sockets):
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed already
                pass
        self._session.close()


def _fulfil(done: Future, ask: Callable[[], Answer]) -> None:
    try:
        done.set_result(ask())
    except BaseException as error:  # which the waiting thread raises
        done.set_exception(error)


class _Adapter(HTTPAdapter):
    """Tells which sockets its connections have; a connection forgets its own before the answer is read."""

    def __init__(self, sockets: weakref.WeakSet):
        super().__init__()
        self.sockets = sockets

    def get_connection_with_tls_context(self, *args, **options):
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = functools.partial(self._connection, type(pool).ConnectionCls)
        return pool

    def _connection(self, kind, **options):
        connection = kind(**options)
        connect = connection.connect

        def connect_and_tell():
            connect()
            self.sockets.add(connection.sock)

        connection.connect = connect_and_tell
        return connection
