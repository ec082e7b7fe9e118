"""`/docs`: the OpenAPI description as one page that needs nothing from anywhere, not even a script."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

# Nothing is loaded or run; the one style sheet stands in the page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1a1a1a; background: #fff }
h2 { border-top: 1px solid #ccc; padding-top: 1rem; font: 600 1.1rem ui-monospace, monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }
code, pre { font: .9rem/1.4 ui-monospace, monospace } pre { overflow-x: auto; background: #f4f4f4; padding: 1rem }
a { color: #0645ad } nav ul { columns: 2; list-style: none; padding: 0 }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616 } pre { background: #242424 } a { color: #8ab4f8 } }
"""


def render(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document: every operation with its parameters and answers, then every schema."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    operations = [
        (method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()
    ]
    contents = "".join(f'<li><a href="#{_anchor(method, path)}">{_name(method, path)}</a></li>' for method, path, _ in operations)
    sections = "".join("".join(_operation(*operation)) for operation in operations)
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}: API</h1><p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        f'<nav aria-label="Operations"><ul>{contents}</ul></nav><main>{sections}<h2>Messages</h2>{schemas}</main></body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<section><h2 id="{_anchor(method, path)}">{_name(method, path)}</h2><p>{escape(operation["summary"])}. '
    yield f"{_marked(operation.get('description', ''))}</p>"
    if operation["parameters"]:
        yield "<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr></thead><tbody>"
        for parameter in operation["parameters"]:
            cells = (f"<code>{escape(parameter['name'])}</code>", escape(parameter["in"]), _type(parameter["schema"]))
            yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, _marked(parameter.get("description", "")))) + "</tr>"
        yield "</tbody></table>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Body: {_type(content['schema'])}</p>"
    yield "<table><thead><tr><th>Answer</th><th>Meaning</th><th>Content</th></tr></thead><tbody>"
    for status, answer in operation["responses"].items():
        kinds = (f"{escape(kind)}: {_type(content['schema'])}" for kind, content in answer.get("content", {}).items())
        yield f"<tr><td>{escape(status)}</td><td>{_marked(answer['description'])}</td><td>{'<br>'.join(kinds)}</td></tr>"
    yield "</tbody></table></section>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    return escape(schema.get("format") or schema.get("type") or schema.get("description", "any"))


def _marked(text: str) -> str:
    """Text in which backticks mark code."""
    return "".join(f"<code>{escape(part)}</code>" if n % 2 else escape(part) for n, part in enumerate(text.split("`")))


def _name(method: str, path: str) -> str:
    return f"{method.upper()} {escape(path)}"


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))
