"""Names the genres of songs.

    kgenre predict SONG.mp3 --tags
    kgenre predict ~/Music --csv genres.csv
    kgenre predict --model models/RUN 'albums/**/*.flac' --json --slices

Strengths are probabilities averaged over the slices of the whole track. Files that cannot be used
are listed on stderr with the reason, and the exit status is then 1; the others are still answered.
"""

from collections.abc import Sequence
from pathlib import Path

TOP, TOP_TAGS = 3, 8  # genres and tags named on a line


def track_row(result, predictor) -> dict:
    """What is said of one track, as --json prints it."""
    strengths = dict(zip(predictor.task.labels, (float(value) for value in result.probabilities)))
    spec = predictor.slice_spec
    last = max(0.0, result.seconds - spec.slice_seconds)
    by_slice = [
        {
            "start": round(min(i * spec.hop_seconds, last), 3),
            "strengths": dict(zip(predictor.task.labels, map(float, values))),
        }
        for i, values in enumerate(result.slices.probabilities)
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
    lines = [f"{row['path']}: {top_genres(row['strengths'])}"]
    if "tags" in row:
        lines.append(f"  tags: {top_genres(row['tags'], TOP_TAGS)}")
    if slices:
        lines += [f"  {part['start']:7.1f} s  {top_genres(part['strengths'])}" for part in row["by_slice"]]
    return "\n".join(lines)


def top_genres(strengths: dict[str, float], top: int = TOP) -> str:
    ranked = sorted(strengths.items(), key=lambda item: -item[1])[:top]
    return ", ".join(f"{genre} {value:.0%}" for genre, value in ranked)


def write_csv(rows: list[dict], labels: list[str], path: Path, slices: bool, tags: Sequence[str] = ()) -> None:
    """Columns path, genre, seconds, slices, one a label and one a tag; with `slices`, a row a slice with its start."""
    import pandas as pd

    from kgenre.core.files import write_beside

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
