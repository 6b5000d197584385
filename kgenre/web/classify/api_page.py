"""The API as a page: written from the OpenAPI document, without a script or a file of anybody else's."""

from html import escape

from kgenre.web.page_files import STYLES

STYLE_LINKS = "".join(f'<link rel="stylesheet" href="/{name}">' for name in STYLES)
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>kgenre: API</title><link rel="icon" href="data:,">{styles}</head>
<body class="api"><main><h1>{title} {version}</h1><p>{description}</p>
<p>The whole description is <a href="/openapi.json">/openapi.json</a> (OpenAPI {openapi}); the page for people is
<a href="/">here</a>.</p>{operations}</main></body></html>
"""


def api_page(document: dict) -> str:
    """The HTML page of an OpenAPI document."""
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    info = {name: escape(document["info"][name]) for name in ("title", "version", "description")}
    return PAGE.format(styles=STYLE_LINKS, openapi=escape(document["openapi"]), operations=operations, **info)


def _operation(method: str, path: str, operation: dict) -> str:
    paragraphs = "".join(f"<p>{_with_code(text)}</p>" for text in operation.get("description", "").split("\n\n"))
    rows = "".join(
        f"<tr><td>{status}</td><td>{_with_code(answer['description'])}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    table = f"<table><tr><th>status</th><th>meaning</th></tr>{rows}</table>"
    return f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>{paragraphs}{table}</section>"


def _with_code(text: str) -> str:
    """Text between backticks as code."""
    parts = enumerate(escape(text).split("`"))
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in parts)
