"""Lists of pairings as they were known at a time.

What was known is folded from what had been recorded by then, so no index has its order. The pairings of one asset or one unit
are few: all of them are looked through, and the newest kept. Any other list goes unit by unit, each unit's newest first, and a
page looks at so many units: it can hold fewer items than asked for although more follow.
"""

import heapq
from collections.abc import Iterable, Sequence

from handlers.ports import Transaction
from handlers.queries.flags import Owned, show_pairings
from handlers.queries.known import FOLDED_AT_ONCE, known_folds
from handlers.queries.lists import LAST_TEXT, NEWEST, Number, PageAsked, Text, Viewer, cursor_key
from handlers.queries.pairing_filter import OfAssets, PairingFilter
from handlers.rules.as_of import is_in_force
from handlers.rules.views import interval_id, sort_us, unit_type
from handlers.unit_ports import Unit
from schemas.answers import Pairing
from schemas.errors import at
from schemas.pages import Page
from schemas.pairing import Interval
from schemas.wire import encode_cursor

# Units that a page looks at.
FOLDED_MAX = 1000
_OLDEST = -(2**63)
Place = tuple[int, str]


async def list_known_pairings(
    tx: Transaction, viewer: Viewer, asked: PairingFilter, known_at_us: int, page: PageAsked
) -> Page[Pairing]:
    """Intervals as they were known; in which order, see above. Raises InvalidInputError for what can't be asked together."""
    if asked.updated_since_us is not None:
        raise at("updatedSince", "can't be asked together with knownAt")
    few = asked.asset_id is not None or asked.unit_id is not None or isinstance(asked, OfAssets)
    owned, cursor = await (_newest if few else _by_unit)(tx, viewer, asked, known_at_us, page)
    return Page(tuple(await show_pairings(tx, owned, known_at_us)), cursor)


async def _newest(
    tx: Transaction, viewer: Viewer, asked: PairingFilter, known_at_us: int, page: PageAsked
) -> tuple[list[Owned], str | None]:
    """The newest of few, in the order and with the cursors of the list as it is known now."""
    before = cursor_key(page, tuple[Text, Number, Text], (LAST_TEXT, NEWEST, LAST_TEXT))
    best: list[tuple[str, int, str, int, Owned]] = []
    count = 0
    after = ("", "")
    while units := await _units(tx, viewer, asked, after):
        after = units[-1]
        for unit, fold in (await known_folds(tx, units, known_at_us)).items():
            for interval in _selected(unit, fold.intervals, asked):
                key = (unit[0], sort_us(interval), interval_id(*unit, interval))
                if key < before:
                    count += 1
                    best.append((*key, count, (*unit, interval)))
        best = heapq.nlargest(page.limit + 1, best)
    shown = best[: page.limit]
    cursor = encode_cursor(shown[-1][:3]) if best[page.limit :] else None
    return [row[4] for row in shown], cursor


async def _units(tx: Transaction, viewer: Viewer, asked: PairingFilter, after: Unit) -> list[Unit]:
    """The next of the units that one asset or one unit id can mean."""
    if isinstance(asked, OfAssets):
        return await tx.pairings.units_naming(asked.asset_ids or (), viewer.organization_id, after, FOLDED_AT_ONCE)
    if asked.asset_id is not None:
        return await tx.pairings.units_naming([asked.asset_id.lower()], viewer.organization_id, after, FOLDED_AT_ONCE)
    rows = await tx.pairings.list_units(after, FOLDED_AT_ONCE, viewer.organization_id, unit_id=asked.unit_id)
    return [row[:2] for row in rows]


async def _by_unit(
    tx: Transaction, viewer: Viewer, asked: PairingFilter, known_at_us: int, page: PageAsked
) -> tuple[list[Owned], str | None]:
    """Unit by unit; a cursor names a unit and the place in it behind which to go on."""
    organization_id, unit_id, *place = cursor_key(page, tuple[Text, Text, Number, Text], ("", "", _OLDEST, ""))
    unit, before = (organization_id, unit_id), (place[0], place[1])
    found: list[Owned] = []
    begun = [unit] if before > (_OLDEST, "") else []
    looked_at = 0
    while looked_at < FOLDED_MAX:
        rows = await tx.pairings.list_units(unit, FOLDED_AT_ONCE, viewer.organization_id, unit_type=asked.unit_type)
        units = [*begun, *(row[:2] for row in rows)]
        folds = await known_folds(tx, units, known_at_us)
        for unit in units:
            selected = _selected(unit, folds[unit].intervals, asked) if unit in folds else []
            for interval in sorted(selected, key=lambda each: _place(unit, each), reverse=True):
                if unit not in begun or _place(unit, interval) < before:
                    if len(found) == page.limit:
                        return found, _cursor(found[-1])
                    found.append((*unit, interval))
        begun = []
        looked_at += len(units)
        if len(rows) < FOLDED_AT_ONCE:
            return found, None
    return found, encode_cursor((*unit, _OLDEST, ""))


def _selected(unit: Unit, intervals: Sequence[Interval], asked: PairingFilter) -> Iterable[Interval]:
    return [interval for interval in intervals if _is_asked(unit, interval, asked)]


def _is_asked(unit: Unit, interval: Interval, asked: PairingFilter) -> bool:
    """The filters of `storage/sql/pairings.sql`, on an interval that no table holds."""
    state = "open" if interval.unpaired_at_us is None else "closed"
    wanted = (
        (asked.state, state),
        (asked.unit_id, unit[1]),
        (asked.asset_id and asked.asset_id.lower(), interval.asset_id),
        (asked.unit_type, unit_type(unit[1])),
        (asked.vin, interval.meaning.asset_vin),
        (asked.reason, interval.meaning.reason),
    )
    if any(value is not None and value != has for value, has in wanted):
        return False
    if isinstance(asked, OfAssets) and interval.asset_id not in (asked.asset_ids or ()):
        return False
    return asked.at_us is None or is_in_force(interval, asked.at_us, possible=asked.possible)


def _place(unit: Unit, interval: Interval) -> Place:
    return sort_us(interval), interval_id(*unit, interval)


def _cursor(last: Owned) -> str:
    return encode_cursor((*last[:2], *_place(last[:2], last[2])))
