"""What an evaluation writes: metrics.json, confusion.csv, confusion.png, report.txt; and its summary."""


def write_report(rows, answers, failures, labels, collection, split, note, learnt, out, more=None) -> dict:
    """Writes metrics.json, confusion.csv, confusion.png and report.txt of answers {path: probabilities}.

    Args:
        learnt: rows that the model was fitted on, or None where they are not known.
        more: values to add to the metrics, or to put in their place; `method` is shown in the report.
    """
    import numpy as np

    from kgenre.collections.splits import artist_overlap
    from kgenre.core.files import write_text
    from kgenre.core.metrics import confusion_table, track_metrics
    from kgenre.evaluation.plots import draw_confusion
    from kgenre.training.run import Run

    kept = rows[rows["path"].isin(answers)]
    truth = np.array([labels.index(genre) for genre in kept["genre"]])
    probabilities = np.stack([answers[path] for path in kept["path"]])
    metrics = {
        "data": collection.name,
        "split": split,
        "note": note,
        "protocol": "every track, whatever its split" if split == "all" else collection.protocol,
        "overlap": "unknown: the training tracks are not known" if learnt is None else artist_overlap(kept, learnt),
        **track_metrics(truth, probabilities, labels),
        "bad_files": failures,
        **(more or {}),
    }
    table = confusion_table(truth, probabilities.argmax(axis=1), labels)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "confusion.csv", table.to_csv())
    draw_confusion(table, f"{split}: {metrics['accuracy']:.1%} of {len(kept)} tracks", out / "confusion.png")
    write_text(out / "report.txt", summary(metrics) + "\n")
    Run(out).save_json("metrics.json", metrics)
    return metrics


def summary(metrics: dict) -> str:
    """The report that is printed and written to report.txt."""
    low, high = metrics["accuracy_interval_95"]
    lines = [
        f"{metrics['split']} of {metrics['data']}: {metrics['tracks']} tracks",
        f"  accuracy           {metrics['accuracy']:.1%}   (95 % interval {low:.1%} to {high:.1%})",
        f"  balanced accuracy  {metrics['balanced_accuracy']:.1%}",
        f"  macro-F1           {metrics['macro_f1']:.3f}",
        f"  top-3 accuracy     {metrics['top3_accuracy']:.1%}",
        f"  protocol           {metrics['protocol']}",
        f"  overlap            {metrics['overlap']}",
    ]
    if metrics.get("method"):
        lines.append(f"  method             {metrics['method']}")
    if metrics.get("sampled_tracks"):
        lines.append(
            f"  sampled            {metrics['sampled_tracks']} tracks, {metrics['slices_per_track']} slices of each"
        )
    if metrics["note"]:
        lines.append(f"  note               {metrics['note']}")
    lines += ["", f"  {'genre':<16} precision  recall      f1  tracks"]
    for genre, row in metrics["per_genre"].items():
        lines.append(
            f"  {genre:<16} {row['precision']:9.2f} {row['recall']:7.2f} {row['f1']:7.2f} {row['tracks']:7.0f}"
        )
    if metrics["bad_files"]:
        lines += ["", f"  {len(metrics['bad_files'])} files left out:"]
        lines += [f"    {path}: {cause}" for path, cause in metrics["bad_files"].items()]
    return "\n".join(lines)
