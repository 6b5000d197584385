"""Settings of the collection that a command reads."""

from pydantic import Field

from kgenre.collections.datasets import DATASETS
from kgenre.core.settings import Settings

# What `--data` takes: the help texts and the errors say it in the same words.
DATA_METAVAR = "NAME|DIR|MANIFEST"
DATA = f"a dataset ({', '.join(DATASETS)}), a folder of genre folders, or a .csv or .parquet manifest"


class CollectionSettings(Settings):
    """The collection to read."""

    data: str = Field("demo", description=DATA, json_schema_extra={"metavar": DATA_METAVAR})
