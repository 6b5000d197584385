"""The page's server: loopback only, ids only, and closed to every page but its own.

Another web page in the same browser can send requests here, and by a name that it points to 127.0.0.1
(DNS rebinding) even read the answers. So the Host must be ours, an Origin must be ours, requests that the
browser marks as another site's are refused, what changes anything needs a token that only our page knows,
and no answer may be read or framed elsewhere.
"""

import hmac
import socket

from fastapi.responses import JSONResponse

from kgenre.core.errors import KgenreError

DEFAULT_PORT = 8642


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
