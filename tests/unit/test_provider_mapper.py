"""A stream's field map: where values come from, what a lookup makes of them, and which key a record has."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from receiver.pull.mapping import Mapped, Mapper, ParentValues, Quarantined, parent_values
from receiver.pull.redaction import Redactor
from schemas.errors import InvalidInputError
from schemas.provider_records import ProviderMeter, ProviderReading
from schemas.providers import Definition, Stream

FIELDS: dict[str, Any] = {"external_id": "id", "asset_id": "site.id", "type": {"constant": "Energy"}, "unit": "unit"}
RAW: dict[str, Any] = {"id": "m1", "site": {"id": "s1"}, "unit": "kWh", "extra": Decimal("1.10")}


def mapper(entity: str = "meters", redactor: Redactor | None = None, **stream: Any) -> Mapper:  # noqa: ANN401 - TOML's values
    """A mapper of one stream."""
    made = msgspec.convert(
        {
            "name": "p",
            "organization": "0b9f2f6e-6a0e-4f9a-8a9a-0a8d5f8f3a11",
            "environments": {"production": {"base_url": "https://p.example"}},
            "auth": {"type": "none"},
            "lookups": {"units": {"kWh": "kWh", "7": "l", "true": "m3"}},
            "streams": {"s": {"entity": entity, "path": "/s", "fields": FIELDS} | stream},
        },
        Definition,
    )
    return Mapper(made, made.streams["s"], redactor or Redactor())


def mapped(result: Mapped | Quarantined) -> ProviderMeter:
    """The meter of a result."""
    assert isinstance(result, Mapped)
    assert isinstance(result.record, ProviderMeter)
    return result.record


def refused(result: Mapped | Quarantined) -> Quarantined:
    """The refused record of a result."""
    assert isinstance(result, Quarantined)
    return result


def test_values_come_from_the_record_its_parent_and_constants() -> None:
    """A path reads the record, `parent` the record that led to it, and a constant neither."""
    fields = FIELDS | {"asset_id": {"parent": "key"}, "description": {"constant": 7}}
    values = ParentValues("scope", {}, {"key": "from the parent"})
    record = mapped(mapper(fields=fields).map(RAW, values))
    assert (record.external_id, record.asset_id, record.type, record.description) == ("m1", "from the parent", "Energy", "7")


@pytest.mark.parametrize(
    ("lookup", "value", "unit"), [("units", "kWh", "kWh"), ("units", 7, "l"), ("units", True, "m3"), ({"x": "y"}, "x", "y")]
)
def test_lookups_translate(lookup: object, value: object, unit: str) -> None:
    """By a table of the definition or one in place; numbers and flags are looked up as JSON writes them."""
    fields = FIELDS | {"unit": {"path": "unit", "lookup": lookup}}
    assert mapped(mapper(fields=fields).map(RAW | {"unit": value})).unit == unit


def test_what_a_lookup_lacks_is_a_fault_or_the_default() -> None:
    """Without a default the fault names the value, and is the field's only one; a default also stands in for a missing value."""
    strict = mapper(fields=FIELDS | {"unit": {"path": "unit", "lookup": "units"}})
    [problem] = refused(strict.map(RAW | {"unit": "gal"})).problems
    assert (problem.path, problem.message) == ("unit", "'gal' is not in the lookup")
    lenient = mapper(fields=FIELDS | {"unit": {"path": "unit", "lookup": "units", "default": "pieces"}})
    assert mapped(lenient.map(RAW | {"unit": "gal"})).unit == mapped(lenient.map(RAW | {"unit": None})).unit == "pieces"


def test_metadata_is_kept_as_it_comes() -> None:
    """Further attributes keep their JSON form; those that aren't there are left out."""
    record = mapped(mapper(metadata={"factor": "extra", "site": "site", "none": "nothing"}).map(RAW))
    assert record.metadata == {"factor": Decimal("1.10"), "site": {"id": "s1"}}


def test_unmapped_fields_are_named() -> None:
    """Those of the record's own fields that nothing starts from; none, where an expression can reach them all."""
    assert mapper().unmapped(RAW) == ["extra"]
    assert mapper(metadata={"factor": "extra"}).unmapped(RAW) == []
    assert mapper(metadata={"all": "@"}).unmapped(RAW) == []
    assert mapper().unmapped(["no", "object"]) == []


def test_an_expression_that_fails_is_the_fields_fault() -> None:
    """A function that can't take what a record holds refuses the record, with the reason once."""
    result = refused(mapper(fields=FIELDS | {"unit": "join('', unit)"}, metadata={"sum": "sum(unit)"}).map(RAW))
    assert [problem.path for problem in result.problems] == ["unit", "metadata.sum"]


def test_keys_name_a_record_across_runs() -> None:
    """By the stream's key; else by the external id, also of one that is refused; else by everything in the record."""
    assert mapper(key="[id, unit]").map(RAW).key == '["m1","kWh"]'
    assert mapper(key="id").map(RAW).key == "m1"
    assert mapper().map(RAW).key == mapper().map(RAW | {"unit": None}).key == "m1"
    assert len(mapper(key="id").map(RAW | {"id": "x" * 300}).key) == 32
    usage = mapper("readings", fields={"meter_id": "id", "at": "at", "value": "v"}, key=None)
    first, again, other = (usage.map({"id": "m", "at": "2024-01-01T00:00:00Z", "v": value}) for value in (1, 1, 2))
    assert isinstance(first, Mapped)
    assert isinstance(first.record, ProviderReading)
    assert (first.key == again.key, first.key == other.key) == (True, False)


def test_reasons_show_no_secret() -> None:
    """A provider that repeats our secret in a record doesn't bring it into a reason."""
    redactor = Redactor()
    redactor.add("s3cret")
    result = refused(mapper(redactor=redactor, fields=FIELDS | {"type": "unit"}).map(RAW | {"unit": "s3cret"}))
    assert "[secret]" in result.reason
    assert "s3cret" not in repr(result.problems)


@pytest.mark.parametrize("raw", [None, 7, "text", [], [1]])
def test_a_record_that_is_no_object_is_refused(raw: object) -> None:
    """Whatever stands in the list of records is mapped or refused, never an error of the run."""
    assert refused(mapper().map(raw)).external_id is None


@pytest.mark.parametrize("value", [None, "", "..", ".", True, {"a": 1}, []])
def test_a_path_parameter_must_be_part_of_a_path(value: object) -> None:
    """A parent without a usable value for the path is told, since nothing can be asked for it."""
    stream = msgspec.convert(
        {"entity": "meters", "path": "/s/{s}", "fields": FIELDS, "parent": {"stream": "a", "parameters": {"s": "id"}}}, Stream
    )
    assert parent_values(stream, "k", {"id": Decimal("1.5")}).parameters == {"s": "1.5"}
    with pytest.raises(InvalidInputError, match="no part of a path"):
        parent_values(stream, "k", {"id": value})
