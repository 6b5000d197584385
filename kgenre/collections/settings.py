"""Settings of the collection that a command reads."""

from pydantic import Field

from kgenre.core.settings import Settings

DATA = "demo, a folder of genre folders, or a CSV or Parquet manifest with path and genre"


class CollectionSettings(Settings):
    """Which collection."""

    data: str = Field("demo", description=DATA)
