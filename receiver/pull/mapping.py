"""From a provider's record to a standard one: expressions, constants and lookups as the definition states them."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, field

from handlers.rules.provider_mapping import build_record
from handlers.rules.provider_values import shown
from handlers.rules.zones import zone_of
from receiver.pull.expressions import Document, Expression, expression
from receiver.pull.redaction import Redactor
from schemas.errors import InvalidInputError, Problem
from schemas.provider_records import ProviderAsset, ProviderMeter, ProviderRecord
from schemas.providers import Definition, Field, Scalar, Stream
from schemas.wire import to_json, to_json_text

_document = msgspec.json.Decoder(float_hook=Decimal)
_DIGEST_LENGTH = 32
_KEY_LENGTH_MAX = 256


class ParentValues(Struct, frozen=True):
    """What a child stream uses of one record of its parent: path parameters, and values of expressions."""

    scope: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    values: dict[str, Document] = field(default_factory=dict)


NO_PARENT = ParentValues()


class Mapped(Struct, frozen=True):
    """A standard record, the key that names the provider's one across runs, and what it was mapped from."""

    key: str
    record: ProviderRecord
    raw: Document = None
    parent: ParentValues = NO_PARENT


class Quarantined(Struct, frozen=True):
    """A record that isn't in the standard form. `raw` is its JSON; `field` and `reason` are those of the first problem.

    `external_id` says which asset or meter it would have been, where that much could be read: it counts as seen.
    `parent` is what else the record was mapped with.
    """

    key: str
    raw: str
    field: str
    reason: str
    problems: tuple[Problem, ...]
    external_id: str | None = None
    parent: ParentValues = NO_PARENT


_Picked: TypeAlias = dict[str, object]


class Mapper:
    """Maps the records of one stream."""

    def __init__(self, definition: Definition, stream: Stream, redactor: Redactor) -> None:
        self._stream, self._redactor = stream, redactor
        self._zone: ZoneInfo | None = None if definition.time_zone is None else zone_of(definition.time_zone)
        self._fields = {
            name: source if isinstance(source, Field) else Field(path=source) for name, source in stream.fields.items()
        }
        self._time_formats = {name: source.time_format for name, source in self._fields.items()}
        self._lookups = {
            name: definition.lookups[source.lookup] if isinstance(source.lookup, str) else source.lookup
            for name, source in self._fields.items()
            if source.lookup is not None
        }
        self._metadata = {name: expression(path) for name, path in stream.metadata.items()}
        self._key = None if stream.key is None else expression(stream.key)

    def map(self, raw: Document, parent: ParentValues = NO_PARENT) -> Mapped | Quarantined:
        """The standard record, or the record as it came with all that is wrong with it."""
        problems: list[Problem] = []
        picked = self._pick(raw, parent, problems)
        metadata: dict[str, object] = {}
        for name, path in self._metadata.items():
            found = self._search(path, raw, f"metadata.{name}", problems)
            if found is not None:
                metadata[name] = found
        try:
            record = build_record(self._stream.entity, picked, metadata, self._time_formats, self._zone)
        except InvalidInputError as error:
            # A field that could not even be picked has its own reason already.
            known = {problem.path for problem in problems}
            problems += [problem for problem in error.problems if problem.path not in known]
            return self._refuse(raw, parent, picked, problems)
        if problems:
            return self._refuse(raw, parent, picked, problems)
        return Mapped(self._key_of(raw, _external_id(record) or ""), record, raw, parent)

    def contradiction(self, result: Mapped) -> Quarantined:
        """A derived record whose key another one has that says something else."""
        problem = Problem("external_id", f"another record derived for {shown(result.key)} says something else")
        raw = to_json_text(result.record)
        return Quarantined(result.key, raw, problem.path, problem.message, (problem,), _external_id(result.record))

    def unmapped(self, raw: Document) -> list[str]:
        """The record's own fields that no expression of the stream starts from."""
        expressions = [expression(source.path) for source in self._fields.values() if source.path is not None]
        expressions += self._metadata.values()
        used: set[str] = set()
        for used_expression in expressions:
            if used_expression.roots is None:
                return []
            used |= used_expression.roots
        return [name for name in raw if name not in used] if isinstance(raw, dict) else []

    def _pick(self, raw: Document, parent: ParentValues, problems: list[Problem]) -> _Picked:
        picked: _Picked = {}
        for name, source in self._fields.items():
            if source.constant is not None:
                value: object = source.constant
            elif source.parent is not None:
                value = parent.values.get(source.parent)
            else:
                value = self._search(expression(source.path or "@"), raw, name, problems)
            if name in self._lookups and value is not None:
                value = self._look_up(name, self._lookups[name], value, problems)
            picked[name] = source.default if value is None and source.default is not None else value
        return picked

    def _look_up(self, name: str, table: Mapping[str, Scalar], value: object, problems: list[Problem]) -> object:
        """Keys of a TOML table are text: numbers and flags are looked up as JSON writes them."""
        found = table.get(value if isinstance(value, str) else to_json_text(value))
        if found is None and self._fields[name].default is None:
            problems.append(Problem(name, f"{shown(value)} is not in the lookup"))
        return found

    def _search(self, path: Expression, raw: Document, name: str, problems: list[Problem]) -> Document:
        try:
            return path.search(raw)
        except InvalidInputError as error:
            problems.append(Problem(name, error.message))
            return None

    def _refuse(self, raw: Document, parent: ParentValues, picked: _Picked, problems: list[Problem]) -> Quarantined:
        clean = tuple(Problem(problem.path, self._redactor.text(problem.message)) for problem in problems)
        found = picked.get("external_id")
        external_id = str(found).strip() if isinstance(found, (str, int)) and not isinstance(found, bool) else ""
        key = self._key_of(raw, external_id)
        return Quarantined(key, to_json_text(raw), clean[0].path, clean[0].message, clean, external_id or None, parent)

    def _key_of(self, raw: Document, external_id: str) -> str:
        """By the stream's `key`; without one by the external id of an asset or meter, else by the whole record."""
        if self._key is not None:
            found = self._search(self._key, raw, "key", [])
            if found is not None:
                text = found if isinstance(found, str) else to_json_text(found)
                return text if len(text) <= _KEY_LENGTH_MAX else _digest(text.encode())
        return external_id or _digest(to_json(raw))


def parent_values(stream: Stream, scope: str, raw: Document) -> ParentValues:
    """What a child stream needs of one record of its parent.

    Raises InvalidInputError where a path parameter is missing, or would change the path.
    """
    parameters: dict[str, str] = {}
    for name, path in () if stream.parent is None else stream.parent.parameters.items():
        found = expression(path).search(raw)
        text = str(found) if isinstance(found, (str, int, Decimal)) and not isinstance(found, bool) else ""
        if text in ("", ".", ".."):
            problem = Problem(
                f"parent.parameters.{name}", f"{path!r} finds {shown(found)} in the parent's record: no part of a path"
            )
            raise InvalidInputError(f"{problem.path}: {problem.message}", (problem,))
        parameters[name] = text
    wanted = {source.parent for source in stream.fields.values() if isinstance(source, Field) and source.parent is not None}
    return ParentValues(scope, parameters, {path: expression(path).search(raw) for path in wanted})


def refuse_parent(scope: str, raw: Document, error: InvalidInputError) -> Quarantined:
    """The parent's record, for which a child stream could ask nothing."""
    return Quarantined(
        scope, to_json_text(raw), error.problems[0].path if error.problems else "parent", error.message, error.problems
    )


def remap(mapper: Mapper, refused: Quarantined) -> Mapped | Quarantined:
    """Map a quarantined record again, as after its definition was mended; its raw JSON keeps every digit."""
    return mapper.map(_document.decode(refused.raw), refused.parent)


def _external_id(record: ProviderRecord) -> str | None:
    return record.external_id if isinstance(record, (ProviderAsset, ProviderMeter)) else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:_DIGEST_LENGTH]
