"""The filter of `kgenre find`: a small language over genres, tags, years and folders.

    jazz > 0.6 and not instrumental
    year >= 1970 and year < 1980 and (artist = "Miles Davis" or folder ~ fusion)
    genre = rock and predicted != rock

    filter      `a or b`, `a and b`, `not a`, `( a )`, a comparison, or a name alone
    comparison  NAME OP VALUE, with = != > >= < <= for numbers, = != ~ !~ for text; ~ is "contains"
    names       genres, of the model or of the retrained head: their probability; alone, "at least 0.5"
                the default model's tags that are no genre of it: their probability; alone, "at least 0.2"
                predicted, confidence: the most probable genre and its probability; corrected: the corrected genre
                title, artist, album, genre, folder, path, year, seconds: of tags and files; alone, "is known"
    values      60% is 0.6; a value with spaces or parentheses is quoted; case does not matter
                a genre or tag with the name of a field is quoted: 'title' > 0.5

`and` binds closer than `or`. A comparison with an unknown year is false, except for !=.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from kgenre.library.head import Prediction
from kgenre.library.search.filter_parser import FilterParser, probability_column


def filter_mask(
    text: str,
    songs: pd.DataFrame,
    labels: Iterable[str],
    tags: Iterable[str] = (),
    tag_table: Callable[[], pd.DataFrame] | None = None,
) -> np.ndarray:
    """Which songs match a filter: bool (songs,).

    Args:
        text: the filter.
        songs: of `song_table`.
        labels: names of the genres that `songs` has probabilities of.
        tags: names of the columns of the table that `tag_table` returns.
        tag_table: returns tag probabilities, a row a song; called only if the filter names a tag.

    Raises:
        KgenreError: not a filter, or an unknown name.
    """
    return FilterParser(text, songs, labels, tags, tag_table).parse()


def song_table(library, prediction: Prediction) -> pd.DataFrame:
    """Tracks of a library with their genres.

    The columns of `Library.tracks`, and `predicted`, `confidence`, `corrected` and `probability_column` of each label.
    For a track that the prediction lacks the probabilities are NaN and `predicted` is "".
    """
    table, (labels, ids, probabilities) = library.tracks(), prediction
    probabilities = pd.DataFrame(probabilities.reshape(len(ids), len(labels)), index=ids)
    probabilities = probabilities.reindex(table.index).to_numpy("float32")
    known = ~np.isnan(probabilities).any(axis=1)
    best = np.where(known, prediction.task.decide(np.where(np.isnan(probabilities), 0, probabilities)), -1)
    table["predicted"] = pd.Series([labels[i] if i >= 0 else "" for i in best], table.index, dtype=object)
    table["confidence"] = np.where(known, probabilities.max(axis=1), np.nan)
    table["corrected"] = pd.Series(library.corrections(), dtype=object).reindex(table.index).fillna("")
    columns = {probability_column(label): probabilities[:, i] for i, label in enumerate(labels)}
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)
