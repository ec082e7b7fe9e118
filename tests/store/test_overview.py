"""How much there is of everything, on each engine."""

from handlers.clients import add_client, revoke_client
from handlers.rejected import Rejection, hold
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, B, body_of, minute
from tests.support.store import NOW_US, OTHER, deliver, execute, failure, pairing, unpairing

HOUR = 60


async def test_an_empty_store_counts_nothing(store: DatabaseStore) -> None:
    """Sums over no rows are 0, and no time is the oldest."""
    assert await store.read(lambda tx: tx.overview.count(NOW_US)) == (0, 0, 0, 0, 0, 0, {}, 0, 0, 0, 0, 0, None, 0)


async def test_everything_is_counted(store: DatabaseStore) -> None:
    """A batch of two organizations counts once, a repeated delivery as a delivery, and a case past its deadline as escalated."""
    await execute(store, "DELETE FROM clients")
    events = [pairing(0), pairing(0, organization_id=OTHER), pairing(5, B, "tp:2"), unpairing(9, B, "tp:2"), 7]
    events += [failure(0, "tp:3"), pairing(1) | {"eventVersion": 3}]
    bodies = [body_of(events), body_of(events), body_of([failure(HOUR, "tp:4"), pairing(0)], event_batch_id=OTHER)]
    await deliver(store, bodies)
    rejections = [Rejection("default", NOW_US + n, None, "mismatch", "[]", b"body") for n in range(2)]
    await store.write(lambda tx: hold(tx, rejections, 10, 1000))
    await add_client(store, "one", ORGANIZATION, ["read"], NOW_US)
    two = await add_client(store, "two", "*", ["read"], NOW_US)
    await store.write(lambda tx: revoke_client(tx, two.client_id, NOW_US))
    counts = await store.read(lambda tx: tx.overview.count(minute(48 * HOUR + 1)))
    assert counts.deliveries == 3
    assert (counts.batches, counts.applied, counts.duplicates, counts.quarantined, counts.ignored) == (2, 6, 1, 1, 1)
    assert counts.units == {"paired": 2, "unpaired": 1, "unmatched": 2}
    assert (counts.pairings, counts.cases, counts.cases_escalated) == (3, 2, 1)
    assert (counts.rejected, counts.rejected_bytes, counts.rejected_oldest_us) == (2, 8, NOW_US)
    assert counts.clients == 1
