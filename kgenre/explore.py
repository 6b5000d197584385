"""A map of your music: scans a folder, listens, lays the tracks out, opens the map in the browser.

    kgenre explore ~/Music
    kgenre explore ~/Music --windows 3                # three stretches of each track: several times as fast
    kgenre explore ~/Music --html map.html            # one file to keep or send instead, without the sound

What was found out is kept in DIR/.kgenre/library.sqlite: the next time only new and changed files are
listened to, and the map stays as it was. Ctrl-C at any time loses nothing but the tracks in flight.
The page can be reached from this machine alone, and nothing leaves it.
"""

import argparse
import functools
import os
import sys
import webbrowser
from pathlib import Path

from kgenre import cli
from kgenre.cli.library import positive
from kgenre.core.errors import KgenreError

METHODS = ("tsne", "umap")


WHOLE = "all"


def main(argv=None) -> int:
    parser = cli.make_parser("explore", __doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of music")
    parser.add_argument("--model", help="run folder or SavedModel folder (default: as of `kgenre predict`)")
    parser.add_argument("--library", type=Path, metavar="FILE", help="library (default: DIR/.kgenre/library.sqlite)")
    parser.add_argument(
        "--windows",
        type=windows,
        metavar="N",
        help="listen to N stretches a track, or to all of it (default: as last time, all at first)",
    )
    parser.add_argument("--workers", type=positive, metavar="N", help="reading processes (default: one a core)")
    parser.add_argument("--retry", action="store_true", help="try files again that failed before")
    parser.add_argument("--map", choices=METHODS, help="how the map is made (default: tsne; umap needs umap-learn)")
    parser.add_argument("--remap", action="store_true", help="lay out all tracks anew, turned to lie on the old map")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--serve", action="store_true", help="answer to a browser until Ctrl-C (the default)")
    what.add_argument("--html", type=Path, metavar="FILE", help="write the map as one offline file and stop")
    what.add_argument("--scan-only", action="store_true", help="stop after scan and map")
    parser.add_argument("--port", type=int, help="of the page (default: 8642, or any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    return cli.run(_explore, parser.parse_args(argv))


def windows(text: str) -> int | str:
    return text if text == WHOLE else positive(text)


def _explore(args: argparse.Namespace) -> int:
    if args.html:
        cli.check_file(args.html, "--html")
    listening = None if args.html or args.scan_only else _listen(args.port)

    from kgenre.audio.walk import walk
    from kgenre.library.map.layout import STEPS, umap_class
    from kgenre.library.map.update import update_map
    from kgenre.library.records import slices_in_words
    from kgenre.library.store import Library, default_library_path
    from kgenre.serving.catalogue import open_model

    if not args.folder.is_dir():
        what = "is a file" if args.folder.exists() else "no such folder"
        raise KgenreError(f"{args.folder}: {what}. Name a folder of music.")
    if args.map == "umap":
        umap_class()  # what is missing is told now, rather than when all was heard
    place = args.library or default_library_path(args.folder)
    if not place.exists() and not walk(os.fsencode(os.path.realpath(args.folder))).some:
        raise KgenreError(f"{args.folder}: holds no audio files. Name a folder of music.")
    with Library(place) as library:
        model = open_model(args.model)
        if not model.task.labels:
            raise KgenreError(f"{model.name} names no genres, by which the map is coloured. Name another --model.")
        stretches = _windows(library, args, model)
        print(
            f"library: {library.path}\nmodel: {model.name}, {slices_in_words(stretches)} of each track", file=sys.stderr
        )
        report = _scan(library, args, model, stretches)
        space = report.space
        workers = args.workers or os.cpu_count() or 1
        with cli.progress() as bar:
            task = bar.add_task("laying out the map", total=STEPS, unit="steps", visible=False)
            show = functools.partial(bar.update, task, advance=1, visible=True)
            quality = update_map(library, space, args.map, args.remap, workers, show)
        print(f"{len(library.tracks())} tracks on the map{quality_text(quality)}", file=sys.stderr)
        if args.html:
            write_page(library, space, quality, args.html)
        elif listening is not None:
            _serve(library, space, quality, model, listening, args.no_browser)
    return 1 if report.failures else 0


def _listen(port: int | None):
    """Before the work, so that a port that is taken is told at once."""
    from kgenre.web.guard import listen

    return listen(port)


def _windows(library, args: argparse.Namespace, model) -> int | None:
    """Stretches a track, None for all of it: as named, or as this model listened last time."""
    if args.windows is not None:
        return None if args.windows == WHOLE else args.windows
    return next((space.windows for space in library.spaces() if space.identity == model.identity), None)


def _scan(library, args: argparse.Namespace, model, stretches: int | None):
    from kgenre.library.scan.scan import scan

    with cli.progress() as bar:
        task = bar.add_task("listening", total=None, unit="tracks")
        try:
            report = scan(
                library,
                args.folder,
                model,
                windows=stretches,
                workers=args.workers,
                retry=args.retry,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        except KeyboardInterrupt:
            print("what was heard is kept: the same command goes on from there", file=sys.stderr)
            raise
    counts = ", ".join(f"{number} {name}" for name, number in report.counts.items() if number)
    print(f"scan: {counts or 'no music'}", file=sys.stderr)
    cli.list_failures(report.failures, "failed")
    before = len(library.failures(report.space)) - len(report.failures)
    if before > 0:
        print(f"{before} of the unchanged files failed before; --retry tries them again", file=sys.stderr)
    return report


def quality_text(quality) -> str:
    if quality.trustworthiness != quality.trustworthiness:  # NaN of too few tracks
        return ""
    return f"; trustworthiness {quality.trustworthiness:.3f}, {quality.preservation:.0%} of the 10 nearest kept"


def write_page(library, space, quality, path: Path) -> None:
    """Writes the offline page."""
    from kgenre.core.files import write_text
    from kgenre.library.head import kept, predict
    from kgenre.web.explore.offline import page_html
    from kgenre.web.explore.payload import payload

    prediction = predict(library, space, kept(library, space))
    write_text(path, page_html(payload(library, space, quality, prediction, offline=True)))
    size = path.stat().st_size / 1e6
    print(f"{path}: the map in one file, {size:.1f} MB; without sound, covers, paths, playlists and retraining")


def _serve(library, space, quality, model, listening, quiet: bool) -> None:
    from kgenre.web.explore.explorer import Explorer
    from kgenre.web.explore.server import serve

    explorer = Explorer(library, space, quality, lambda: model)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    print(f"{address}   Ctrl-C ends it", flush=True)
    if not quiet:
        webbrowser.open(address)
    serve(explorer, listening)


if __name__ == "__main__":
    sys.exit(main())
