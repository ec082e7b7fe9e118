"""Batches and their entries as queries read them."""

from collections.abc import Sequence

from schemas.journal_records import BatchRow, DeliveryRecord, DeliveryRow, EventRecord, EventRow
from storage.engine import Connection, Row
from storage.rows import decode_meaning
from storage.statements import load

SQL = load("events")
_BODIES_AT_ONCE = 500


def _event(row: Row) -> EventRow:
    return EventRow._make((*row[:11], decode_meaning(row[11]) if row[11] else None, row[12]))


class EventTables:
    """Implements `handlers.journal_ports.Events`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_events(self, before: int, limit: int, organization_id: str | None, **filters: object) -> list[EventRow]:
        """Entries, newest first, from before a sequence number."""
        set_aside = filters.get("outcome") not in {None, "applied"}
        rows = await self._connection.fetch(
            SQL["list_events"], before=before, limit=limit, organization_id=organization_id, set_aside=set_aside, **filters
        )
        return [_event(row) for row in rows]

    async def find_event(self, event_key: str, organization_id: str | None) -> list[EventRow]:
        """The copies of one event, oldest first."""
        rows = await self._connection.fetch(SQL["find_event"], event_key=event_key, organization_id=organization_id)
        return [_event(row) for row in rows]

    async def held_events(
        self, after: int, limit: int, organization_id: str | None, event_type: str | None = None
    ) -> list[EventRecord]:
        """Ignored entries, oldest first, from after a sequence number."""
        rows = await self._connection.fetch(
            SQL["held_events"], after=after, limit=limit, organization_id=organization_id, event_type=event_type
        )
        return [EventRecord(*row) for row in rows]

    async def find_entry(self, organization_id: str, seq: int) -> EventRecord | None:
        """One entry as it is kept."""
        row = await self._connection.fetch_one(SQL["find_entry"], organization_id=organization_id, seq=seq)
        return EventRecord(*row) if row else None

    async def take_ignored(self, organization_id: str, seq: int) -> EventRecord | None:
        """An ignored entry, locked until the transaction ends."""
        row = await self._connection.fetch_one(SQL["take_ignored"], organization_id=organization_id, seq=seq)
        return EventRecord(*row) if row else None

    async def list_batches(self, before: int, limit: int, organization_id: str | None) -> list[BatchRow]:
        """Batches, newest first, from before an id."""
        rows = await self._connection.fetch(SQL["list_batches"], before=before, limit=limit, organization_id=organization_id)
        return [_batch(row) for row in rows]

    async def find_batches(
        self, organization_id: str | None, *, batch_id: int | None = None, event_batch_id: str | None = None
    ) -> list[BatchRow]:
        """Batches by our id or by Datahub's; two at the most."""
        rows = await self._connection.fetch(
            SQL["find_batch"], organization_id=organization_id, batch_id=batch_id, event_batch_id=event_batch_id
        )
        return [_batch(row) for row in rows]

    async def deliveries_of(self, batch_ids: Sequence[int]) -> list[DeliveryRow]:
        """The deliveries that brought batches, oldest first."""
        rows = await self._connection.fetch(SQL["deliveries_of"], batch_ids=list(batch_ids))
        return [DeliveryRow(*row) for row in rows]

    async def find_delivery(self, delivery_id: int) -> DeliveryRecord | None:
        """A delivery with all that is kept of it."""
        row = await self._connection.fetch_one(SQL["find_delivery"], delivery_id=delivery_id)
        return DeliveryRecord(*row) if row else None

    async def drop_bodies(self, before_us: int) -> int:
        """Forget the bodies of deliveries received before a time, so many in one transaction at most; how many."""
        return await self._connection.execute(SQL["drop_bodies"], before_us=before_us, limit=_BODIES_AT_ONCE)

    async def last_delivery(self, subscription: str) -> int | None:
        """When a subscription last heard from Datahub."""
        row = await self._connection.fetch_one(SQL["last_delivery"], subscription=subscription)
        return int(row[0]) if row else None


def _batch(row: Row) -> BatchRow:
    """PostgreSQL sums 64-bit integers to a numeric."""
    return BatchRow(*row[:6], *(int(count) for count in row[6:]))
