"""Predictions that no model made, for the tests of reports: tracks whose labels they know as well as is asked."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from kgenre.collections.tables import COLUMNS
from kgenre.core.genres import join_genres
from kgenre.evaluation.predictions import Predictions, write_predictions
from kgenre.model.tasks import make_task, task_values

HOSTILE = '</script><b>bold</b><img src=x onerror="alert(1)">'


def made_predictions(
    name: str, labels, n: int, signal: float = 2.0, seed: int = 0, artists: int = 60, more: dict | None = None
) -> Predictions:
    """Of n tracks, one of them hostile by name.

    Args:
        name: of the task.
        signal: how far the scores of a track's genres lie above those of others, in deviations; 0: shuffled labels.
        more: entries of the metrics.
    """
    rng = np.random.default_rng(seed)
    task = make_task(name, labels, {"thresholds": [0.3] * len(labels)} if name == "multi" else None)
    main = rng.permutation(np.arange(n) % len(labels))
    has = np.arange(len(labels)) == main[:, None]
    if name == "multi":
        has |= rng.random(has.shape) < 0.15
    scores = rng.normal(size=has.shape) + signal * has
    probabilities = (softmax(scores, axis=1) if name == "single" else expit(scores - 1.5)).astype("float32")
    rows = pd.DataFrame("", index=range(n), columns=COLUMNS)
    rows["path"] = [f"/music/{i}.mp3" for i in range(n)]
    rows["track_id"] = [HOSTILE, *(f"Song {i}" for i in range(1, n))]
    rows["artist"] = [f"Artist {i % artists}" for i in range(n)]
    rows["split"], rows["genre"] = "test", [labels[i] for i in main]
    rows["genres"] = [join_genres([labels[i] for i in np.flatnonzero(own)]) for own in has]
    head = {"data": "made", "split": "test", **task_values(task), "note": "", "leaky": "", "protocol": "by hand",
            "overlap": "none"}  # fmt: skip
    own = task.evaluate(task.targets(rows), probabilities)
    return Predictions(rows, probabilities, task, {**head, **own, "bad_files": {}, **(more or {})})


def write_evaluation(folder, predictions: Predictions) -> Path:
    """metrics.json and predictions.csv, as an evaluation leaves them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_predictions(folder / "predictions.csv", predictions.rows, predictions.probabilities, predictions.task.labels)
    (folder / "metrics.json").write_text(json.dumps(predictions.metrics))
    return folder


def write_baseline(folder, predictions: Predictions, names, noise: float = 1.0) -> Path:
    """As `kgenre baseline` leaves it: the first classifier answered as the predictions do, the others are noisier."""
    tried = [{"classifier": name, "score": 0.5, "parameters": ""} for name in names]
    own = {"method": f"{names[0]}, on made vectors", "selection": {"on": "valid", "tried": tried, "left_out": {}}}
    folder = write_evaluation(folder, Predictions(**{**vars(predictions), "metrics": {**predictions.metrics, **own}}))
    pd.DataFrame(tried).to_csv(folder / "classifiers.csv", index=False)
    (folder / "classifiers").mkdir()
    rng = np.random.default_rng(1)
    for number, name in enumerate(names):
        noisy = predictions.probabilities * np.exp(rng.normal(0, noise, predictions.probabilities.shape) * number)
        noisy = noisy / noisy.sum(axis=1, keepdims=True) if predictions.task.name == "single" else noisy / (1 + noisy)
        given = noisy.astype("float32") if number else predictions.probabilities
        write_predictions(folder / "classifiers" / f"{name}.csv", predictions.rows, given, predictions.task.labels)
    return folder
