"""What operators said of events, as it is shown among them."""

from collections.abc import Iterable, Sequence

from handlers.ports import Transaction
from handlers.rules.statements import assertion_copy, void_keys
from schemas.answers import Said
from schemas.journal_records import EventRow
from schemas.unit_rows import StatementRow
from schemas.wire import time_text

_OF_EVENTS = {"paired", "unpaired", "void", "restore"}
# (organization, event key)
FactId = tuple[str, str]


async def said_of(tx: Transaction, keys: Iterable[FactId]) -> dict[FactId, list[StatementRow]]:
    """The statements on facts, oldest first; what was said of a case stands there."""
    wanted = sorted(set(keys))
    found: dict[FactId, list[StatementRow]] = {}
    for row in await tx.statements.about(wanted) if wanted else ():
        if row.statement.kind in _OF_EVENTS:
            found.setdefault((row.statement.organization_id, row.statement.event_key), []).append(row)
    return found


def is_void(rows: Sequence[StatementRow]) -> bool:
    """Whether the statements on one fact come to its being void."""
    return bool(void_keys(row.statement for row in rows))


def show_said(rows: Sequence[StatementRow]) -> tuple[Said, ...]:
    """Statements on one event on the wire."""
    return tuple(
        Said(row.statement.kind, row.statement.actor, row.statement.note, time_text(row.statement.at_us))  # type: ignore[arg-type] # as said_of chose
        for row in rows
    )


def as_event(row: StatementRow) -> EventRow:
    """An assertion as a row among events; it came in no batch, which is number 0."""
    copy = assertion_copy(row.statement)
    return EventRow(
        copy.organization_id,
        row.statement.seq,
        0,
        "applied",
        None,
        None,
        copy.event_key,
        copy.unit_id,
        copy.asset_id,
        copy.kind,
        copy.at_us,
        copy.meaning,
        row.known_at_us,
    )
