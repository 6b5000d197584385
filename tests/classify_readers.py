"""What decoding processes call in tests in place of `read`: slow, hanging, crashing and swelling decoders."""

import ctypes
import os
import signal
import time

from kgenre.web.classify.reading import prepare_process, read


def slow(path, settings):
    """As `read`, half a second later."""
    for number, message in enumerate(read(path, settings)):
        if number == 0 and path:
            time.sleep(0.5)
        yield message


def held(path, settings):
    """As `read`, once there is a file `go` in the folder for temporary files."""
    while path and not os.path.exists(os.environ["TMPDIR"] + "/go"):
        time.sleep(0.02)
    yield from read(path, settings)


def hang(path, settings):
    """Never answers about a song."""
    while path:
        time.sleep(1)
    yield from read(path, settings)


def stall(path, settings):
    """As `read`; after 50 slices it goes on only a minute later."""
    for number, message in enumerate(read(path, settings)):
        if number == 50:
            time.sleep(60)
        yield message


def fault(path, settings):
    """As `read`; a song's first bytes may say how its decoder fails."""
    prepare_process(settings.max_memory_mib)
    name = open(path, "rb").read(8) if path else b""
    if name in FAULTS:
        FAULTS[name](settings)
    yield from read(path, settings)


def _segfault(_) -> None:
    ctypes.string_at(0)


def _swell(settings) -> None:
    """Takes memory as a C library does, twice the limit; what it is refused it does not survive."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.malloc.restype = ctypes.c_void_p
    for _ in range(2 * settings.max_memory_mib // 16):
        block = libc.malloc(16 << 20)
        if not block:
            os.abort()
        ctypes.memset(block, 1, 16 << 20)


FAULTS = {
    b"SEGFAULT": _segfault,
    b"KILLED!!": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    b"EXITS!!!": lambda _: os._exit(3),
    b"HANGS!!!": lambda _: time.sleep(3600),
    b"SPINS!!!": lambda _: any(iter(int, 1)),
    b"SWELLS!!": _swell,
    b"NUMPY!!!": lambda settings: bytes(2 * settings.max_memory_mib << 20),
    b"RAISES!!": lambda _: [][0],
}
