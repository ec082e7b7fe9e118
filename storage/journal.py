"""Deliveries, batches and events as they came, and the order of the transactions that recorded them."""

from collections.abc import Sequence

from handlers.journal_ports import Stamp
from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.journal_records import BatchRecord, DeliveryRecord, EventRecord
from storage.engine import Connection
from storage.rows import columns, decode_meaning
from storage.statements import load

SQL = load("journal")
_COUNTED = {"applied": "applied", "duplicate": "duplicates", "quarantined": "quarantined", "ignored": "ignored"}


class JournalTable:
    """Implements `handlers.journal_ports.Journal`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self) -> int:
        """A new commit id."""
        row = await self._connection.fetch_one(SQL["next_commit"])
        return int(row[0]) if row else 0

    async def stamp(self, commit_id: int, now_us: int) -> Stamp:
        """The place of this transaction among all others; those after it wait here until it is committed."""
        row = await self._connection.fetch_one(SQL["next_position"], now_us=now_us)
        if row is None:
            raise RuntimeError("the counter of positions is missing")
        stamp = Stamp(*row)
        await self._connection.execute(
            SQL["insert_commit"], commit_id=commit_id, position=stamp.position, known_at_us=stamp.known_at_us
        )
        return stamp

    async def touch(self) -> None:
        """Count this call: whether the store can be written at all."""
        await self._connection.execute(SQL["touch"])

    async def batches_of(self, event_batch_ids: Sequence[str]) -> list[BatchRecord]:
        """The stored batches with one of these eventBatchIds."""
        rows = await self._connection.fetch(SQL["batches_of"], event_batch_ids=list(event_batch_ids))
        return [BatchRecord(*row) for row in rows]

    async def copies_of(self, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, list[Copy]]:
        """All copies of these units, or those known by a time."""
        organization_ids, unit_ids = columns(units)
        copies: dict[Unit, list[Copy]] = {}
        for row in await self._connection.fetch(
            SQL["copies_of"], organization_ids=organization_ids, unit_ids=unit_ids, known_at_us=known_at_us
        ):
            organization_id, unit_id, event_key, kind, at_us, asset_id, version, meaning, source, batch_key, batch_time_us = row
            copies.setdefault((organization_id, unit_id), []).append(
                Copy(
                    event_key,
                    organization_id,
                    unit_id,
                    kind,
                    at_us,
                    asset_id,
                    version,
                    decode_meaning(meaning),
                    source,
                    batch_key,
                    batch_time_us,
                )
            )
        return copies

    async def put_batches(self, rows: Sequence[BatchRecord]) -> None:
        """Add batches."""
        await self._connection.execute_many(SQL["insert_batch"], rows)

    async def put_deliveries(self, rows: Sequence[DeliveryRecord]) -> None:
        """Add deliveries."""
        await self._connection.execute_many(SQL["insert_delivery"], rows)

    async def put_events(self, rows: Sequence[EventRecord]) -> None:
        """Add entries of batches."""
        await self._connection.execute_many(SQL["insert_event"], rows)

    async def remove_events(self, keys: Sequence[tuple[str, int]]) -> None:
        """Remove entries by (organization, seq)."""
        await self._connection.execute_many(SQL["delete_event"], keys)

    async def move_count(self, batch_id: int, before: tuple[str, str], after: tuple[str, str]) -> None:
        """One entry of a batch changes from `before` to `after`, each an (organization, outcome)."""
        await self._connection.execute(SQL["copy_batch"], organization_id=after[0], batch_id=batch_id)
        for (organization_id, outcome), change in ((before, -1), (after, 1)):
            moved = dict.fromkeys(_COUNTED.values(), 0) | {_COUNTED[outcome]: change}
            await self._connection.execute(SQL["move_count"], organization_id=organization_id, batch_id=batch_id, **moved)

    async def adopt_delivery(self, delivery_id: int, batch_id: int, answer: str) -> None:
        """A delivery's body turned out to be a batch after all."""
        await self._connection.execute(SQL["adopt_delivery"], delivery_id=delivery_id, batch_id=batch_id, answer=answer)
