"""The page's files, and the page that a server gives out.

The page's modules import each other by names like "page/core/store.js"; an import map in the page says where these
lie: below /page/ on the server, inside the page itself in the offline file (offline.py).
"""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
ENTRY = "page/app.js"
IMPORT_MAP = json.dumps({"imports": {"page/": "/page/"}})
HEAD, SCRIPTS = "<!-- head -->", "<!-- scripts -->"  # in index.html


def page_files() -> dict[str, str]:
    """{path below page/: text} of the scripts and styles."""
    return _texts(files("kgenre.web.explore") / "page")


def _texts(folder: Traversable, prefix: str = "") -> dict[str, str]:
    texts = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            texts |= _texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(tuple(MEDIA_TYPES)):
            texts[prefix + entry.name] = entry.read_text(encoding="utf-8")
    return texts


def fill_page(head: str, scripts: str) -> str:
    """index.html with the parts in which the served and the offline page differ."""
    page = (files("kgenre.web.explore") / "page" / "index.html").read_text(encoding="utf-8")
    start, rest = page.split(HEAD)
    middle, end = rest.split(SCRIPTS)
    return start + head + middle + scripts + end


def server_page(token: str) -> str:
    """The page that a server gives out, with the token (of URL-safe characters) that lets it change anything."""
    return fill_page(
        f'<meta name="kgenre-token" content="{token}">\n<link rel="stylesheet" href="/page/style.css">\n'
        f'<script type="importmap">{IMPORT_MAP}</script>',
        f'<script type="module" src="/{ENTRY}"></script>',
    )
