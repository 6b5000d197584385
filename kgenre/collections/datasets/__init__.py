"""The table of datasets that `--data` knows by name.

To add one, write its declaration in a file of this folder and give it a row here. The choices of the command
line, the table in the docs and the tests are derived from this table.
"""

from kgenre.collections.datasets import demo, gtzan, playlists, tags
from kgenre.collections.datasets.dataset import Dataset

DATASETS: dict[str, Dataset] = {
    "demo": demo.DATASET,
    "gtzan": gtzan.DATASET,
    "playlists": playlists.DATASET,
    "tags": tags.DATASET,
}
