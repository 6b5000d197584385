"""A recipe, and the file that holds it."""

from dataclasses import dataclass
from pathlib import Path

from kgenre.core.errors import KgenreError, check_known
from kgenre.core.settings import flat, read_settings_file

TABLES = ("cells", "published", "spectrograms")  # of a file, beside the settings


@dataclass(frozen=True)
class Published:
    """What was published of a row.

    accuracy: in %, None where it is not known. protocol: how it was measured. data: the dataset by name, None of songs
    that are not published.
    """

    protocol: str = ""
    accuracy: float | None = None
    data: str | None = None


@dataclass(frozen=True)
class Recipe:
    """Settings by a name.

    name: SYSTEM/FILE or SYSTEM/FILE/CELL; of a file of the user its path.
    path: of the file.
    settings: flat, of `kgenre train`, or of `kgenre baseline` where there is a `classifier`.
    spectrograms: what to set otherwise where tracks are spectrograms; None where it needs audio.
    published: None of what is nobody's but kgenre's.
    """

    name: str
    path: Path
    settings: dict
    spectrograms: dict | None = None
    published: Published | None = None

    @property
    def system(self) -> str:
        return self.name.partition("/")[0]

    @property
    def protocol(self) -> str:
        """How the published accuracy was measured; "" of what is nobody's but kgenre's."""
        return self.published.protocol if self.published else ""

    @property
    def accuracy(self) -> float | None:
        """The published accuracy in %, None where it is not known."""
        return self.published.accuracy if self.published else None

    def text(self) -> str:
        """Its file, without the other cells: a file of this recipe alone."""
        lines, table, cell = [], "", self.name.rpartition("/")[2]
        for line in self.path.read_text(encoding="utf-8").splitlines():
            table = line if line.startswith("[") else table
            if not _of_other_cell(line, table, cell):
                lines.append(line)
        return "\n".join(lines) + "\n"

    @property
    def command(self) -> str:
        """The command that it is of, "train" or "baseline"."""
        return "baseline" if "classifier" in self.settings else "train"

    @property
    def line(self) -> str:
        """What the user types to run it on the published data."""
        data = (self.published and self.published.data) or "DATA"
        given = "" if "data" in self.settings else f" --data {data}"
        return f"kgenre {self.command} --config {self.name}{given}"

    def check(self, command: str, known, unlisted=()) -> "Recipe":
        """Itself, if it has no other settings than those `known`, and those that are known but not listed in errors.

        Raises:
            KgenreError: it is of another command, or has another setting.
        """
        if self.command != command:
            raise KgenreError(f"{self.name}: is of `kgenre {self.command}`. Type `{self.line}`.")
        for name in (*self.settings, *(self.spectrograms or ())):
            if name not in unlisted:
                check_known("setting", name, known, where=f"{self.name}: ")
        return self


def _of_other_cell(line: str, table: str, cell: str) -> bool:
    """Whether a line of a table belongs to a cell that is not this one: in [cells], or [cells.NAME]."""
    if table == "[cells]":
        return " = " in line and line.partition(" = ")[0].rstrip() != cell
    return table.startswith("[cells.") and table != f"[cells.{cell}]"


def read_recipes(path: Path, name: str) -> list[Recipe]:
    """The recipes of a file, NAME itself, or NAME/CELL of each of its cells.

    Raises:
        KgenreError: the file cannot be read, or a table of it is none.
    """
    values = read_settings_file(path, TABLES)
    tables = {table: values.pop(table, None) for table in TABLES}
    for table, own in tables.items():
        _check_table(path, table, own)
    cells = {f"{name}/{cell}": own for cell, own in (tables["cells"] or {}).items()} or {name: {}}
    return [_recipe(one, path, values, own, tables) for one, own in cells.items()]


def _check_table(path: Path, name: str, own) -> None:
    if own is not None and not isinstance(own, dict):
        raise KgenreError(f"{path}: `{name}` must be a table, [{name}]. Received: {own!r}.")


def _recipe(name: str, path: Path, values: dict, own: dict, tables: dict) -> Recipe:
    if not isinstance(own, dict):
        raise KgenreError(f"{path}: a cell must be a table of settings. Received: {name}={own!r}.")
    told = {**(tables["published"] or {}), **{key: own[key] for key in own if key == "accuracy"}}
    for key in told:
        check_known("entry of [published]", key, Published.__dataclass_fields__, where=f"{path}: ")
    settings = {key: value for key, value in own.items() if key not in ("accuracy", "spectrograms")}
    spectrograms = own.get("spectrograms", tables["spectrograms"])
    _check_table(path, "spectrograms", spectrograms)
    return Recipe(name, path, {**values, **flat(settings)}, spectrograms, Published(**told) if told else None)
