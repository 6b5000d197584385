"""Loss and main metric over the epochs of the training."""

import pandas as pd
from markupsafe import Markup

from kgenre.reporting.figures import new_figure
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject
from kgenre.training.curves import draw_loss, draw_metric

SIZE = (5, 3.4)


def make(subject: Subject, output: Output) -> Markup:
    if subject.run is None:
        raise LeftOut("there is no training run behind this model")
    path = subject.run / "history.csv"
    if not path.is_file():
        raise LeftOut("the run has no history.csv")
    history, metric = pd.read_csv(path), subject.task.metrics[0]
    if metric not in history:
        raise LeftOut("the run was taught by another model, without genres")
    output.table("history", history)
    kept = history.loc[history["best"]].iloc[-1]
    name = metric.replace("_", " ")
    loss, loss_axes = new_figure(*SIZE)
    draw_loss(loss_axes, history)
    main, main_axes = new_figure(*SIZE)
    draw_metric(main_axes, history, metric)
    return Markup('<div class="plots">{}{}</div>\n<p class="soft">{}</p>').format(
        output.figure("curves-loss", loss, f"Loss of train and valid over {len(history)} epochs"),
        output.figure("curves-metric", main, f"{name} of train and valid over {len(history)} epochs"),
        f"Epoch {kept['epoch']:.0f} of {len(history)} was kept: {name} {kept[f'valid_{metric}']:.3f} on valid. "
        "Train is measured while training, on single slices.",
    )
