"""The page's JavaScript modules: which may import which, and their types."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "kgenre" / "web" / "explore" / "page"
# What the modules of a folder may import: core is below all, app.js above all.
ALLOWED = {
    "core": {"core"},
    "sources": {"core", "sources"},
    "map": {"core", "map"},
    "ui": {"core", "ui"},
    "actions": {"core", "actions"},
    "sections": {"core", "map", "ui", "actions"},
    "app.js": {"core", "sources", "sections"},
}
# import x from "page/...", import "page/...", export x from "page/...", import("page/..."), and @import of types
IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"']+)\1""")
TYPES = re.compile(r"^/\*\*.*?\*/$|^import type .*$", re.MULTILINE)


def module_text(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


MODULES = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.suffix in (".js", ".ts"))


def imports(text: str) -> list[str]:
    return [name for _, name in IMPORT.findall(text)]


def circle(graph: dict[str, list[str]]) -> list[str]:
    """Names along a circle of a graph; none if there is no circle."""
    done: set[str] = set()

    def visit(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name not in done:
            for other in graph.get(name, []):
                if found := visit(other, [*above, name]):
                    return found
            done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in graph)), [])


def folder(name: str) -> str:
    return name.split("/")[0]


@pytest.mark.parametrize("name", MODULES)
def test_page_module_imports_only_what_is_below_it(name):
    for imported in imports(module_text(name)):
        arrow, target = f"{name} imports {imported}", imported.removeprefix("page/")
        assert imported.startswith("page/"), f"{arrow}: use its name in the import map, page/..."
        assert (PAGE / target).is_file() or (PAGE / f"{target}.d.ts").is_file(), f"{arrow}: no such file"
        assert folder(target) in ALLOWED[folder(name)], f"{arrow}: {folder(name)} may not import {folder(target)}"


def test_page_modules_have_no_import_circle():
    graph = {
        name: [one.removeprefix("page/") for one in imports(TYPES.sub("", module_text(name)))]
        for name in MODULES
        if name.endswith(".js")
    }
    assert sum(map(len, graph.values())) > 100  # or the pattern finds no imports any more
    assert circle(graph) == []


def test_page_import_checks_find_every_form_and_a_circle():
    text = 'import a from "page/1";\nimport {\n  b,\n} from "page/2";\nimport "page/3";\nexport * from "page/4";\n'
    text += 'const c = await import("page/5");\n/** @import { T } from "page/6" */\n/** @type {import("page/7").T} */'
    assert imports(text) == [f"page/{i}" for i in range(1, 8)]
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


def test_page_sections_touch_only_their_own_elements():
    """No two modules ask for the same element of index.html, but for the dialog: while it is open, keys are its own."""
    owners: dict[str, list[str]] = {}
    for name in MODULES:
        for element in re.findall(r'(?:byId|getElementById)\("(\w[\w-]*)"', module_text(name)):
            owners.setdefault(element, []).append(name)
    shared = {element: names for element, names in owners.items() if len(names) > 1}
    assert shared == {"dialog": ["sections/keyboard.js", "ui/dialog.js"]}


def test_page_types_are_consistent():
    compiler = HERE / "node_modules" / ".bin" / "tsc"
    if shutil.which("node") is None or not compiler.exists():
        reason = "types of the page are not checked: needs node, and `npm install` in tests/page"
        print(reason)
        pytest.skip(reason)
    checked = subprocess.run(
        [compiler, "--project", HERE / "tsconfig.json"], capture_output=True, text=True, timeout=300
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
