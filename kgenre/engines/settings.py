"""Settings of engines: where work is computed, and which part of it."""

import re
from typing import Literal

from pydantic import Field

from kgenre.core.errors import KgenreError
from kgenre.core.settings import Settings
from kgenre.engines import ENGINES


class EngineSettings(Settings):
    """Where a command computes. None of it changes what is computed."""

    engine: Literal[*ENGINES] = Field(
        "local", description="; ".join(f"{name}: {row.description}" for name, row in ENGINES.items())
    )
    part: str = Field(
        "1/1",
        description="compute the K-th of N parts only, for other schedulers; then `kgenre merge`",
        json_schema_extra={"metavar": "K/N"},
    )
    parts_folder: str | None = Field(
        None,
        description="folder for what is computed until all is there, a path or URL that all workers share; "
        ".NAME.parts beside the output if not given",
        json_schema_extra={"metavar": "DIR"},
    )
    ray_address: str | None = Field(
        None,
        description="of --engine ray: address of the cluster; RAY_ADDRESS, or else Ray is started on this machine",
        json_schema_extra={"metavar": "HOST:PORT"},
    )
    # A core decodes while a network that answers slice by slice needs no more: most throughput of a core.
    worker_cpus: int = Field(1, ge=1, le=1024, description="of --engine ray: cores of a worker, which holds one model")
    worker_gpus: float = Field(0.0, ge=0, le=64, description="of --engine ray: GPUs of a worker, or a share of one")
    worker_memory_gib: float = Field(
        0.0,
        ge=0,
        le=4096,
        description="of --engine ray: memory a worker needs, which a node must have; 0: any",
    )
    ray_log: bool = Field(False, description="of --engine ray: show what Ray tells of itself")

    def check(self) -> None:
        """Raises KgenreError where `part` is not K/N with 1 <= K <= N."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.part)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise KgenreError(f"`part` must be K/N with K from 1 to N, such as 3/10. Received: part={self.part}.")

    @property
    def fraction(self) -> tuple[int, int]:
        """K and N of `part`; raises what `check` does."""
        self.check()
        k, n = map(int, self.part.split("/"))
        return k, n

    @property
    def is_whole(self) -> bool:
        """Whether all is computed, and merged at the end."""
        return self.fraction[1] == 1
