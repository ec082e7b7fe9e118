"""Signed deliveries as no honest sender makes them, and unsigned ones that are held, against the service as a process."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest_asyncio

from storage import open_engine
from storage.store import DatabaseStore
from tests.http.test_webhook import batch, counts, quarantine
from tests.support.receiver_process import SECRET, ReceiverProcess, post, receiver
from tests.support.signing import datahub_signature
from tests.support.store import pairing

SETTINGS = {
    "DRAWBAR_LIMITS_REJECTED_DELIVERIES_MAX": "3",
    "DRAWBAR_LIMITS_REJECTED_BYTES_MAX": "100000",
}


@pytest_asyncio.fixture
async def running(database_url: str, tmp_path: Path) -> AsyncIterator[ReceiverProcess]:
    """The service on each engine."""
    async with receiver(database_url, tmp_path, SETTINGS) as process:
        yield process


@pytest_asyncio.fixture
async def client(running: ReceiverProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """Sends deliveries, and asks as the operator."""
    async with running.client() as opened:
        yield opened


def with_field(name: str, value: str) -> bytes:
    """A batch with a good event and one in whose `eventData` a field has this JSON text."""
    event = pairing(2)
    data = {key: text for key, text in event["eventData"].items() if key != name}
    bad = msgspec.json.encode({**event, "eventData": {**data, name: "HERE"}}).replace(b'"HERE"', value.encode())
    return batch(pairing(1))[:-2] + b"," + bad + b"]}"


async def test_wrongly_encoded_bodies(client: httpx2.AsyncClient) -> None:
    """What is no UTF-8 as a whole is 400 and kept as it came; a bad byte in one event is that event's fault alone."""
    body = batch(pairing(1))
    encoded = [
        (gzip.compress(body), {"Content-Encoding": "gzip"}),
        (body.decode().encode("utf-16"), {}),
        (b"\xef\xbb\xbf" + body, {}),
        (body[:-20], {}),
    ]
    for content, headers in encoded:
        refused = await post(client, content, **headers)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        kept = await client.get(f"/api/v1/quarantine/{refused.json()['quarantineId']}")
        assert kept.json()["kind"] == "body"
    latin = batch(pairing(1), pairing(2, unit_id="tp:QQ")).replace(b"QQ", "Ü".encode("latin-1"))
    assert counts(await post(client, latin)) == (2, 1, 0, 1, 0)
    assert (await quarantine(client))[0]["path"] == "$.eventsData[1].eventData.unitId"


async def test_a_sender_that_leaves_was_not_answered(running: ReceiverProcess, client: httpx2.AsyncClient) -> None:
    """A body that breaks off leaves nothing, and is counted as what it is, not as an error of ours."""
    url = httpx2.URL(running.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /webhooks/datahub/default HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nxxx")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    while "drawbar_deliveries_total{" not in (metrics := (await client.get("/metrics")).text):  # noqa: ASYNC110 - the other side is being tested
        await asyncio.sleep(0.05)
    counted = [line for line in metrics.splitlines() if line.startswith("drawbar_deliveries_total{")]
    assert counted == ['drawbar_deliveries_total{answer="disconnected",subscription="default"} 1.0']
    assert (await client.get("/api/v1/quarantine")).json()["items"] == []


HOSTILE = (
    ("unitId", r'"\ud800"'),
    ("unitId", '""'),
    ("unitId", '"' + "x" * 300 + '"'),
    ("location", '{"latitude": 1e999, "longitude": 0}'),
    ("location", "[" * 400 + "]" * 400),
    ("registeredOn", '"9999-12-31T23:59:59-23:59"'),
    ("registeredOn", "9" * 5000),
    ("organizationId", '"\' OR 1=1 --"'),
)


async def test_hostile_values(client: httpx2.AsyncClient) -> None:
    """Whatever stands in an event is that event's fault alone, and the fault names its field."""
    for name, value in HOSTILE:
        assert counts(await post(client, with_field(name, value)))[3] == 1, (name, value)
        entry = (await quarantine(client))[0]
        assert entry["path"].startswith(f"$.eventsData[1].eventData.{name}")
    assert len(await quarantine(client)) == len(HOSTILE)
    assert [unit["state"] for unit in (await client.get("/api/v1/units")).json()["items"]] == ["paired"]
    assert (await client.get("/readyz")).status_code == 200


async def test_odd_text_reads_back_unchanged(client: httpx2.AsyncClient) -> None:
    """NUL, control characters, quotes and what lies beyond the basic plane are text like any other."""
    unit_id = "tp:\x00\x1a<script>'--\\%_𝄞"
    assert counts(await post(client, batch(pairing(1, unit_id=unit_id)))) == (1, 1, 0, 0, 0)
    (unit,) = (await client.get("/api/v1/units")).json()["items"]
    assert (unit["unitId"], unit["serialNumber"], unit["state"]) == (unit_id, unit_id[3:], "paired")
    found = await client.get("/api/v1/pairings", params={"unitId": unit_id})
    assert [pairing["unitId"] for pairing in found.json()["items"]] == [unit_id]


async def test_a_slow_sender_is_waited_for_within_bounds(database_url: str, tmp_path: Path) -> None:
    """A body that doesn't arrive in time is 503, to be sent again, and meanwhile others are answered."""
    async with receiver(database_url, tmp_path, {"DRAWBAR_LIMITS_BODY_TIMEOUT_S": "4"}) as running, running.client() as client:
        await _send_half(running, client)


async def _send_half(running: ReceiverProcess, client: httpx2.AsyncClient) -> None:
    body = batch(pairing(1))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
    signature = datahub_signature(SECRET, body)
    head = f"Host: x\r\nContent-Type: application/json\r\nX-SCALAR-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(f"POST /webhooks/datahub/default HTTP/1.1\r\n{head}".encode() + body[:100])
    await writer.drain()
    assert counts(await post(client, batch(pairing(2, unit_id="tp:other")))) == (1, 1, 0, 0, 0)
    answer = (await asyncio.wait_for(reader.read(), 30)).decode()
    assert answer.startswith("HTTP/1.1 503 ")
    assert "retry-after: " in answer.lower()
    writer.close()
    assert [unit["unitId"] for unit in (await client.get("/api/v1/units")).json()["items"]] == ["tp:other"]


async def test_what_proves_nothing_is_held_in_a_bounded_ring(client: httpx2.AsyncClient, database_url: str) -> None:
    """Without a signature or with a wrong one a delivery is 401, of whatever type; the newest are held, byte for byte."""
    bodies = [batch(pairing(number)) for number in range(5)]
    for number, body in enumerate(bodies):
        headers = {"Content-Type": "text/plain" if number == 4 else "application/json"}
        if number % 2:
            headers["X-SCALAR-Signature"] = datahub_signature("another", body)
        answer = await client.post("/webhooks/datahub/default", content=body, headers=headers, auth=httpx2.Auth())
        assert (answer.status_code, "www-authenticate" in answer.headers) == (401, True)
    assert await quarantine(client) == []
    engine = open_engine(database_url)
    held = await DatabaseStore(engine).read(lambda tx: tx.rejected.list_entries(-1, 10))
    await engine.close()
    assert [record.body for record in held] == bodies[2:]
    assert {record.remote for record in held} == {"127.0.0.1"}


async def test_a_conflict_is_logged_and_counted(running: ReceiverProcess, client: httpx2.AsyncClient) -> None:
    """The same eventBatchId with other events, and the same batch again, stand in the metrics, the former in the log too."""
    batch_id = "31fccdce-725e-4c87-a91b-0000000000aa"
    messages = [(await post(client, batch(pairing(n), batch_id=batch_id))).json()["message"] for n in (1, 2, 2)]
    assert messages == ["accepted", "conflict", "duplicate"]
    metrics = (await client.get("/metrics")).text
    for message in ("conflict", "duplicate"):
        assert f'drawbar_batches_repeated_total{{message="{message}",subscription="default"}} 1.0' in metrics
    logged = [msgspec.json.decode(line) for line in running.log.read_bytes().splitlines()]
    (warning,) = [line for line in logged if line["event"] == "batch.conflict"]
    assert (warning["level"], warning["event_batch_id"]) == ("warning", batch_id)
