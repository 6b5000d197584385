"""A comparison from its rows: the cost beforehand, the rows that are not finished, the speeds, the table."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from kgenre.comparison.cost import Cost, estimate_costs
from kgenre.comparison.grid import run_rows
from kgenre.comparison.page import comparison_page
from kgenre.comparison.results import read_results
from kgenre.comparison.rows import Row, keep_settings
from kgenre.comparison.speed import measure_speeds
from kgenre.comparison.table import Comparison, csv_pairs, csv_table, make_comparison, markdown, markdown_table
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json, write_text
from kgenre.core.progress import SILENT, Progress

COSTS, SPEEDS = "cost.json", "speed.json"  # what was measured already, by configuration


def estimate(rows: Sequence[Row], out: Path, progress: Progress = SILENT) -> tuple[dict[str, Cost], dict[str, str]]:
    """The cost of each configuration of networks; what the folder has is not measured again.

    Returns:
        {configuration: Cost}, and {configuration: cause} of those that could not be measured.
    """
    from kgenre.training.start import load_tracks

    known = kept_costs(out)
    missing = {}
    for row in rows:
        if row.network and row.configuration not in known:
            missing.setdefault(row.configuration, row.network)
    if not missing:
        return known, {}
    found, causes = estimate_costs(missing, load_tracks(next(iter(missing.values())), progress), progress)
    return {**known, **found}, causes


def kept_costs(out: Path) -> dict[str, Cost]:
    """{configuration: Cost} of those that were measured in the folder."""
    kept = _read(out / COSTS)  # of another version, perhaps: then it is measured again
    return {name: Cost(**values) for name, values in kept.items() if set(values) == set(Cost.__dataclass_fields__)}


def cost_text(rows: Sequence[Row], costs: dict[str, Cost], causes: dict[str, str], out: Path, parallel: int) -> str:
    """What is printed before anything is trained."""
    waiting = [row for row in rows if not row.finished(out)]
    head = ["configuration", "rows left", "parameters", "MMACs a slice", "s a step", "s an epoch", "min a row"]
    lines, total = [], 0.0
    for name in dict.fromkeys(row.configuration for row in waiting if row.configuration in costs):
        cost, n = costs[name], sum(row.configuration == name for row in waiting)
        numbers = (f"{cost.parameters:,}", f"{cost.macs / 1e6:,.1f}", f"{cost.step_seconds:.2f}")
        lines.append([name, str(n), *numbers, f"{cost.epoch_seconds:.1f}", f"{cost.seconds / 60:.1f}"])
        total += n * cost.seconds
    text = [f"{len(rows)} rows, {len(rows) - len(waiting)} of them finished"]
    text += [markdown(head, lines)] if lines else []
    text += [f"{name}: cost not measured: {cause}" for name, cause in causes.items()]
    if lines:
        beside = f", {parallel} rows at a time share the machine" if parallel > 1 else ""
        text.append(
            f"about {duration_text(total)} for the networks, one row at a time{beside}; early stopping may shorten it, "
            "augmentation of audio lengthens it"
        )
    if any(row.network is None for row in waiting):
        text.append("classic classifiers: not estimated; their vectors are computed once")
    return "\n".join(text)


def duration_text(seconds: float) -> str:
    """In whole minutes, rounded up; with hours above two."""
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes <= 120 else f"{minutes // 60} h {minutes % 60} min"


def compare(
    rows: Sequence[Row], costs: dict[str, Cost], out: Path, parallel: int, command: str, progress: Progress = SILENT
) -> Comparison:
    """Runs the rows that are not finished, and writes table.md, table.csv, table.html, table.json and pairs.csv.

    Args:
        rows: of the grid, each of them one run.
        costs: as of `estimate`.
        out: folder; it holds the run folders of the rows.
        parallel: rows at a time.
        command: the command line, for the table.

    Raises:
        KgenreError: the folder holds rows of other settings, another process works in it, or no row could be finished.
    """
    make_output_folder(out)
    keep_settings(rows, out)
    write_json(out / COSTS, {name: cost.values() for name, cost in costs.items()})
    failed = run_rows(rows, out, parallel, progress)
    results = read_results(rows, out, failed)
    if not any(result.predictions for result in results):
        name, cause = next(iter(failed.items()))
        raise KgenreError(f"no row could be finished. {name}: {cause} The logs are in {out / 'logs'}.")
    comparison = make_comparison(command, results, costs, _speeds(rows, out, progress))
    write_text(out / "table.md", markdown_table(comparison))
    write_text(out / "table.csv", csv_table(comparison))
    write_text(out / "table.html", comparison_page(comparison))
    write_json(out / "table.json", comparison.values())
    if comparison.pairs:
        write_text(out / "pairs.csv", csv_pairs(comparison.pairs))
    return comparison


def _speeds(rows: Sequence[Row], out: Path, progress: Progress) -> dict[str, float]:
    """{configuration: tracks/s} of the networks, measured where the folder does not have it."""
    known = _read(out / SPEEDS)
    finished = [row for row in rows if row.network and row.finished(out) and row.configuration not in known]
    missing = {}
    for row in finished:
        missing.setdefault(row.configuration, row.folder(out))
    if missing:
        known |= measure_speeds(missing, progress)
        write_json(out / SPEEDS, known)
    return known


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
