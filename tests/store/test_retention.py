"""What is forgotten in time: bodies as received and held deliveries, as the settings say; what they said is kept always."""

import msgspec
import pytest

from handlers.ports import Transaction
from handlers.rebuild import rebuild
from handlers.rejected import Rejection, hold
from receiver.duties import Duties
from receiver.limit_settings import Limits, Retention
from receiver.metrics import Metrics
from receiver.settings import Settings
from storage import events
from storage.store import DatabaseStore
from tests.support.api import Clock
from tests.support.facts import body_of
from tests.support.store import deliver, derived, pairing, rows

DAY_S = 86_400
OLD, NEW = body_of([pairing(1)]), body_of([pairing(2)], event_batch_id="31fccdce-725e-4c87-a91b-8d1b1f0d8c2a")
BODIES = "SELECT body FROM deliveries ORDER BY delivery_id"


def duties(store: DatabaseStore, clock: Clock, **days: int | None) -> Duties:
    """Those of a service with these days of retention."""
    return Duties(store, Settings(retention=msgspec.structs.replace(Retention(), **days)), Metrics(), clock)


async def two_deliveries(store: DatabaseStore, clock: Clock) -> None:
    """One is three days old, the other one day."""
    await deliver(store, [OLD], now_us=clock())
    clock.move(2 * DAY_S)
    await deliver(store, [NEW], now_us=clock())
    clock.move(DAY_S)


async def test_bodies_are_kept_by_default(store: DatabaseStore) -> None:
    """Whatever time passes."""
    clock = Clock()
    await two_deliveries(store, clock)
    clock.move(10_000 * DAY_S)
    await duties(store, clock).once()
    assert await rows(store, BODIES) == [(OLD,), (NEW,)]


async def test_old_bodies_go_and_what_they_said_stays(store: DatabaseStore) -> None:
    """A batch whose body is gone is still a duplicate when it comes again, and a rebuild needs no body."""
    clock = Clock()
    await two_deliveries(store, clock)
    before = await derived(store)
    await duties(store, clock, raw_bodies_days=2).once()
    assert await rows(store, BODIES) == [(None,), (NEW,)]
    (answer,) = await deliver(store, [OLD], now_us=clock())
    assert (answer.message, answer.applied) == ("duplicate", 0)
    rebuilt = await rebuild(store, clock)
    assert (rebuilt.mended, rebuilt.digest_after) == (0, rebuilt.digest_before)
    assert await derived(store) == before


async def test_many_old_bodies_go_a_few_at_a_time(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries come in between them: no transaction drops more than so many, the oldest first, and in the end all are gone."""
    monkeypatch.setattr(events, "_BODIES_AT_ONCE", 2)
    clock = Clock()
    bodies = [body_of([pairing(number)], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}") for number in range(5)]
    for body in bodies:
        await deliver(store, [body], now_us=clock())
        clock.move(1)
    left = [bodies[2:], bodies[4:], []]
    for number, expected in zip((2, 2, 1), left, strict=True):
        assert await store.write(lambda tx: tx.events.drop_bodies(clock())) == number
        assert [body for (body,) in await rows(store, BODIES) if body] == expected
    await deliver(store, bodies, now_us=clock())
    clock.move(3 * DAY_S)
    await duties(store, clock, raw_bodies_days=2).once()
    assert {body for (body,) in await rows(store, BODIES)} == {None}


@pytest.mark.parametrize(("days", "left"), [(2, [b"new"]), (None, [b"old", b"new"])])
async def test_held_deliveries_go_in_time(store: DatabaseStore, days: int | None, left: list[bytes]) -> None:
    """Unless the setting leaves it to the limits alone."""
    clock, limits = Clock(), Limits()
    for body in (b"old", b"new"):
        held = [Rejection("default", clock(), None, "mismatch", "{}", body)]

        async def work(tx: Transaction, held: list[Rejection] = held) -> None:
            await hold(tx, held, limits.rejected_deliveries_max, limits.rejected_bytes_max)

        await store.write(work)
        clock.move(1.5 * DAY_S)
    await duties(store, clock, rejected_days=days).once()
    assert await rows(store, "SELECT body FROM rejected ORDER BY rejected_id") == [(body,) for body in left]
