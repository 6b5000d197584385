"""How well a student agrees with its teacher on test tracks that neither training nor the choice of an epoch saw."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kgenre.audio.open_reader import open_reader
from kgenre.core.agreement import Answers, agreement, correlations, cosines, intervals
from kgenre.core.errors import KgenreError
from kgenre.core.files import write_json, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.serving.exported import open_exported
from kgenre.serving.predict import predict_tracks
from kgenre.training.distillation.answers import read_answers
from kgenre.training.distillation.start import TEACHER, read_renditions
from kgenre.training.run import Run

LINES = {  # measures in the order of the report, and their names there
    "r2": "R2 of the embedding",
    "r2_median": "median of its values' R2",
    "cosine": "cosine of the embedding",
    "correlation": "correlation of tags",
    "difference": "difference of tags",
}
SHOWN = 8  # tags at either end of the report


def measure_agreement(run: Run, progress: Progress = SILENT) -> dict:
    """Compares the exported student with its teacher on the test tracks as they are, whole.

    Writes metrics.json, report.txt and agreement.csv, which has a row for all tracks, each kind of music and each tag.

    Returns:
        The metrics, as in metrics.json.

    Raises:
        KgenreError: no test track can be used.
    """
    settings, labels = run.load_settings(), run.load_labels()
    renditions = read_renditions(run)
    answers, _ = read_answers(run / TEACHER, len(labels))
    rows = renditions[(renditions["split"] == "test") & renditions["path"].isin(answers)]
    model = open_exported(run.folder)
    reader, workers = open_reader(model.slice_spec, policy=settings.reader.policy), settings.reader.workers
    with progress.task("evaluating test", len(rows), "tracks") as advance:
        results = {
            one.path: one for one in predict_tracks(model, reader, list(rows["path"]), workers=workers, advance=advance)
        }
    rows = rows[rows["path"].isin(results)]
    if rows.empty:
        raise KgenreError(f"{run.folder}: no test track can be used. First: {next(iter(reader.failures.values()), '')}")
    truth = Answers(*map(np.stack, zip(*(answers[path].of_track for path in rows["path"]))))
    found = Answers(*map(np.stack, zip(*((results[p].embedding, results[p].probabilities) for p in rows["path"]))))
    tracks = run.load_tracks().set_index("path").loc[rows["track"]]
    facts = run.load_facts()
    constant = train_mean(answers, renditions, len(rows))
    metrics = {
        "data": settings.data,
        "split": "test",
        "teacher": facts["distillation"]["teacher"],
        "protocol": facts["protocol"],
        "leaky": facts["leaky"],
        "tracks": len(rows),
        "groups": int(tracks["group"].nunique()),
        **agreement(truth, found),
        **{f"{name}_interval_95": value for name, value in intervals(truth, found, tracks["group"].to_numpy()).items()},
        "difference_of_a_constant": agreement(truth, constant)["difference"],
        "per_kind": per_kind(truth, found, tracks["kind"].to_numpy()),
        "per_tag": per_tag(truth, found, labels),
        "bad_files": dict(reader.failures),
    }
    metrics = plain(metrics)
    write_text(run / "agreement.csv", agreement_table(metrics).to_csv(index=False))
    write_text(run / "report.txt", summary(metrics) + "\n")
    write_json(run / "metrics.json", metrics)
    return metrics


def train_mean(answers: Mapping, renditions: pd.DataFrame, n: int) -> Answers:
    """The teacher's mean answer for train renditions, n times: what a student that is given no audio would answer."""
    train = [
        answers[path].of_track for path in renditions.loc[renditions["split"] == "train", "path"] if path in answers
    ]
    return Answers(*(np.repeat(np.mean(part, axis=0, keepdims=True), n, axis=0) for part in zip(*train)))


def per_kind(truth: Answers, found: Answers, kinds: np.ndarray) -> dict[str, dict]:
    """{kind: tracks, cosine, difference}, the kinds with most tracks first."""
    similar = cosines(truth.embeddings, found.embeddings)
    differences = np.abs(truth.probabilities - found.probabilities).mean(axis=1)
    table = pd.DataFrame({"kind": kinds, "cosine": similar, "difference": differences}).groupby("kind")
    means = table.mean().assign(tracks=table.size()).sort_values("tracks", ascending=False, kind="stable")
    return {
        kind: {"tracks": int(row.tracks), "cosine": row.cosine, "difference": row.difference}
        for kind, row in zip(means.index, means.itertuples())
    }


def per_tag(truth: Answers, found: Answers, labels: list[str]) -> dict[str, dict]:
    """{tag: correlation, difference, teacher (its mean probability)}."""
    columns = (
        correlations(truth.probabilities, found.probabilities),
        np.abs(truth.probabilities - found.probabilities).mean(axis=0),
        truth.probabilities.mean(axis=0),
    )
    names = ("correlation", "difference", "teacher")
    return {label: dict(zip(names, map(float, values))) for label, *values in zip(labels, *columns)}


def plain(value):
    """As JSON takes it: NaN as None."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def agreement_table(metrics: dict) -> pd.DataFrame:
    """A row for all test tracks, each kind and each tag."""
    rows = [{"of": "all", "name": "", "tracks": metrics["tracks"], **{name: metrics[name] for name in LINES}}]
    rows += [{"of": "kind", "name": kind, **row} for kind, row in metrics["per_kind"].items()]
    rows += [{"of": "tag", "name": tag, **row} for tag, row in metrics["per_tag"].items()]
    return pd.DataFrame(rows, columns=["of", "name", "tracks", *LINES, "teacher"])


def summary(metrics: dict) -> str:
    """The metrics as text: what is printed, and written to report.txt."""
    lines = [f"LEAKY: {metrics['leaky']}"] if metrics["leaky"] else []
    lines.append(f"agreement with {metrics['teacher']} on {metrics['tracks']} test songs of {metrics['data']}")
    for name, title in LINES.items():
        bounds = metrics[f"{name}_interval_95"]
        interval = (
            f"   (95 % interval {bounds[0]:.3f} to {bounds[1]:.3f}, of {metrics['groups']} groups)" if bounds else ""
        )
        lines.append(f"  {title:<24} {_shown(metrics[name])}{interval}")
    lines += [
        f"  {'of a constant answer':<24} {_shown(metrics['difference_of_a_constant'])}   (difference of tags)",
        f"  {'protocol':<24} {metrics['protocol']}",
        "",
        f"  {'kind':<28} songs  cosine  difference",
    ]
    for kind, row in metrics["per_kind"].items():
        lines.append(f"  {kind:<28} {row['tracks']:5d}  {_shown(row['cosine']):>6}  {_shown(row['difference']):>10}")
    known = [(tag, row["correlation"]) for tag, row in metrics["per_tag"].items() if row["correlation"] is not None]
    known.sort(key=lambda pair: -pair[1])
    named = [f"{tag} {value:.2f}" for tag, value in known]
    if len(named) > 2 * SHOWN:
        lines += ["", f"  tags that agree best     {', '.join(named[:SHOWN])}"]
        lines += [f"  tags that agree least    {', '.join(named[::-1][:SHOWN])}"]
    elif named:
        lines += ["", f"  tags, by agreement       {', '.join(named)}"]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
