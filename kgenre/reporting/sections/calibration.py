"""How far probabilities can be believed: reliability diagram, NLL, Brier score, ECE; also without the temperature."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from kgenre.core.calibration import calibration_intervals, calibration_metrics, reliability_bins
from kgenre.model.aggregate import aggregate
from kgenre.model.temperature import uncalibrated
from kgenre.reporting.figures import BLUE, GREY, RED, new_figure
from kgenre.reporting.section import Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

NAMES = {"log_loss": "NLL", "brier": "Brier score", "ece": "ECE"}
COLOURS = BLUE, RED
LEAST_TEMPERATURE = 0.4  # below it sure answers are rounded to 1 and 0, of which scores cannot be had again


@dataclass(frozen=True)
class Calibration:
    """Of one set of probabilities: metrics and intervals by the names of NAMES, and the bins of the diagram."""

    metrics: dict
    intervals: dict
    bins: list


def make(subject: Subject, output: Output) -> Markup:
    found = {"as it answers": subject.probabilities}
    temperature = subject.run.temperature if subject.run else subject.metrics.get("temperature", 1.0)
    before = without_temperature(subject, temperature)
    if before is not None:
        found = {"after temperature scaling": subject.probabilities, "before": before}
    measured = {name: measure(subject, p, output.options.seed) for name, p in found.items()}
    output.json("calibration", {"temperature": temperature, **{name: asdict(one) for name, one in measured.items()}})
    output.table("reliability", _bins_table(measured))
    figure = output.figure(
        "reliability", diagram(measured), "Reliability diagram: accuracy by confidence of the answer"
    )
    return render(
        "calibration.html", figure=figure, measured=measured, names=NAMES, several=subject.task.several,
        temperature=np.atleast_1d(temperature).tolist() if np.any(np.asarray(temperature) != 1) else None,
        fitted_on_these=subject.run is not None and subject.metrics["split"] != "test",
    )  # fmt: skip


def without_temperature(subject: Subject, temperature) -> np.ndarray | None:
    """Track probabilities that the network gives without its temperature; None where they are not known."""
    temperatures = np.asarray(temperature)
    if (
        np.all(temperatures == 1)
        or temperatures.min() < LEAST_TEMPERATURE
        or len(subject.with_slices) < len(subject.rows)
    ):
        return None
    slices = (subject.tracks[path].probabilities for path in subject.rows["path"])
    return np.stack([aggregate(uncalibrated(subject.task, part, temperature)) for part in slices])


def measure(subject: Subject, probabilities: np.ndarray, seed: int) -> Calibration:
    targets = subject.targets
    return Calibration(
        calibration_metrics(targets, probabilities),
        calibration_intervals(targets, probabilities, subject.groups, seed=seed),
        [one._asdict() for one in reliability_bins(targets, probabilities)],
    )


def diagram(measured: dict[str, Calibration]):
    """Accuracy of the answers in each bin by their mean confidence, with Wilson's intervals."""
    figure, axes = new_figure(4.4, 4.0)
    axes.plot((0, 1), (0, 1), "--", color=GREY, linewidth=1, label="calibrated")
    for (name, one), colour, style in reversed(list(zip(measured.items(), COLOURS, ("o-", "s:")))):
        x, y = ([row[key] for row in one.bins] for key in ("confidence", "accuracy"))
        low, high = np.array([row["interval_95"] for row in one.bins]).T
        errors = np.clip([y - low, high - y], 0, None)
        axes.errorbar(x, y, yerr=errors, fmt=style, color=colour, markersize=4.5, capsize=2, elinewidth=0.9, label=name)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence of the answer", ylabel="share that is right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", fontsize=9)
    return figure


def _bins_table(measured: dict[str, Calibration]) -> pd.DataFrame:
    rows = [{"probabilities": name, **row} for name, one in measured.items() for row in one.bins]
    table = pd.DataFrame(rows)
    bounds = np.array(table.pop("interval_95").tolist())
    return table.assign(accuracy_low=bounds[:, 0], accuracy_high=bounds[:, 1])
