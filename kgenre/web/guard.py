"""What guards a web app: it answers by its own names, on loopback if not told otherwise, and only to its own page.

Another web page in the same browser can send requests to the app, and by a name that it points to 127.0.0.1
(DNS rebinding) even read the answers. So the Host must be the app's, an Origin must be the app's, requests that the
browser marks as another site's are refused, what changes anything needs a token that only the app's page knows,
and no answer may be read or framed elsewhere.
"""

import base64
import errno
import hashlib
import hmac
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from typing import NoReturn

from fastapi.responses import JSONResponse

from kgenre.core.errors import KgenreError

log = logging.getLogger(__name__)

DEFAULT_PORT, HTTP_PORT = 8642, 80
LOOPBACK = ("127.0.0.1", "localhost")
TOKEN_HEADER = "x-kgenre-token"
MAX_REQUEST_BYTES = 4 << 20
HEADERS = {
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def script_hash(text: str) -> str:
    """Source of a Content-Security-Policy, or integrity in quotes, that admits this script alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def content_policy(inline_scripts: Iterable[str] = ()) -> str:
    """Content-Security-Policy of an app: its own files, and these scripts inside its page."""
    scripts = " ".join(["'self'", *map(script_hash, inline_scripts)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class Guard:
    """ASGI layer that refuses what does not come from the app's own page, and adds headers to every answer.

    Args:
        app: the ASGI application.
        token: what a request that is not GET or HEAD must carry in TOKEN_HEADER; None for an app that changes nothing.
        port: of the server.
        inline_scripts: texts of the scripts inside the app's page.
        max_request_bytes: longest body of a request.
        hosts: says which Hosts are the app's; None for those of loopback at `port`.
    """

    def __init__(
        self,
        app,
        token: str | None,
        port: int,
        inline_scripts: Iterable[str] = (),
        max_request_bytes: int = MAX_REQUEST_BYTES,
        hosts: Callable[[str], bool] | None = None,
    ):
        self.app, self.token, self.max_request_bytes = app, token, max_request_bytes
        own = {f"{name}:{port}" for name in LOOPBACK} | (set(LOOPBACK) if port == HTTP_PORT else set())
        self.is_own_host = hosts or own.__contains__
        headers = {"content-security-policy": content_policy(inline_scripts), **HEADERS}
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self.headers]}
            await send(message)

        reason = self.refusal(scope)
        answer = JSONResponse({"error": reason}, 403) if reason else self.app
        await answer(scope, receive, send_guarded)

    def refusal(self, scope) -> str | None:
        """Why a request is refused; None if it is not."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        reason = self._origin_refusal(scope["path"], headers)
        if reason or self.token is None or scope["method"] in ("GET", "HEAD"):
            return reason
        return self._change_refusal(headers)

    def _origin_refusal(self, path: str, headers: dict[bytes, list[bytes]]) -> str | None:
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        if len(hosts) != 1 or not self.is_own_host(hosts[0].decode("latin-1")):
            return "the Host is not this server's"
        if any(origin not in (b"http://" + hosts[0], b"https://" + hosts[0]) for origin in origins):
            return "the Origin is another page"
        site = headers.get(b"sec-fetch-site", [b"none"])[0]
        is_link = path == "/" and headers.get(b"sec-fetch-mode") == [b"navigate"]  # a link to the page is fine
        if site not in (b"none", b"same-origin") and not is_link:
            return "the request comes from another site"
        return None

    def _change_refusal(self, headers: dict[bytes, list[bytes]]) -> str | None:
        if not hmac.compare_digest(headers.get(TOKEN_HEADER.encode(), [b""])[0], self.token.encode()):
            return "the token is missing or old: load the page again"
        length = headers.get(b"content-length", [b""])[0]
        if not length.isdigit() or int(length) > self.max_request_bytes:
            return f"the request must state its length, at most {self.max_request_bytes} bytes"
        return None


def public_hosts(names: Iterable[str]) -> Callable[[str], bool]:
    """Says whether a Host is the server's that others may reach: loopback, any address as a number, or one of `names`.

    At any port: a proxy or a container may have its own. An address as a number is no danger, for it cannot be pointed
    elsewhere as a name can (DNS rebinding).
    """
    known = {*LOOPBACK, *(name.lower() for name in names)}

    def is_own(host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") and ":" in host else host
        return name.lower() in known or _is_address(name.strip("[]"))

    return is_own


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def listen(port: int | None, host: str = LOOPBACK[0]) -> socket.socket:
    """A socket on `host`, an address: at `port`; if None, at DEFAULT_PORT or any free one.

    Raises:
        KgenreError: no such port, it is taken, or the address is not this machine's.
    """
    if port is not None and not 0 <= port <= 65535:
        raise KgenreError(f"--port must be from 0 to 65535. Received: {port}.")
    for candidate in (DEFAULT_PORT, 0) if port is None else (port,):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else each answer waits 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen()  # now, or another process could bind it too; a browser that is early waits
            if port is None and candidate != DEFAULT_PORT:
                log.warning("port %d is in use: another one is taken.", DEFAULT_PORT)
            return listening
        except OSError as error:
            listening.close()
            cause = error
    if cause.errno not in (errno.EADDRINUSE, errno.EACCES):
        raise KgenreError(f"--host must be an address of this machine ({cause.strerror}). Received: {host}.")
    raise KgenreError(f"Port {port} is in use, or not allowed. Choose another with --port, or omit --port for any.")


def http_server(app, **options):
    """A uvicorn.Server of an ASGI application.

    Args:
        options: of uvicorn.Config, beside those of all apps.
    """
    import uvicorn

    shared = {"log_level": "warning", "server_header": False, "proxy_headers": False, "timeout_graceful_shutdown": 1}
    return uvicorn.Server(uvicorn.Config(app, **shared, **options))


def run_until_stopped(server, listening: socket.socket, check: Callable[[], object] = lambda: None) -> NoReturn:
    """Answers until the process is interrupted.

    Args:
        server: of `http_server`.
        listening: as of `listen`.
        check: raises why the server has ended without a signal.
    """
    server.run(sockets=[listening])
    check()
    # Only a signal ends it. uvicorn raises it again, which is lost where it comes in a callback.
    raise KeyboardInterrupt
