"""The end of a stream: its account, and what its provider no longer lists."""

from msgspec import Struct

from handlers.ports import Transaction
from handlers.provider_assets import deactivate_assets
from handlers.provider_context import RunContext
from handlers.provider_meters import deactivate_meters
from handlers.registry import begin
from handlers.rules.provider_absence import judge_absence
from schemas.provider_rows import StreamRow
from schemas.providers import Deactivation


class Ending(Struct, frozen=True):
    """How a stream ended. `complete`: with it all that brings its kind has been fetched, in full and without a fault.

    `whole`: this stream has; what is quarantined of it and didn't come again is no longer there.
    """

    row: StreamRow
    complete: bool
    whole: bool
    why_not: str = ""


async def finish_stream(tx: Transaction, run: RunContext, ending: Ending, guard: Deactivation) -> StreamRow:
    """Record a stream, and deactivate what wasn't listed if that can be told, and isn't more than the guard allows."""
    row = ending.row
    if ending.complete and row.entity in ("assets", "meters"):
        row = await _absence(tx, run, row, guard)
    elif row.entity in ("assets", "meters"):
        row = row._replace(absence=ending.why_not)
    if ending.whole:
        await tx.providers.refused.resolve_unlisted(run.organization_id, run.provider, row.stream, run.run_id, run.now_us)
    await tx.providers.runs.put_stream(row)
    return row


async def _absence(tx: Transaction, run: RunContext, row: StreamRow, guard: Deactivation) -> StreamRow:
    entities = tx.providers.entities
    missing = await entities.unseen(run.organization_id, run.provider, row.entity, run.run_id)
    active = await entities.count_active(run.organization_id, run.provider, row.entity)
    verdict = judge_absence(row.entity, active, len(missing), guard)
    if not verdict.deactivate:
        return row._replace(absence=verdict.said)
    writing = await begin(tx, run.organization_id, run.actor, run.now_us)
    deactivate = deactivate_assets if row.entity == "assets" else deactivate_meters
    await deactivate(tx, writing, run, missing)
    return row._replace(deactivated=len(missing), absence=verdict.said)
