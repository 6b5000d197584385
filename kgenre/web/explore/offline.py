"""The page as one file that needs no server: the scripts, the style and the library are inside it, no sound."""

import base64
import json

from kgenre.web.explore import payload
from kgenre.web.guard import script_hash
from kgenre.web.page_files import ENTRY, STYLES, fill_page, page_files

PACKAGE = "kgenre.web.explore"
START = f'import "{ENTRY}";'


def page_html(data: dict) -> str:
    """The whole page with `data`, of payload(..., offline=True).

    The modules lie in the import map as data: URLs. `data:` as a source of scripts would admit every script that is
    smuggled in as such a URL, so the policy names the hash of each module instead. Browsers compare a hash with a
    script from a URL only if its integrity is known, which the import map states.
    """
    texts = page_files(PACKAGE)
    modules = {name: text for name, text in texts.items() if name.endswith(".js")}
    import_map, style = _import_map(modules), "".join(texts[name] for name in STYLES)
    hashes = " ".join(map(script_hash, (import_map, START, *modules.values())))
    policy = f"default-src 'none'; script-src {hashes}; style-src {script_hash(style)}; img-src data:"
    return fill_page(
        PACKAGE,
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>\n'
        f'<script type="importmap">{import_map}</script>',
        f'<script type="application/json" id="data">{payload.encoded(data).decode()}</script>\n'
        f'<script type="module">{START}</script>',
    )


def _import_map(modules: dict[str, str]) -> str:
    urls = {name: _data_url(text) for name, text in modules.items()}
    integrity = {urls[name]: script_hash(text).strip("'") for name, text in modules.items()}
    return json.dumps({"imports": urls, "integrity": integrity})


def _data_url(script: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(script.encode()).decode()}"
