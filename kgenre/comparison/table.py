"""The table of a comparison, as values, Markdown and CSV."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kgenre.comparison.cost import Cost
from kgenre.comparison.pairs import Pair, compare_pairs
from kgenre.comparison.resampling import resample
from kgenre.comparison.results import Answers, Result, mean_and_deviation
from kgenre.core.metrics import percentile_interval
from kgenre.core.text import one_line

METRICS = {  # of each task: those of the table and their titles, the main one first
    "single": {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"},
    "multi": {
        "mean_average_precision": "mAP",
        "macro_roc_auc": "ROC-AUC",
        "micro_f1": "micro-F1",
        "macro_f1": "macro-F1",
    },
}
NOTES = (
    "Of a metric: mean over the seeds ± their standard deviation, in parentheses the 95 % interval of the mean from a "
    "bootstrap over artists (tracks where artists are unknown). The interval contains the choice of the evaluated "
    "tracks; the deviation contains weights, crops and, where the collection has no split of its own, the split.",
    "MACs: multiply-accumulates of the network behind the spectrogram. Train time: epochs with their validation, mean "
    "over the seeds. Tracks/s: whole evaluated tracks, decoding included, measured one row at a time after training.",
)


@dataclass(frozen=True)
class Comparison:
    """What is shown and written.

    command: the exact command line. head: {title: sentences} on data, protocol, overlap, and LEAKY where it is so.
    rows: of the table, as `table_rows` gives them. pairs: of all rows. failed: {name of a run: cause}.
    """

    command: str
    task: str
    head: dict[str, list[str]]
    rows: list[dict]
    pairs: list[Pair]
    failed: dict[str, str]

    @property
    def metrics(self) -> dict[str, str]:
        return METRICS[self.task]

    def values(self) -> dict:
        """As table.json has them."""
        return {**dataclasses.asdict(self), "notes": list(NOTES)}


def make_comparison(command: str, results: Sequence[Result], costs: dict[str, Cost], speeds: dict[str, float]):
    """The Comparison of results, of which one at least has a finished row.

    Args:
        costs, speeds: by the name of a configuration, as far as they are known.
    """
    found = [result for result in results if result.predictions]
    task = next(iter(found[0].predictions.values())).task.name
    head = {title: list(dict.fromkeys(fact for result in found for fact in result.facts(key))) for key, title in HEAD}
    failed = {f"{result.name}-seed-{seed}": cause for result in results for seed, cause in result.failed.items()}
    rows = [_row(task, result, costs.get(result.name), speeds.get(result.name)) for result in results]
    pairs = compare_pairs(task, next(iter(METRICS[task])), found)
    return Comparison(command, task, {title: facts for title, facts in head.items() if facts}, rows, pairs, failed)


HEAD = (("leaky", "LEAKY"), ("data", "data"), ("protocol", "protocol"), ("overlap", "overlap"), ("note", "note"))


def _row(task: str, result: Result, cost: Cost | None, speed: float | None) -> dict:
    """Plain values: a metric as {mean, deviation, interval, seeds}, None where it is not known."""
    answers = [Answers.of(one) for one in result.predictions.values()]
    samples = resample(task, answers) if answers else {}
    metrics = {}
    for name in METRICS[task]:
        mean, deviation = mean_and_deviation(result.metric(name))
        interval = percentile_interval(samples[name]) if name in samples else None
        metrics[name] = {"mean": mean, "deviation": deviation, "interval_95": interval, "seeds": result.metric(name)}
    tracks = sorted({one.metrics["tracks"] for one in result.predictions.values()})
    return {
        "configuration": result.name,
        "seeds": len(result.predictions),
        "failed": len(result.failed),
        "tracks": tracks,
        "metrics": metrics,
        "parameters": cost.parameters if cost else None,
        "macs_per_slice": cost.macs if cost else None,
        "macs_per_second": cost.macs_per_second if cost else None,
        "train_seconds": mean_and_deviation(result.train_seconds)[0],
        "tracks_per_second": speed,
        "best_epochs": result.best_epochs,
        "methods": result.facts("method"),
    }


def head_cells(comparison: Comparison) -> list[str]:
    own = ("parameters", "MMACs a slice", "MMACs/s of audio", "train time", "tracks/s", "best epoch")
    return ["configuration", "seeds", *comparison.metrics.values(), *own]


def row_cells(comparison: Comparison, row: dict) -> list[str]:
    """The cells of a row as text."""
    return [
        row["configuration"],
        f"{row['seeds']}" + (f", {row['failed']} failed" if row["failed"] else ""),
        *(metric_text(comparison.task, row["metrics"][name]) for name in comparison.metrics),
        _known(row["parameters"], "{:,}"),
        _millions(row["macs_per_slice"]),
        _millions(row["macs_per_second"]),
        _known(row["train_seconds"], "{:.0f} s"),
        _known(row["tracks_per_second"], "{:.1f}"),
        ", ".join(map(str, row["best_epochs"])) or "-",
    ]


def metric_text(task: str, metric: dict) -> str:
    """0.7123 with its deviation and interval -> "71.2 ± 1.0 (66.0 to 76.1)", in % of a single-label task."""
    if metric["mean"] is None:
        return "-"
    scale, digits = (100, 1) if task == "single" else (1, 3)
    text = f"{scale * metric['mean']:.{digits}f}"
    text += "" if metric["deviation"] is None else f" ± {scale * metric['deviation']:.{digits}f}"
    low, high = metric["interval_95"] or (None, None)
    return text if low is None else f"{text} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"


def _known(value, form: str) -> str:
    return "-" if value is None else form.format(value)


def _millions(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.1f}"


def markdown_table(comparison: Comparison) -> str:
    """Head, table, failures, pairs and notes."""
    head = [f"- {title}: {one_line(fact)}" for title, facts in comparison.head.items() for fact in facts]
    head.append(f"- command: `{one_line(comparison.command)}`")
    table = markdown(head_cells(comparison), [row_cells(comparison, row) for row in comparison.rows])
    failed = [f"- {name} failed: {one_line(cause)}" for name, cause in comparison.failed.items()]
    parts = ["\n".join(head), table, "\n".join(failed), _pairs_text(comparison), "\n".join(NOTES)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _pairs_text(comparison: Comparison) -> str:
    if not comparison.pairs:
        return ""
    head = ["first", "second", "difference", "95 % interval"]
    single = comparison.task == "single"
    head += ["only first right", "only second right", "McNemar p", "p, Holm"] if single else []
    return pairs_title(comparison) + "\n\n" + markdown(head, [pair_cells(comparison, one) for one in comparison.pairs])


def pairs_title(comparison: Comparison, order: str = "first minus second") -> str:
    pair, name = comparison.pairs[0], next(iter(comparison.metrics.values()))
    return f"Pairs: difference of {name}, {order}, on the same {pair.tracks} evaluated tracks"


def pair_cells(comparison: Comparison, pair: Pair) -> list[str]:
    scale, digits = (100, 1) if comparison.task == "single" else (1, 3)
    low, high = pair.interval or (float("nan"),) * 2
    low, high, difference = (f"{scale * value:+z.{digits}f}" for value in (low, high, pair.difference))  # z: no -0.0
    cells = [pair.first, pair.second, difference, f"{low} to {high}"]
    if comparison.task != "single":
        return cells
    return [*cells, str(pair.only_first), str(pair.only_second), p_text(pair.p), p_text(pair.p_holm)]


def p_text(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *escaped))


def csv_table(comparison: Comparison) -> str:
    """A row a configuration, with plain numbers."""
    rows = []
    for row in comparison.rows:
        flat = {"configuration": row["configuration"], "seeds": row["seeds"], "failed": row["failed"]}
        for name in comparison.metrics:
            metric = row["metrics"][name]
            low, high = metric["interval_95"] or (None, None)
            flat |= {name: metric["mean"], f"{name}_sd": metric["deviation"], f"{name}_low": low, f"{name}_high": high}
        names = ("parameters", "macs_per_slice", "macs_per_second", "train_seconds", "tracks_per_second")
        flat |= {name: row[name] for name in names}
        lists = {name: " ".join(map(str, row[name])) for name in ("tracks", "best_epochs")}
        rows.append({**flat, **lists, "method": "; ".join(row["methods"])})
    return pd.DataFrame(rows).astype({"parameters": "Int64", "macs_per_slice": "Int64"}).to_csv(index=False)


def csv_pairs(pairs: Sequence[Pair]) -> str:
    table = pd.DataFrame([dataclasses.asdict(pair) for pair in pairs])
    bounds = [pair.interval or (None, None) for pair in pairs]
    table[["low", "high"]] = pd.DataFrame(bounds, columns=["low", "high"], index=table.index)
    return table.drop(columns="interval").to_csv(index=False)
