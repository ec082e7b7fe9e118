"""Units: where each stands now, or stood at a time."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from handlers.ports import Transaction
from handlers.queries.as_of import AsOf
from handlers.queries.cases import show_cases
from handlers.queries.flags import show_pairings
from handlers.queries.lists import PageAsked, Text, Viewer, cursor_key, literal_pattern
from handlers.queries.vin import CANDIDATES_MAX
from handlers.refold import load_recorded
from handlers.rules.as_of import find_in_force
from handlers.rules.statements import fold_recorded
from handlers.rules.views import episode_id, serial_number, unit_type
from schemas.answers import Unit
from schemas.errors import NotFoundError, at
from schemas.pages import Page
from schemas.pairing import Interval, UnitState
from schemas.unit_rows import CaseRow, UnitRow
from schemas.wire import encode_cursor, optional_time_text

# How many units a page about the past looks at: each is folded anew, so a rare state gives short pages, not long waits.
FOLDED_MAX = 1000
_FOLDED_AT_ONCE = 100
# No unit id is longer.
SearchText = Annotated[str, Meta(max_length=256)]


class UnitFilter(AsOf, frozen=True, kw_only=True):
    """Parameters of the list of units."""

    state: Annotated[Literal["paired", "unpaired", "unmatched"] | None, Meta(description="Units in this state.")] = None
    unit_type: Annotated[str | None, Meta(description="Units of this type, such as `tp`.")] = None
    q: Annotated[SearchText | None, Meta(description="Units whose id holds this text, as it stands.")] = None


class _Standing(NamedTuple):
    """Where a unit stands: the state to show, and the interval that is open, or was in force at the time asked for.

    `known` is False for a unit of which nothing was known at the time asked for.
    """

    row: UnitRow
    state: UnitState
    interval: Interval | None
    known: bool = True

    @property
    def status(self) -> Literal["paired", "unpaired", "unmatched"]:
        return "paired" if self.interval else self.state.status


async def get_unit(tx: Transaction, viewer: Viewer, unit_id: str, asked: AsOf, now_us: int, most: int = CANDIDATES_MAX) -> Unit:
    """One unit. Raises NotFoundError, or InvalidInputError that names `organizationId` where two organizations have it."""
    row = await find_unit(tx, viewer, unit_id)
    (standing,) = await _standings(tx, [row], asked)
    (unit,) = await _show(tx, [standing], asked, now_us, most)
    return unit


async def find_unit(tx: Transaction, viewer: Viewer, unit_id: str) -> UnitRow:
    """The row of a unit that may be seen. Errors as for `get_unit`."""
    rows = await tx.pairings.find_units(unit_id, viewer.organization_id)
    if not rows:
        raise NotFoundError(f"there is no unit {unit_id!r}")
    if len(rows) > 1:
        raise at("organizationId", f"more than one organization has a unit {unit_id!r}: say which")
    return rows[0]


async def list_units(
    tx: Transaction, viewer: Viewer, asked: UnitFilter, page: PageAsked, now_us: int, most: int = CANDIDATES_MAX
) -> Page[Unit]:
    """Units by organization and id. With `at` or `knownAt`, a page can hold fewer than its limit although more follow."""
    after = cursor_key(page, tuple[Text, Text], ("", ""))
    then = asked.is_past
    examined = min(page.limit, FOLDED_MAX) if then and asked.state is None else FOLDED_MAX if then else page.limit
    rows = await tx.pairings.list_units(
        after,
        examined + 1,
        viewer.organization_id,
        status=None if then else asked.state,
        unit_type=asked.unit_type,
        pattern=literal_pattern(asked.q),
    )
    found: list[_Standing] = []
    looked_at = 0
    while looked_at < min(examined, len(rows)) and len(found) < page.limit:
        chunk = rows[looked_at : min(examined, looked_at + _FOLDED_AT_ONCE)]
        for standing in await _standings(tx, chunk, asked):
            if len(found) == page.limit:
                break
            looked_at += 1
            if standing.known and asked.state in {None, standing.status}:
                found.append(standing)
    items = tuple(await _show(tx, found, asked, now_us, most))
    last = rows[looked_at - 1] if rows[looked_at:] else None
    return Page(items, encode_cursor((last.organization_id, last.unit_id)) if last else None)


async def _standings(tx: Transaction, rows: Sequence[UnitRow], asked: AsOf) -> list[_Standing]:
    if not asked.is_past:
        return [_Standing(row, row.state, row.state.open) for row in rows]
    units = [(row.organization_id, row.unit_id) for row in rows]
    recorded = await load_recorded(tx, units, asked.known_at_us)
    stored = await tx.histories.stored_intervals(units) if asked.known_at_us is None else None
    standings: list[_Standing] = []
    for row, unit in zip(rows, units, strict=True):
        state = fold_recorded(recorded[unit], asked.at_us).state
        interval = state.open
        if asked.at_us is not None:
            intervals = fold_recorded(recorded[unit]).intervals if stored is None else stored.get(unit, ())
            interval = find_in_force(intervals, asked.at_us, possible=asked.possible)
        standings.append(_Standing(row, state, interval, known=not recorded[unit].is_empty))
    return standings


async def _show(tx: Transaction, standings: Sequence[_Standing], asked: AsOf, now_us: int, most: int) -> list[Unit]:
    owned = [(each.row.organization_id, each.row.unit_id, each.interval) for each in standings if each.interval is not None]
    pairings = iter(await show_pairings(tx, owned, asked.known_at_us))
    open_cases = [
        CaseRow(row.organization_id, episode_id(row.organization_id, row.unit_id, state.case), row.unit_id, state.case)
        for row, state, *_ in standings
        if state.case
    ]
    cases = iter(await show_cases(tx, open_cases, asked.now_us(now_us), most))
    return [
        Unit(
            unit_id=row.unit_id,
            unit_type=unit_type(row.unit_id),
            serial_number=serial_number(row.unit_id),
            organization_id=row.organization_id,
            state=standing.status,
            pairing=next(pairings) if interval else None,
            case=next(cases) if state.case else None,
            last_event_at=optional_time_text(state.at_us),
        )
        for standing in standings
        for row, state, interval, _ in [standing]
    ]
