"""What the server counts, for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one server."""

    def __init__(self):
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "kgenre_http_requests", "Requests by path and status.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "kgenre_predict_seconds", "From the end of an upload to its answer.", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.songs = Counter("kgenre_songs", "Songs by result.", ("result",), registry=self.registry)
        self.audio_seconds = Counter("kgenre_audio_seconds", "Length of the songs classified.", registry=self.registry)
        self.in_flight = Gauge("kgenre_songs_in_flight", "Songs that are being received or analysed.",
                               registry=self.registry)  # fmt: skip

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def count_requests(self, app, paths: frozenset[str]):
        """An ASGI layer that counts the requests of `app`; those to other paths than `paths` together."""

        async def counted(scope, receive, send):
            async def send_counted(message):
                if message["type"] == "http.response.start":
                    path = scope["path"] if scope["path"] in paths else "other"
                    self.requests.labels(path, str(message["status"])).inc()
                await send(message)

            await app(scope, receive, send_counted if scope["type"] == "http" else send)

        return counted

    def song(self, begun: float, result: str) -> None:
        """Counts a song. `begun`: time.monotonic(); `result`: classified, failed or abandoned."""
        self.seconds.observe(time.monotonic() - begun)
        self.songs.labels(result).inc()
