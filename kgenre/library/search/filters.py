"""The filter of `kgenre find`: a small language over genres, tags, years and folders.

    jazz > 0.6 and not instrumental
    year >= 1970 and year < 1980 and (artist = "Miles Davis" or folder ~ fusion)
    genre = rock and predicted != rock

    filter      `a or b`, `a and b`, `not a`, `( a )`, a comparison, or a name alone
    comparison  NAME OP VALUE, with = != > >= < <= for numbers, = != ~ !~ for text; ~ is "contains"
    names       genres, of the model or of the retrained head: their probability; alone, "at least 0.5", or at least
                the genre's threshold where a track may have several
                the model's tags that are no genre of it: their probability; alone, "at least 0.2"
                predicted, confidence: the predicted genre, or any of several, or unsure, and the highest probability;
                corrected: the corrected genre
                title, artist, album, genre, folder, path, year, seconds: of tags and files; alone, "is known"
    values      60% is 0.6; a value with spaces or parentheses is quoted; case does not matter
                a genre or tag with the name of a field is quoted: 'title' > 0.5

`and` binds closer than `or`. A comparison with an unknown year is false, except for !=.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from kgenre.core.genres import join_genres
from kgenre.library.head import Prediction
from kgenre.library.search.filter_parser import MIN_TAG, FilterParser, probability_column
from kgenre.model.tasks import Task, chosen_labels
from kgenre.model.unsure import UNSURE


def filter_mask(
    text: str,
    songs: pd.DataFrame,
    task: Task,
    tags: Iterable[str] = (),
    tag_table: Callable[[], pd.DataFrame] | None = None,
) -> np.ndarray:
    """Which songs match a filter: bool (songs,).

    Args:
        text: the filter.
        songs: of `song_table`.
        task: of the prediction in `songs`, whose labels `songs` has probabilities of.
        tags: names of the columns of the table that `tag_table` returns.
        tag_table: returns tag probabilities, a row a song; called only if the filter names a tag.

    Raises:
        KgenreError: not a filter, or an unknown name.
    """
    return FilterParser(text, songs, task, tags, tag_table).parse()


def predicted_texts(task: Task, probabilities: np.ndarray, unsure: np.ndarray) -> list[str]:
    """The genres of the answers as text, UNSURE where it is: probabilities (tracks, classes), unsure (tracks,)."""
    if not task.several:  # one each: in one step
        texts = [task.labels[i] for i in task.main(probabilities)]
    else:
        texts = [join_genres(chosen_labels(task, row)) for row in probabilities]
    return [UNSURE if none else text for text, none in zip(texts, unsure)]


def tag_texts(names: Sequence[str], probabilities: np.ndarray) -> list[str]:
    """The tags of tracks with a probability of at least MIN_TAG, most probable first: (tracks, tags)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    counts = (probabilities >= MIN_TAG).sum(axis=1)
    return [join_genres(names[i] for i in row[:count]) for row, count in zip(order, counts)]


def confidence(task: Task, probabilities: np.ndarray) -> np.ndarray:
    """The probability of the genre that stands for each answer, float32 (tracks,); NaN of probabilities NaN."""
    return np.take_along_axis(probabilities, task.main(probabilities)[:, None], axis=1)[:, 0]


def song_table(library, prediction: Prediction, only: Iterable[int] | None = None) -> pd.DataFrame:
    """Tracks of a library with their genres: all, or some by their ids.

    The columns of `Library.tracks`, and `predicted`, `confidence`, `corrected` and `probability_column` of each label.
    `predicted` are all genres of the answer, joined as core.genres does, and `confidence` is the probability of the
    most probable one; where the model is unsure, `predicted` is UNSURE. For a track that the prediction lacks the
    probabilities are NaN and `predicted` is "".
    """
    table, (task, ids, probabilities, unsure) = library.tracks(only), prediction
    labels = task.labels
    probabilities = pd.DataFrame(probabilities.reshape(len(ids), len(labels)), index=ids)
    probabilities = probabilities.reindex(table.index).to_numpy("float32")
    known = ~np.isnan(probabilities).any(axis=1)
    predicted = np.full(len(table), "", dtype=object)
    unsure = pd.Series(unsure, ids).reindex(table.index, fill_value=False).to_numpy(bool)
    predicted[known] = predicted_texts(task, probabilities[known], unsure[known])
    table["predicted"] = pd.Series(predicted, table.index, dtype=object)
    table["confidence"] = confidence(task, probabilities)
    table["corrected"] = pd.Series(library.corrections(), dtype=object).reindex(table.index).fillna("")
    columns = {probability_column(label): probabilities[:, i] for i, label in enumerate(labels)}
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)
