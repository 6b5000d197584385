"""Settings of a prepared set."""

from pydantic import Field

from kgenre.core.settings import Settings


class ShardSettings(Settings):
    """How a set is cut into files."""

    # 1.6 hours at 22 050 Hz: what a kill loses is decoded again in seconds, and a terabyte is four thousand files.
    shard_mb: int = Field(256, ge=1, le=65536, description="size of a shard; a longer track has one of its own")
    workers: int | None = Field(None, ge=1, le=256, description="processes; one a core if not given")
