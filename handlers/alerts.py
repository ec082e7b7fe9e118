"""Alerts out: what happened becomes messages for each target that wants them, and what came of sending them is kept.

A target has a place in the journal. What it wants of what was told after that place becomes messages, which are added together
with the place: so nothing is missed and nothing becomes two messages, whatever ends in between. A message goes once it is
delivered; whoever ends between sending it and saying so sends it again, under the same id.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handlers.ports import Transaction
from handlers.queries.changes import linked_data
from handlers.rules.alerts import Judged, body_of, is_wanted, new_message, rest
from schemas.alerts import MessageRecord, NoticeRecord, NoticeType, Place, Retries, TargetRecord, Told, Wanted
from schemas.errors import NotFoundError
from schemas.wire import to_json_text

# So many messages of one target wait at most, besides those that are sent again; what comes after them waits in the feed.
WAITING_MAX = 1000
# So much of the feed is looked at in one go.
ROWS_AT_ONCE = 500
DROPPED_AT_ONCE = 500


class Survey(NamedTuple):
    """What there is to do for a target: what was told after a place (nothing where enough waits), and the messages to send.

    `due` are messages with their bodies that can be sent now; `next_us` is when the next one will be, None if that can't be said.
    `gone` are messages whose notice has been forgotten.
    """

    target: TargetRecord
    told: list[Told]
    due: list[tuple[MessageRecord, bytes]]
    next_us: int | None
    gone: list[MessageRecord]


async def alert(tx: Transaction, type_: NoticeType, organization_id: str, data: Mapping[str, Any], now_us: int) -> None:
    """Tell all targets that want it of something that is no change of a pairing or a case.

    Make it the last thing of a transaction: it takes a place in the journal, for which transactions wait for each other.
    """
    stamp = await tx.journal.stamp(await tx.journal.begin(), now_us)
    await tx.alerts.put_notice(NoticeRecord(organization_id, stamp.position, 0, type_, stamp.known_at_us, to_json_text(data)))


async def adopt(tx: Transaction, name: str, address_key: str) -> TargetRecord:
    """A target as it stands; one that is new is told of what happens from now on. Another address begins without failures."""
    if await tx.alerts.find_target(name) is None:
        await tx.alerts.add_target(name, address_key, await tx.alerts.last_place())
    await tx.alerts.set_address(name, address_key)
    return await _get_target(tx, name)


async def survey(tx: Transaction, name: str, after: Place, sending: Sequence[MessageRecord], slots: int, now_us: int) -> Survey:
    """What there is to do for a target that has been looked at up to `after`. NotFoundError: there is no such target.

    `sending` are the messages under way, and `slots` how many more can be.
    """
    target = await _get_target(tx, name)
    waiting = await tx.alerts.count_waiting(name, WAITING_MAX)
    told = await tx.alerts.told_after(max(after, target.place), ROWS_AT_ONCE) if waiting < WAITING_MAX else []
    if target.disabled_at_us is not None:
        return Survey(target, told, [], None, [])
    under_way = {message.place for message in sending}
    found = await tx.alerts.first_messages(name, len(under_way) + slots + 1)
    free = [message for message in found if message.place not in under_way]
    due = [message for message in free if max(message.next_at_us, target.paused_until_us) <= now_us][:slots]
    later = [max(message.next_at_us, target.paused_until_us) for message in free if message not in due]
    stands = await tx.alerts.told_at([message.place for message in due])
    data = await linked_data(tx, [(one.type, one.data) for one in stands])
    bodies = {one.place: body_of(one._replace(data=each.decode())) for one, each in zip(stands, data, strict=True)}
    return Survey(
        target,
        told,
        [(message, bodies[message.place]) for message in due if message.place in bodies],
        min(later, default=None) if slots else None,
        [message for message in due if message.place not in bodies],
    )


async def enqueue(tx: Transaction, name: str, wanted: Wanted, told: Sequence[Told], now_us: int) -> int:
    """Make what a target wants of this into messages, and move it behind all of it; how many there were."""
    messages = [new_message(name, one, now_us) for one in told if is_wanted(wanted, one)]
    await tx.alerts.add(sorted(messages))
    await tx.alerts.move(name, told[-1].place)
    return len(messages)


async def settle(tx: Transaction, name: str, judged: Sequence[Judged], retries: Retries, now_us: int) -> TargetRecord:
    """Keep what came of attempts, at least one; the target as it stands then. NotFoundError: there is none."""
    await tx.alerts.remove([each.message for each in judged if each.outcome == "delivered"])
    await tx.alerts.update([each.message for each in judged if each.outcome != "delivered"])
    target = await _get_target(tx, name)
    rested = rest(target, judged, retries, now_us)
    if rested != target:
        await tx.alerts.set_rest(rested)
    return rested


async def enable(tx: Transaction, name: str, *, from_now: bool) -> TargetRecord:
    """Tell a target again that is disabled or left alone; `from_now` gives up what it wasn't told of. NotFoundError."""
    target = await _get_target(tx, name)
    target = target._replace(failures=0, paused_until_us=0, disabled_at_us=None)
    await tx.alerts.set_rest(target)
    if from_now:
        await tx.alerts.remove_waiting(name)
        place = await tx.alerts.last_place()
        await tx.alerts.move(name, place)
        target = target._replace(position=place[0], n=place[1])
    return target


async def forget(tx: Transaction, before_us: int) -> int:
    """Forget some of the dead letters and notices that are older than a time; how many. Zero: there are no more."""
    return await tx.alerts.drop_before(before_us, DROPPED_AT_ONCE)


async def _get_target(tx: Transaction, name: str) -> TargetRecord:
    target = await tx.alerts.find_target(name)
    if target is None:
        raise NotFoundError(f"there is no target {name!r}: nothing has been told to it yet")
    return target
