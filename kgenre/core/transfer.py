"""The bytes of one URL into a part file: requests, retries and resumption of kgenre.core.download."""

import logging
import os
import time
from pathlib import Path
from typing import BinaryIO

from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress
from kgenre.core.published import MIB, Published, check_space

log = logging.getLogger(__name__)

RETRIES = 3  # in a row without a new byte
BACKOFF_SECONDS = 0.5  # before the first retry; doubled for each further one
RETRIED_STATUS = (408, 425, 429, 500, 502, 503, 504)
CHUNK_BYTES = 1 << 16


class Interrupted(Exception):
    """A fault of the transfer that may be gone when it is retried."""


class Transfer:
    """Fills the part file of a download.

    Args:
        url: http or https.
        path: where the part file will be renamed to.
        part: the open part file, positioned at its end by append mode.
        published: what the complete file must be.
        progress: receives each MiB.
        timeout: seconds for which the server may be silent.
    """

    def __init__(self, url: str, path: Path, part: BinaryIO, published: Published, progress: Progress, timeout: float):
        self.url, self.path, self.part, self.published = url, path, part, published
        self.progress, self.timeout = progress, timeout
        self.version = Path(f"{part.name}.version")

    @property
    def done(self) -> int:
        """Bytes of the part file."""
        return os.fstat(self.part.fileno()).st_size

    def run(self) -> None:
        """Fills the part file and checks it.

        Raises:
            KgenreError: the file is unavailable, not the published one, or larger than the free space.
        """
        self._discard_unknown()
        resumed = self.done > 0
        fault = self._filled()
        if fault and resumed:  # the first bytes may be of another version: once more from the start
            self._discard()
            fault = self._filled()
        if fault:
            self._discard()
            raise KgenreError(
                f"{self.url}: not the published file: {fault}. "
                f"Try again later, or copy the published file to {self.path}."
            )
        self.version.unlink(missing_ok=True)
        os.fsync(self.part.fileno())  # a power cut must not find the new name on an empty file

    def _discard_unknown(self) -> None:
        """Discards what an earlier call left where neither digest nor validator can tell that it is of this file."""
        known = self.published.digests or self.version.exists()
        if not known or (self.published.size is not None and self.done > self.published.size):
            self._discard()

    def _discard(self) -> None:
        self.part.truncate(0)
        self.version.unlink(missing_ok=True)

    def _filled(self) -> str:
        """Requests the missing bytes until all have arrived; returns what is wrong with them, as Published.fault."""
        if self.published.size is not None:
            check_space(self.path.parent, self.published.size - self.done, self.path.name)
        failures, most = 0, self.done
        with self.progress.task(f"downloading {self.path.name}", None, "MiB", self.done // MIB) as advance:
            while self.done != self.published.size:
                try:
                    self._request(advance)
                    break
                except Interrupted as error:
                    failures = 0 if self.done > most else failures + 1
                    most = max(most, self.done)
                    if failures > RETRIES:
                        raise self._unavailable(error) from error
                    log.info("%s: %s; retrying", self.url, error)
                    time.sleep(BACKOFF_SECONDS * 2 ** max(0, failures - 1))
        return self.published.fault(Path(self.part.name), self.progress)

    def _request(self, advance) -> None:
        """One request for the bytes after those that have arrived."""
        import requests
        from urllib3.exceptions import LocationParseError

        try:
            with requests.get(self.url, headers=self._headers(), stream=True, timeout=self.timeout) as response:
                if response.status_code == 416 and self.done:  # no bytes after them
                    return self._check_end(response)
                response.raise_for_status()
                self._append(response, advance)
        except requests.HTTPError as error:
            cause = f"HTTP {error.response.status_code} {error.response.reason}"
            if error.response.status_code in RETRIED_STATUS:
                raise Interrupted(cause) from error
            raise self._unavailable(cause) from error
        except (requests.exceptions.SSLError, requests.Timeout) as error:
            raise self._unavailable(innermost_cause(error)) from error
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise Interrupted(innermost_cause(error)) from error
        except (requests.RequestException, LocationParseError) as error:  # which requests lets through
            raise self._unavailable(innermost_cause(error)) from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}  # Range counts the bytes of what is sent
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if self.version.exists():
                headers["If-Range"] = self.version.read_text(encoding="latin-1")
        return headers

    def _check_end(self, response) -> None:
        """All bytes have arrived if the server's file ends here; otherwise they belong to another version."""
        if response.headers.get("Content-Range") != f"bytes */{self.done}":
            self._discard()
            raise Interrupted("the file on the server has changed")

    def _append(self, response, advance) -> None:
        """Writes the body after the bytes that have arrived, or instead of them where the server sends all."""
        if response.status_code != 206:
            advance(-(self.done // MIB))
            self._discard()
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {self.done}-"):
            self._discard()
            raise Interrupted("the server sent another range than requested")
        length = response.headers.get("Content-Length", "")
        if length.isdigit():
            check_space(self.path.parent, int(length), self.path.name)
            advance(0, total=-(-(self.done + int(length)) // MIB))
        validator = _validator(response)
        for chunk in response.iter_content(CHUNK_BYTES):
            if validator:
                self.version.write_text(validator, encoding="latin-1")
                validator = ""
            before = self.done
            self.part.write(chunk)
            self.part.flush()  # so that a kill loses nothing
            advance(self.done // MIB - before // MIB)

    def _unavailable(self, cause) -> KgenreError:
        return KgenreError(
            f"{self.path.name} could not be downloaded from {self.url} ({cause}). "
            f"Connect to the network, or copy the file from another machine to {self.path}."
        )


def _validator(response) -> str:
    """What identifies the version of the server's file in If-Range; a weak ETag does not identify its bytes."""
    etag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag


def innermost_cause(error: BaseException) -> str:
    """The innermost reason of an error of requests, in one line."""
    while isinstance(inner := getattr(error, "reason", None) or (error.args or (None,))[0], BaseException):
        error = inner
    text = next((part for part in reversed(error.args) if isinstance(part, str)), type(error).__name__)
    return (text.splitlines() or [type(error).__name__])[0].rpartition("): ")[2][:200]
