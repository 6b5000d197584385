"""Runs `kgenre` commands where there is no network but loopback, which it brings up, as root of a namespace of its own.

    unshare --user --map-root-user --net python offline.py KGENRE FOLDER

FOLDER/music has songs. Prints as JSON what each command said, with its seconds and peak memory.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def run(*command) -> dict:
    """What a command says; `peak_mb` is of it and the largest of its own processes."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        texts = {}
        for name, file in (("stdout", out), ("stderr", err)):
            file.seek(0)
            texts[name] = file.read()
    return {"status": process.returncode, **texts, "seconds": seconds, "peak_mb": usage.ru_maxrss / 1024}


def page(*command) -> dict:
    """The page that a command serves, its data, and the seconds until both were there."""
    begun = time.monotonic()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().split()[0]
            texts = []
            for name in ("", "data"):
                with urllib.request.urlopen(address + name, timeout=60) as answer:
                    texts.append(answer.read().decode())
            return {"html": texts[0], "data": json.loads(texts[1]), "seconds": time.monotonic() - begun}
        finally:
            process.send_signal(signal.SIGINT)


def main(kgenre: str, folder: Path) -> None:
    raise_loopback()
    music = folder / "music"
    song = min(music.iterdir())
    found = {
        "interfaces": [name for _, name in socket.if_nameindex()],
        "song": str(song),
        "predict": run(kgenre, "predict", song),
        "tags": run(kgenre, "predict", song, "--tags"),
        "map": run(kgenre, "explore", music, "--library", folder / "one.sqlite", "--out", folder / "map.html"),
        "page": page(kgenre, "explore", music, "--library", folder / "two.sqlite", "--no-browser"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
