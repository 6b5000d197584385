"""The page as one file that needs no server: the scripts, the style and the library inside it, no sound."""

import base64
import hashlib
import re

from kgenre.web.explore import payload
from kgenre.web.explore.server import SCRIPTS, page_text

BEFORE = re.compile(r"^(import .*;\n|export (?=class|function|const|let|async))", re.MULTILINE)


def page_html(data: dict) -> str:
    """The whole page with `data`, of payload(..., offline=True)."""
    script = "\n".join(BEFORE.sub("", page_text(name)) for name in SCRIPTS)
    style = page_text("style.css")
    secure = '<meta http-equiv="Content-Security-Policy" content="{}">'
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:"
    page = page_text("index.html")
    parts = {
        '<meta name="kgenre-token" content="{{token}}">': secure.format(policy),
        '<link rel="stylesheet" href="/page/style.css">': f"<style>{style}</style>",
        '<script type="module" src="/page/app.js"></script>':
            f'<script type="application/json" id="data">{payload.encoded(data).decode()}</script>\n'
            f'<script type="module">{script}</script>',
    }  # fmt: skip
    for place, part in parts.items():
        before, after = page.split(place)
        page = before + part + after
    return page


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
