"""Predictions of tracks as records, text, JSON lines and CSV."""

import csv
import io
import json
from collections.abc import Sequence

from kgenre.core.genres import GENRE, join_genres

TOP_GENRES, TOP_TAGS = 3, 8  # of a line of text


def track_record(prediction, tags: dict[str, float] | None = None) -> dict:
    """The prediction of a track as plain values.

    Args:
        prediction: TrackPrediction.
        tags: {tag: probability}, added if given.

    Returns:
        path, task, genre ("unsure" where the model is), genres (all of the answer, most probable first; none where the
        model is unsure), seconds, slices (their number), note (what is odd about the track, or ""), probabilities
        {genre: probability}, by_slice (start in seconds, genre, genres and probabilities of each slice), and tags.
    """
    from kgenre.model.tasks import chosen_labels
    from kgenre.model.unsure import UNSURE

    task, of_slices, unsure = prediction.task, prediction.slices.probabilities, prediction.unsure
    labels = task.labels
    by_slice = [
        {
            "start": round(start, 3),
            "genre": labels[answer],
            "genres": list(chosen_labels(task, values)),
            "probabilities": _by_label(labels, values),
        }
        for start, answer, values in zip(prediction.facts.starts, task.main(of_slices), of_slices)
    ]
    return {
        "path": prediction.path,
        "task": task.name,
        "genre": UNSURE if unsure else prediction.genre,
        "genres": [] if unsure else list(prediction.genres),
        "seconds": round(prediction.seconds, 3),
        "slices": len(by_slice),
        "note": prediction.facts.note,
        "probabilities": _by_label(labels, prediction.probabilities),
        "by_slice": by_slice,
        **({} if tags is None else {"tags": tags}),
    }


def _by_label(labels: Sequence[str], values) -> dict[str, float]:
    return dict(zip(labels, map(float, values)))


def record_text(record: dict, by_slice: bool) -> str:
    """Lines: path and genres, what is odd about the track, tags if the record has them, each slice.

    The genres are the most probable ones; of a multi-label task, all that were chosen. Where the model is unsure, the
    most probable ones follow that word.
    """
    several = record["task"] == "multi"
    lines = [f"{record['path']}: {_genre_text(record, several)}"]
    if record["note"]:
        lines.append(f"  {record['note']}")
    if "tags" in record:
        lines.append(f"  tags: {top_names(record['tags'], TOP_TAGS)}")
    if by_slice:
        lines += [f"  {part['start']:7.1f} s  {_genre_text(part, several)}" for part in record["by_slice"]]
    return "\n".join(lines) + "\n"


def _genre_text(part: dict, several: bool) -> str:
    """`part`: a record, or one of its slices. `several`: all chosen genres, rather than the most probable ones."""
    if not part["genres"]:
        return f"{part['genre']} ({top_names(part['probabilities'], TOP_GENRES)})"
    chosen = {name: part["probabilities"][name] for name in part["genres"]} if several else part["probabilities"]
    return top_names(chosen, len(chosen) if several else TOP_GENRES)


def top_names(probabilities: dict[str, float], top: int) -> str:
    """The `top` most probable names with percentages: jazz 70%, blues 20%, rock 5%."""
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])[:top]
    return ", ".join(f"{name} {value:.0%}" for name, value in ranked)


def record_json(record: dict, by_slice: bool) -> str:
    """The record as one line of JSON, without its slices if not `by_slice`."""
    return json.dumps({name: value for name, value in record.items() if by_slice or name != "by_slice"}) + "\n"


def records_table(records: list[dict], labels: Sequence[str], by_slice: bool) -> tuple[list[str], list[dict]]:
    """Columns path, genre, genres, seconds, slices, note, genre:NAME of each label, tag:NAME of each tag; and the rows.

    With `by_slice` there is a row a slice, its start after the slices; else a row a track.
    """
    tags = sorted(records[0].get("tags", ())) if records else []
    columns = ["path", "genre", "genres", "seconds", "slices", "note", *(["start"] if by_slice else [])]
    columns += [f"{GENRE}{label}" for label in labels]
    parts = ((record, part) for record in records for part in (record["by_slice"] if by_slice else [record]))
    return columns + [f"tag:{tag}" for tag in tags], [_row(record, part, tags) for record, part in parts]


def records_csv(records: list[dict], labels: Sequence[str], by_slice: bool) -> str:
    """The table of records as CSV."""
    columns, rows = records_table(records, labels, by_slice)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(record: dict, part: dict, tags: Sequence[str]) -> dict:
    """`part`: the record itself, or one of its slices."""
    return {
        "path": record["path"],
        "genre": part["genre"],
        "genres": join_genres(part["genres"]),
        "seconds": record["seconds"],
        "slices": record["slices"],
        "note": record["note"],
        **({"start": part["start"]} if "start" in part else {}),
        **{f"{GENRE}{label}": value for label, value in part["probabilities"].items()},
        **{f"tag:{tag}": record["tags"][tag] for tag in tags},  # of the whole track
    }
