"""Batches and events: what came, what became of it, and who may see which part."""

import msgspec
import pytest

from handlers.queries import batches
from schemas.events import Payload
from schemas.facts import Meaning
from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of, event_of, minute
from tests.support.store import OTHER, failure, pairing, unpairing

BATCH_ID = "31fccdce-725e-4c87-a91b-000000000001"


async def test_a_batch_tells_what_became_of_its_entries(api: Api) -> None:
    """A batch carries its envelope, its counts and its deliveries, oldest first."""
    body = body_of(
        [pairing(1), pairing(1), {"eventType": "alarm", "eventVersion": 1, "eventData": {}}, 7], event_batch_id=BATCH_ID
    )
    await api.deliver(body, body, remote="192.0.2.1")
    (batch,) = await api.items("/api/v1/batches")
    assert batch["batchId"].startswith("bat_")
    assert (batch["eventBatchId"], batch["source"], batch["subscription"]) == (BATCH_ID, "webhook", "default")
    counts = {name: batch[name] for name in ("received", "applied", "duplicates", "quarantined", "ignored")}
    assert counts == {"received": 4, "applied": 1, "duplicates": 1, "quarantined": 1, "ignored": 1}
    first, second = batch["deliveries"]
    assert (first["answer"], second["answer"], first["remote"]) == ("accepted", "duplicate", "192.0.2.1")
    assert first["deliveryId"] < second["deliveryId"]
    one = await api.get(f"/api/v1/batches/{batch['batchId']}")
    assert one == await api.get(f"/api/v1/batches/{BATCH_ID.upper()}")
    assert [delivery["raw"] for delivery in one["deliveries"]] == [body.decode()] * 2
    assert first["raw"] is None


async def test_an_ambiguous_event_batch_id_names_the_batches(api: Api) -> None:
    """Two lists of events under one eventBatchId are two batches, and the id alone is 400."""
    await api.events(pairing(1))
    await api.events(pairing(2))
    first, second = (batch["batchId"] for batch in await api.items("/api/v1/batches"))
    problem = await api.refused(400, f"/api/v1/batches/{BATCH_ID}")
    assert problem["errors"][0]["path"] == "batchId"
    assert first in problem["error"]
    assert second in problem["error"]


async def test_a_batch_of_several_organizations_shows_each_its_part(api: Api) -> None:
    """A client sees the counts of its own organization, and no body; a batch of others isn't there."""
    await api.events(pairing(1), pairing(2, B), pairing(1, organization_id=OTHER))
    (whole,) = await api.items("/api/v1/batches")
    mine = await api.get(f"/api/v1/batches/{whole['batchId']}", await api.credentials(OTHER))
    assert (whole["received"], mine["received"]) == (3, 1)
    assert [delivery["raw"] for delivery in mine["deliveries"]] == [None]
    stranger = await api.credentials("00000000-0000-0000-0000-000000000000")
    await api.refused(404, f"/api/v1/batches/{whole['batchId']}", stranger)
    assert await api.items("/api/v1/batches", stranger) == []
    for nothing in ("bat_999", "bat_0", "bat_9999999999999999999", "bat_x", "nothing"):
        await api.refused(404, f"/api/v1/batches/{nothing}")


async def test_bodies_in_one_answer_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what one answer holds, deliveries are shown without their bodies."""
    body = body_of([pairing(1)])
    monkeypatch.setattr(batches, "RAW_BYTES_MAX", len(body) + 1)
    await api.deliver(body, body)
    (listed,) = await api.items("/api/v1/batches")
    batch = await api.get(f"/api/v1/batches/{listed['batchId']}")
    assert [delivery["raw"] is None for delivery in batch["deliveries"]] == [False, True]


async def test_batches_are_paged_newest_first(api: Api) -> None:
    """Pages of batches hold each once, newest first."""
    for number in range(5):
        await api.events(pairing(number), number=number)
    whole = await api.items("/api/v1/batches")
    assert [batch["eventBatchId"][-1] for batch in whole] == list("43210")
    assert await api.all_items("/api/v1/batches", limit=2) == whole


async def test_an_event_is_what_its_copies_say(api: Api) -> None:
    """An event merges its copies; its deliveries are those of all of them, its changes what they led to."""
    copies = [
        Payload(ORGANIZATION, UNIT, "paired", minute(1), A, Meaning("AutoPair", None, "F3A000001")),
        Payload(ORGANIZATION, UNIT, "paired", minute(1), A, Meaning("ManualPair", "1HGCM82633A000001")),
    ]
    for number, (payload, version) in enumerate(zip(copies, (1, 2), strict=True)):
        await api.events(event_of(payload, version), number=number)
    latest, first = await api.items("/api/v1/events")
    assert (first["outcome"], latest["outcome"]) == ("applied", "duplicate")
    assert (first["reason"], latest["reason"]) == ("AutoPair", "ManualPair")
    assert first["eventKey"] == latest["eventKey"]
    event = await api.get(f"/api/v1/events/{first['eventKey']}")
    assert (event["reason"], event["assetVin"], event["sensorVin"]) == ("ManualPair", "1HGCM82633A000001", "F3A000001")
    assert event["flags"] == ["contradiction"]
    assert (event["outcome"], event["status"], event["void"]) == ("applied", "success", False)
    assert event["registeredOn"] == time_text(minute(1))
    assert event["deliveries"] == [*first["deliveries"], *latest["deliveries"]]
    assert [change["type"] for change in event["changes"]] == ["pairing.opened", "pairing.revised"]
    assert event["knownAt"] == first["knownAt"] == time_text(api.clock())
    await api.refused(404, f"/api/v1/events/{first['eventKey']}", await api.credentials(OTHER))
    await api.refused(404, "/api/v1/events/0")


async def test_events_are_filtered(api: Api) -> None:
    """Each filter leaves what it names; times are of registration, the end excluded."""
    unknown = {"eventType": "alarm", "eventVersion": 1, "eventData": {"organizationId": ORGANIZATION}}
    broken = {"eventType": "unit.paired", "eventVersion": 2, "eventData": {"organizationId": ORGANIZATION}}
    await api.events(pairing(1), unpairing(2), failure(3, "tp:2"), unpairing(4), unknown, broken, pairing(1))

    async def found(**params: str) -> int:
        return len(await api.items("/api/v1/events", **params))

    assert await found() == 7
    assert await found(unitId=UNIT) == 4
    assert await found(unitId="tp:2") == 1
    assert await found(assetId=A.upper()) == 4
    assert await found(eventType="alarm") == 1
    assert await found(eventType="unit.unpaired") == 2
    assert await found(status="success") == 2
    assert await found(status="failed") == 1
    assert await found(reason="NotFound") == 1
    assert await found(outcome="applied") == 4
    assert await found(outcome="duplicate") == 1
    assert await found(outcome="ignored") == 1
    assert await found(outcome="quarantined") == 1
    assert await found(**{"from": time_text(minute(2))}) == 3
    assert await found(**{"from": time_text(minute(1)), "to": time_text(minute(3))}) == 3
    assert await found(unitId=UNIT, outcome="duplicate") == 1
    assert len(await api.all_items("/api/v1/events", limit=2)) == 7


async def test_flags_are_shown_with_their_events(api: Api) -> None:
    """An unpairing that did nothing says so in the list and by itself."""
    await api.events(pairing(1), unpairing(2), unpairing(3))
    flagged = [event for event in await api.items("/api/v1/events") if event["flags"]]
    assert [(event["flags"], event["registeredOn"]) for event in flagged] == [(["staleUnpair"], time_text(minute(3)))]
    assert (await api.get(f"/api/v1/events/{flagged[0]['eventKey']}"))["flags"] == ["staleUnpair"]


async def test_a_body_that_is_no_text_loses_no_byte() -> None:
    """Bytes that are no UTF-8 are shown as a data URL."""
    assert batches.raw_text(b'{"a":1}') == '{"a":1}'
    assert batches.raw_text(b"\xff\x00") == "data:application/octet-stream;base64,/wA="
    assert msgspec.json.decode(msgspec.json.encode(batches.raw_text("é\x00".encode()))) == "é\x00"
