"""What a model gets wrong: the table of mistakes, and which genres are taken for which.

A mistake is a track whose one predicted genre is not its genre; of several genres a track, whose main predicted genre
(Task.main) is none of its genres.
"""

import numpy as np
import pandas as pd

from kgenre.core.genres import split_genres
from kgenre.evaluation.predictions import Predictions

TOP = 3
WAYS = ("mistaken for", "predicted instead of")


def hits(found: Predictions) -> np.ndarray:
    """Whether the main predicted genre of each track is among its genres: bool (tracks,)."""
    shares = found.task.shares(found.targets)
    return shares[np.arange(len(shares)), found.task.main(found.probabilities)] > 0


def ranked_mistakes(found: Predictions) -> np.ndarray:
    """Numbers of the mistakes, int (mistakes,), those of the highest probability for the wrong genre first."""
    numbers = np.flatnonzero(~hits(found))
    confidence = found.probabilities[numbers, found.task.main(found.probabilities)[numbers]]
    return numbers[np.argsort(-confidence, kind="stable")]


def mistakes_table(found: Predictions) -> pd.DataFrame:
    """The mistakes, as `ranked_mistakes` orders them.

    Returns:
        One row a mistake; its index is the number of the track in `found.rows`. Columns: track_id; one a label, in the
        order of the labels, its probability in percent, int; label, the track's genre, or its genres joined by ", ";
        top1 and top3, int 0 or 1, whether a genre of the track is the main predicted one (0, for it is a mistake) and
        among the three most probable; predicted, the main predicted genre.
    """
    shares, main = found.task.shares(found.targets), found.task.main(found.probabilities)
    numbers = ranked_mistakes(found)
    best = np.argsort(-found.probabilities[numbers], axis=1, kind="stable")[:, :TOP]
    percent = pd.DataFrame(
        np.round(100 * found.probabilities[numbers].astype(float)).astype(int), numbers, found.task.labels
    )
    before = pd.DataFrame({"track_id": found.rows["track_id"].iloc[numbers].to_numpy(str)}, numbers)
    genres = [", ".join(split_genres(text)) for text in found.rows["genres"].iloc[numbers]]
    after = {
        "label": genres,
        "top1": np.zeros(len(numbers), int),
        "top3": (np.take_along_axis(shares[numbers], best, axis=1) > 0).any(axis=1).astype(int),
        "predicted": np.array(found.task.labels, object)[main[numbers]],
    }
    return pd.concat([before, percent, pd.DataFrame(after, numbers)], axis=1)  # a label may have the name of a column


def mistaken_counts(found: Predictions) -> np.ndarray:
    """Mistakes by genre of the track (rows) and main predicted genre (columns): int (labels, labels), 0 where equal.

    A track of several genres counts in the row of each.
    """
    shares, wrong = found.task.shares(found.targets) > 0, ~hits(found)
    answers = np.arange(len(found.task.labels)) == found.task.main(found.probabilities)[:, None]  # (tracks, labels)
    return (shares & wrong[:, None]).T.astype(int) @ (answers & wrong[:, None]).astype(int)


def mistaken_for(found: Predictions) -> pd.DataFrame:
    """For each genre, what its tracks were mistaken for, and whose tracks were mistaken for it.

    Returns:
        One row a genre, way and other genre that occurs, the most frequent first. Columns: genre; way, "mistaken for"
        (tracks of `genre` predicted as `other`) or "predicted instead of" (`genre` predicted for tracks of `other`);
        other; tracks, int; share: of the tracks of `genre`, or of the tracks that are predicted as `genre`. Of one
        genre a track the shares of a genre's two ways add up to 1 - recall and 1 - precision.
    """
    labels, counts = found.task.labels, mistaken_counts(found)
    having = (found.task.shares(found.targets) > 0).sum(axis=0)
    predicted = np.bincount(found.task.main(found.probabilities), minlength=len(labels))
    rows = []
    for i, genre in enumerate(labels):
        for way, row, total in zip(WAYS, (counts[i], counts[:, i]), (having[i], predicted[i])):
            order = [j for j in np.argsort(-row, kind="stable") if row[j]]
            rows += [(genre, way, labels[j], int(row[j]), float(row[j] / total)) for j in order]
    return pd.DataFrame(rows, columns=["genre", "way", "other", "tracks", "share"])
