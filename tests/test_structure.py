"""The structure of the package: imports point down, commands are thin, the source is linted and formatted."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kgenre
from kgenre.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
PACKAGE = Path(kgenre.__file__).parent
COMMAND_FILES = sorted(path for path in PACKAGE.glob("*.py") if path.stem not in ("__init__", "__main__"))
MOST_LINES = 120  # of a command, which holds no algorithm
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess:
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_of_the_package_point_down_and_not_in_circles():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("core/text.py", "import kgenre.audio.slicing", "kgenre.core is not allowed to import kgenre.audio"),
        ("similar.py", "import kgenre.find", "kgenre.similar is not allowed to import kgenre.find"),
        ("features/logmel.py", "import kgenre.augment", "kgenre.features is not allowed to import kgenre.augment"),
        ("audio/slicing.py", "import kgenre.audio.reader", "No circles inside packages BROKEN"),
        ("new.py", "", "are not listed as layers"),
    ],
)
def test_lint_of_a_wrong_import_names_it(tmp_path, file, line, rule):
    ignore = shutil.ignore_patterns("__pycache__", "page")
    shutil.copytree(PACKAGE, tmp_path / "kgenre", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "kgenre" / file, "a") as source:
        source.write(f"\n{line}\n")
    done = lint(tmp_path)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0 and rule in said, said


def test_commands_are_the_files_of_the_package():
    names = {path.stem for path in COMMAND_FILES} | {"features", "recipes"}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("path", COMMAND_FILES, ids=lambda path: path.stem)
def test_command_file_is_short(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def talks_to_the_user(source: str) -> bool:
    """Whether a module parses arguments, draws bars or prints."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if called or {"argparse", "rich"} & {name.split(".")[0] for name in names}:
            return True
    return False


@pytest.mark.parametrize(
    "line", ["import argparse", "from argparse import ArgumentParser", "import rich.progress", "print('done')"]
)
def test_module_that_talks_to_the_user_is_found(line):
    assert talks_to_the_user(f"def f():\n    {line}\n") and not talks_to_the_user("import pprint\npprint.pprint(1)")


def test_only_commands_and_cli_talk_to_the_user():
    """Packages take values and report their work to a Progress."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        if len(file.parts) > 1 and file.parts[0] != "cli" and file.name != "__main__.py":
            assert not talks_to_the_user(path.read_text()), file


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_ruff_finds_nothing(arguments):
    pytest.importorskip("ruff", reason="ruff is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_import_of_the_package_imports_nothing_heavy():
    code = "import sys, kgenre; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "numpy", "pandas", "pydantic"} & set(done.stdout.split())
