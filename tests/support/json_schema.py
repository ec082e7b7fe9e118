"""Compares JSON with a schema, for the words that the schemas of our messages use."""

from collections.abc import Iterator
from typing import Any

_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def references(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """All `$ref` in a document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def faults(schema: Any, value: Any, components: Any, place: str = "$") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Where a value isn't what its schema says."""
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        if all(list(faults(option, value, components, place)) for option in schema["anyOf"]):
            yield f"{place}: none of {schema['anyOf']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    kind = schema.get("type")
    if kind in _KINDS and (not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{place}: {value!r} is no {kind}"
    elif kind == "array":
        for number, item in enumerate(value):
            yield from faults(schema.get("items", {}), item, components, f"{place}[{number}]")
    elif kind == "object":
        yield from _object_faults(schema, value, components, place)


def _object_faults(schema: Any, value: Any, components: Any, place: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    described = schema.get("properties")
    yield from (f"{place}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if described is not None and name not in described:
            yield f"{place}.{name}: not described"
        yield from faults((described or {}).get(name, {}), item, components, f"{place}.{name}")
