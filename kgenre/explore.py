"""A map of your music: analyses a folder, lays the tracks out and opens the map in the browser.

    kgenre explore ~/Music
    kgenre explore ~/Music --slices-per-track 3       # three slices of each track, and no more
    kgenre explore ~/Music --out map.html             # one offline file to keep or send, without sound

A first pass of 8 slices a track opens the map; all slices are analysed while you use it, in the background.
The results are stored in DIR/.kgenre/library.sqlite: the next run analyses only new and changed files, and
tracks keep their positions on the map. Ctrl-C at any time loses only the tracks that are being analysed.
The page is served to this machine only, and no data leaves it.
"""

import argparse
import sys
import webbrowser
from pathlib import Path

from kgenre import cli
from kgenre.cli.library import positive
from kgenre.cli.output import read_output
from kgenre.core.errors import KgenreError
from kgenre.core.text import count
from kgenre.library.map import METHODS


def main(argv=None) -> int:
    parser = cli.make_parser("explore", __doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of music")
    cli.add_model_flag(parser)
    cli.add_runtime_flag(parser)
    cli.add_unsure_flag(parser)
    parser.add_argument("--library", type=Path, metavar="FILE", help="library (default: DIR/.kgenre/library.sqlite)")
    cli.add_reading_flags(parser, progressive=True)
    parser.add_argument("--workers", type=positive, metavar="N", help="reading processes (default: one per core)")
    parser.add_argument("--retry", action="store_true", help="try files again that failed before")
    parser.add_argument("--map", choices=METHODS, help="layout of the map (default: tsne; umap needs umap-learn)")
    parser.add_argument("--remap", action="store_true", help="lay out all tracks again, aligned with the old map")
    result = parser.add_mutually_exclusive_group()
    result.add_argument("--out", type=Path, metavar="FILE", help="write the map as one offline .html file and stop")
    result.add_argument("--scan-only", action="store_true", help="stop after updating the library and the map")
    parser.add_argument("--port", type=int, help="of the page (default: 8642, or any free port)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    return cli.run(_explore, parser.parse_args(argv))


def _explore(args: argparse.Namespace) -> int:
    from kgenre.library.build import last_policy, open_library
    from kgenre.serving.catalogue import open_model
    from kgenre.web.guard import listen

    unsure = cli.unsure_rule(args)
    if args.out:
        read_output(args.out, ("html",), needs_ending=True)
    if (args.out or args.scan_only) and (args.port or args.no_browser):
        raise KgenreError("--port and --no-browser are for the served page, not for --out and --scan-only.")
    # Before the work, so that a port in use is an error at once.
    listening = None if args.out or args.scan_only else listen(args.port)
    with open_library(args.folder, args.library) as library:
        model = open_model(args.model, args.runtime)
        model.unsure = unsure or model.unsure
        policy = cli.read_policy(args, last_policy(library, model))
        print(f"library: {library.path}\nmodel: {model.name}, {policy.text}", file=sys.stderr)
        report, quality = _update(library, args, model, policy)
        if args.out:
            _write(library, report.space, quality, args.out)
        elif listening is not None:
            left = library.provisional_recordings(report.space, args.folder) + report.counts["postponed"]
            _serve(library, report.space, quality, model, listening, args, left)
    return 1 if report.failures else 0


def _update(library, args: argparse.Namespace, model, policy):
    from kgenre.library.build import update_library
    from kgenre.library.recordings import size_text

    progress = cli.BarProgress()
    try:
        update = update_library(
            library, args.folder, model, policy, args.workers, args.retry, args.map, args.remap, progress,
            only_first=not (args.out or args.scan_only),
        )  # fmt: skip
    except KeyboardInterrupt:
        print("The tracks analysed so far are stored. Run the same command to continue.", file=sys.stderr)
        raise
    report = update.scan
    counts = ", ".join(f"{number} {name}" for name, number in report.counts.items() if number)
    print(f"scan: {counts or 'no music'}", file=sys.stderr)
    progress.failures(report.failures, "failed")
    failed_before = set(library.failures(report.space, args.folder)["path"]) - report.failures.keys()
    if failed_before:
        print(f"{len(failed_before)} of the unchanged files failed before; --retry tries them again", file=sys.stderr)
    print(f"{size_text(library)} on the map; {update.quality.summary}", file=sys.stderr)
    return update


def _write(library, space, quality, path: Path) -> None:
    from kgenre.web.explore.launch import write_page

    write_page(library, space, quality, path)
    size = path.stat().st_size / 1e6
    print(f"{path}: the map in one file, {size:.1f} MB; without sound, covers, Path to…, playlists and retraining")


def _serve(library, space, quality, model, listening, args: argparse.Namespace, left: int) -> None:
    from kgenre.web.explore.launch import serve_library

    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    print(f"{address}   (Ctrl-C stops)", flush=True)
    if left:
        print(f"{count(left, 'recording')} left to analyse whole; the page shows the progress", file=sys.stderr)
    if not args.no_browser:
        webbrowser.open(address)
    serve_library(library, space, quality, model, listening, args.folder if left else None, args.workers)


if __name__ == "__main__":
    sys.exit(main())
