"""The table of datasets that `--data` knows by name.

To add one, write its declaration in a file of this folder and give it a row here. The choices of the command
line, the table in the docs and the tests are derived from this table.
"""

from kgenre.collections.datasets import demo, fma, gtzan, playlists, spectrograms, tags
from kgenre.collections.datasets.dataset import Dataset

DATASETS: dict[str, Dataset] = {
    "demo": demo.DATASET,
    "fma_small": fma.FMA_SMALL,
    "fma_medium": fma.FMA_MEDIUM,
    "fma_large": fma.FMA_LARGE,
    "fma_full": fma.FMA_FULL,
    "gtzan": gtzan.DATASET,
    "playlists": playlists.DATASET,
    "tags": tags.DATASET,
    "spectrograms": spectrograms.DATASET,
}
