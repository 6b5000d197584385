"""Predictions of tracks as records, text, JSON lines and CSV."""

import json
from collections.abc import Sequence

TOP_GENRES, TOP_TAGS = 3, 8  # of a line of text


def track_record(prediction, tags: dict[str, float] | None = None) -> dict:
    """The prediction of a track as plain values.

    Args:
        prediction: TrackPrediction.
        tags: {tag: probability}, added if given.

    Returns:
        path, genre, seconds, slices (their number), note (what is odd about the track, or ""), probabilities
        {genre: probability}, by_slice (start in seconds, genre and probabilities of each slice), and tags.
    """
    task, of_slices = prediction.task, prediction.slices.probabilities
    labels = task.labels
    by_slice = [
        {"start": round(start, 3), "genre": labels[answer], "probabilities": _by_label(labels, values)}
        for start, answer, values in zip(prediction.facts.starts, task.decide(of_slices), of_slices)
    ]
    return {
        "path": prediction.path,
        "genre": prediction.genre,
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
    """Lines: path and most probable genres, what is odd about the track, tags if the record has them, each slice."""
    lines = [f"{record['path']}: {top_names(record['probabilities'], TOP_GENRES)}"]
    if record["note"]:
        lines.append(f"  {record['note']}")
    if "tags" in record:
        lines.append(f"  tags: {top_names(record['tags'], TOP_TAGS)}")
    if by_slice:
        lines += [
            f"  {part['start']:7.1f} s  {top_names(part['probabilities'], TOP_GENRES)}" for part in record["by_slice"]
        ]
    return "\n".join(lines) + "\n"


def top_names(probabilities: dict[str, float], top: int) -> str:
    """The `top` most probable names with percentages: jazz 70%, blues 20%, rock 5%."""
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])[:top]
    return ", ".join(f"{name} {value:.0%}" for name, value in ranked)


def record_json(record: dict, by_slice: bool) -> str:
    """The record as one line of JSON, without its slices if not `by_slice`."""
    return json.dumps({name: value for name, value in record.items() if by_slice or name != "by_slice"}) + "\n"


def records_csv(records: list[dict], labels: Sequence[str], by_slice: bool) -> str:
    """A CSV table: path, genre, seconds, slices, note, a column for each label and each tag.

    With `by_slice` it has a row a slice, its start after the slices; else a row a track.
    """
    import pandas as pd

    tags = sorted(records[0].get("tags", ())) if records else []
    rows = []
    for record in records:
        parts = record["by_slice"] if by_slice else [record]
        rows += [_csv_row(record, part, tags) for part in parts]
    columns = ["path", "genre", "seconds", "slices", "note", *(["start"] if by_slice else []), *labels]
    return pd.DataFrame(rows, columns=columns + [f"tag:{tag}" for tag in tags]).to_csv(index=False)


def _csv_row(record: dict, part: dict, tags: Sequence[str]) -> dict:
    """`part`: the record itself, or one of its slices."""
    return {
        "path": record["path"],
        "genre": part["genre"],
        "seconds": record["seconds"],
        "slices": record["slices"],
        "note": record["note"],
        **({"start": part["start"]} if "start" in part else {}),
        **part["probabilities"],
        **{f"tag:{tag}": record["tags"][tag] for tag in tags},  # of the whole track
    }
