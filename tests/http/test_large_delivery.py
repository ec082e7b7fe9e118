"""A delivery many times larger than any of Datahub's, which has at most 500 events: it is one transaction, and a long one."""

import asyncio
from pathlib import Path

from tests.support.facts import body_of
from tests.support.receiver_process import post, receiver
from tests.support.store import pairing

EVENTS = 5000
TIMEOUT_S = 150


async def test_others_are_answered_while_it_is_applied(database_url: str, tmp_path: Path) -> None:
    """Health and reads are answered all the while, from what was there before it; another delivery is taken."""
    large = body_of([pairing(minute, unit_id=f"tp:{minute}") for minute in range(EVENTS)])
    small = body_of([pairing(1, unit_id="tp:small")], event_batch_id="31fccdce-725e-4c87-a91b-000000000002")
    async with receiver(database_url, tmp_path) as running, running.client() as client, asyncio.timeout(TIMEOUT_S):
        client.timeout = TIMEOUT_S
        sending = asyncio.create_task(post(client, large))
        answered = 0
        other: asyncio.Task[object] | None = None
        while not sending.done():
            health, unit = await asyncio.gather(client.get("/healthz"), client.get("/api/v1/units/tp:0"))
            assert (health.status_code, unit.status_code) in {(200, 404), (200, 200)}
            other = other or asyncio.create_task(post(client, small))
            answered += not sending.done() and unit.status_code == 404
        assert answered > 5
        answer = (await sending).json()
        assert (answer["message"], answer["applied"]) == ("accepted", EVENTS)
        assert other
        await other
        found = await client.get("/api/v1/units/tp:small")
        assert found.json()["state"] == "paired"
