"""The front matter of a model card: what Hugging Face's Hub reads of it, in YAML.

Form: https://huggingface.co/docs/hub/model-cards and https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
Without `license`, which is the author's to choose, and without `datasets`, which are names on the Hub.
"""

import json

import numpy as np

from kgenre.core.text import one_line

METRICS = {  # of metrics.json: what the Hub calls it, and its name for people
    "accuracy": ("accuracy", "accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "balanced accuracy"),
    "macro_f1": ("f1", "macro-F1"),
    "top3_accuracy": ("top_3_accuracy", "top-3 accuracy"),
    "mean_average_precision": ("mean_average_precision", "mAP (mean of the genres' PR-AUC)"),
    "macro_roc_auc": ("roc_auc", "macro ROC-AUC"),
    "micro_f1": ("f1", "micro-F1"),
    "log_loss": ("log_loss", "log loss"),
    "brier": ("brier_score", "Brier score"),
    "ece": ("expected_calibration_error", "expected calibration error"),
}


def front_matter(name: str, arch: str, metrics: dict) -> str:
    """The front matter with its two lines `---`.

    Args:
        name: of the model. arch: a row of ARCHS. metrics: as metrics.json has them.
    """
    known = {key: titles for key, titles in METRICS.items() if metrics.get(key) is not None}
    leaky = " (LEAKY)" if metrics["leaky"] else ""
    dataset = {"name": f"{one_line(metrics['data'])}{leaky}", "type": one_line(metrics["data"])}
    values = {
        "library_name": "keras",
        "pipeline_tag": "audio-classification",
        "tags": ["music", "genre", "music-genre-classification", "kgenre", arch],
        "metrics": list(dict.fromkeys(kind for kind, _ in known.values())),
        "model-index": [
            {
                "name": one_line(name),
                "results": [
                    {
                        "task": {"type": "audio-classification", "name": "music genre classification"},
                        "dataset": {**dataset, "split": metrics["split"]},
                        "metrics": [
                            {"type": kind, "value": metrics[key], "name": f"{title}{leaky}"}
                            for key, (kind, title) in known.items()
                        ],
                    }
                ],
            }
        ],
    }
    return "\n".join(["---", *yaml_lines(values), "---"])


def yaml_lines(value: dict | list, indent: str = "") -> list[str]:
    """A tree of dicts, lists, text and numbers as YAML in block style."""
    lines = []
    for key, part in value.items() if isinstance(value, dict) else ((None, part) for part in value):
        start = f"{indent}- " if key is None else f"{indent}{key}:"
        if isinstance(part, (dict, list)):
            inner = yaml_lines(part, f"{indent}  ")
            # The first line of an item stands behind its dash.
            lines += [start + inner[0].lstrip(), *inner[1:]] if key is None else [start, *inner]
        else:
            lines.append(f"{start.rstrip()} {_scalar(part)}")
    return lines


def _scalar(value: str | int | float) -> str:
    if isinstance(value, float):
        return np.format_float_positional(value, trim="0")  # YAML 1.1 takes 1e-05 for text
    return json.dumps(value, ensure_ascii=False)
