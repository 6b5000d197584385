"""What a set is asked to be, beside what it was begun as."""

from dataclasses import dataclass
from pathlib import Path

from kgenre.collections import find_dataset
from kgenre.core.errors import KgenreError
from kgenre.preparation.plan import Plan


@dataclass(frozen=True)
class Request:
    """What is to be prepared.

    values: {name: value} of seed, sample_rate_hz, shard_mb, decoder and all of CollectionOptions.
    given: those that the user named, and `data`; they must agree with a set that was begun.
    max_bad_share: of the files; None for that of the set. It may change.
    """

    values: dict
    given: dict
    max_bad_share: float | None = None

    def __post_init__(self):
        # A set may be gone on with from elsewhere.
        places = {"data": _absolute_data, "artists": lambda name: str(Path(name).resolve())}
        paths = {name: places[name](self.given[name]) for name in places if name in self.given}
        object.__setattr__(self, "given", {**self.given, **paths})

    def over(self, folder: Path, plan: Plan | None) -> dict:
        """The values, completed by those of the set that was begun in the folder.

        Raises:
            KgenreError: another value is given than the set was begun with; or no data, and nothing begun.
        """
        if plan is None:
            if "data" not in self.given:
                raise KgenreError(f"{folder}: no set was begun in it. Name the tracks with --data.")
            return {**self.values, **self.given}
        held = plan.request
        for name, value in self.given.items():
            if held.get(name) != value:
                flag = "--" + name.replace("_", "-")
                raise KgenreError(
                    f"{folder}: was begun with {name}={held.get(name)}. Received: {value}. Leave {flag} out, or name "
                    "another folder with --out."
                )
        return {**self.values, **held}


def _absolute_data(name: str) -> str:
    if dataset := find_dataset(name):
        return f"{dataset[0]}:{dataset[1].resolve()}"
    return str(Path(name).resolve()) if Path(name).exists() else name
