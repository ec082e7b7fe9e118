"""The table of answers of the webhook, row by row, against the service as a process of its own."""

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio

from storage import open_engine
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.receiver_process import SECRET, ReceiverProcess, post, receiver
from tests.support.signing import datahub_signature, standard_headers
from tests.support.store import OTHER, pairing, unpairing

STANDARD = "whsec_" + base64.b64encode(b"a secret of Standard Webhooks 01").decode()
SETTINGS = f"""
[limits]
body_bytes_max = 200000
delivery_events_max = 60
rejected_deliveries_max = 3

[subscriptions.rotating]
secrets = ["the new secret", "the old secret"]

[subscriptions.standard]
scheme = "standard-webhooks"
secrets = ["{STANDARD}"]
tolerance_s = 60

[subscriptions.extra]
secrets = ["{SECRET}"]
require_header = {{ name = "X-Tenant", value = "north" }}
require_basic = "datahub:open sesame"

[subscriptions.bearer]
secrets = ["{SECRET}"]
require_bearer = "a token"

[subscriptions.bound]
secrets = ["{SECRET}"]
organizations = ["{ORGANIZATION}"]
"""


def batch(*entries: Any, batch_id: str | None = None) -> bytes:  # noqa: ANN401 - also what is no event
    """A batch with an id of its own unless one is given."""
    return msgspec.json.encode(
        {
            "eventBatchId": batch_id or str(uuid.uuid4()),
            "eventSubscriptionId": ORGANIZATION,
            "eventBatchTime": "2025-05-13T13:18:13.2017310Z",
            "eventsData": entries,
        }
    )


@pytest_asyncio.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[ReceiverProcess]:
    """The service on each engine."""
    (tmp_path / "drawbar.toml").write_text(SETTINGS)
    async with receiver(database_url, tmp_path) as process:
        yield process


@pytest_asyncio.fixture
async def client(running: ReceiverProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """Sends deliveries, and asks as the operator."""
    async with running.client() as opened:
        yield opened


def counts(answer: httpx2.Response) -> tuple[int, ...]:
    """received, applied, duplicates, quarantined, ignored."""
    said = answer.json()
    return tuple(said[name] for name in ("received", "applied", "duplicates", "quarantined", "ignored"))


async def quarantine(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """The quarantine's entries, newest first."""
    items: list[dict[str, Any]] = (await client.get("/api/v1/quarantine")).raise_for_status().json()["items"]
    return items


async def units(client: httpx2.AsyncClient) -> dict[str, str]:
    """The state of each unit."""
    items = (await client.get("/api/v1/units")).raise_for_status().json()["items"]
    return {unit["unitId"]: unit["state"] for unit in items}


async def test_batches_that_are_understood(client: httpx2.AsyncClient) -> None:
    """A valid batch is applied and readable at once; again a duplicate, with other events a conflict; empty is accepted."""
    body = batch(pairing(1))
    answer = await post(client, body)
    assert (answer.status_code, answer.json()["statusCode"], answer.json()["message"]) == (200, 200, "accepted")
    assert answer.json()["eventBatchId"] == msgspec.json.decode(body)["eventBatchId"]
    assert counts(answer) == (1, 1, 0, 0, 0)
    assert list((await units(client)).values()) == ["paired"]
    again = await post(client, body)
    assert (again.status_code, again.json()["message"], counts(again)) == (200, "duplicate", (1, 0, 1, 0, 0))
    spaced = await post(client, msgspec.json.format(body, indent=4))
    assert spaced.json()["message"] == "duplicate", "batches are compared as decoded JSON"
    other = await post(client, batch(unpairing(2), batch_id=answer.json()["eventBatchId"]))
    assert (other.status_code, other.json()["message"], counts(other)) == (200, "conflict", (1, 1, 0, 0, 0))
    empty = await post(client, batch())
    assert (empty.status_code, empty.json()["message"], counts(empty)) == (200, "accepted", (0, 0, 0, 0, 0))


async def test_entries_stand_for_themselves(client: httpx2.AsyncClient) -> None:
    """A bad entry goes to quarantine with its path, an unknown type is kept as ignored, and their siblings are applied."""
    bad = pairing(1, unit_id="tp:bad")
    del bad["eventData"]["assetId"]
    unknown = {"eventType": "trailer.alarm", "eventVersion": 1, "eventData": {"organizationId": ORGANIZATION}}
    answer = await post(client, batch(bad, pairing(1), 7, unknown, {"eventType": "unit.paired"}))
    assert (answer.status_code, counts(answer)) == (200, (5, 1, 0, 3, 1))
    assert [entry["path"] for entry in await quarantine(client)] == [
        "$.eventsData[4]",
        "$.eventsData[2]",
        "$.eventsData[0].eventData.assetId",
    ]
    ignored = (await client.get("/api/v1/events", params={"outcome": "ignored"})).json()["items"]
    assert [event["eventType"] for event in ignored] == ["trailer.alarm"]


async def test_bodies_that_are_no_batch(client: httpx2.AsyncClient) -> None:
    """Signed JSON that is no envelope is 200, what is no JSON is 400, another media type 415; each body is kept in quarantine."""
    answer = await post(client, b'{"test": "connection"}')
    assert (answer.status_code, answer.json()["message"]) == (200, "quarantined")
    kept = [answer.json()["quarantineId"]]
    for body, headers, status in (
        (b'{"eventBatchId": ', {}, 400),
        (b"\xff\xfe\x00", {}, 400),
        (b"", {}, 400),
        (b"[" * 100_000, {}, 400),
        (batch(pairing(1)), {"Content-Type": "text/plain"}, 415),
    ):
        refused = await post(client, body, **headers)
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
        if body.startswith(b"[["):
            assert refused.json()["error"] == "the body can't be read: JSON is nested too deep"
        kept.append(refused.json()["quarantineId"])
    entries = {entry["quarantineId"]: entry for entry in await quarantine(client)}
    assert set(entries) == set(kept)
    assert {entry["kind"] for entry in entries.values()} == {"body"}
    assert await units(client) == {}


async def test_content_type_parameters_and_case(client: httpx2.AsyncClient) -> None:
    """`application/json` counts in any case and with parameters."""
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        answer = await post(client, batch(pairing(1)), **{"Content-Type": content_type})
        assert answer.status_code == 200


async def test_signatures(client: httpx2.AsyncClient) -> None:
    """A missing or wrong signature, also one of two, is 401 and nothing is applied; two that verify are fine."""
    body = batch(pairing(1))
    good = datahub_signature(SECRET, body)
    for headers in (
        {"X-SCALAR-Signature": "sha256=" + "0" * 64},
        {"X-SCALAR-Signature": good[:-1]},
        {"X-SCALAR-Signature": ""},
        {"X-Webhook-Signature": datahub_signature("another", body)},
    ):
        answer = await post(client, body, **headers)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (401, True)
        assert answer.json()["error"]
    assert await units(client) == {}
    both = await post(
        client, body, **{"X-Webhook-Signature": good.replace("sha256=", "sha256=").upper().replace("SHA256", "sha256")}
    )
    assert both.json()["message"] == "accepted"
    metrics = (await client.get("/metrics")).text
    assert 'drawbar_signature_failures_total{reason="mismatch",subscription="default"} 2.0' in metrics


async def test_rotation_of_secrets(client: httpx2.AsyncClient) -> None:
    """While a secret is rotated a signature by either one counts, under either header's name."""
    for secret in ("the new secret", "the old secret"):
        body = batch(pairing(1))
        signature = datahub_signature(secret, body)
        answer = await client.post(
            "/webhooks/datahub/rotating",
            content=body,
            headers={"Content-Type": "application/json", "x-webhook-signature": signature},
            auth=httpx2.Auth(),
        )
        assert answer.status_code == 200
    assert (await post(client, batch(pairing(2)), "rotating")).status_code == 401


async def test_standard_webhooks(client: httpx2.AsyncClient) -> None:
    """A subscription can verify by Standard Webhooks, whose timestamp must be within the tolerance."""
    for age_s, status in ((0, 200), (50, 200), (70, 401), (-70, 401)):
        body = batch(pairing(1))
        headers = standard_headers(STANDARD, body, int(time.time()) - age_s)
        answer = await client.post(
            "/webhooks/datahub/standard",
            content=body,
            headers=[*headers, (b"content-type", b"application/json")],
        )
        assert answer.status_code == status


async def test_extra_credentials(client: httpx2.AsyncClient) -> None:
    """A custom header, Basic and Bearer credentials can be asked for on top of the signature."""
    basic = "Basic " + base64.b64encode(b"datahub:open sesame").decode()
    body = batch(pairing(1))
    assert (await post(client, body, "extra", **{"X-Tenant": "north", "Authorization": basic})).status_code == 200
    assert (await post(client, body, "extra", **{"X-Tenant": "south", "Authorization": basic})).status_code == 401
    assert (await post(client, body, "extra", **{"X-Tenant": "north"})).status_code == 401
    assert (await post(client, body, "bearer", Authorization="Bearer a token")).status_code == 200
    assert (await post(client, body, "bearer", Authorization="Bearer another")).status_code == 401


async def test_binding_to_organizations(client: httpx2.AsyncClient) -> None:
    """An event of an organization that the subscription isn't bound to goes to quarantine, its siblings are applied."""
    answer = await post(client, batch(pairing(1), pairing(1, organization_id=OTHER)), "bound")
    assert counts(answer) == (2, 1, 0, 1, 0)
    (entry,) = await quarantine(client)
    assert entry["path"] == "$.eventsData[1].eventData.organizationId"


async def test_unknown_subscription_and_method(client: httpx2.AsyncClient) -> None:
    """An unknown subscription is 404 and keeps nothing; another method is 405 with Allow."""
    answer = await post(client, batch(pairing(1)), "nobody")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert await quarantine(client) == []
    refused = await client.get("/webhooks/datahub/default")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_too_large(client: httpx2.AsyncClient) -> None:
    """A body over the limit is 413, whether its length is announced or not."""
    body = batch(*(pairing(minute) for minute in range(2000)))
    assert len(body) > 200_000
    assert (await post(client, body)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    headers = {"Content-Type": "application/json", "X-SCALAR-Signature": datahub_signature(SECRET, body)}
    try:
        answer = await client.post("/webhooks/datahub/default", content=pieces(), headers=headers)
    except httpx2.WriteError:
        pytest.fail("the answer must reach a client that is still sending")
    assert answer.status_code == 413
    assert await units(client) == {}


async def test_too_many_events(client: httpx2.AsyncClient) -> None:
    """A delivery with more events than it may have is kept as a whole in quarantine, and says so; one with as many is applied."""
    answer = await post(client, batch(*(pairing(minute) for minute in range(61))))
    assert (answer.status_code, answer.json()["message"]) == (200, "quarantined")
    (entry,) = await quarantine(client)
    assert entry["quarantineId"] == answer.json()["quarantineId"]
    assert (entry["path"], entry["message"]) == ("$.eventsData", "has 61 events: at most 60 are taken in one delivery")
    again = await client.post(f"/api/v1/quarantine/{entry['quarantineId']}/reprocess")
    assert again.json()["state"] == "waiting"
    assert (await post(client, batch(*(pairing(minute) for minute in range(60))))).json()["applied"] == 60


async def test_a_truncated_delivery_leaves_nothing(running: ReceiverProcess, client: httpx2.AsyncClient) -> None:
    """A sender that goes away in the middle of a body has delivered nothing, and others are not held up by it."""
    body = batch(pairing(1))
    port = int(running.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /webhooks/datahub/default HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:50])
    await writer.drain()
    assert (await post(client, batch(pairing(2, unit_id="tp:other")))).status_code == 200
    writer.close()
    await writer.wait_closed()
    assert reader.at_eof() or await reader.read() == b""
    assert await units(client) == {"tp:other": "paired"}


async def test_shutdown_commits_and_answers_what_was_taken(
    running: ReceiverProcess, client: httpx2.AsyncClient, database_url: str
) -> None:
    """On SIGTERM the process ends with 0; what was answered 200 is there, and what isn't can be sent again: 503, or no answer."""
    bodies = [batch(*(pairing(minute, unit_id=f"tp:{number}") for minute in range(50))) for number in range(30)]
    sending = [asyncio.create_task(post(client, body)) for body in bodies]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    assert await running.terminate() == 0
    answers = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(answer, httpx2.Response | httpx2.TransportError) for answer in answers)
    taken = [answer for answer in answers if isinstance(answer, httpx2.Response)]
    assert {answer.status_code for answer in taken} in ({200}, {200, 503})
    promised = [answer.json()["eventBatchId"] for answer in taken if answer.status_code == 200]
    engine = open_engine(database_url)
    kept = await DatabaseStore(engine).read(lambda tx: tx.journal.batches_of(promised))
    await engine.close()
    assert sorted(record.event_batch_id for record in kept) == sorted(promised)
