"""What happens to a store, drawn for properties: deliveries, and statements of operators on what is in it by then."""

import contextlib
from typing import Literal, NamedTuple

from hypothesis import strategies as st

from handlers.cases import Remarked, add_note, dismiss_case, reopen_case
from handlers.ports import Transaction
from handlers.statements import Assertion, assert_pairing, judge
from schemas.errors import ConflictError
from storage.store import DatabaseStore
from tests.support.facts import ASSETS, ORGANIZATION, UNITS, Delivery, deliveries, minute
from tests.support.store import deliver

_LAST = ("\U0010ffff", 2**63 - 1, "\U0010ffff")
_ON_CASES = {"dismiss": dismiss_case, "reopen": reopen_case, "note": add_note}


class Deliver(NamedTuple):
    """A batch arrives."""

    delivery: Delivery


class Assert(NamedTuple):
    """An operator asserts a pairing or an unpairing."""

    kind: Literal["paired", "unpaired"]
    unit_id: str
    asset_id: str
    at: int


class Judge(NamedTuple):
    """An operator makes one of the facts there are void, or restores it; `which` picks it."""

    kind: Literal["void", "restore"]
    which: int


class Remark(NamedTuple):
    """An operator says something of one of the cases there are."""

    kind: Literal["dismiss", "reopen", "note"]
    which: int


Operation = Deliver | Assert | Judge | Remark


@st.composite
def operations(draw: st.DrawFn, max_deliveries: int = 5, max_statements: int = 5) -> list[Operation]:
    """Operations in their order."""
    arriving: list[Operation] = [Deliver(each) for each in draw(deliveries(UNITS, max_size=max_deliveries))]
    picks = st.integers(0, 30)
    said = st.one_of(
        st.builds(
            Assert, st.sampled_from(("paired", "unpaired")), st.sampled_from(UNITS), st.sampled_from(ASSETS), st.integers(0, 5)
        ),
        st.builds(Judge, st.sampled_from(("void", "void", "restore")), picks),
        st.builds(Remark, st.sampled_from(("dismiss", "dismiss", "reopen", "note")), picks),
    )
    statements: list[Operation] = draw(st.lists(said, max_size=max_statements))
    return draw(st.permutations([*arriving, *statements])) if statements else arriving


async def perform(store: DatabaseStore, operation: Operation, now_us: int) -> None:
    """Let one operation happen at a time; one that finds nothing to speak of does nothing."""
    if isinstance(operation, Deliver):
        await deliver(store, [operation.delivery.body], now_us=now_us)
        return

    async def work(tx: Transaction) -> None:
        if isinstance(operation, Assert):
            assertion = Assertion(operation.kind, ORGANIZATION, operation.unit_id, operation.asset_id, minute(operation.at))
            await assert_pairing(tx, assertion, "anna", now_us)
        elif isinstance(operation, Judge):
            if keys := await _keys(tx):
                key = keys[operation.which % len(keys)]
                await judge(tx, operation.kind, key, ORGANIZATION, "anna", "", now_us)
        elif isinstance(operation, Remark):
            await _remark(tx, operation, now_us)

    await store.write(work)


async def _keys(tx: Transaction) -> list[str]:
    events = await tx.events.list_events(2**63 - 1, 1000, ORGANIZATION)
    asserted = await tx.statements.list_assertions(2**63 - 1, 1000, ORGANIZATION)
    return sorted({row.event_key for row in events if row.event_key} | {row.statement.event_key for row in asserted})


async def _remark(tx: Transaction, remark: Remark, now_us: int) -> None:
    """Resolved cases can't be dismissed or reopened."""
    cases = await tx.cases.list_cases(_LAST, 1000, ORGANIZATION)
    if not cases:
        return
    said = Remarked(cases[remark.which % len(cases)].case_id, ORGANIZATION, "anna", "seen" if remark.which % 2 else "")
    if remark.kind == "note":
        said = Remarked(said.case_id, ORGANIZATION, "anna", f"note {remark.which}")
    with contextlib.suppress(ConflictError):
        await _ON_CASES[remark.kind](tx, said, now_us)
