"""The JavaScript modules of the pages: which may import which, and their types."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "kgenre" / "web"
SHARED = WEB / "shared"
# The pages, and what the modules of their folders may import beside those that all pages share. In the library's page
# core is below all, app.js above all.
ALLOWED = {
    "explore": {
        "core": {"core"},
        "sources": {"core", "sources"},
        "map": {"core", "map"},
        "sound": {"core", "sound"},
        "ui": {"core", "ui"},
        "actions": {"core", "actions"},
        "sections": {"core", "map", "sound", "ui", "actions"},
        "app.js": {"core", "sources", "sections"},
    },
    "classify": {
        "types.d.ts": set(),
        "api.js": {"types"},
        "files.js": set(),
        "table.js": {"types"},
        "axis.js": set(),
        "status.js": {"types"},
        "slices.js": {"types", "axis.js"},
        "player.js": {"types", "slices.js"},
        "queue.js": {"types", "api.js"},
        "answer.js": {"types", "slices.js"},
        "card.js": {"types", "answer.js"},
        "app.js": {"types", "api.js", "files.js", "status.js", "table.js", "player.js", "queue.js", "card.js"},
    },
}
# import x from "page/...", import "page/...", export x from "page/...", import("page/..."), and @import of types
IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"']+)\1""")
TYPES = re.compile(r"^/\*\*.*?\*/$|^import type .*$", re.MULTILINE)


def modules(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix in (".js", ".ts"))


def page_of(name: str) -> Path:
    return WEB / name / "page"


MODULES = [(page, name) for page in ALLOWED for name in modules(page_of(page))]


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


def check_import(page: str, name: str, imported: str) -> None:
    arrow, (prefix, _, target) = f"{page}: {name} imports {imported}", imported.partition("/")
    roots = {"page": page_of(page), "shared": SHARED}
    assert prefix in roots, f"{arrow}: use its name in the import map, page/... or shared/..."
    root = roots[prefix]
    assert (root / target).is_file() or (root / f"{target}.d.ts").is_file(), f"{arrow}: no such file"
    if prefix == "page":
        allowed = ALLOWED[page][folder(name)]
        assert folder(target) in allowed, f"{arrow}: {folder(name)} may not import {folder(target)}"


@pytest.mark.parametrize(("page", "name"), MODULES)
def test_page_module_imports_only_what_is_below_it(page, name):
    for imported in imports((page_of(page) / name).read_text(encoding="utf-8")):
        check_import(page, name, imported)


@pytest.mark.parametrize("name", modules(SHARED))
def test_shared_module_imports_only_shared_ones(name):
    for imported in imports((SHARED / name).read_text(encoding="utf-8")):
        assert imported.startswith("shared/"), f"{name} imports {imported}"
        check_import("explore", name, imported)


@pytest.mark.parametrize(("page", "least"), [("explore", 100), ("classify", 15)])
def test_page_modules_have_no_import_circle(page, least):
    files = {f"page/{name}": page_of(page) / name for name in modules(page_of(page))}
    files |= {f"shared/{name}": SHARED / name for name in modules(SHARED)}
    graph = {
        name: imports(TYPES.sub("", path.read_text(encoding="utf-8")))
        for name, path in files.items()
        if name.endswith(".js")
    }
    assert sum(map(len, graph.values())) > least  # or the pattern finds no imports any more
    assert circle(graph) == []


def test_page_import_checks_find_every_form_and_a_circle():
    text = 'import a from "page/1";\nimport {\n  b,\n} from "page/2";\nimport "page/3";\nexport * from "page/4";\n'
    text += 'const c = await import("page/5");\n/** @import { T } from "page/6" */\n/** @type {import("page/7").T} */'
    assert imports(text) == [f"page/{i}" for i in range(1, 8)]
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("explore", {"dialog": ["sections/keyboard.js", "ui/dialog.js"]}),
        ("classify", {"files": ["app.js", "files.js"]}),
    ],
)
def test_page_modules_touch_only_their_own_elements(page, expected):
    """No two modules ask for the same element of index.html, but for a dialog, which has keys of its own."""
    owners: dict[str, list[str]] = {}
    for name in modules(page_of(page)):
        text = (page_of(page) / name).read_text(encoding="utf-8")
        for element in dict.fromkeys(re.findall(r'(?:byId|getElementById)\("(\w[\w-]*)"', text)):
            owners.setdefault(element, []).append(name)
    assert {element: names for element, names in owners.items() if len(names) > 1} == expected


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.classify.json"])
def test_page_types_are_consistent(project):
    compiler = HERE / "node_modules" / ".bin" / "tsc"
    if shutil.which("node") is None or not compiler.exists():
        reason = "types of the page are not checked: needs node, and `npm install` in tests/page"
        print(reason)
        pytest.skip(reason)
    checked = subprocess.run([compiler, "--project", HERE / project], capture_output=True, text=True, timeout=300)
    assert checked.returncode == 0, checked.stdout + checked.stderr
