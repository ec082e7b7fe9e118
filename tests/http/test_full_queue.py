"""More deliveries at once than may wait for the writer: Datahub is told to send them again, and does."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.support.facts import body_of
from tests.support.receiver_process import post, receiver
from tests.support.store import pairing

SENDERS = 20
EVENTS = 200
TIMEOUT_S = 90


def _body(number: int) -> bytes:
    events = [pairing(minute, unit_id=f"tp:{number}") for minute in range(EVENTS)]
    return body_of(events, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")


async def _until_taken(client: httpx2.AsyncClient, body: bytes, refused: list[httpx2.Response]) -> str:
    """Send a delivery again as long as it is refused; the message with which it is taken."""
    while (answer := await post(client, body)).status_code == 503:
        refused.append(answer)
        await asyncio.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"])


@pytest.mark.parametrize("limit", ["QUEUE_DELIVERIES_MAX", "QUEUE_BYTES_MAX"])
async def test_a_full_queue_is_503_and_loses_nothing(database_url: str, tmp_path: Path, limit: str) -> None:
    """What finds the queue full, by number or by bytes, is refused with Retry-After; sent again it is taken, once.

    Meanwhile the service goes on answering others, and it counts what it refused.
    """
    settings = {f"DRAWBAR_LIMITS_{limit}": "1", "DRAWBAR_LIMITS_GROUP_DELIVERIES_MAX": "1"}
    refused: list[httpx2.Response] = []
    taken: list[str] = []
    async with receiver(database_url, tmp_path, settings) as running, running.client() as client, asyncio.timeout(TIMEOUT_S):
        while not refused:
            bodies = [_body(len(taken) + number) for number in range(SENDERS)]
            taken += await asyncio.gather(*(_until_taken(client, body, refused) for body in bodies))
            assert (await client.get("/healthz")).status_code == 200
        for answer in refused:
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["error"] == "too many deliveries are waiting"
        assert set(taken) == {"accepted"}
        metrics = (await client.get("/metrics")).text
        assert f'drawbar_deliveries_total{{answer="503",subscription="default"}} {len(refused)}.0' in metrics
        assert f'drawbar_events_total{{outcome="applied"}} {len(taken) * EVENTS}.0' in metrics
        units = (await client.get("/api/v1/units", params={"limit": 1000})).json()["items"]
        assert len(units) == len(taken)
