"""Long work divided into chunks: the engines that compute them, and the folder of their parts.

A command describes its work by a `Work` and its items; `engines.run.compute` divides the items into chunks, has an
engine compute those that have no part yet, and hands back the parts. Nothing here knows what is computed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """One row of ENGINES. description: for `--help`. module: has `run(work, chunks, folder, settings, advance)`."""

    description: str
    module: str


ENGINES = {
    "local": Engine("this process and others of this machine", "kgenre.engines.local"),
    "ray": Engine("a Ray cluster, or this machine's cores where none is named", "kgenre.engines.ray_data"),
}
