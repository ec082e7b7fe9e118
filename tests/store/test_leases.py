"""Leases on both engines, and the Feed's token in the store."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.ports import Transaction
from receiver.feed_tokens import StoredToken
from receiver.lease import Lease, LeaseLostError
from receiver.pull.feed_token import FeedToken
from receiver.secret import Secret
from storage.store import DatabaseStore
from tests.support.api import Clock
from tests.support.store import dump, wipe

MINUTE_US = 60_000_000


async def test_one_holder_at_a_time(store: DatabaseStore) -> None:
    """Of many who claim work at once one gets it; the others do when it lets go."""
    clock = Clock()
    leases = [Lease(store, "feed:a", clock, length_s=60) for _ in range(8)]
    taken = await asyncio.gather(*(lease.take() for lease in leases))
    assert sum(taken) == 1
    owner = leases[taken.index(True)]
    other = leases[taken.index(False)]
    assert await owner.take()
    assert await other.holder_elsewhere() == owner.holder
    assert await owner.holder_elsewhere() is None
    assert await Lease(store, "feed:b", clock, length_s=60).take()
    await other.release()
    assert not await other.take()
    await owner.release()
    assert await other.take()


async def test_a_lease_that_is_not_renewed_ends(store: DatabaseStore) -> None:
    """A holder that died is followed by the next, and one that comes back from a long sleep can change nothing."""
    clock = Clock()
    first, second = Lease(store, "provider:a", clock, length_s=60), Lease(store, "provider:a", clock, length_s=60)
    assert await first.take()
    clock.move(59)
    assert not await second.take()
    clock.move(1)
    assert await second.take()

    async def work(tx: Transaction) -> None:
        await first.confirm(tx)

    with pytest.raises(LeaseLostError, match="taken over"):
        await store.write(work)


async def eventually_renewed(store: DatabaseStore, lease: Lease) -> None:
    """Wait until a lease has been renewed at the time that the clock shows."""
    async with asyncio.timeout(10):
        while await store.read(lambda tx: tx.leases.find(lease.name)) != (lease.holder, lease.until_us()):  # noqa: ASYNC110 - another task does it
            await asyncio.sleep(0.005)


async def test_a_held_lease_is_renewed_and_let_go_of(store: DatabaseStore) -> None:
    """While it is held nobody else gets it, however long that takes; afterwards it is free at once."""
    clock = Clock()
    lease, other = Lease(store, "feed:a", clock, length_s=0.15), Lease(store, "feed:a", clock, length_s=0.15)
    assert await lease.take()
    async with lease.held():
        for _ in range(6):
            clock.move(0.1)
            await eventually_renewed(store, lease)
            assert not await other.take()
    assert not lease.lost.is_set()
    assert await other.take()


async def test_who_loses_a_lease_hears_of_it(store: DatabaseStore) -> None:
    """A holder whose lease ran out, and went to somebody else, is told at the next renewal."""
    clock = Clock()
    lease, other = Lease(store, "feed:a", clock, length_s=0.15), Lease(store, "feed:a", clock, length_s=0.15)
    assert await lease.take()
    clock.move(1)
    assert await other.take()
    async with lease.held():
        await asyncio.wait_for(lease.lost.wait(), 5)
    assert await other.take()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("take", "release")), st.integers(0, 90)), max_size=12))
def test_never_two_holders(shared_store: DatabaseStore, runner: asyncio.Runner, steps: list[tuple[str, str, int]]) -> None:
    """Whatever claims and releases come, and however much time passes between them, whoever is told so is the only holder."""

    async def play() -> None:
        await wipe(shared_store)
        clock = Clock()
        leases = {name: Lease(shared_store, "work", clock, holder=name, length_s=60) for name in "abc"}
        owner, until_us = "", 0
        for name, step, seconds in steps:
            clock.move(seconds)
            free = owner in ("", name) or until_us <= clock()
            if step == "release":
                await leases[name].release()
                owner = "" if owner == name else owner
            else:
                assert await leases[name].take() == free
                if free:
                    owner, until_us = name, clock() + MINUTE_US

    runner.run(play())


def token_of(store: DatabaseStore, secret: str, audience: str = "datahub") -> StoredToken:
    """The place of a token."""
    return StoredToken(store, Secret(secret), token_url="https://auth.test/token", client_id="integrator", audience=audience)


async def test_a_token_outlives_its_process_sealed(store: DatabaseStore) -> None:
    """Another process with the same secret reads the token; the database shows neither it nor the secret."""
    saved = FeedToken("token-0815", 2 * MINUTE_US, (MINUTE_US,))
    assert await token_of(store, "s3cret").load() is None
    await token_of(store, "s3cret").save(saved)
    assert await token_of(store, "s3cret").load() == saved
    assert await token_of(store, "s3cret", audience="other").load() is None
    stored = repr(await dump(store, "feed_tokens"))
    assert "token-0815" not in stored
    assert "s3cret" not in stored


async def test_a_changed_secret_opens_nothing_but_requests_stay_counted(store: DatabaseStore) -> None:
    """After a rotation the old token is none, and the endpoint's limit of three requests in an hour holds all the same."""
    await token_of(store, "old").save(FeedToken("t1", 90 * MINUTE_US, (MINUTE_US, 2 * MINUTE_US)))
    assert await token_of(store, "new").load() == FeedToken("", 0, (MINUTE_US, 2 * MINUTE_US))
    await token_of(store, "new").save(FeedToken("t2", 95 * MINUTE_US, (2 * MINUTE_US, 61 * MINUTE_US)))
    loaded = await token_of(store, "new").load()
    assert loaded == FeedToken("t2", 95 * MINUTE_US, (2 * MINUTE_US, 61 * MINUTE_US))
