"""The table of sections, in the order of the page. To add one, write its file here and give it a row.

A section gets the Subject and an Output, writes the files behind it, and gives its HTML. It raises LeftOut, with the
reason in one line, where the report's model or data do not have what it needs.
"""

from kgenre.reporting.section import Section
from kgenre.reporting.sections import (
    calibration,
    classification,
    classifiers,
    confusion,
    curves,
    durations,
    embeddings,
    metrics,
    mislabelled,
    mistaken_for,
    mistakes,
    robustness,
    roc,
)

SECTIONS: dict[str, Section] = {
    "metrics": Section("Metrics", metrics.make),
    "curves": Section("Training", curves.make),
    "classification": Section("Classification report", classification.make),
    "confusion": Section("Confusion", confusion.make),
    "roc": Section("ROC and precision-recall", roc.make),
    "mistakes": Section("Most confident mistakes", mistakes.make),
    "mistaken_for": Section("Genres taken for others", mistaken_for.make),
    "mislabelled": Section("Likely mislabelled tracks", mislabelled.make),
    "calibration": Section("Calibration", calibration.make),
    "durations": Section("Accuracy by length and slices", durations.make),
    "embeddings": Section("Embeddings by genre", embeddings.make),
    "robustness": Section("Robustness", robustness.make),
    "classifiers": Section("Classifiers", classifiers.make),
}
