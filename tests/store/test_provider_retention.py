"""What is forgotten of providers in time: old runs, and quarantined records that nobody has to look at any more."""

from handlers.ports import Transaction
from handlers.provider_runs import Claim, ProviderKey, end_run, start_now
from receiver.duties import DAY_US, Duties
from receiver.limit_settings import Retention
from receiver.metrics import Metrics
from receiver.settings import Settings
from schemas.provider_rows import RefusedRow, StreamRow
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.store import rows

KEY = ProviderKey(ORGANIZATION, "fleet")
NOW = 1_700_000_000_000_000


async def forget(store: DatabaseStore, at_us: int, days: int | None = 90) -> None:
    """Do what the service does from time to time."""
    settings = Settings(retention=Retention(providers_days=days))
    await Duties(store, settings, Metrics(), lambda: at_us).once()


async def run(store: DatabaseStore, at_us: int, provider: str = "fleet", *, ended: bool = True) -> int:
    """Make a run with one stream; its id."""
    key = ProviderKey(ORGANIZATION, provider)

    async def work(tx: Transaction) -> int:
        started = await start_now(tx, key, Claim("p", at_us + 1, "digest"), "a test", (), at_us)
        assert started is not None
        counts = dict.fromkeys(StreamRow._fields, 0)
        texts = {"organization_id": ORGANIZATION, "stream": "vehicles", "entity": "assets", "status": "succeeded"}
        row = counts | texts | {"run_id": started.run_id, "absence": "", "errors": "[]"}
        await tx.providers.runs.put_stream(StreamRow(**row))  # type: ignore[arg-type] # texts where they belong
        if ended:
            await end_run(tx, started._replace(status="succeeded"), at_us)
            await tx.leases.release(key.lease, "p")
        return started.run_id

    return await store.write(work)


def refused(number: int, seen_us: int, state: str = "waiting") -> RefusedRow:
    """A record in quarantine."""
    counts = dict.fromkeys(RefusedRow._fields, 0)
    texts = dict.fromkeys(("scope", "url", "field", "reason", "definition_hash", "external_id", "waits_for"), "")
    known = {"organization_id": ORGANIZATION, "entry_id": number, "provider": "fleet", "stream": "vehicles", "state": state}
    more = {"record_key": str(number), "entity": "assets", "problems": "[]", "raw": "{}", "parent": "{}"}
    seen = {"first_seen_us": seen_us, "last_seen_us": seen_us, "times_seen": 1}
    return RefusedRow(**(counts | texts | known | more | seen))  # type: ignore[arg-type] # texts where they belong


async def test_old_runs_go_but_for_the_last_of_each_provider(store: DatabaseStore) -> None:
    """And but for those that haven't ended; with a run goes what is known of its streams. Unset keeps all."""
    old = [await run(store, NOW + number) for number in range(105)]
    alone = await run(store, NOW, "rare")
    new = await run(store, NOW + 10 * DAY_US)
    open_run = await run(store, NOW + 11 * DAY_US, ended=False)
    kept = "SELECT run_id FROM provider_runs ORDER BY run_id"
    await forget(store, NOW + 365 * DAY_US, None)
    await forget(store, NOW + 90 * DAY_US)
    assert await rows(store, kept) == [(run_id,) for run_id in (*old, alone, new, open_run)]
    await forget(store, NOW + 90 * DAY_US + 105)
    assert await rows(store, kept) == [(alone,), (new,), (open_run,)]
    assert await rows(store, kept.replace("provider_runs", "provider_run_streams")) == [(alone,), (new,), (open_run,)]
    await forget(store, NOW + 365 * DAY_US)
    assert await rows(store, kept) == [(alone,), (open_run,)]
    assert Retention().providers_days == 90


async def test_settled_records_go_and_those_that_wait_stay(store: DatabaseStore) -> None:
    """Ninety days after a record was stored or discarded, however old it is; one that still comes stays discarded."""
    table = "SELECT entry_id, state FROM provider_quarantine ORDER BY entry_id"
    later = NOW + 80 * DAY_US

    async def put(*entries: RefusedRow) -> None:
        await store.write(lambda tx: tx.providers.refused.put(entries))

    async def settle(tx: Transaction) -> None:
        await tx.providers.refused.set_state(ORGANIZATION, [2, 3], "discarded", NOW)
        await tx.providers.refused.resolve(ORGANIZATION, "fleet", "vehicles", "", ["4"], NOW)
        await tx.providers.refused.set_state(ORGANIZATION, [5], "resolved", later)
        await tx.providers.refused.resolve(ORGANIZATION, "fleet", "vehicles", "", ["6"], NOW)

    await put(*(refused(number, NOW) for number in range(1, 7)))
    await store.write(settle)
    await put(refused(30, later)._replace(record_key="3"), refused(60, later)._replace(record_key="6"))
    await forget(store, NOW + 90 * DAY_US)
    assert [row[0] for row in await rows(store, table)] == [1, 2, 3, 4, 5, 6]
    await forget(store, NOW + 90 * DAY_US + 1)
    assert await rows(store, table) == [(1, "waiting"), (3, "discarded"), (5, "resolved"), (6, "waiting")]
    await forget(store, later + 90 * DAY_US + 1)
    assert await rows(store, table) == [(1, "waiting"), (6, "waiting")]
