"""A web server for tests of downloads: byte ranges, and faults in the order in which they are asked for."""

import contextlib
import http.server
import re
import threading
import time


class Server:
    """Serves `files` ({path: bytes}) on loopback.

    Attributes:
        plan: faults of the next requests, in order, each used once: an int is the status of an empty answer; ("cut", n)
            breaks the connection after n bytes of the body; ("slow", n, seconds) waits after n bytes; "silent" never
            answers; "no ranges" ignores Range; "other range" answers with bytes that were not asked for.
        requests: (path, Range header, If-Range header) of each request.
        validators: headers that identify the version.
        rate: bytes a second at which bodies are sent; None for at once.
    """

    def __init__(self, files: dict[str, bytes]):
        self.files, self.plan, self.requests, self.rate = files, [], [], None
        self.validators = {"ETag": '"1"'}
        self.closing = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def stop(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, handler) -> None:
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        path = handler.path.lstrip("/")
        self.requests.append((path, asked, condition))
        fault = self.plan.pop(0) if self.plan else None
        handler.close_connection = True
        if fault == "silent":
            self.closing.wait()
            return
        if isinstance(fault, int) or path not in self.files:
            return self.head(handler, fault or 404, 0, {})
        body, start = self.files[path], 0
        if asked and fault != "no ranges" and condition in (None, *self.validators.values()):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) - (5 if fault == "other range" else 0)
            if start >= len(body):
                return self.head(handler, 416, 0, {"Content-Range": f"bytes */{len(body)}"})
            ranges = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            self.head(handler, 206, len(body) - start, ranges)
        else:
            self.head(handler, 200, len(body), {})
        self.send(handler, body[start:], fault)

    def head(self, handler, status: int, length: int, more: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(length), "Connection": "close", **self.validators, **more}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def send(self, handler, body: bytes, fault) -> None:
        if not isinstance(fault, tuple):
            fault = ("cut", len(body))
        if self.rate:
            return self.trickle(handler, body)
        kind, count, *seconds = fault
        with contextlib.suppress(ConnectionError):  # of a client that was killed
            handler.wfile.write(body[:count])
            handler.wfile.flush()
            if kind == "slow":
                time.sleep(seconds[0])
                handler.wfile.write(body[count:])

    def trickle(self, handler, body: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(body), 4096):
                handler.wfile.write(body[start : start + 4096])
                time.sleep(4096 / self.rate)
