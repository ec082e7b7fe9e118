"""What operators say of pairings: assert them, make events void, restore them. Every statement folds like an event."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from handlers.links import look_again
from handlers.ports import Transaction
from handlers.queries.changes import show_changes
from handlers.refold import load_recorded, plan_from_start, tell, write_plans
from handlers.rules.plan import ChangeDraft, UnitPlan
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.rules.statements import Recorded, adds, asserted_key
from handlers.unit_ports import Unit
from schemas.answers import Change
from schemas.errors import NotFoundError
from schemas.statements import Details, Statement
from schemas.unit_records import ChangeRecord

# Behind everything that is recorded: the place of statements that are only tried.
_LAST_COMMIT = (1 << 38) - 1


class Assertion(Struct, frozen=True):
    """A unit was put on an asset, or taken off it, at a time. Ids are as events carry them, UUIDs in lower case."""

    kind: Literal["paired", "unpaired"]
    organization_id: str
    unit_id: str
    asset_id: str
    at_us: int
    asset_vin: str | None = None
    note: str = ""


class Stated(Struct, frozen=True, rename="camel"):
    """The fact that was asserted or judged, and what that changed."""

    event_key: str
    changes: tuple[Change, ...]


class Asserted(Struct, frozen=True):
    """How many of several assertions said anything new, and what they change together."""

    added: int
    changes: tuple[ChangeDraft, ...]


async def assert_pairing(tx: Transaction, assertion: Assertion, actor: str, now_us: int) -> Stated:
    """Assert one pairing or unpairing. What stands already changes nothing; what was void is restored."""
    statement = assertion_statement(assertion, actor, now_us)
    await tx.histories.hold([(statement.organization_id, statement.unit_id)])
    return await _stated(tx, statement, await record(tx, [statement], now_us))


async def assert_pairings(tx: Transaction, assertions: Sequence[Assertion], actor: str, now_us: int) -> Asserted:
    """Assert many at once. Errors of the store pass, and then nothing of it holds."""
    statements = [assertion_statement(assertion, actor, now_us) for assertion in assertions]
    await tx.histories.hold(_units(statements))
    commit_id = await tx.journal.begin()
    kept, plans = await _plan(tx, statements, commit_id, now_us)
    rows = await _write(tx, commit_id, kept, plans, now_us)
    changes = [ChangeDraft(row.organization_id, row.unit_id, row.type, row.data) for row in rows]  # type: ignore[arg-type] # as told
    return Asserted(len(kept), tuple(changes))


async def try_assertions(tx: Transaction, assertions: Sequence[Assertion], actor: str, now_us: int) -> Asserted:
    """What asserting many at once would change; nothing is written, so a snapshot will do."""
    statements = [assertion_statement(assertion, actor, now_us) for assertion in assertions]
    kept, plans = await _plan(tx, statements, _LAST_COMMIT, now_us)
    return Asserted(len(kept), tuple(draft for plan in plans for draft in plan.changes))


async def judge(
    tx: Transaction,
    kind: Literal["void", "restore"],
    event_key: str,
    organization_id: str | None,
    actor: str,
    note: str,
    now_us: int,
) -> Stated:
    """Make an event or an assertion void, or restore it; of what was said of a key the latest counts.

    `organization_id` None finds the event in any organization. NotFoundError: there is no such event or assertion.
    """
    unit = await _unit_of(tx, event_key, organization_id)
    await tx.histories.hold([unit])
    statement = Statement(unit[0], 0, kind, unit[1], event_key, actor, now_us, note)
    return await _stated(tx, statement, await record(tx, [statement], now_us))


async def record(tx: Transaction, statements: Sequence[Statement], now_us: int) -> list[ChangeRecord]:
    """Record statements on units that are held, in their order, and bring the units to them; the changes that this makes.

    Of those on facts, what stands already is left out. `seq` is given here.
    """
    commit_id = await tx.journal.begin()
    kept, plans = await _plan(tx, statements, commit_id, now_us)
    return await _write(tx, commit_id, kept, plans, now_us)


def assertion_statement(assertion: Assertion, actor: str, now_us: int) -> Statement:
    """An assertion as a statement that has no place in the journal yet."""
    organization_id, unit_id, asset_id = assertion.organization_id, assertion.unit_id, assertion.asset_id
    return Statement(
        organization_id=organization_id,
        seq=0,
        kind=assertion.kind,
        unit_id=unit_id,
        event_key=asserted_key(organization_id, unit_id, assertion.kind, assertion.at_us, asset_id),
        actor=actor,
        at_us=now_us,
        note=assertion.note,
        asset_id=asset_id,
        fact_at_us=assertion.at_us,
        details=Details(assertion.asset_vin),
    )


async def _plan(
    tx: Transaction, statements: Sequence[Statement], commit_id: int, now_us: int
) -> tuple[list[Statement], list[UnitPlan]]:
    """The statements that say anything new, numbered, and what they make of their units."""
    recorded: dict[Unit, Recorded] = await load_recorded(tx, _units(statements))
    kept: list[Statement] = []
    for number, statement in enumerate(statements, 1):
        unit = (statement.organization_id, statement.unit_id)
        if adds(recorded[unit], statement):
            kept.append(replace(statement, seq=commit_id * IDS_PER_COMMIT + number))
            recorded[unit] = recorded[unit].also(statements=kept[-1:])
    return kept, await plan_from_start(tx, _units(kept), recorded, now_us) if kept else []


async def _write(
    tx: Transaction, commit_id: int, statements: Sequence[Statement], plans: Sequence[UnitPlan], now_us: int
) -> list[ChangeRecord]:
    if not statements:
        return []
    drafts = await write_plans(tx, plans)
    await tx.statements.put(statements)
    await look_again(tx, await _named_by(tx, statements), now_us)
    return await tell(tx, commit_id, drafts, now_us)


async def _named_by(tx: Transaction, statements: Sequence[Statement]) -> set[tuple[str, str]]:
    """The Datahub assets of the facts that are asserted or judged, by (organization, id)."""
    named = {(each.organization_id, each.asset_id) for each in statements if each.asset_id is not None}
    judged = {(each.organization_id, each.event_key) for each in statements if each.kind in {"void", "restore"}}
    for organization_id, event_key in sorted(judged):
        asset_ids = [row.asset_id for row in await tx.events.find_event(event_key, organization_id)]
        asserted = await tx.statements.find_assertion(event_key, organization_id)
        asset_ids += [asserted.statement.asset_id] if asserted else []
        named |= {(organization_id, asset_id) for asset_id in asset_ids if asset_id is not None}
    return named


async def _unit_of(tx: Transaction, event_key: str, organization_id: str | None) -> Unit:
    """The unit of an event or an assertion. NotFoundError."""
    events = await tx.events.find_event(event_key, organization_id)
    if events and events[0].unit_id is not None:
        return events[0].organization_id, events[0].unit_id
    asserted = await tx.statements.find_assertion(event_key, organization_id)
    if asserted is None:
        raise NotFoundError(f"there is no event {event_key!r}")
    return asserted.statement.organization_id, asserted.statement.unit_id


def _units(statements: Sequence[Statement]) -> list[Unit]:
    return sorted({(statement.organization_id, statement.unit_id) for statement in statements})


async def _stated(tx: Transaction, statement: Statement, rows: Sequence[ChangeRecord]) -> Stated:
    return Stated(statement.event_key, await show_changes(tx, rows))
