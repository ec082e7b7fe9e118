"""The order of a definition's streams, and what each one leads to."""

from collections.abc import Collection

from schemas.providers import Definition, EntityName

_RANKS: dict[EntityName, int] = {"assets": 0, "meters": 1, "readings": 2, "consumption": 2}


def stream_order(definition: Definition, only: Collection[str] = ()) -> list[str]:
    """Streams with a path, so that parents come before children and, beyond that, assets before meters before usage.

    `only` names the wanted ones; what they need comes along. A derived stream runs with its source.
    """
    ordered: list[str] = []

    def visit(name: str) -> None:
        stream = definition.streams[name]
        if stream.derive_from is not None:
            visit(stream.derive_from)
            return
        if stream.parent is not None:
            visit(stream.parent.stream)
        if name not in ordered:
            ordered.append(name)

    for name in sorted(only or definition.streams, key=lambda name: _RANKS[definition.streams[name].entity]):
        visit(name)
    return ordered


def children_of(definition: Definition, name: str) -> list[str]:
    """The streams that ask once for each record of this one."""
    return [child for child, stream in definition.streams.items() if stream.parent is not None and stream.parent.stream == name]


def derived_from(definition: Definition, name: str) -> list[str]:
    """The streams that read the records of this one."""
    return [derived for derived, stream in definition.streams.items() if stream.derive_from == name]
