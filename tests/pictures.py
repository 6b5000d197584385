"""Renews the pictures of the library's page in docs/: library_map, library_track, library_search and library_dark.

python tests/pictures.py FOLDER [--out docs]

FOLDER is of music that may be shown: its path, titles and artists are in the pictures. It is scanned as
`kgenre explore` does. Which recordings are chosen depends on the library alone. Look at each picture afterwards.
"""

import argparse
import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import chromium

from kgenre import explore

DOCS = Path(__file__).parents[1] / "docs"
SIZE = {"width": 1280, "height": 760}
FAULT = 2  # of the command; with 1 it tells of files that cannot be used
MAX_KIB, QUALITIES = 200, (85, 75, 65)
# The most probable recording of the genres that at least three have, among those with an artist and a title.
CHOSEN = """() => { const { tracks } = kgenre, rows = [...tracks.ids.keys()].filter((row) => (
        tracks.text("artist", row) && !tracks.unsure[row] && tracks.seconds[row] > 60));
    const probability = (row) => tracks.genres(row)[0].probability;
    const count = (row) => rows.filter((other) => tracks.label(other) === tracks.label(row)).length;
    return rows.filter((row) => count(row) > 2).reduce((best, row) => (
        probability(row) > probability(best) ? row : best)); }"""
# The first word of the artist of most recordings.
SEARCHED = """() => { const { tracks } = kgenre, counts = new Map();
    for (const row of tracks.ids.keys()) {
        const word = tracks.text("artist", row).split(" ")[0];
        if (word.length > 3) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0]; }"""


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(prog="python tests/pictures.py", description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="of music that may be shown")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the pictures (default: docs)")
    args = parser.parse_args(argv)
    if explore.main([args.folder, "--scan-only"]) == FAULT:
        return FAULT
    with explored(args.folder) as address, chromium.chromium() as browser:
        for name, picture in PICTURES.items():
            scheme = "dark" if name == "dark" else "light"
            with chromium.new_tab(browser, color_scheme=scheme) as tab:
                tab.set_viewport_size(SIZE)
                picture(chromium.opened(tab, address))
                tab.wait_for_timeout(1000)  # names and covers come when the map has settled
                print(save(tab, args.out / f"library_{name}.jpg"))
    return 0


@contextlib.contextmanager
def explored(folder: str):
    """The address of `kgenre explore`, a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kgenre.explore", folder, "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if process.poll() is not None:
                raise SystemExit(f"kgenre explore has ended with {process.returncode}.")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def save(tab, file: Path) -> str:
    """Writes what is seen as a JPEG in the best quality that is small enough."""
    for quality in QUALITIES:
        tab.screenshot(path=file, type="jpeg", quality=quality)
        if file.stat().st_size < MAX_KIB * 1024:
            return f"{file}: {file.stat().st_size / 1024:.0f} KiB in quality {quality}"
    raise SystemExit(f"{file}: more than {MAX_KIB} KiB in quality {QUALITIES[-1]}.")


def whole_map(tab) -> None:
    """The map with names, and the panel that the page begins with."""


def playing_track(tab) -> None:
    """A recording that plays, and what in its deciding slice decided."""
    tab.evaluate(f"location.hash = `#track=${{kgenre.tracks.ids[({CHOSEN})()].toString(36)}}`")
    tab.wait_for_selector("#neighbours li")
    tab.click("#why")
    tab.wait_for_selector("canvas.heat", timeout=60000)
    tab.keyboard.press(" ")
    chromium.until(tab, "kgenre.sound.inside.deck?.sounded")


def search_list(tab) -> None:
    """What is found of some letters, with the rest of the map in grey."""
    tab.click("#search")
    tab.keyboard.type(tab.evaluate(SEARCHED).lower())
    tab.wait_for_selector("#results:not([hidden])")
    tab.keyboard.press("ArrowDown")


def dark_drift(tab) -> None:
    """Drift in the dark theme: its trail, where one has zoomed in, and the queue."""
    tab.evaluate(f"location.hash = `#track=${{kgenre.tracks.ids[({CHOSEN})()].toString(36)}}`")
    tab.wait_for_selector("#neighbours li")
    tab.keyboard.press("j")
    for place in range(1, 7):
        chromium.until(tab, f"kgenre.state.queue?.at === {place - 1} && kgenre.sound.inside.deck?.sounded")
        tab.keyboard.press("n")
    chromium.until(tab, "kgenre.state.queue.at === 6 && kgenre.sound.inside.deck?.sounded")
    tab.evaluate("""() => { const { map, tracks, state: { current } } = kgenre;
        map.move(() => { map.view.zoom(3); map.view.centre(tracks.x[current], tracks.y[current]); }); }""")
    tab.keyboard.press("q")
    tab.wait_for_selector("#queue li.current")


PICTURES = {"map": whole_map, "track": playing_track, "search": search_list, "dark": dark_drift}

if __name__ == "__main__":
    sys.exit(main())
