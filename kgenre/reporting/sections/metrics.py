"""The metrics with their intervals, as metrics.json has them."""

from markupsafe import Markup

from kgenre.reporting.section import Output
from kgenre.reporting.subject import Subject
from kgenre.reporting.templates import render

NAMES = {  # metrics of either task in the order of the page, and their names there
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "mean_average_precision": "mAP (PR-AUC)",
    "macro_roc_auc": "macro ROC-AUC",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "top3_accuracy": "top-3 accuracy",
    "log_loss": "log loss",
}


def make(subject: Subject, output: Output) -> Markup:
    metrics = subject.metrics
    rows = [
        (title, metrics[name], metrics.get(f"{name}_interval_95"))
        for name, title in NAMES.items()
        if metrics.get(name) is not None
    ]
    return render("metrics.html", rows=rows, metrics=metrics)
