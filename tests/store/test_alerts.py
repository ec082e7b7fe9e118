"""Alerts in the store: what happened becomes messages once, each waits for its turn, and what came of it is kept."""

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers import alerts as use_cases
from handlers.alerts import WAITING_MAX, Survey, adopt, alert, enable, enqueue, forget, settle, survey
from handlers.ports import Transaction
from handlers.queries.alerts import DeadLetterFilter, list_dead_letters
from handlers.queries.changes import show_changes
from handlers.queries.lists import PageAsked, Viewer
from handlers.rules.alerts import Judged, body_of, judge, message_id
from schemas.alerts import Attempt, MessageRecord, Place, Retries, TargetCounts, TargetRecord, Told, Wanted
from schemas.errors import NotFoundError
from schemas.wire import to_json_text
from storage.statements import load
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNIT, B
from tests.support.facts import body_of as batch_of
from tests.support.plans import query_plan
from tests.support.store import NOW_US, OTHER, deliver, failure, feed, pairing, rows, unpairing, wipe

ALL = Wanted(("*",))
RETRIES = Retries(attempts=2, first_s=10, longest_s=60)
EVERYBODY = Viewer(None, operator=True)


async def events(store: DatabaseStore, *entries: object, number: int = 1) -> None:
    """Take in one batch with these entries."""
    await deliver(store, [batch_of(entries, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")])


async def made(store: DatabaseStore, name: str = "ops", address: str = "a") -> TargetRecord:
    """A target."""
    return await store.write(lambda tx: adopt(tx, name, address))


async def look(
    store: DatabaseStore,
    name: str = "ops",
    after: Place = (0, 0),
    now_us: int = NOW_US,
    slots: int = 10,
    sending: list[MessageRecord] | None = None,
) -> Survey:
    """What there is to do."""
    return await store.read(lambda tx: survey(tx, name, after, sending or [], slots, now_us))


async def gather(store: DatabaseStore, name: str = "ops", wanted: Wanted = ALL, now_us: int = NOW_US) -> int:
    """Make all that was told into messages; how many."""
    count = 0
    while told := (await look(store, name)).told:
        count += await store.write(lambda tx, told=told: enqueue(tx, name, wanted, told, now_us))  # type: ignore[misc] # bound early
    return count


async def attempt(store: DatabaseStore, found: Survey, status: int, now_us: int = NOW_US) -> TargetRecord:
    """All that is due was sent and answered so."""
    judged = [judge(message, Attempt(status), RETRIES, now_us, 0) for message, _ in found.due]
    return await store.write(lambda tx: settle(tx, found.target.name, judged, RETRIES, now_us))


def types(found: Survey) -> list[str]:
    """What is due."""
    return [message.type for message, _ in found.due]


async def test_a_target_is_told_from_its_beginning_on(store: DatabaseStore) -> None:
    """What happened before a target was made is not told; what happens after is, once, in its order, as the feed has it."""
    await events(store, pairing(0))
    await made(store)
    await events(store, unpairing(1), failure(2), pairing(3, B, "tp:2", OTHER), number=2)
    assert await gather(store) == 3
    assert await gather(store) == 0
    found = await look(store)
    # Of one unit the first goes first.
    assert sorted(types(found)) == ["pairing.closed", "pairing.opened"]
    told = {row.type: row for row in (await feed(store))[1:]}
    for message, body in found.due:
        row = told[message.type]
        (shown,) = await store.read(lambda tx, row=row: show_changes(tx, [row]))  # type: ignore[misc] # bound early
        assert body == body_of(Told(*row)._replace(data=to_json_text(shown.data)))
        assert message.message_id == message_id(Told(*row))
    await attempt(store, found, 200)
    assert types(await look(store)) == ["case.opened"]


async def test_it_takes_what_it_wants(store: DatabaseStore) -> None:
    """Other types and other organizations become no messages, and are passed over for good."""
    await made(store)
    await events(store, pairing(0), failure(1, "tp:2"), failure(2, "tp:3", OTHER))
    assert await gather(store, wanted=Wanted(("case.*",), (OTHER,))) == 1
    assert [message.subject for message, _ in (await look(store)).due] == ["tp:3"]
    assert await gather(store) == 0


async def test_notices_are_told_among_changes(store: DatabaseStore) -> None:
    """What is told beside the feed comes in its place, and is wanted by its type."""
    await made(store)
    await events(store, pairing(0))
    await store.write(lambda tx: alert(tx, "provider.failed", ORGANIZATION, {"provider": "p", "reason": "x"}, NOW_US))
    await events(store, unpairing(1), number=2)
    told = (await look(store)).told
    assert [one.type for one in told] == ["pairing.opened", "provider.failed", "pairing.closed"]
    assert await gather(store, wanted=Wanted(("provider.*",))) == 1
    [(message, body)] = (await look(store)).due
    assert (message.subject, message.organization_id) == ("provider.failed", ORGANIZATION)
    assert body.endswith(b'"data":{"provider":"p","reason":"x"}}')


async def test_what_a_transaction_that_fails_told_is_not_told(store: DatabaseStore) -> None:
    """A notice is part of its transaction."""
    await made(store)

    async def work(tx: Transaction) -> None:
        await alert(tx, "provider.failed", ORGANIZATION, {}, NOW_US)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(work)
    assert (await look(store)).told == []


async def test_a_failure_is_tried_again_and_then_dead(store: DatabaseStore) -> None:
    """A message waits for its time; after its last attempt it is a dead letter, and what is behind it is sent."""
    await made(store)
    await events(store, pairing(0), unpairing(1))
    await gather(store)
    target = await attempt(store, await look(store), 500)
    assert (target.failures, target.paused_until_us) == (1, 0)
    waiting = await look(store)
    assert waiting.due == []
    assert waiting.next_us == NOW_US + 10_000_000
    await attempt(store, await look(store, now_us=waiting.next_us), 404, waiting.next_us)
    page = await store.read(lambda tx: list_dead_letters(tx, EVERYBODY, DeadLetterFilter(), PageAsked(10, None)))
    [dead] = page.items
    assert (dead.target, dead.type, dead.subject, dead.attempts, dead.error) == ("ops", "pairing.opened", UNIT, 2, "answered 404")
    assert types(await look(store)) == ["pairing.closed"]


async def test_dead_letters_can_be_sent_again(store: DatabaseStore) -> None:
    """Those that are chosen, by id or target or organization, wait again with all their attempts; the others stay dead."""
    await made(store)
    await made(store, "other")
    await events(store, failure(0, "tp:1"), failure(0, "tp:2"), failure(0, "tp:3", OTHER))
    for name in ("ops", "other"):
        await gather(store, name)
        for number in range(2):
            now_us = NOW_US + number * 10**9
            await attempt(store, await look(store, name, now_us=now_us), 500, now_us)

    async def dead(viewer: Viewer = EVERYBODY, target: str | None = None) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        cursor = None
        while True:
            asked = PageAsked(2, cursor)
            page = await store.read(
                lambda tx, asked=asked: list_dead_letters(tx, viewer, DeadLetterFilter(target=target), asked)  # type: ignore[misc] # bound early
            )
            found += [(letter.target, letter.subject, letter.message_id) for letter in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    everything = await dead()
    assert [letter[:2] for letter in everything] == [
        (target, unit) for unit in ("tp:3", "tp:2", "tp:1") for target in ("other", "ops")
    ]
    assert [letter[:2] for letter in await dead(Viewer(OTHER, operator=False))] == [("other", "tp:3"), ("ops", "tp:3")]
    assert {letter[0] for letter in await dead(target="ops")} == {"ops"}
    chosen = [letter[2] for letter in everything if letter[1] == "tp:2"]
    assert await store.write(lambda tx: tx.alerts.revive(NOW_US, OTHER, message_ids=chosen)) == 0
    assert await store.write(lambda tx: tx.alerts.revive(NOW_US, ORGANIZATION, message_ids=chosen, target="ops")) == 1
    [(message, _)] = (await look(store, now_us=2 * NOW_US)).due
    assert (message.subject, message.attempts) == ("tp:2", 0)
    assert await store.write(lambda tx: tx.alerts.revive(NOW_US, None)) == 5
    assert await dead() == []


async def test_a_target_that_is_gone_keeps_what_waits(store: DatabaseStore) -> None:
    """After 410 nothing is due, nothing is lost, and enabling it or giving it another address goes on from there."""
    await made(store)
    await events(store, failure(0, "tp:1"), failure(0, "tp:2"))
    await gather(store)
    target = await attempt(store, await look(store), 410)
    assert target.disabled_at_us == NOW_US
    await events(store, failure(0, "tp:3"), number=2)
    assert (await look(store)).due == []
    assert await gather(store) == 1
    await made(store)
    assert (await look(store)).due == []
    await store.write(lambda tx: enable(tx, "ops", from_now=False))
    assert len((await look(store)).due) == 3
    await attempt(store, await look(store), 410)
    await made(store, address="b")
    assert len((await look(store)).due) == 3


async def test_enabling_from_now_on(store: DatabaseStore) -> None:
    """What a target wasn't told of is given up; a target that nobody made can't be enabled."""
    await made(store)
    await events(store, failure(0, "tp:1"))
    await gather(store)
    await events(store, failure(0, "tp:2"), number=2)
    enabled = await store.write(lambda tx: enable(tx, "ops", from_now=True))
    assert enabled.place == (await feed(store))[-1][1:3]
    found = await look(store)
    assert (found.told, found.due, found.target) == ([], [], enabled)
    with pytest.raises(NotFoundError, match="'other'"):
        await store.write(lambda tx: enable(tx, "other", from_now=True))


async def test_a_full_target_takes_no_more(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound what happens waits in the feed, and comes when there is room."""
    monkeypatch.setattr(use_cases, "WAITING_MAX", 3)
    assert WAITING_MAX > 3
    monkeypatch.setattr(use_cases, "ROWS_AT_ONCE", 2)
    await made(store)
    await events(store, *(failure(0, f"tp:{number}") for number in range(7)))
    assert await gather(store) == 4
    assert await gather(store) == 0
    await attempt(store, await look(store, slots=2), 200)
    assert await gather(store) == 2
    assert len((await look(store)).due) == 4


async def test_old_dead_letters_and_notices_are_forgotten(store: DatabaseStore) -> None:
    """Dead letters by the time of their death, notices by theirs; a message whose notice is gone is known to be."""
    await made(store)
    await events(store, failure(0, "tp:1"))
    await store.write(lambda tx: alert(tx, "provider.failed", ORGANIZATION, {}, NOW_US + 5))
    await gather(store)
    for _ in range(2):
        found = await look(store, now_us=NOW_US + 10**9)
        messages = [message for message, _ in found.due if message.type == "case.opened"]
        judged = [judge(message, Attempt(500), RETRIES, NOW_US, 0) for message in messages]
        await store.write(lambda tx, judged=judged: settle(tx, "ops", judged, RETRIES, NOW_US))  # type: ignore[misc] # bound early
    assert await store.write(lambda tx: forget(tx, NOW_US)) == 0
    assert await store.write(lambda tx: forget(tx, NOW_US + 1)) == 1
    assert (await look(store)).gone == []
    assert await store.write(lambda tx: forget(tx, NOW_US + 10)) == 1
    found = await look(store)
    assert (found.due, [message.type for message in found.gone]) == ([], ["provider.failed"])


async def test_counts(store: DatabaseStore) -> None:
    """Messages that wait and dead ones, by target."""
    await made(store)
    await events(store, *(failure(0, f"tp:{number}") for number in range(3)))
    await gather(store)
    first = await look(store, slots=1)
    for _ in range(2):
        await attempt(store, first._replace(due=[(message._replace(attempts=1), body) for message, body in first.due]), 500)
    assert await store.read(lambda tx: tx.alerts.counts()) == [TargetCounts("ops", 2, 1)]


async def one_step(store: DatabaseStore, random: Random, now_us: int, failing: float) -> list[Judged]:
    """Take some of what was told, send some of what is due, and settle some of that: the rest is as if the process had died."""
    found = await look(store, now_us=now_us, slots=random.randint(1, 3))
    if found.told:
        told = found.told[: random.randint(1, len(found.told))]
        await store.write(lambda tx: enqueue(tx, "ops", ALL, told, now_us))
    judged = [
        judge(message, Attempt(500 if random.random() < failing else 200), RETRIES, now_us, random.random())
        for message, _ in found.due
        if random.random() < 0.8
    ]
    random.shuffle(judged)
    if judged:
        await store.write(lambda tx: settle(tx, "ops", judged, RETRIES, now_us))
    return judged


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), failing=st.sampled_from((0.0, 0.3, 0.9)))
def test_order_and_completeness(shared_store: DatabaseStore, runner: asyncio.Runner, seed: int, failing: float) -> None:
    """Whatever fails, and wherever work is cut off, every change ends delivered or dead, once, and in the order of its unit."""
    random = Random(seed)  # noqa: S311 - a draw

    async def play() -> None:
        await wipe(shared_store)
        await made(shared_store)
        ended: list[Judged] = []
        now_us = NOW_US
        for number in range(100):
            if number % 4 == 0 and number < 40:
                entry = random.choice((pairing, unpairing, failure))
                await events(shared_store, entry(number, unit_id=f"tp:{random.randrange(3)}"), number=number)
            judged = await one_step(shared_store, random, now_us, failing)
            ended += [each for each in judged if each.outcome in {"delivered", "dead"}]
            now_us += random.choice((0, 30_000_000, 400_000_000))
        assert await rows(shared_store, "SELECT COUNT(*) FROM alert_messages WHERE dead_at_us IS NULL") == [(0,)]
        told = [Told(*row).place for row in await feed(shared_store)]
        assert sorted(each.message.place for each in ended) == told
        for unit in {each.message.subject for each in ended}:
            places = [each.message.place for each in ended if each.message.subject == unit]
            assert places == sorted(places)

    runner.run(play())


FILTERS = {"limit": 10, "position": 1, "n": 1, "before_target": "x", "now_us": 1, "target": "ops", "before_us": 1}
FOUND = {
    "first_messages": (("target", "limit"), "alert_messages_due"),
    "count_waiting": (("target", "limit"), "alert_messages_"),
    "list_dead": (("limit", "position", "n", "before_target"), "alert_messages_dead"),
    "notices_after": (("limit", "position", "n"), "alert_notices_place"),
    "dead_before": (("before_us", "limit"), "alert_messages_dead_time"),
    "notices_before": (("before_us", "limit"), "alert_notices_time"),
}


@pytest.mark.parametrize("name", FOUND)
async def test_rows_are_found_by_an_index(store: DatabaseStore, name: str) -> None:
    """Messages in their order of time, dead letters in that of their changes: none is read or sorted with all others."""
    parameters, index = FOUND[name]
    statement = load("alerts")[name]
    plan = await query_plan(store.engine, statement, **{parameter: FILTERS[parameter] for parameter in parameters})
    assert index in plan, plan
    assert "SCAN alert_messages\n" not in f"{plan}\n"
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


async def test_dead_letters_are_found_by_their_ids(store: DatabaseStore) -> None:
    """Sending some again doesn't read all others."""
    statement = load("alerts")["revive"]
    plan = await query_plan(store.engine, statement, now_us=1, organization_id=None, target=None, message_ids=["msg_x"])
    assert "alert_messages_dead_id" in plan, plan


async def test_dead_letters_of_one_organization(store: DatabaseStore) -> None:
    """They come in their order from an index of their own."""
    values = {"position": 1, "n": 1, "before_target": "x", "limit": 10, "target": None}
    plan = await query_plan(store.engine, load("alerts")["list_dead"], organization_id=ORGANIZATION, **values)
    assert "alert_messages_dead_of" in plan, plan
