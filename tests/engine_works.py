"""Work for the tests of engines, which logs what it computes and can kill its process; as a program, it is run.

python engine_works.py FOLDER KILL_AT
"""

import os
import signal
import sys
import time
from pathlib import Path

from kgenre.embeddings.embed_work import EmbedWork
from kgenre.engines.folder import PartsFolder
from kgenre.engines.records import SUFFIX, RecordWork
from kgenre.engines.run import compute
from kgenre.engines.settings import EngineSettings
from kgenre.engines.work import Failure

ITEMS = {f"song {number}": [number] for number in range(300)}


class Squares(RecordWork):
    """The square of each item's number; those that end in 7 fail. Each that is computed is a line of `log`."""

    kind = "squares"

    def __init__(self, log: Path, kill_at: str | None = None, version: int = 1):
        self.log, self.kill_at, self.settings = log, kill_at, {"recipe": {"version": version}}

    def open(self, threads=None):
        return self.results

    def results(self, items):
        for name, (number,) in reversed(items.items()):  # in any order
            if name == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            with self.log.open("a") as log:
                log.write(f"{name}\n")
            yield name, Failure(f"{number} ends in 7") if number % 10 == 7 else {"square": number**2}


def expected(items=ITEMS) -> dict:
    return {name: {"square": number**2} for name, (number,) in items.items() if number % 10 != 7}


class UnluckyEmbedding(EmbedWork):
    """Embeddings by workers that take their time, one of which kills itself at a track; once, as `flag` tells.

    Not of the package, so that what is killed is exactly what runs in a cluster.
    """

    flag: Path | None = None
    kill_at: str = ""
    pause = 0.0

    def vectors(self, threads):
        function = super().vectors(threads)

        def of(items):
            for path, found in function(items):
                time.sleep(self.pause)
                if self.flag is not None and path == self.kill_at and not self.flag.exists():
                    self.flag.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield path, found

        return of


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    work = Squares(folder / "log", sys.argv[2])
    compute(work, ITEMS, PartsFolder(str(folder / "parts"), SUFFIX), EngineSettings())
