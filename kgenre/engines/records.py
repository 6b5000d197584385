"""Parts whose results are records: a line of JSON for each item, in its order."""

import json
from collections.abc import Mapping
from pathlib import Path

from kgenre.core.errors import DamagedFile
from kgenre.engines.work import Failure, Items, Work

SUFFIX = ".jsonl"
END = '{"end": '  # the last line counts the others: a file that was cut has none


def write_records(path: Path, results: Mapping[str, object]) -> None:
    """Writes {name: record, which JSON takes, or Failure}."""
    with path.open("w", encoding="utf-8") as file:
        for name, value in results.items():
            told = {"cause": value.cause} if isinstance(value, Failure) else {"value": value}
            file.write(json.dumps({"name": name, **told}) + "\n")  # in ASCII, whatever bytes a file name has
        file.write(f"{END}{len(results)}}}\n")


def read_records(path: Path) -> dict[str, object]:
    """What `write_records` wrote.

    Raises:
        DamagedFile: it cannot be read, or is damaged.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = {row["name"]: Failure(row["cause"]) if "cause" in row else row["value"] for row in rows[:-1]}
        whole = rows[-1] == {"end": len(found)}
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DamagedFile(path, f"{path}: a damaged part ({error}).") from error
    if not whole:
        raise DamagedFile(path, f"{path}: a damaged part (its end is missing).")
    return found


def record_failures(path: Path) -> dict[str, str]:
    """{name: cause} of the failures of a part, as of Work."""
    return {name: value.cause for name, value in read_records(path).items() if isinstance(value, Failure)}


class RecordWork(Work):
    """Work whose values are what JSON takes."""

    suffix = SUFFIX

    def write(self, path: Path, items: Items, results: Mapping[str, object]) -> None:
        write_records(path, results)

    def failures(self, path: Path) -> dict[str, str]:
        return record_failures(path)
