"""What is computed, item by item, and the parts that it is written to."""

import abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import UNREACHABLE
from kgenre.core.urls import is_url

Items = Mapping[str, object]  # {name: what JSON takes: all that belongs to the item}


@dataclass(frozen=True)
class Failure:
    """Stands for the result of an item that has none. cause: why."""

    cause: str


# Of items, in any order: (name, value or Failure), each item once.
Results = Iterator[tuple[str, object]]


class Work(abc.ABC):
    """Something to be computed of many items. It is sent to the workers of a cluster, so it is small and picklable.

    kind: a name; what `kgenre merge` does with the parts.
    settings: what JSON takes; all that the results depend on. Parts of other settings are never mixed.
    suffix: of the files of its parts.
    """

    kind: str
    settings: dict
    suffix: str

    @abc.abstractmethod
    def open(self, threads: int | None = None) -> Callable[[Items], Results]:
        """The function that computes; called once in each worker, where it loads the model.

        What the function raises ends the run; what is wrong with one item is a Failure.

        Args:
            threads: cores that a worker of a cluster may use; None in the process of the command, where the work's
                own settings say so.

        Raises:
            KgenreError: it cannot be computed here, or would not give what `settings` say.
        """

    @abc.abstractmethod
    def write(self, path: Path, items: Items, results: Mapping[str, object]) -> None:
        """Writes a part: the results of a chunk's items, in the order of the items."""

    @abc.abstractmethod
    def failures(self, path: Path) -> dict[str, str]:
        """{name: cause} of the items of a part that have no value.

        Raises:
            DamagedFile: the part is damaged.
        """

    def lost(self, items: Items) -> list[str]:
        """The files beside the parts that these items have, by their parts, and that are not there."""
        return []


def may_pass(name: str, cause: str) -> bool:
    """Whether a failure of an item may be of the moment: a disk that was not mounted, a server that did not answer."""
    return is_url(name) or cause.startswith(UNREACHABLE)
