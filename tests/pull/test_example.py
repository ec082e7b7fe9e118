"""The worked example, pulled from its own server: what `make demo` and docs/providers.md show."""

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from fixtures.providers import example_server
from handlers.rules.aggregation import Counter, Stand, by_consumption, by_readings
from handlers.rules.zones import bounds_us
from receiver.pull.check import StreamCheck, check_streams
from receiver.pull.checklist import UNKNOWN, answer_checklist
from receiver.pull.client import ProviderClient
from receiver.pull.definition import load_definition
from receiver.pull.run import ProviderRun
from receiver.pull.secrets import resolve_secrets
from schemas.provider_access import Environment
from schemas.provider_records import ProviderAsset, ProviderConsumption, ProviderMeter, ProviderReading
from schemas.providers import Definition, Field
from schemas.wire import parse_time
from tests.pull.processes import serving
from tests.pull.support import KeepingSink

DEFINITION = Path(example_server.__file__).with_name("fleetwatt.toml")
ENVIRON = {"FLEETWATT_CLIENT_ID": example_server.CLIENT_ID, "FLEETWATT_CLIENT_SECRET": example_server.CLIENT_SECRET}
NOW = parse_time("2025-04-02T06:00:00Z", "now")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def example_url() -> Iterator[str]:
    """The example's API."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "fixtures.providers.example_server:create_app", "--port", "0"]
    with serving(command, r"running on http://127\.0\.0\.1:(\d+)") as url:
        yield f"{url}/v1"


@pytest.fixture
def definition(example_url: str) -> Definition:
    """The example's definition, whose staging environment is this server."""
    loaded = load_definition(DEFINITION).definition
    return replace(loaded, environments=replace(loaded.environments, staging=Environment(base_url=example_url)))


def client_of(definition: Definition) -> ProviderClient:
    """A client of its staging environment."""
    return ProviderClient(definition, resolve_secrets(definition, "staging", ENVIRON, DEFINITION.parent), "staging")


async def test_the_example_is_pulled_whole(definition: Definition) -> None:
    """All four streams, each paged in its own way, come in; the one bad record of each kind is quarantined with its reason."""
    sink = KeepingSink()
    async with client_of(definition) as client:
        report = await ProviderRun(definition, client, sink, clock=lambda: NOW).run()
    assert report.status == "succeeded"
    assert {each.stream: (each.fetched, each.created, each.quarantined) for each in report.streams} == {
        "vehicles": (5, 5, 0),
        "meters": (6, 5, 1),
        "stands": (124, 123, 1),
        "months": (9, 9, 0),
    }
    refused = [(batch.stream, each.field, each.reason) for batch in sink.batches for each in batch.quarantined]
    assert refused == [
        ("meters", "type", "'AIR' is not in the lookup"),
        ("stands", "value", "expected a number, got 'n/a'"),
    ]
    rows = sink.rows.values()
    truck = next(row for row in rows if isinstance(row, ProviderAsset))
    assert (truck.external_id, truck.serial, truck.time_zone) == ("VH-1001", "WDB9634031L736216", "Europe/Berlin")
    assert truck.metadata == {"depot": "HH-01", "fleet": "North"}
    assert {(row.type, row.subtype, row.unit) for row in rows if isinstance(row, ProviderMeter)} == {
        ("Energy", "EV Charging", "kWh"),
        ("Energy", "Diesel", "l"),
        ("Water", "Potable", "m3"),
    }
    fuel = next(row for row in rows if isinstance(row, ProviderConsumption))
    assert (fuel.value, fuel.cost, fuel.currency) == (Decimal("1850.5"), Decimal("2970.12"), "EUR")


async def test_a_second_pull_changes_nothing(definition: Definition) -> None:
    """The look-back reads the last days again, and finds them as they were."""
    sink = KeepingSink()
    async with client_of(definition) as client:
        await ProviderRun(definition, client, sink, clock=lambda: NOW).run()
    async with client_of(definition) as client:
        report = await ProviderRun(definition, client, sink, clock=lambda: NOW).run()
    assert sum(each.created + each.updated for each in report.streams) == 0
    assert {each.stream: each.unchanged for each in report.streams} == {"vehicles": 5, "meters": 5, "stands": 8, "months": 0}


async def test_its_usage_adds_up_by_day_and_month(definition: Definition) -> None:
    """The rollover is told apart, the day of 23 hours is covered as far as it was measured, and days add up to the month."""
    sink = KeepingSink()
    async with client_of(definition) as client:
        await ProviderRun(definition, client, sink, clock=lambda: NOW).run()
    stands = [
        Stand(row.at_us, row.value)
        for row in sink.rows.values()
        if isinstance(row, ProviderReading) and row.meter_id == "CH-1001"
    ]
    start, end = parse_time("2025-02-28T23:00:00Z", "from"), parse_time("2025-03-31T22:00:00Z", "to")
    known = definition.streams["stands"].aggregation
    assert known is not None
    counter = Counter(known.rollover, known.reset_to, (known.gap_hours_max or 0) * 3_600_000_000)
    days = by_readings(stands, bounds_us(start, end, "day", BERLIN), counter)
    [month] = by_readings(stands, bounds_us(start, end, "month", BERLIN), counter)
    assert (len(days), sum(day.rollovers for day in days), month.rollovers, month.resets) == (31, 1, 1, 0)
    assert sum(day.value for day in days) == month.value
    assert all(day.coverage == 1.0 for day in days[1:-1])
    records = [row for row in sink.rows.values() if isinstance(row, ProviderConsumption) and row.meter_id == "FU-1002"]
    quarter = by_consumption(records, bounds_us(records[0].start_us, records[-1].end_us, "month", BERLIN))
    assert [bucket.value for bucket in quarter] == [record.value for record in records]


async def test_a_check_shows_what_the_definition_makes_of_the_api(definition: Definition) -> None:
    """One page of each stream: the fields that are filled, those that nothing uses, and those that fail, with an example."""
    async with client_of(definition) as client:
        checks = {check.stream: check for check in await check_streams(definition, client, clock=lambda: NOW)}
    assert {name: (check.error, check.records, check.usable) for name, check in checks.items()} == {
        "vehicles": (None, 2, 2),
        "meters": (None, 4, 4),
        "stands": (None, 4, 4),
        "months": (None, 3, 3),
    }
    assert checks["vehicles"].unmapped == ()
    assert checks["stands"].unmapped == ("id",)
    assert set(checks["months"].mapped) == {"meter_id", "start", "end", "value", "cost", "currency"}
    assert isinstance(checks["meters"].example, dict)
    assert checks["meters"].example["subtype"] == "EV Charging"
    assert checks["stands"].example == {
        "at": "2025-03-31T00:00:00Z",
        "estimated": False,
        "meter_id": "CH-1001",
        "value": "1762.5",
    }


async def test_a_check_tells_what_fails(definition: Definition) -> None:
    """A field that records don't fill, and a stream that can't be fetched, are told; the others are looked at all the same."""
    vehicles = replace(definition.streams["vehicles"], fields=definition.streams["vehicles"].fields | {"serial": "fleet"})
    wrong = replace(
        definition,
        streams=definition.streams | {"vehicles": vehicles, "meters": replace(definition.streams["meters"], path="/counters")},
    )
    async with client_of(wrong) as client:
        checks = {check.stream: check for check in await check_streams(wrong, client, clock=lambda: NOW)}
    assert checks["months"].hints == ()
    [failing] = checks["vehicles"].failing
    assert (failing.field, failing.records, failing.reason) == (
        "serial",
        2,
        "expected text, got {'name': 'North', 'region': 'DE'}",
    )
    assert "answered 404" in (checks["meters"].error or "")
    assert checks["months"].usable == 3


async def test_a_check_hints_at_subtypes_that_the_requirements_do_not_name(definition: Definition) -> None:
    """They are taken as they are, but a slip would look the same: each is told once, with those that there are."""
    fields = definition.streams["meters"].fields | {"subtype": Field(constant="Ev charging")}
    wrong = replace(definition, streams=definition.streams | {"meters": replace(definition.streams["meters"], fields=fields)})
    async with client_of(wrong) as client:
        [meters] = [one for one in await check_streams(wrong, client, clock=lambda: NOW) if one.stream == "meters"]
    assert (meters.usable, len(meters.hints)) == (4, 1)
    assert meters.hints[0].startswith("subtype 'Ev charging' is none of those of Energy: Coal, Coke, ")


async def test_the_checklist_is_answered_as_far_as_it_can_be(definition: Definition) -> None:
    """All nine items, each with what the definition states, and marked as verified only where a request has shown it."""
    async with client_of(definition) as client:
        answers = answer_checklist(definition, "staging", await check_streams(definition, client, clock=lambda: NOW))
    assert len(answers) == 9
    assert [answer.verified for answer in answers] == [True, True, False, False, False, True, True, True, False]
    told = [answer.answer for answer in answers]
    assert told[1] == "client_credentials"
    assert told[3] == UNKNOWN
    assert told[4] == "600 requests per minute"
    assert "stands: from and to (inclusive), at most 10 days" in told[7]
    assert "months: start_date and end_date (exclusive), at most 1 month" in told[7]
    assert "1 months" not in told[7]
    assert "stands: counters roll over at 1000000" in told[8]
    unreached = answer_checklist(definition, "staging", [StreamCheck("vehicles", "assets", error="no answer")])
    assert not any(answer.verified for answer in unreached)
