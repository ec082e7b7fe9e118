"""When a sync came first: one that comes again is the same sync, as of then."""

from handlers.ports import Transaction
from handlers.registry import Writing
from schemas.registry_records import SyncRow


async def first_receipt(tx: Transaction, writing: Writing, sync_batch_id: str | None, body_hash: str) -> SyncRow:
    """The first receipt of a sync, identified by client, syncBatchId and body; without a syncBatchId it is this one."""
    client_id = writing.actor.name
    row = SyncRow(writing.organization_id, client_id, sync_batch_id or "", body_hash, writing.seq, writing.now_us)
    if sync_batch_id is None:
        return row
    known = await tx.registry.journal.find_sync(writing.organization_id, client_id, sync_batch_id, body_hash)
    if known is None:
        await tx.registry.journal.add_sync(row)
        return row
    writing.receipts[known.seq] = known.received_at_us
    return known
