"""FMA's features.csv: 518 statistics of librosa features for each of its tracks."""

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError

ROWS_AT_ONCE = 4096


def read_fma_features(path, wanted: set[int]) -> dict[int, np.ndarray]:
    """The rows of the wanted tracks, {track_id: float32 (518,)}; the file has three header rows.

    Raises:
        KgenreError: the file cannot be read, or has another form.
    """
    try:
        chunks = pd.read_csv(path, header=[0, 1, 2], index_col=0, chunksize=ROWS_AT_ONCE)
        return {
            int(number): row.to_numpy("float32")
            for chunk in chunks
            for number, row in chunk[chunk.index.isin(wanted)].iterrows()
        }
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise KgenreError(f"{path}: not a readable features.csv of FMA ({cause}).") from error
