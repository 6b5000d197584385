"""A share of the labels: some of the train tracks of each genre, as if nobody had labelled the others."""

import numpy as np
import pandas as pd

from kgenre.collections.labels import strata
from kgenre.core.genres import split_genres


def share_text(share: float, seed: int) -> str:
    return f"{share:g} of each genre, seed {seed}"


def draw_labelled(tracks: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, str]:
    """The tracks without those train tracks that are not drawn, and what the protocol says of it; valid and test stay.

    Of each genre `share` of the train tracks, rounded, but one at least. Of one genre a track, those of a smaller share
    are among those of a larger one under the same seed.

    Args:
        tracks: table with genres and split, in which each genre has train tracks.
        share: in [0, 1]; 1 draws all.
    """
    if share == 1:
        return tracks, ""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(tracks["split"] == "train"))
    genres = strata(tracks).iloc[rows].to_numpy()
    place = pd.Series(genres).groupby(genres).cumcount().to_numpy()
    counts = pd.Series(genres).value_counts()
    drawn = set(rows[place < np.maximum(1, np.round(share * counts[genres].to_numpy()))].tolist())
    own = [split_genres(text) for text in tracks["genres"]]
    known = {genre for row in drawn for genre in own[row]}
    for row in rows.tolist():  # of several genres a track, some are nobody's rarest
        if not known.issuperset(own[row]):
            drawn.add(row)
            known.update(own[row])
    kept = (tracks["split"] != "train").to_numpy()
    kept[sorted(drawn)] = True
    sentence = f"; {len(drawn)} of {len(rows)} train tracks drawn, {share_text(share, seed)}"
    return tracks[kept].reset_index(drop=True), sentence
