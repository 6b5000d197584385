"""What a set is asked to be, beside what it was begun as."""

from dataclasses import dataclass
from pathlib import Path

from kgenre.collections.datasets import DATASETS
from kgenre.core.errors import KgenreError


@dataclass(frozen=True)
class Request:
    """What is to be prepared.

    values: {name: value} of seed, sample_rate_hz, shard_mb, decoder and all of CollectionOptions.
    given: those that the user named, and `data`; they must agree with a set that was begun.
    """

    values: dict
    given: dict

    def __post_init__(self):
        # A set may be gone on with from elsewhere.
        paths = {name: _absolute(self.given[name]) for name in ("data", "artists") if name in self.given}
        object.__setattr__(self, "given", {**self.given, **paths})

    def over(self, folder: Path, held: dict | None) -> dict:
        """The values, completed by those of the set that was begun in the folder.

        Raises:
            KgenreError: another value is given than the set was begun with; or no data, and nothing begun.
        """
        if held is None:
            if "data" not in self.given:
                raise KgenreError(f"{folder}: no set was begun in it. Name the tracks with --data.")
            return {**self.values, **self.given}
        for name, value in self.given.items():
            if held.get(name) != value:
                flag = "--" + name.replace("_", "-")
                raise KgenreError(
                    f"{folder}: was begun with {name}={held.get(name)}. Received: {value}. Leave {flag} out, or name "
                    "another folder with --to."
                )
        return {**self.values, **held}


def _absolute(name: str) -> str:
    return str(Path(name).resolve()) if name not in DATASETS and Path(name).exists() else name
