"""The page of a library, served by a process of its own for the tests in a browser.

python tests/page_server.py LIBRARY PORT [MODEL]

PORT 0 is any free one. MODEL is a class of libraries.py, for heat maps; without it there are none.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def started(*command: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A process of Python that prints the port that it listens to, and its address; it is killed in the end."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    try:
        yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def served(folder: Path, model: str = "", port: int = 0) -> Iterator[str]:
    """The address of the page of a folder's library.sqlite."""
    with started(__file__, str(folder / "library.sqlite"), str(port), *filter(None, [model])) as (_, address):
        yield address


def main(file: str, port: str, model: str = "") -> None:
    import libraries

    from kgenre.library.map.update import update_map
    from kgenre.library.store import Library
    from kgenre.web.explore.explorer import Explorer
    from kgenre.web.explore.server import serve
    from kgenre.web.guard import listen

    library = Library(file, create=False)
    space = library.space()
    listening = listen(int(port))
    print(listening.getsockname()[1], flush=True)
    serve(Explorer(library, space, update_map(library, space), getattr(libraries, model) if model else None), listening)


if __name__ == "__main__":
    main(*sys.argv[1:])
