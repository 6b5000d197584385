"""The transport of an address: what of TF Serving is asked there, and how."""

import re
from urllib.parse import unquote, urlsplit

from kgenre.core.errors import KgenreError
from kgenre.serving.clients.grpc_transport import GrpcTransport
from kgenre.serving.clients.rest_transport import RestTransport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import Address, Transport

TRANSPORTS: dict[str, type[Transport]] = {
    "http": RestTransport,
    "https": RestTransport,
    "grpc": GrpcTransport,
    "grpcs": GrpcTransport,
}
PATH = re.compile(r".*/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?")


def open_transport(url: str, settings: ClientSettings) -> Transport:
    """What asks the model at an address; nothing is sent yet.

    Args:
        url: as http://localhost:8501/v1/models/genres or grpc://localhost:8500/v1/models/genres; /versions/2 or
            /labels/stable may follow. https and grpcs are encrypted. http://USER:PASSWORD@HOST/... is a login, which
            is sent and never shown.

    Raises:
        KgenreError: no such address.
    """
    login, url = _login_apart(url.rstrip("/"))
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # a port that is none raises
    except ValueError:
        has_host = False
    found = PATH.fullmatch(parts.path) if has_host else None
    if not found or parts.scheme not in TRANSPORTS or parts.query or parts.fragment:
        raise KgenreError(
            "A model of TF Serving is an address like http://localhost:8501/v1/models/genres or "
            f"grpc://localhost:8500/v1/models/genres, and may end in /versions/2 or /labels/stable. Received: {url}."
        )
    address = Address(url, parts.scheme, parts.netloc, **found.groupdict(), login=login)
    return TRANSPORTS[parts.scheme](address, settings)


def _login_apart(url: str) -> tuple[tuple[str, str] | None, str]:
    """User and password of an address, and the address without them."""
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not at:
        return None, url
    user, _, password = login.partition(":")
    return (unquote(user), unquote(password)), f"{scheme}{separator}{place}"
