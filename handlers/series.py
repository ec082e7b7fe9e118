"""Readings into the series of assets: judged with what stands around them, and stored with their marks.

Most readings are later than all that is stored of their series, and are judged by what the series came to. For the others the
neighbourhood is read, of all series at once and page by page until judgement has settled, so memory stays flat.
"""

from collections.abc import Mapping, Sequence

from handlers.ports import Transaction
from handlers.rules.readings import Tail
from handlers.rules.series_change import SeriesChange, SeriesJudgement
from handlers.rules.series_onward import Onward, is_onward
from handlers.rules.series_rows import stored_reading
from schemas.readings import Mark, Reading, Thresholds
from schemas.registry_records import ReadingRow, SeriesKey, SeriesRow

# Readings of each series on the first page of a neighbourhood, where judgement mostly settles, and on the pages after it.
FIRST_PAGE = 32
PAGE = 2000


async def change_series(tx: Transaction, organization_id: str, changes: Mapping[SeriesKey, SeriesChange]) -> dict[int, Mark]:
    """Store arrivals, but for those that are there already, and judge all that they change; the marks of arrivals by number."""
    if not changes:
        return {}
    stored = await tx.registry.readings.series(organization_id, list(changes))
    onward = Onward()
    late: dict[SeriesKey, SeriesChange] = {}
    for key, change in changes.items():
        before = stored.get(key)
        if is_onward(change, before):
            onward.take(key, change, before)
        else:
            late[key] = change
    await tx.registry.readings.insert(organization_id, onward.readings)
    await tx.registry.readings.put_series(organization_id, onward.series, ())
    for one in await _judge(tx, organization_id, late, stored):
        onward.marks |= one.told
    return onward.marks


async def mend_series(tx: Transaction, organization_id: str, thresholds: Mapping[SeriesKey, Thresholds]) -> int:
    """Judge whole series again, whatever is stored of the judgement; how many of them had been stored wrongly."""
    changes = {key: SeriesChange(bounds, distrusted=True) for key, bounds in thresholds.items()}
    stored = await tx.registry.readings.series(organization_id, list(changes))
    judged = await _judge(tx, organization_id, changes, stored)
    return sum(one.remarked > 0 or one.row() != one.stored for one in judged)


async def _judge(
    tx: Transaction,
    organization_id: str,
    changes: Mapping[SeriesKey, SeriesChange],
    stored: Mapping[SeriesKey, SeriesRow],
) -> list[SeriesJudgement]:
    """Judge series with what is stored around the changes, and write what that comes to."""
    judged = [SeriesJudgement(key, change, stored.get(key)) for key, change in changes.items()]
    if not judged:
        return []
    readings = tx.registry.readings
    await _read_around(tx, organization_id, judged)
    await readings.insert(organization_id, [row for one in judged for row in one.inserts()])
    rows = [(one, one.row()) for one in judged]
    await readings.put_series(
        organization_id,
        [row for one, row in rows if row is not None and row != one.stored],
        [one.key for one, row in rows if row is None and one.stored is not None],
    )
    return judged


async def _read_around(tx: Transaction, organization_id: str, late: Sequence[SeriesJudgement]) -> None:
    """Give each what is stored around its changes, page by page until its judgement has settled."""
    readings = tx.registry.readings
    starts = [(one.key, one.from_us) for one in late if not one.from_start]
    accepted = telling = last = {}
    before: dict[SeriesKey, list[ReadingRow]] = {}
    if starts:
        accepted = await readings.last_before(organization_id, starts, accepted=True)
        telling = await readings.last_before(organization_id, starts, telling=True)
        spans = [(one.key, one.context_us, one.from_us) for one in late if not one.from_start]
        before = await readings.between(organization_id, spans)
    vacated = [(one.key, one.from_us) for one in late if one.change.removed_us]
    if vacated:
        last = await readings.last_before(organization_id, vacated)
    for one in late:
        tail = Tail(_reading(accepted.get(one.key)), _reading(telling.get(one.key)))
        one.start(tail, before.get(one.key, ()), last[one.key].at_us if one.key in last else None)
    going, size = list(late), FIRST_PAGE
    while going:
        pages = await readings.after(organization_id, [(one.key, one.place) for one in going], size)
        for one in going:
            page = pages.get(one.key, [])
            one.take(page, end=len(page) < size)
        await readings.set_marks(organization_id, [row for one in going for row in one.take_marks()])
        going, size = [one for one in going if not one.is_done], PAGE


def _reading(row: ReadingRow | None) -> Reading | None:
    return None if row is None else stored_reading(row)
