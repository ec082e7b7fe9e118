"""The settings as a flat list of keys: each with its environment variable, type, default and description."""

import difflib
import functools
import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from receiver.settings import FLAGS, Settings

PREFIX = "DRAWBAR_"
# Stands in a path for a name that the user chooses: of a subscription, of a unit type.
NAME = "NAME"

KeyPath = tuple[str, ...]


class Shape(NamedTuple):
    """What a field holds: one value, a table of its own, or (`named`) either of them under names that the user chooses."""

    table: type[Struct] | None
    named: bool
    value: Any


class Key(NamedTuple):
    """One setting. `annotation` is its type for msgspec; `default` is msgspec.NODEFAULT where its table needs it."""

    path: KeyPath
    annotation: Any
    default: Any
    description: str
    example: Any

    @property
    def name(self) -> str:
        """The key as it is written about: `limits.page_max`."""
        return ".".join(self.path)

    @property
    def is_list(self) -> bool:
        """Whether the key takes several values."""
        return get_origin(_bare(self.annotation)) is tuple

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that a key of a few words can have."""
        bare = _bare(self.annotation)
        return get_args(bare) if get_origin(bare) is Literal else ()


def variable(path: KeyPath) -> str:
    """The environment variable of a key: `limits.page_max` is DRAWBAR_LIMITS_PAGE_MAX."""
    return PREFIX + "_".join(re.sub(r"[^A-Za-z0-9]", "_", part) for part in path).upper()


def fields(table: type[Struct]) -> Iterator[tuple[msgspec.structs.FieldInfo, Shape]]:
    """The fields of a struct that can be set from outside, with their shapes."""
    for field in msgspec.structs.fields(table):
        if field.name not in FLAGS:
            yield field, _shape(field.type)


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _shape(annotation: Any) -> Shape:  # noqa: ANN401 - annotations have no common type
    bare = _bare(annotation)
    if get_origin(bare) is dict:
        return _shape(get_args(bare)[1])._replace(named=True)
    options = get_args(bare) if get_origin(bare) is UnionType else (bare,)
    table = next((option for option in options if isinstance(option, type) and issubclass(option, Struct)), None)
    return Shape(table, named=False, value=annotation)


def _meta(annotation: Any) -> Meta:  # noqa: ANN401 - annotations have no common type
    return next((meta for meta in get_args(annotation)[1:] if isinstance(meta, Meta) and meta.description), Meta())


def _keys(table: type[Struct], above: KeyPath) -> Iterator[Key]:
    for field, shape in fields(table):
        path = (*above, field.name, NAME) if shape.named else (*above, field.name)
        if shape.table:
            yield from _keys(shape.table, path)
        else:
            meta = _meta(field.type)
            default = None if shape.named else field.default
            yield Key(path, shape.value, default, meta.description or "", (meta.examples or [default])[0])


@functools.cache
def all_keys() -> tuple[Key, ...]:
    """Every key, in the order of the settings."""
    return tuple(_keys(Settings, ()))


def _fits(path: KeyPath, known: KeyPath) -> bool:
    return all(part in {name, NAME} for name, part in zip(path, known, strict=False))


def find_key(path: KeyPath) -> Key | None:
    """The key at a path, whatever name the user chose in it."""
    return next((key for key in all_keys() if len(key.path) == len(path) and _fits(path, key.path)), None)


def is_table(path: KeyPath) -> bool:
    """Whether keys stand below this path."""
    return any(len(key.path) > len(path) and _fits(path, key.path) for key in all_keys())


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], Key], ...]:
    return tuple(
        (re.compile(PREFIX + "_".join("(.+)" if part == NAME else part.upper() for part in key.path)), key) for key in all_keys()
    )


def find_by_variable(name: str) -> tuple[Key, str | None] | None:
    """The key that a variable names, and the user's name in it as the variable spells it (None where the key has none)."""
    found = [(key, match[1] if match.re.groups else None) for pattern, key in _patterns() if (match := pattern.fullmatch(name))]
    # A user's name can end like a key; the longest key is meant.
    return max(found, key=lambda pair: len(pair[0].name), default=None)


def nearest_key(path: KeyPath) -> str:
    """The known key or table that is most like an unknown one."""
    known = {key.path[:length] for key in all_keys() for length in range(1, len(key.path) + 1)}
    return nearest(".".join(path), (".".join(_named_like(path, other)) for other in known))


def _named_like(path: KeyPath, known: KeyPath) -> Iterator[str]:
    """A known path with the user's names of another filled in."""
    for position, part in enumerate(known):
        yield path[position] if part == NAME and position < len(path) else part


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like an unknown one."""
    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)[0]
