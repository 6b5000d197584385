"""The tables of the docs: written from ARCHS, FEATURES, AUGMENTS, OPTIMIZERS, DATASETS and WEIGHTS."""

import pytest

from kgenre import tables as command
from kgenre.archs import ARCHS
from kgenre.augment import AUGMENTS
from kgenre.cli import tables
from kgenre.collections.datasets import DATASETS
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.training.optimizers import OPTIMIZERS

MARKED = "# Title\n\n" + "".join(f"<!-- table: {name} -->\nold\n<!-- end -->\n\ntext\n" for name in tables.TABLES)


def cells(table: str) -> list[list[str]]:
    return [line.strip("|").replace("`", "").split(" | ") for line in table.splitlines()]


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return {name: make() for name, make in tables.TABLES.items()}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("architectures", ARCHS),
        ("features", FEATURES),
        ("augmentations", AUGMENTS),
        ("optimizers", OPTIMIZERS),
        ("datasets", DATASETS),
    ],
)
def test_a_line_for_every_row(name, rows, written):
    head, rule, *lines = cells(written[name])
    assert [line[0].strip() for line in lines] == list(rows)
    assert [line[1].strip() for line in lines] == [row.description for row in rows.values()]
    assert {len(line) for line in lines} == {len(head)} == {len(rule)}


def test_parameters_are_those_worked_by_hand(written):
    # convpool at 128 x 256 x 1 with 10 genres; the convolutions' and the head's terms as in test_archs.py
    convpool = 17 * 32 + 128 + 9248 + 128 + 8256 + 256 + 32896 + 512 + 1024 * (384 + 1) + 4096 + 1025 * 10
    resnet50 = 23_587_712 + 1024 * (2048 + 1) + 4096 + 1025 * 10
    counts = {line[0].strip(): line[-1].strip() for line in cells(written["architectures"])}
    assert counts["convpool"] == f"{convpool:,}".replace(",", " ") == "460 554"
    assert counts["resnet50"] == f"{resnet50:,}".replace(",", " ")


def test_update_puts_the_tables_between_their_marks(tmp_path, written, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", {name: lambda table=table: table for name, table in written.items()})
    path = tmp_path / "README.md"
    path.write_text(MARKED)
    assert command.main(["--update", str(path)]) == 0
    text = path.read_text()
    for table in written.values():
        assert f" -->\n{table}\n<!-- end -->\n\ntext\n" in text
    assert text.startswith("# Title\n\n") and "\nold\n" not in text
    assert command.main(["--update", str(path)]) == 0
    assert path.read_text() == text  # once more changes nothing


def test_updated_of_a_text_with_some_marks_replaces_those(monkeypatch):
    monkeypatch.setattr(tables, "TABLES", {"features": lambda: "F", "datasets": lambda: "D"})
    marked = "a\n<!-- table: datasets -->\nold\n<!-- end -->\nb"
    assert tables.updated(marked, "a.md") == "a\n<!-- table: datasets -->\nD\n<!-- end -->\nb"


def test_updated_of_a_text_without_marks_is_an_error():
    with pytest.raises(KgenreError, match=r"a\.md: no place for a table\. Write `<!-- table: NAME -->`"):
        tables.updated("text\n<!-- end -->", "a.md")


@pytest.mark.parametrize("name", tables.TABLES)
def test_updated_of_a_mark_without_an_end_is_an_error(name, monkeypatch):
    monkeypatch.setattr(tables, "TABLES", dict.fromkeys(tables.TABLES, str))
    last = MARKED[MARKED.index(f"<!-- table: {name} -->") :].replace("<!-- end -->", "")
    with pytest.raises(KgenreError, match=f"README.md: the table {name} has no end. Write `<!-- end -->`"):
        tables.updated(last, "README.md")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_unreadable_file_is_one_line(content, tmp_path, capsys):
    path = tmp_path / "README.md"
    if content:
        path.write_bytes(content)
    assert command.main(["--update", str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kgenre: {path}: not a readable text file (")
