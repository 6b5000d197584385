"""The library's page in Chromium without a graphics card: seconds until it is ready, and frames a second.

    python -m benchmarks.page --tracks 100000 --size 1200 800
    python -m benchmarks.page --tracks 2000 --out map.html

The library is invented: styles lie in islands, artists and albums within them. The map is dragged round in circles with
names and covers over it and without them, in turns, for --seconds each. With --out the page is written, and no more.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from kgenre import cli
from kgenre.core.base64_arrays import packed
from kgenre.web.explore.offline import page_html

GENRES = ("ambient", "blues", "classical", "country", "electronic", "folk", "hip-hop", "jazz", "metal", "pop", "reggae",
          "rock")  # fmt: skip
TAGS = ("mellow", "female vocalists", "instrumental", "guitar", "piano", "party", "acoustic", "80s", "dance", "sad",
        "beautiful", "heavy", "experimental", "soul", "chillout", "punk")  # fmt: skip
STYLES = 30
ROUNDS = 3
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--ignore-gpu-blocklist")  # fmt: skip

# Drags the map in circles, a step a frame, and answers with the frames a second.
DRAG = """([seconds, shown]) => new Promise((done) => {
    const { map } = kgenre, begun = performance.now();
    let frames = 0;
    map.floating.box.hidden = !shown;
    map.points.hold(true);
    const step = (now) => {
        if (now - begun > 1000 * seconds) {
            map.points.hold(false);
            return done(1000 * frames / (now - begun));
        }
        const angle = (now - begun) / 250;
        map.move(() => map.view.pan(12 * Math.cos(angle), 12 * Math.sin(angle)));
        frames++;
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""
# Milliseconds of the names, at three zooms: after the view has settled, nothing else is done then.
SETTLE = """() => [1, 3, 10].map((zoom) => {
    kgenre.map.fit();
    kgenre.map.view.zoom(zoom);
    const begun = performance.now();
    for (const listener of kgenre.map.listeners) listener();
    return performance.now() - begun;
})"""


def invented_data(n: int, outliers: int = 0, seed: int = 0) -> dict:
    """What a page without a server is given of `n` invented tracks, ten an album, of which some are far away.

    A style has a place, a genre, and three tags; an artist has three albums side by side.
    """
    rng = np.random.default_rng(seed)
    centres, spreads = rng.normal(0, 8, (STYLES, 2)), rng.uniform(0.6, 1.6, STYLES)
    albums = np.arange(n) // 10
    artists = albums // 3
    style = rng.choice(STYLES, artists[-1] + 1, p=rng.dirichlet(np.full(STYLES, 3.0)))
    places = centres[style] + spreads[style, None] * rng.normal(size=(len(style), 2))  # of artists
    xy = places[artists] + 0.5 * rng.normal(size=(n, 2))
    xy[rng.choice(n, outliers, replace=False)] *= 40
    genre = np.where(rng.random(n) < 0.85, (style % len(GENRES))[artists], rng.integers(len(GENRES), size=n))
    top = np.stack([genre, (genre + 1) % len(GENRES), (genre + 2) % len(GENRES)], axis=1)
    tags = rng.integers(0, 40, (n, len(TAGS)))
    for k in range(3):
        tags[np.arange(n), (style[artists] * 3 + k) % len(TAGS)] += rng.integers(20, 180, n)
    ids = packed(np.arange(1, n + 1), "<i4")
    folders = [f"{GENRES[s % len(GENRES)]}/Artist {i}" for i, s in enumerate(style)]
    columns = {"artist": ("Artist {}", artists), "album": ("Album {}", albums), "tag": ("{}", genre)}
    return {
        "name": "Music", "model": "invented", "slice_seconds": 5.0, "quality": None, "ids": ids,
        "x": packed(xy[:, 0], "<f4"), "y": packed(xy[:, 1], "<f4"), "seconds": packed(np.full(n, 200.0), "<f4"),
        "copy_ids": "", "copy_of": "", "files": [f"{i}.mp3" for i in range(n)],
        "titles": [f"Title of song {i}" for i in range(n)], "year": packed(1960 + albums % 60, "<i2"),
        **{name: _column(form, codes, GENRES if name == "tag" else None) for name, (form, codes) in columns.items()},
        "folder": _column("", artists, folders),
        "corrections": {}, "failures": [], "labels": list(GENRES), "genres_per_track": 3, "several": False,
        "unsure": packed(rng.random(n) < 0.03, "u1"), "top": packed(top, "<u2"),
        "chosen": packed(np.tile([1, 0, 0], (n, 1)), "u1"),
        "probabilities": packed(np.tile([160, 50, 20], (n, 1)), "u1"),
        "tag_names": list(TAGS), "tag_table": {"ids": ids, "values": packed(tags, "u1")},
    }  # fmt: skip


def _column(form: str, codes: np.ndarray, names=None) -> dict:
    names = [form.format(i) for i in range(int(codes.max()) + 1)] if names is None else list(names)
    return {"names": names, "codes": packed(codes, "<i4")}


def main(argv=None) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = cli.Parser(prog="python -m benchmarks.page", description=__doc__, formatter_class=form)
    parser.add_argument("--tracks", type=int, default=100_000, metavar="N", help="(default: 100000)")
    parser.add_argument("--size", type=int, nargs=2, default=(1200, 800), metavar=("W", "H"), help="of the window")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="of each drag (default: 4)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page to this file instead")
    return cli.run(_measure, parser.parse_args(argv))


def _measure(args: argparse.Namespace) -> int:
    page = page_html(invented_data(args.tracks))
    if args.out:
        args.out.write_text(page, encoding="utf-8")
        return 0
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "map.html"
        file.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        tab = browser.new_page(viewport=dict(zip(("width", "height"), args.size)))
        tab.goto(file.as_uri())
        tab.wait_for_selector("html[data-ready]", timeout=60_000)
        print(f"  {args.tracks} tracks, {args.size[0]} x {args.size[1]}", flush=True)
        print(f"  {'ready after':<44} {tab.evaluate('document.documentElement.dataset.ready')} ms", flush=True)
        tab.wait_for_timeout(1500)
        tab.evaluate(SETTLE)  # which fetches the tags
        times = np.min([tab.evaluate(SETTLE) for _ in range(ROUNDS)], axis=0)
        print(f"  {'names: whole map, part, near':<44} {', '.join(f'{time:.0f}' for time in times)} ms", flush=True)
        for zoom in (1, 3):
            tab.evaluate(f"kgenre.map.fit(); kgenre.map.view.zoom({zoom})")
            tab.wait_for_timeout(1000)
            rates = [[tab.evaluate(DRAG, [args.seconds, shown]) for shown in (True, False)] for _ in range(ROUNDS)]
            on, off = np.median(rates, axis=0)
            print(f"  {f'frames a second, zoom {zoom}, names on and off':<44} {on:.1f}, {off:.1f}", flush=True)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
