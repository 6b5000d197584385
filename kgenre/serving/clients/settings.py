"""How long a request to a server may take, and how large it may be."""

from pydantic import Field

from kgenre.core.settings import Settings

MIB = 1 << 20


class ClientSettings(Settings):
    """Limits of one request."""

    # The first request after a start waits while TensorFlow sets itself up.
    timeout_seconds: float = Field(
        60.0, ge=0.1, le=86400, description="time that a request may take with all its retries"
    )
    # Five minutes of audio by gRPC, one and a half by REST; proxies before a server often take less.
    max_message_mib: float = Field(16.0, ge=0.001, le=2047, description="largest message, MiB; songs are sent in parts")

    @property
    def max_message_bytes(self) -> int:
        return int(self.max_message_mib * MIB)
