"""What deliveries leave in the journal: answers, batches, copies, quarantine; and what a repetition leaves alone."""

from itertools import permutations

import msgspec
import pytest

from handlers.ingest import ingest
from handlers.ports import Transaction
from handlers.rebuild import digest, rebuild
from handlers.refold import plan_onward
from handlers.rules.intake import Arrival, take_in
from handlers.rules.plan import UnitPlan
from handlers.rules.recording import Answer
from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.journal_records import BatchRow
from schemas.pairing import UnitState
from storage.store import DatabaseStore
from tests.support.facts import MINUTE_US, ORGANIZATION, START_US, SUBSCRIPTIONS, UNIT, UNITS, A, B, body_of, minute
from tests.support.store import NOW_US, OTHER, TABLES, deliver, derived, dump, failure, pairing, rows, wipe

FIRST, SECOND, THIRD = (f"31fccdce-725e-4c87-a91b-00000000000{number}" for number in (1, 2, 3))
NEWEST = 2**63 - 1
ALARM = {"eventType": "alarm.raised", "eventVersion": 1, "eventData": {"organizationId": ORGANIZATION}}
BAD = {"eventType": "unit.paired", "eventVersion": 2, "eventData": {"organizationId": ORGANIZATION.upper(), "unitId": UNIT}}
NAMELESS = {"eventType": "unit.unpaired", "eventVersion": 1, "eventData": {"unitId": UNIT}}


def counts(answer: Answer) -> tuple[int, int, int, int, int]:
    """Received, applied, duplicates, quarantined, ignored."""
    return answer.received, answer.applied, answer.duplicates, answer.quarantined, answer.ignored


async def batches(store: DatabaseStore, organization_id: str | None = None) -> list[BatchRow]:
    """All batches, oldest first."""
    found = await store.read(lambda tx: tx.events.list_batches(NEWEST, 100, organization_id))
    return found[::-1]


async def test_received_is_the_sum_of_what_became_of_it(store: DatabaseStore) -> None:
    """A mixed batch: each entry stands for itself, and the four outcomes add up; the stored batch says the same."""
    body = body_of([pairing(0), ALARM, BAD, pairing(0), 7, failure(1), NAMELESS])
    (answer,) = await deliver(store, [body])
    assert (answer.message, *counts(answer)) == ("accepted", 7, 2, 1, 3, 1)
    (batch,) = await batches(store)
    assert batch[-4:] == (2, 1, 3, 1)
    entries = await rows(store, "SELECT entry, outcome, organization_id FROM events ORDER BY seq")
    assert entries == [
        (0, "applied", ORGANIZATION),
        (1, "ignored", ORGANIZATION),
        (2, "quarantined", ORGANIZATION),
        (3, "duplicate", ORGANIZATION),
        (4, "quarantined", ""),
        (5, "applied", ORGANIZATION),
        (6, "quarantined", ""),
    ]
    waiting = await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, None))
    assert [(entry.path, entry.organization_id) for entry in reversed(waiting)] == [
        ("$.eventsData[2].eventData", ORGANIZATION),
        ("$.eventsData[4]", ""),
        ("$.eventsData[6].eventData", ""),
    ]
    assert [msgspec.json.decode(entry.raw) for entry in reversed(waiting)] == [BAD, 7, NAMELESS]


async def test_an_organization_sees_its_part_of_a_batch(store: DatabaseStore) -> None:
    """A batch of several organizations is counted for each; the same unit id is another unit in each."""
    body = body_of([pairing(0), pairing(1, B, organization_id=OTHER), pairing(2, organization_id=OTHER), NAMELESS])
    (answer,) = await deliver(store, [body])
    assert counts(answer) == (4, 3, 0, 1, 0)
    assert [batch[-4:] for batch in await batches(store)] == [(3, 0, 1, 0)]
    assert [batch[-4:] for batch in await batches(store, ORGANIZATION)] == [(1, 0, 0, 0)]
    assert [batch[-4:] for batch in await batches(store, OTHER)] == [(2, 0, 0, 0)]
    units = await store.read(lambda tx: tx.pairings.find_units(UNIT, None))
    assert [(unit.organization_id, unit.state.open.asset_id if unit.state.open else "") for unit in units] == [
        (ORGANIZATION, A),
        (OTHER, A),
    ]
    seen = await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, ORGANIZATION))
    assert seen == []


@pytest.mark.parametrize(
    ("body", "is_json", "path"),
    [
        (b'{"test": true}', True, "$"),
        (b"[]", True, "$"),
        (body_of([]).replace(b"eventsData", b"events"), True, "$"),
        (body_of([]).replace(b"[]", b"{}"), True, "$.eventsData"),
        (b"not json", False, "$"),
        (b"", False, "$"),
        (b"\xff\x00", False, "$"),
    ],
)
async def test_a_body_that_is_no_batch_is_kept(store: DatabaseStore, body: bytes, is_json: bool, path: str) -> None:
    """It is in quarantine as it came, every time that it comes, and its delivery has no batch."""
    answers = await deliver(store, [body, body])
    assert {(answer.message, *counts(answer)) for answer in answers} == {("quarantined", 1, 0, 0, 1, 0)}
    assert {answer.is_json for answer in answers} == {is_json}
    first, second = [answer.quarantine_id for answer in answers]
    assert first != second
    entry = await store.read(lambda tx: tx.quarantine.find(second or 0))
    assert entry is not None
    assert (entry.kind, entry.path, entry.raw, entry.state, entry.batch_id) == ("body", path, body, "waiting", None)
    delivery = await store.read(lambda tx: tx.events.find_delivery(entry.delivery_id))
    assert delivery is not None
    assert (delivery.body, delivery.answer, delivery.batch_id) == (body, "quarantined", None)
    assert await batches(store) == []


async def test_a_body_that_does_not_say_that_it_is_json_is_kept(store: DatabaseStore) -> None:
    """A good batch under another content type goes to quarantine whole."""
    (answer,) = await deliver(store, [body_of([pairing(0)])], content_type_is_json=False)
    assert (answer.message, *counts(answer)) == ("quarantined", 1, 0, 0, 1, 0)


async def test_an_empty_batch_is_a_batch(store: DatabaseStore) -> None:
    """Without entries all counts are 0; sent again it is a duplicate."""
    answers = await deliver(store, [body_of([]), body_of([])])
    assert [(answer.message, *counts(answer)) for answer in answers] == [
        ("accepted", 0, 0, 0, 0, 0),
        ("duplicate", 0, 0, 0, 0, 0),
    ]
    (batch,) = await batches(store)
    deliveries = await store.read(lambda tx: tx.events.deliveries_of([batch.batch_id]))
    assert [delivery.answer for delivery in deliveries] == ["accepted", "duplicate"]


async def test_the_same_batch_again_changes_nothing(store: DatabaseStore) -> None:
    """Only its delivery is kept: not a row of any other table changes, whitespace and the order of keys notwithstanding."""
    body = body_of([pairing(0), ALARM, BAD, failure(1), pairing(0)])
    again = msgspec.json.format(msgspec.json.encode(msgspec.json.decode(body), order="deterministic"), indent=2)
    await deliver(store, [body])
    tables = [table for table in TABLES if table not in {"deliveries", "commits"}]
    before = await dump(store, *tables)
    answers = await deliver(store, [body, again, body], group=2, now_us=NOW_US + 1)
    assert {(answer.message, *counts(answer)) for answer in answers} == {("duplicate", 5, 0, 5, 0, 0)}
    assert await dump(store, *tables) == before
    (batch,) = await batches(store)
    deliveries = await store.read(lambda tx: tx.events.deliveries_of([batch.batch_id]))
    assert [(delivery.answer, delivery.received_at_us) for delivery in deliveries] == [
        ("accepted", NOW_US),
        *[("duplicate", NOW_US + 1)] * 3,
    ]


@pytest.mark.parametrize("group", [1, 3])
async def test_another_list_of_events_under_one_id_is_a_conflict(store: DatabaseStore, group: int) -> None:
    """Both are kept as batches of that id, what is new is applied, and either sent again is a duplicate."""
    one, two = body_of([pairing(0)], event_batch_id=FIRST), body_of([pairing(0), pairing(1, B)], event_batch_id=FIRST.upper())
    answers = await deliver(store, [one, two, two, one], group=group)
    assert [(answer.message, *counts(answer)) for answer in answers] == [
        ("accepted", 1, 1, 0, 0, 0),
        ("conflict", 2, 1, 1, 0, 0),
        ("duplicate", 2, 0, 2, 0, 0),
        ("duplicate", 1, 0, 1, 0, 0),
    ]
    kept = await store.read(lambda tx: tx.events.find_batches(None, event_batch_id=FIRST))
    assert [batch.applied for batch in kept] == [1, 1]


async def test_the_order_of_events_makes_another_batch(store: DatabaseStore) -> None:
    """Lists are compared as JSON lists, so the same events in another order are a conflict that applies nothing."""
    events = [pairing(0), failure(1)]
    answers = await deliver(store, [body_of(events), body_of(events[::-1])])
    assert [(answer.message, *counts(answer)) for answer in answers] == [("accepted", 2, 2, 0, 0, 0), ("conflict", 2, 0, 2, 0, 0)]


EVIDENCE = {
    "first": body_of([failure(30), BAD], batch_time_us=START_US),
    "other time": body_of([failure(30), BAD], batch_time_us=START_US + 30 * MINUTE_US),
    "other subscription": body_of([failure(30), BAD], event_subscription_id=SUBSCRIPTIONS[1], batch_time_us=START_US + MINUTE_US),
    "other batch": body_of([failure(30)], event_batch_id=SECOND, batch_time_us=START_US + 40 * MINUTE_US),
}


async def test_the_same_batch_in_another_envelope_is_evidence(store: DatabaseStore) -> None:
    """It is a duplicate with nothing to apply, but attempts and clockSkew count it, whatever comes first.

    Two batches of one subscription brought the failure: two attempts. It is 30 minutes after the smallest of its batch times.
    """
    for order in permutations(EVIDENCE):
        await wipe(store)
        await check_evidence(store, order)


async def check_evidence(store: DatabaseStore, order: tuple[str, ...]) -> None:
    """Deliver in this order, and look."""
    answers = dict(zip(order, await deliver(store, [EVIDENCE[name] for name in order]), strict=True))
    same = [name for name in order if name != "other batch"]
    assert [answers[name].message for name in same] == ["accepted", "duplicate", "duplicate"]
    assert [answers[name].duplicates for name in same[1:]] == [2, 2]
    assert answers["other batch"].message == "accepted"
    (waiting,) = await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, None))
    assert waiting.state == "waiting"
    unit = (ORGANIZATION, UNIT)
    episodes = await store.read(lambda tx: tx.histories.stored_episodes([unit]))
    flags = await store.read(lambda tx: tx.histories.stored_flags([unit]))
    assert [episode.attempts for episode in episodes[unit]] == [2]
    assert list(flags[unit].values()) == [("clockSkew",)]
    assert len(await rows(store, "SELECT 1 FROM events WHERE event_key IS NOT NULL")) == 4
    assert len(await batches(store)) == 4


async def test_what_a_binding_refused_is_applied_from_a_subscription_that_may(store: DatabaseStore) -> None:
    """The same batch under another subscription is a duplicate, but an event in it that was never applied is applied."""
    body = [pairing(0), pairing(1, organization_id=OTHER)]
    (first,) = await deliver(store, [body_of(body)], organizations=[ORGANIZATION])
    (second,) = await deliver(store, [body_of(body, event_subscription_id=SUBSCRIPTIONS[1])], organizations=[ORGANIZATION, OTHER])
    assert (first.message, *counts(first)) == ("accepted", 2, 1, 0, 1, 0)
    assert (second.message, *counts(second)) == ("duplicate", 2, 1, 1, 0, 0)
    units = await store.read(lambda tx: tx.pairings.find_units(UNIT, None))
    assert [unit.status for unit in units] == ["paired", "paired"]


async def test_a_binding_is_for_operators_eyes(store: DatabaseStore) -> None:
    """An event of an organization that the subscription isn't bound to is in quarantine, and that organization doesn't see it."""
    (answer,) = await deliver(store, [body_of([pairing(0, organization_id=OTHER)])], organizations=[ORGANIZATION])
    assert counts(answer) == (1, 0, 0, 1, 0)
    assert await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, OTHER)) == []
    (entry,) = await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, None))
    assert (entry.organization_id, entry.bound, entry.path) == (OTHER, 1, "$.eventsData[0].eventData.organizationId")
    assert await derived(store) == {"units": [], "pairings": [], "cases": [], "fact_flags": []}


def break_one_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the fold of one unit fails."""

    def failing(unit: Unit, state: UnitState, copies: list[Copy], now_us: int) -> UnitPlan | None:
        if unit[1] == UNITS[1]:
            raise ZeroDivisionError("a fault of ours")
        return plan_onward(unit, state, copies, now_us)

    monkeypatch.setattr("handlers.ingest.plan_onward", failing)


async def test_a_delivery_that_cannot_be_applied_is_kept(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that fails leaves nothing; delivery by delivery, the bad one is in quarantine and the others commit."""
    bodies = [
        body_of([pairing(0)], event_batch_id=FIRST),
        body_of([pairing(1, B), ALARM, pairing(0, B, UNITS[1])], event_batch_id=SECOND),
        body_of([pairing(2, B)], event_batch_id=THIRD),
    ]
    with monkeypatch.context() as patch:
        break_one_unit(patch)
        with pytest.raises(ZeroDivisionError):
            await deliver(store, bodies, group=3)
        assert not any((await dump(store, *TABLES)).values())
        answers = await deliver(store, bodies, group=3, each=True)
    assert [(answer.message, *counts(answer)) for answer in answers] == [
        ("accepted", 1, 1, 0, 0, 0),
        ("accepted", 3, 0, 0, 3, 0),
        ("accepted", 1, 1, 0, 0, 0),
    ]
    waiting = await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 10, None))
    assert {entry.message for entry in waiting} == {"ZeroDivisionError: a fault of ours"}
    assert [entry.path for entry in reversed(waiting)] == [f"$.eventsData[{index}]" for index in range(3)]
    (unit,) = await store.read(lambda tx: tx.pairings.list_units(("", ""), 10, None))
    assert unit.unit_id == UNIT
    assert unit.state.open is not None
    assert (unit.state.open.asset_id, unit.state.open.paired_at_us) == (B, minute(2))
    (again,) = await deliver(store, bodies[1:2])
    assert (again.message, again.duplicates) == ("duplicate", 3)
    assert (await rebuild(store, lambda: NOW_US)).mended == 0


async def test_known_at_and_the_place_in_the_journal_never_fall(store: DatabaseStore) -> None:
    """Whatever the clock does, a later transaction is known no earlier, and each copy knows its transaction's time."""
    for number, clock in enumerate((500, 400, 600, 100)):
        await deliver(store, [body_of([pairing(number)], event_batch_id=FIRST.replace("1", str(number)))], now_us=NOW_US + clock)
    commits = await rows(store, "SELECT position, known_at_us FROM commits ORDER BY commit_id")
    assert commits == [(1, NOW_US + 500), (2, NOW_US + 500), (3, NOW_US + 600), (4, NOW_US + 600)]
    events = await store.read(lambda tx: tx.events.list_events(NEWEST, 10, ORGANIZATION))
    assert [event.known_at_us for event in reversed(events)] == [known_at_us for _, known_at_us in commits]


async def test_a_failed_write_leaves_nothing(store: DatabaseStore) -> None:
    """What raises after the rows are written takes all of them with it."""

    async def work(tx: Transaction) -> None:
        await ingest(tx, [take_in(Arrival("default", "webhook", NOW_US, body_of([pairing(0)])))], NOW_US)
        raise ZeroDivisionError

    before = await digest(store)
    with pytest.raises(ZeroDivisionError):
        await store.write(work)
    assert not any((await dump(store, *TABLES)).values())
    assert await digest(store) == before
