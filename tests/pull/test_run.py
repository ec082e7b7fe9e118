"""Runs of a provider into a sink: order, chunks and watermarks, faults and what they stop, and the account of all records."""

from typing import Any

import pytest

from receiver.pull.client import now_us
from receiver.pull.mapping import Mapper, Quarantined, remap
from receiver.pull.reports import Batch, Counts, RunReport, StreamReport
from receiver.pull.run import ProviderRun
from schemas.errors import DrawbarError
from schemas.provider_records import ProviderAsset, ProviderMeter, ProviderReading
from schemas.providers import Definition
from schemas.wire import parse_time, time_text
from tests.pull.support import NOTHING, VEHICLES, KeepingSink, definition, opened
from tests.pull.wiremock import WireMock, gives

NONE = {"type": "none"}
METERS = {
    "entity": "meters",
    "path": "/meters",
    "pagination": NONE,
    "fields": {
        "external_id": "id",
        "asset_id": "vehicle",
        "type": {"path": "kind", "lookup": {"power": "Energy", "water": "Water"}},
        "unit": {"constant": "kWh"},
    },
}
READINGS = {
    "entity": "readings",
    "path": "/readings",
    "pagination": {
        "type": "page",
        "page_parameter": "_page",
        "size_parameter": "_limit",
        "size": 7,
        "total_header": "X-Total-Count",
    },
    "date_range": {
        "start_parameter": "date_gte",
        "end_parameter": "date_lte",
        "end": "inclusive",
        "first": "2024-01-01",
        "span_days_max": 10,
        "look_back_days": 3,
    },
    "fields": {"meter_id": "meterId", "at": "date", "value": "km"},
}
BY_METER = {
    "entity": "readings",
    "path": "/meters/{meter}/stands",
    "pagination": NONE,
    "parent": {"stream": "meters", "parameters": {"meter": "id"}},
    "fields": {"meter_id": {"parent": "id"}, "at": "at", "value": "value"},
}
NOW = parse_time("2024-01-21T12:00:00Z", "now")


async def run(made: Definition, sink: KeepingSink, *only: str, now: int = NOW, environ: Any = NOTHING) -> RunReport:  # noqa: ANN401 - as in support
    """One run at a given time."""
    async with opened(made, environ) as client:
        return await ProviderRun(made, client, sink, clock=lambda: now).run(only)


def of(report: RunReport, stream: str) -> StreamReport:
    """The report of one stream."""
    return next(each for each in report.streams if each.stream == stream)


def balanced(report: RunReport) -> bool:
    """Whether every stream's records are accounted for."""
    return all(each.fetched == each.created + each.updated + each.unchanged + each.quarantined for each in report.streams)


async def test_chunks_move_the_watermark_and_the_look_back_reads_again(json_server: str) -> None:
    """The watermark moves with the last page of each chunk; a later run reads the look-back again, and nothing beyond it."""
    made = definition(json_server, {"vehicles": VEHICLES, "readings": READINGS})
    sink = KeepingSink()
    report = await run(made, sink)
    assert (report.status, balanced(report)) == ("succeeded", True)
    assert [(each.stream, each.fetched, each.created) for each in report.streams] == [("vehicles", 23, 23), ("readings", 40, 40)]
    marks = [time_text(batch.watermark_us) for batch in sink.batches if batch.watermark_us is not None]
    assert marks == ["2024-01-10T23:00:00Z", "2024-01-20T23:00:00Z"]
    assert [(batch.page, batch.watermark_us is not None) for batch in sink.batches[1:]] == [(1, False), (2, False), (3, True)] * 2
    later = await run(made, sink, now=parse_time("2024-02-10T12:00:00Z", "now"))
    readings = of(later, "readings")
    assert (readings.fetched, readings.created, readings.unchanged) == (28, 22, 6)
    assert time_text(sink.marks["readings", ""]) == "2024-02-09T23:00:00Z"
    assert of(later, "vehicles").unchanged == 23


async def test_a_chunk_that_fails_leaves_the_watermark_where_it_was(wiremock: WireMock) -> None:
    """What came before a fault is stored with its watermark, and the next run goes on from there without a gap."""
    stream = READINGS | {"pagination": NONE, "date_range": READINGS["date_range"] | {"look_back_days": 0}}  # type: ignore[operator]
    row = {"meterId": "m", "date": "2024-01-03", "km": 1}
    wiremock.stub("/readings", gives([row]), *[{"status": 500}] * 3, gives([row | {"date": "2024-01-13"}]))
    made, sink = definition(wiremock.url, {"readings": stream}), KeepingSink()
    report = await run(made, sink)
    assert (report.status, of(report, "readings").status) == ("failed", "failed")
    assert time_text(sink.marks["readings", ""]) == "2024-01-10T23:00:00Z"
    assert (await run(made, sink)).status == "succeeded"
    assert time_text(sink.marks["readings", ""]) == "2024-01-20T23:00:00Z"
    starts = [request["queryParams"]["date_gte"]["values"][0] for request in wiremock.requests("/readings")]
    assert starts == ["2024-01-01", *["2024-01-11"] * 4]


async def test_an_empty_chunk_moves_the_watermark_too(wiremock: WireMock) -> None:
    """A span without records is fetched all the same: a batch without rows carries its watermark."""
    wiremock.stub("/readings", gives([]))
    sink = KeepingSink()
    await run(definition(wiremock.url, {"readings": READINGS | {"pagination": NONE}}), sink)
    assert [(batch.records, batch.watermark_us is not None) for batch in sink.batches] == [((), True), ((), True)]


async def test_children_are_asked_for_once_per_parent(wiremock: WireMock) -> None:
    """A stream with a parent is asked for each usable record of it, with values of that record, and a watermark of its own."""
    wiremock.stub(
        "/meters",
        gives(
            [
                {"id": "m/1", "vehicle": "v", "kind": "power"},
                {"id": 2, "vehicle": "v", "kind": "water"},
                {"id": 3, "vehicle": "v", "kind": "gas"},
            ]
        ),
    )
    for path in ("/meters/m%2F1/stands", "/meters/2/stands"):
        wiremock.stub(path, gives([{"at": "2024-01-02", "value": 5.25}]))
    ranged = BY_METER | {"date_range": {"start_parameter": "from", "end_parameter": "to", "first": "2024-01-01"}}
    sink = KeepingSink()
    report = await run(definition(wiremock.url, {"stands": ranged, "meters": METERS}), sink)
    assert (report.status, balanced(report)) == ("succeeded", True)
    assert (of(report, "meters").created, of(report, "meters").quarantined, of(report, "stands").created) == (2, 1, 2)
    assert {scope for _, scope in sink.marks} == {"m/1", "2"}
    assert {row.meter_id for row in sink.rows.values() if isinstance(row, ProviderReading)} == {"m/1", "2"}


async def test_a_fault_of_one_parent_is_not_its_siblings(wiremock: WireMock) -> None:
    """The others are fetched and stored; the stream fails all the same, loudly."""
    wiremock.stub("/meters", gives([{"id": n, "vehicle": "v", "kind": "power"} for n in (1, 2, 3)]))
    wiremock.stub("/meters/2/stands", {"status": 404, "body": "gone"})
    for n in (1, 3):
        wiremock.stub(f"/meters/{n}/stands", gives([{"at": "2024-01-02", "value": n}]))
    sink = KeepingSink()
    for concurrency in (1, 3):
        report = await run(
            definition(wiremock.url, {"meters": METERS, "stands": BY_METER}, limits={"concurrency": concurrency}), sink
        )
        stands = of(report, "stands")
        assert (report.status, stands.status, stands.fetched, stands.errors_total) == ("failed", "failed", 2, 1)
        assert "/meters/2/stands answered 404 gone" in stands.errors[0]
    lenient = await run(definition(wiremock.url, {"meters": METERS, "stands": BY_METER | {"not_found": "empty"}}), sink)
    assert (lenient.status, of(lenient, "stands").unchanged) == ("succeeded", 2)


async def test_a_parent_without_its_path_parameter_is_quarantined_for_the_child(wiremock: WireMock) -> None:
    """Where a parent's record can't fill the path, the child stream tells of it and asks nothing."""
    wiremock.stub("/meters", gives([{"id": "..", "vehicle": "v", "kind": "power"}]))
    sink = KeepingSink()
    report = await run(definition(wiremock.url, {"meters": METERS, "stands": BY_METER}), sink)
    assert (of(report, "stands").fetched, of(report, "stands").quarantined, balanced(report)) == (1, 1, True)
    assert sink.batches[-1].quarantined[0].field == "parent.parameters.meter"


async def test_assets_are_derived_from_meters(wiremock: WireMock) -> None:
    """Where a provider has no assets of its own, each meter's asset is one, once; one that contradicts another is quarantined."""
    derived = {"entity": "assets", "derive_from": "meters", "fields": {"external_id": "vehicle", "name": "label"}}
    rows = [
        {"id": n, "vehicle": vehicle, "label": label, "kind": "power"}
        for n, (vehicle, label) in enumerate([("a", "A"), ("a", "A"), ("b", "B"), ("a", "other")])
    ]
    wiremock.stub("/meters", gives(rows))
    sink = KeepingSink()
    report = await run(definition(wiremock.url, {"sites": derived, "meters": METERS}), sink)
    sites = of(report, "sites")
    assert (sites.status, sites.fetched, sites.created, sites.quarantined, sites.unidentified) == ("succeeded", 3, 2, 1, 0)
    assert [row.name for row in sink.rows.values() if isinstance(row, ProviderAsset)] == ["A", "B"]
    assert [batch.entity for batch in sink.batches] == ["assets", "meters"]
    assert sites.why_no_absence == ""


async def test_bad_records_are_quarantined_with_all_that_is_needed(wiremock: WireMock) -> None:
    """A record that isn't in the standard form is kept as it came, to the digit, with its faults; its siblings are stored."""
    exact = '{"id":"m2","kind":"coal","factor":1.10,"big":12345678901234567890.5}'
    body = f'[{{"id":"m1","vehicle":"v","kind":"power"}},{exact},{{"kind":"power","vehicle":"v"}}]'
    wiremock.stub("/meters", {"status": 200, "body": body})
    made = definition(wiremock.url, {"meters": METERS})
    sink = KeepingSink()
    report = await run(made, sink)
    [batch] = sink.batches
    second, third = batch.quarantined
    assert (second.external_id, second.key, third.external_id) == ("m2", "m2", None)
    assert {problem.path: problem.message for problem in second.problems} == {
        "type": "'coal' is not in the lookup",
        "asset_id": "is required",
    }
    assert second.raw == exact
    assert (batch.stream, batch.page, batch.url) == ("meters", 1, f"{wiremock.url}/meters")
    assert (of(report, "meters").unidentified, of(report, "meters").why_no_absence, balanced(report)) == (
        1,
        "1 records of meters have no id that can be read",
        True,
    )


async def test_a_mended_definition_maps_what_was_quarantined(wiremock: WireMock) -> None:
    """The raw record, with what it was mapped with, is enough to map it again."""
    wiremock.stub("/meters", gives([{"id": "m2", "kind": "coal", "vehicle": "v"}]))
    sink = KeepingSink()
    await run(definition(wiremock.url, {"meters": METERS}), sink)
    [refused] = sink.batches[0].quarantined
    fields = METERS["fields"] | {"type": {"path": "kind", "lookup": {"coal": "Energy"}}}  # type: ignore[operator]
    mended = definition(wiremock.url, {"meters": METERS | {"fields": fields}})
    async with opened(mended) as client:
        mapped = remap(Mapper(mended, mended.streams["meters"], client.redactor), refused)
    assert not isinstance(mapped, Quarantined)
    assert (mapped.key, mapped.record) == (refused.key, ProviderMeter(external_id="m2", asset_id="v", type="Energy", unit="kWh"))


async def test_only_a_complete_full_fetch_shows_absence(wiremock: WireMock) -> None:
    """Not an incremental fetch, not one that failed, not one that ended before the provider's own total."""
    short = VEHICLES | {"path": "/short", "records": "items", "pagination": {"type": "offset", "limit": 2, "total": "total"}}
    wiremock.stub("/vehicles", gives([{"id": 1, "name": "a"}]))
    wiremock.stub("/short", gives({"total": 3, "items": [{"id": 1, "name": "a"}]}), gives({"total": 3, "items": []}))
    wiremock.stub("/broken", {"status": 400})
    streams = {
        "full": VEHICLES,
        "changed": VEHICLES | {"updated_since": {"parameter": "since"}},
        "short": short,
        "broken": VEHICLES | {"path": "/broken"},
    }
    report = await run(definition(wiremock.url, streams), KeepingSink())
    assert {each.stream: (each.status, each.why_no_absence) for each in report.streams} == {
        "full": ("succeeded", ""),
        "changed": ("succeeded", "changed fetches only what has changed"),
        "short": ("failed", "short failed"),
        "broken": ("failed", "broken failed"),
    }
    assert "ended before the total" in of(report, "short").errors[0]


async def test_an_incremental_fetch_asks_from_the_last_run(wiremock: WireMock) -> None:
    """The first run asks for everything; the next one for what changed since then, with a day to spare."""
    wiremock.stub("/vehicles", gives([{"id": 1, "name": "a"}]))
    made = definition(wiremock.url, {"changed": VEHICLES | {"updated_since": {"parameter": "since"}}})
    sink = KeepingSink()
    await run(made, sink)
    assert sink.marks["changed", ""] == NOW
    await run(made, sink, now=NOW + 3_600_000_000)
    first, second = wiremock.requests("/vehicles")
    assert "since" not in first["queryParams"]
    assert second["queryParams"]["since"]["values"] == ["2024-01-20T12:00:00Z"]


async def test_a_long_rest_ends_the_run_until_then(wiremock: WireMock) -> None:
    """Asked to wait longer than a run may, the run ends and says when it may go on; the streams after it aren't asked."""
    wiremock.stub("/vehicles", {"status": 429, "headers": {"Retry-After": "900"}})
    wiremock.stub("/meters", gives([]))
    before = now_us()
    report = await run(definition(wiremock.url, {"vehicles": VEHICLES, "meters": METERS}), KeepingSink())
    assert report.status == "rescheduled"
    assert report.not_before_us is not None
    assert before + 900_000_000 <= report.not_before_us <= now_us() + 900_000_000
    assert [each.status for each in report.streams] == ["rescheduled", "skipped"]
    assert wiremock.requests("/meters") == []


async def test_refused_credentials_end_the_run(wiremock: WireMock) -> None:
    """After a 401 nothing else is asked."""
    wiremock.stub("/vehicles", {"status": 401})
    report = await run(definition(wiremock.url, {"vehicles": VEHICLES, "meters": METERS, "stands": BY_METER}), KeepingSink())
    assert [each.status for each in report.streams] == ["failed", "skipped", "skipped"]


async def test_a_failed_parent_skips_its_children(wiremock: WireMock) -> None:
    """Children of a stream that failed aren't asked for, since nobody knows for which records; other streams run."""
    wiremock.stub("/meters", {"status": 400})
    wiremock.stub("/vehicles", gives([]))
    report = await run(definition(wiremock.url, {"meters": METERS, "stands": BY_METER, "vehicles": VEHICLES}), KeepingSink())
    assert {each.stream: each.status for each in report.streams} == {
        "vehicles": "succeeded",
        "meters": "failed",
        "stands": "skipped",
    }
    assert "its parent meters did not succeed" in of(report, "stands").errors[0]


async def test_some_streams_bring_what_they_need(wiremock: WireMock) -> None:
    """Naming a stream runs it with its parent, and nothing else."""
    wiremock.stub("/meters", gives([]))
    made = definition(wiremock.url, {"vehicles": VEHICLES, "meters": METERS, "stands": BY_METER})
    report = await run(made, KeepingSink(), "stands")
    assert [each.stream for each in report.streams] == ["meters", "stands"]


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ("<r><v id='1'><name>a</name></v><v id='2'><name>b</name></v></r>", ["1", "2"]),
        ("<r><v id='1'><name>a</name></v></r>", ["1"]),
        ("<r/>", []),
    ],
)
async def test_xml_gives_the_same_records(wiremock: WireMock, body: str, ids: list[str]) -> None:
    """In XML many elements, a lone one and none at all are a list each; attributes carry @."""
    wiremock.stub("/vehicles", {"status": 200, "body": body})
    stream = VEHICLES | {"records": "r.v", "fields": {"external_id": '"@id"', "name": "name"}}
    sink = KeepingSink()
    report = await run(definition(wiremock.url, {"vehicles": stream}, format="xml"), sink)
    assert report.status == "succeeded"
    assert [row.external_id for row in sink.rows.values() if isinstance(row, ProviderAsset)] == ids


async def test_only_the_definition_can_mean_a_secret(wiremock: WireMock) -> None:
    """A reference in a stream's own query becomes its value; a provider's token that looks like one is sent as it is."""
    wiremock.stub("/vehicles", gives({"items": [{"id": 1, "name": "a"}], "next": "env:KEY"}), gives({"items": [], "next": None}))
    stream = VEHICLES | {
        "query": {"key": "env:KEY"},
        "records": "items",
        "pagination": {"type": "cursor", "next": "next", "parameter": "after"},
    }
    await run(definition(wiremock.url, {"vehicles": stream}), KeepingSink(), environ={"KEY": "k3y-value"})
    queries = [
        {name: value["values"] for name, value in request["queryParams"].items()} for request in wiremock.requests("/vehicles")
    ]
    assert queries == [{"key": ["k3y-value"]}, {"key": ["k3y-value"], "after": ["env:KEY"]}]


class ForgetfulSink(KeepingSink):
    """A sink that loses a record."""

    async def commit(self, batch: Batch) -> Counts:
        """Tell of one record fewer than were given."""
        return Counts(created=len(batch.records) - 1)


async def test_a_record_that_goes_missing_is_an_error(wiremock: WireMock) -> None:
    """Fetched is created, updated, unchanged and quarantined together: where the store tells otherwise, the run ends."""
    wiremock.stub("/vehicles", gives([{"id": 1, "name": "a"}]))
    with pytest.raises(DrawbarError, match="1 records were given to the store, it tells of 0"):
        await run(definition(wiremock.url), ForgetfulSink())


class BrokenSink(KeepingSink):
    """A sink whose store is gone."""

    async def commit(self, batch: Batch) -> Counts:
        """Fail."""
        raise ConnectionError(batch.stream)


async def test_what_the_store_raises_is_passed_on(wiremock: WireMock) -> None:
    """A fault of the store isn't one of the provider: it ends the run as what it is, with its siblings cancelled."""
    wiremock.stub("/meters", gives([{"id": n, "vehicle": "v", "kind": "power"} for n in (1, 2, 3)]))
    with pytest.raises(ConnectionError):
        await run(definition(wiremock.url, {"meters": METERS, "stands": BY_METER}, limits={"concurrency": 3}), BrokenSink())
