"""`case.escalated` is told once for each case and deadline, whoever looks, and only of what is open."""

import asyncio

import pytest
from msgspec import json

from handlers import escalation
from handlers.cases import Remarked, dismiss_case, reopen_case
from handlers.escalation import announce_escalations
from handlers.rebuild import rebuild
from handlers.rules.cases import DEADLINE_US, case_id
from handlers.rules.facts import event_key
from receiver.duties import Duties
from receiver.metrics import Metrics
from receiver.settings import Settings
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNIT, body_of, minute
from tests.support.store import NOW_US, deliver, failure, feed, pairing, rows, wipe

FAILED = event_key(ORGANIZATION, UNIT, "failed", minute(0), ("NotFound", "F3A000001"))
CASE = case_id(ORGANIZATION, UNIT, FAILED)
DUE_US = minute(0) + DEADLINE_US


def batch(number: int, *events: object) -> bytes:
    """A batch with an id of its own."""
    return body_of(events, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")


async def told(store: DatabaseStore) -> list[tuple[str, str]]:
    """The case and state of every announcement."""
    changes = [json.decode(row.data) for row in await feed(store) if row.type == "case.escalated"]
    return [(change["caseId"], change["state"]) for change in changes]


async def test_a_deadline_is_announced_once(store: DatabaseStore) -> None:
    """Not before or at the deadline; the first look after it tells; none after that does."""
    await deliver(store, [batch(1, failure(0))], now_us=minute(1))
    assert await announce_escalations(store, DUE_US) == 0
    assert await announce_escalations(store, DUE_US + 1) == 1
    assert await announce_escalations(store, DUE_US + 2) == 0
    assert await told(store) == [(CASE, "escalated")]
    (row,) = [row for row in await feed(store) if row.type == "case.escalated"]
    assert (row.unit_id, row.at_us) == (UNIT, DUE_US + 1)


async def test_a_new_deadline_is_announced_again(store: DatabaseStore) -> None:
    """Another sensor VIN or reason starts the clock anew, and the case escalates once more."""
    await deliver(store, [batch(1, failure(0))])
    assert await announce_escalations(store, NOW_US) == 1
    await deliver(store, [batch(2, failure(60, reason="Unknown"))])
    assert await announce_escalations(store, DUE_US + 1) == 0
    assert await announce_escalations(store, NOW_US) == 1
    assert await told(store) == [(CASE, "escalated")] * 2


async def test_more_failures_of_the_kind_change_no_deadline(store: DatabaseStore) -> None:
    """Hourly repeats after the announcement don't announce it again; a rebuild doesn't either."""
    await deliver(store, [batch(1, failure(0))])
    await announce_escalations(store, NOW_US)
    await deliver(store, [batch(2, failure(60))])
    await rebuild(store, lambda: NOW_US)
    assert await announce_escalations(store, NOW_US) == 0


async def test_only_what_is_open_escalates(store: DatabaseStore) -> None:
    """A resolved case doesn't, a dismissed one doesn't until it is reopened."""
    await deliver(store, [batch(1, failure(0), pairing(5, unit_id="tp:1"), failure(4, unit_id="tp:1"))])
    said = Remarked(CASE, ORGANIZATION, "anna")
    await store.write(lambda tx: dismiss_case(tx, said, NOW_US))
    assert await announce_escalations(store, NOW_US) == 0
    await store.write(lambda tx: reopen_case(tx, said, NOW_US))
    assert await announce_escalations(store, NOW_US) == 1


async def test_many_are_announced_some_at_a_time(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are due, all of them are told, in more than one transaction."""
    monkeypatch.setattr(escalation, "CASES_AT_A_TIME", 2)
    await deliver(store, [batch(1, *(failure(0, unit_id=f"tp:{number}") for number in range(5)))])
    assert await announce_escalations(store, NOW_US) == 5
    assert len(await told(store)) == 5
    positions = {row.position for row in await feed(store) if row.type == "case.escalated"}
    assert len(positions) == 3


async def test_what_changed_meanwhile_is_not_announced(store: DatabaseStore) -> None:
    """A case that is resolved between the look and the announcement is passed over."""
    await deliver(store, [batch(1, failure(0))])
    due = await store.read(lambda tx: tx.cases.due(NOW_US, 10))
    assert [row.case_id for row in due] == [CASE]
    await deliver(store, [batch(2, pairing(5))])
    assert await store.write(lambda tx: escalation._announce(tx, due, NOW_US)) == 0
    assert await told(store) == []


async def test_of_many_processes_one_announces(shared_postgres_url: str) -> None:
    """Services that look at one moment over one database tell of each case once between them."""
    stores = [DatabaseStore(open_engine(shared_postgres_url, connections=2)) for _ in range(3)]
    try:
        await wipe(stores[0])
        await deliver(stores[0], [batch(1, *(failure(0, unit_id=f"tp:{number}") for number in range(8)))])
        async with asyncio.timeout(30):
            counts = await asyncio.gather(*(announce_escalations(store, NOW_US) for store in stores))
        assert sum(counts) == 8
        assert len(set(await told(stores[0]))) == len(await told(stores[0])) == 8
        assert len(await rows(stores[0], "SELECT 1 FROM escalations")) == 8
    finally:
        for store in stores:
            await store.engine.close()


async def test_the_service_tells_whoever_waits(store: DatabaseStore) -> None:
    """The service's duty announces, and wakes those who wait for changes; without anything due it wakes nobody."""
    woken: list[int] = []
    duties = Duties(store, Settings(), Metrics(), lambda: NOW_US, lambda: woken.append(1))
    await duties.once()
    assert woken == []
    await deliver(store, [batch(1, failure(0))])
    await duties.once()
    await duties.once()
    assert woken == [1]
    assert await told(store) == [(CASE, "escalated")]
