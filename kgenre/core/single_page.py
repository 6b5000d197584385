"""HTML pages that are one file: style, script and data are inside, nothing is fetched, and only its own script runs."""

import base64
import hashlib
from html import escape


def single_page(title: str, style: str, script: str, body: str, more_policy: str = "") -> str:
    """The whole page.

    Args:
        title: text, which is escaped.
        style, script: of the page; its policy allows these and no others.
        body: HTML. Where it has parts that come from a collection, these are escaped already.
        more_policy: further directives of the Content-Security-Policy, such as "media-src data:".
    """
    rules = ["default-src 'none'", f"style-src {_hash(style)}", f"script-src {_hash(script)}", more_policy]
    policy = "; ".join(filter(None, rules))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
