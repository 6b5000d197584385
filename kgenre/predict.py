"""Names the genres of songs.

    kgenre predict SONG.mp3 --tags
    kgenre predict ~/Music --csv genres.csv
    kgenre predict --model models/RUN 'albums/**/*.flac' --json --slices

Strengths are probabilities averaged over the slices of the whole track. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1; the others are still answered.
"""

import argparse
import glob
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from kgenre import cli
from kgenre.config import make_config
from kgenre.errors import KgenreError

TOP, TOP_TAGS = 3, 8  # genres and tags named on a line


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
    paths = find_songs(args.songs)

    from kgenre import default
    from kgenre.inference import classify, open_model

    predictor = open_model(args.model)
    if not predictor.labels:
        raise KgenreError(
            f"{predictor.name} gives embeddings and names no genres. Use `kgenre embed`, or another --model."
        )
    reader = predictor.reader()
    rows = []
    with cli.progress() as bar:
        task = bar.add_task("listening", total=len(paths), unit="tracks")
        for result in classify(predictor, reader, paths, workers=workers, advance=lambda: bar.advance(task)):
            row = track_row(result, predictor)
            if args.tags:
                row["tags"] = default.tags(result.slice_embeddings)
            rows.append(row)
            shown = row if args.slices else {name: row[name] for name in row if name != "by_slice"}
            print(json.dumps(shown) if args.json else track_text(row, args.slices), flush=True)
    if args.csv:
        order = {path: number for number, path in enumerate(paths)}
        rows.sort(key=lambda row: order[row["path"]])  # answers come as they are ready
        tags = sorted(rows[0]["tags"]) if args.tags and rows else []
        write_csv(rows, predictor.labels, args.csv, args.slices, tags)
    cli.list_failures(reader.failures, "failed")
    return 1 if reader.failures else 0


def find_songs(names: list[str]) -> list[str]:
    """The files that the arguments name: files as they are, folders searched, patterns expanded.

    Raises:
        KgenreError: an argument that is nothing, or a folder or pattern without audio.
    """
    from kgenre.datasets.collection import find_audio

    found: dict[str, None] = {}  # a dict keeps the order and drops what is named twice
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = [str(file) for file in find_audio(path)]
        elif path.is_file():
            files = [name]
        else:
            files = sorted(file for file in glob.glob(name, recursive=True) if Path(file).is_file())
        if not files:
            rule = "holds no audio files" if path.is_dir() else "no such file, folder or match"
            raise KgenreError(
                f"{name}: {rule}. Name songs, folders of songs, or a quoted pattern such as 'album/*.mp3'."
            )
        found.update(dict.fromkeys(files))
    return list(found)


def track_row(result, predictor) -> dict:
    """What is said of one track, as --json prints it."""
    strengths = dict(zip(predictor.labels, (float(value) for value in result.probabilities)))
    step, clip = predictor.hop_samples / predictor.sample_rate, predictor.clip_samples / predictor.sample_rate
    last = max(0.0, result.seconds - clip)
    by_slice = [
        {"start": round(min(i * step, last), 3), "strengths": dict(zip(predictor.labels, map(float, values)))}
        for i, values in enumerate(result.slice_probabilities)
    ]
    return {
        "path": result.path,
        "genre": max(strengths, key=strengths.get),
        "seconds": round(result.seconds, 3),
        "slices": len(by_slice),
        "strengths": strengths,
        "by_slice": by_slice,
    }


def track_text(row: dict, slices: bool) -> str:
    """One line: path and its strongest genres; with `slices`, a line for each slice below it."""
    lines = [f"{row['path']}: {strongest(row['strengths'])}"]
    if "tags" in row:
        lines.append(f"  tags: {strongest(row['tags'], TOP_TAGS)}")
    if slices:
        lines += [f"  {part['start']:7.1f} s  {strongest(part['strengths'])}" for part in row["by_slice"]]
    return "\n".join(lines)


def strongest(strengths: dict[str, float], top: int = TOP) -> str:
    ranked = sorted(strengths.items(), key=lambda item: -item[1])[:top]
    return ", ".join(f"{genre} {value:.0%}" for genre, value in ranked)


def write_csv(rows: list[dict], labels: list[str], path: Path, slices: bool, tags: Sequence[str] = ()) -> None:
    """Columns path, genre, seconds, slices, one a label and one a tag; with `slices`, a row a slice with its start."""
    import pandas as pd

    from kgenre.run import write_beside

    def record(row: dict, strengths: dict, start: dict) -> dict:
        best = max(strengths, key=strengths.get)
        return {
            "path": row["path"],
            "genre": best,
            "seconds": row["seconds"],
            "slices": row["slices"],
            **start,
            **strengths,
            **{f"tag:{tag}": row["tags"][tag] for tag in tags},  # of the whole track
        }

    if slices:
        records = [record(row, part["strengths"], {"start": part["start"]}) for row in rows for part in row["by_slice"]]
    else:
        records = [record(row, row["strengths"], {}) for row in rows]
    columns = ["path", "genre", "seconds", "slices", *(["start"] if slices else []), *labels]
    columns += [f"tag:{tag}" for tag in tags]
    table = pd.DataFrame(records, columns=columns)

    def write(part):
        table.to_csv(part, index=False, errors="surrogateescape")

    if path.exists() and not path.is_file():  # a pipe or device has no place beside it
        write(path)
    else:
        write_beside(path.resolve(), write)


if __name__ == "__main__":
    sys.exit(main())
