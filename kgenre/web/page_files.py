"""The files of a page: its own, and those that all pages share (kgenre/web/shared).

A page's modules import each other by names like "page/app.js" and the shared ones by "shared/dom.js"; an import map in
the page says where these lie. On a server that is below /page/ and /shared/; a page that is one file holds them.
"""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
PREFIXES = ("page/", "shared/")
IMPORT_MAP = json.dumps({"imports": {prefix: f"/{prefix}" for prefix in PREFIXES}})
ENTRY, STYLES = "page/app.js", ("shared/base.css", "page/style.css")
# What index.html holds in the places that are filled.
HEAD, SCRIPTS = "<!-- head -->", "<!-- scripts -->"
SERVED_HEAD = "".join(f'<link rel="stylesheet" href="/{name}">\n' for name in STYLES) + (
    f'<script type="importmap">{IMPORT_MAP}</script>'
)
SERVED_SCRIPTS = f'<script type="module" src="/{ENTRY}"></script>'


def page_files(package: str) -> dict[str, str]:
    """{name: text} of the scripts and styles: page/... are the package's, shared/... those of all pages."""
    return _texts(files(package) / "page", "page/") | _texts(files("kgenre.web") / "shared", "shared/")


def _texts(folder: Traversable, prefix: str) -> dict[str, str]:
    texts = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            texts |= _texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(tuple(MEDIA_TYPES)):
            texts[prefix + entry.name] = entry.read_text(encoding="utf-8")
    return texts


def media_type(name: str) -> str:
    """Of a file of `page_files`."""
    return MEDIA_TYPES[name[name.rindex(".") :]]


def fill_page(package: str, head: str = SERVED_HEAD, scripts: str = SERVED_SCRIPTS) -> str:
    """The page's index.html; without further arguments as a server gives it out."""
    page = (files(package) / "page" / "index.html").read_text(encoding="utf-8")
    start, rest = page.split(HEAD)
    middle, end = rest.split(SCRIPTS)
    return start + head + middle + scripts + end


def add_page_files(app, package: str) -> None:
    """Adds routes for `page_files` to a FastAPI application; everything else below them is not found."""
    from fastapi.responses import JSONResponse, Response

    texts = page_files(package)

    def page_file(name: str, folder: str):
        found = texts.get(f"{folder}/{name}")
        if found is None:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(found, media_type=media_type(name))

    @app.get("/page/{name:path}", include_in_schema=False)
    async def own_file(name: str):
        return page_file(name, "page")

    @app.get("/shared/{name:path}", include_in_schema=False)
    async def shared_file(name: str):
        return page_file(name, "shared")
