"""Names the genres of songs.

    kgenre predict SONG.mp3 --tags
    kgenre predict ~/Music --csv genres.csv
    kgenre predict --model models/RUN 'albums/**/*.flac' --json --slices

Strengths are probabilities averaged over the slices of the whole track. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1; the others are still answered.
"""

import argparse
import json
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.walk import expand_paths
from kgenre.core.errors import KgenreError
from kgenre.model.settings import make_config
from kgenre.serving.answers import track_row, track_text, write_csv


def main(argv=None) -> int:
    parser = cli.make_parser("predict", __doc__)
    parser.add_argument("songs", nargs="+", metavar="FILE|DIR|GLOB", help="songs, folders of songs, or quoted patterns")
    parser.add_argument("--model", type=Path, help="run folder or SavedModel folder (default: the default model)")
    parser.add_argument(
        "--csv", type=Path, metavar="OUT", help="also write path, genre, seconds, slices and one column a label"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a track instead of a line")
    parser.add_argument("--slices", action="store_true", help="give the strengths of each slice too")
    parser.add_argument("--tags", action="store_true", help="give the tags of the default model too")
    cli.add_config_flags(parser, ("workers",))
    return cli.run(_predict, parser.parse_args(argv))


def _predict(args: argparse.Namespace) -> int:
    if args.csv:
        cli.check_file(args.csv, "--csv")
    if args.tags and args.model:
        raise KgenreError("`--tags` are of the default model. Leave out --tags, or --model.")
    workers = make_config({}, cli.config_flags(args)).workers
    paths = expand_paths(args.songs)

    from kgenre.audio.reader import TrackReader
    from kgenre.serving import default_model as default
    from kgenre.serving.catalogue import open_model
    from kgenre.serving.predict import predict_tracks

    predictor = open_model(args.model)
    if not predictor.task.labels:
        raise KgenreError(
            f"{predictor.name} gives embeddings and names no genres. Use `kgenre embed`, or another --model."
        )
    reader = TrackReader(predictor.slice_spec)
    rows, progress = [], cli.BarProgress()
    with progress.task("analysing", len(paths), "tracks") as advance:
        for result in predict_tracks(predictor, reader, paths, workers=workers, advance=advance):
            row = track_row(result, predictor)
            if args.tags:
                row["tags"] = default.tags(result.slices.embeddings)
            rows.append(row)
            shown = row if args.slices else {name: row[name] for name in row if name != "by_slice"}
            print(json.dumps(shown) if args.json else track_text(row, args.slices), flush=True)
    if args.csv:
        order = {path: number for number, path in enumerate(paths)}
        rows.sort(key=lambda row: order[row["path"]])  # answers come as they are ready
        tags = sorted(rows[0]["tags"]) if args.tags and rows else []
        write_csv(rows, predictor.task.labels, args.csv, args.slices, tags)
    progress.failures(reader.failures, "failed")
    return 1 if reader.failures else 0


if __name__ == "__main__":
    sys.exit(main())
