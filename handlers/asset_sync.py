"""One Asset Sync request: planned and written as a whole, or entry by entry if that fails, so that each asset stands alone."""

import secrets
import time
from collections.abc import Sequence

from msgspec import Struct

from handlers.ports import Transaction
from handlers.registry import Actor, Marks, Origin, Writing, apply, begin
from handlers.registry_view import RegistryRules, view_for_entries
from handlers.rules.asset_sync import Mint, NewIds, placed, plan_batch, plan_entry, sync_answer
from handlers.rules.sync_context import SyncContext
from handlers.sync_receipts import first_receipt
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetEntry, AssetFailure, AssetSyncAnswer
from schemas.asset_sync_decoding import DecodedSync
from schemas.errors import StoreUnavailableError

# 11 hex digits, twice.
_ID_BITS = 44


class Synced(Struct, frozen=True):
    """What became of a sync. `faults` are the entries that the store refused, with what it said, for the log."""

    answer: AssetSyncAnswer
    faults: tuple[str, ...] = ()


class _Done(Struct):
    plans: list[AssetPlan | AssetFailure]
    marks: Marks
    faults: tuple[str, ...] = ()


async def sync_assets(
    tx: Transaction, organization_id: str, sync: DecodedSync, actor: Actor, rules: RegistryRules, now_us: int
) -> Synced:
    """Apply a sync.

    One that came before (same client, syncBatchId and body) is applied to what is stored now, but as of its first receipt: its
    readings are the same readings, and it counts once.
    """
    writing = await begin(tx, organization_id, actor, now_us)
    first = await first_receipt(tx, writing, sync.sync_batch_id, sync.body_hash)
    context = SyncContext(first.seq, first.received_at_us, now_us, rules.missing_unit)
    origin = Origin(first.seq, actor.name, sync.sync_batch_id)
    try:
        async with tx.savepoint():
            done = await _together(tx, writing, sync.entries, context, rules, origin)
    except StoreUnavailableError:
        raise
    except Exception:  # noqa: BLE001 - whatever one entry did, its siblings must not wait for it
        done = await _one_by_one(tx, writing, sync.entries, context, rules, origin)
    return Synced(sync_answer(sync.sync_batch_id, done.plans, done.marks), done.faults)


def new_asset_id() -> str:
    """An id that no asset has: milliseconds and chance, so that assets which come together are stored together."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << _ID_BITS) - 1
    return f"asset_{milliseconds:011x}{secrets.randbits(_ID_BITS):011x}"


async def new_ids(tx: Transaction, count: int) -> Mint:
    """Ids for so many new assets at the most."""
    numbers = iter(await tx.registry.assets.mint(count))
    return lambda: NewIds(new_asset_id(), next(numbers))


async def _together(
    tx: Transaction,
    writing: Writing,
    entries: Sequence[AssetEntry | AssetFailure],
    context: SyncContext,
    rules: RegistryRules,
    origin: Origin,
) -> _Done:
    sound = [entry for entry in entries if isinstance(entry, AssetEntry)]
    view = await view_for_entries(tx, writing.organization_id, sound, rules)
    plans = plan_batch(entries, view.index, context, await new_ids(tx, view.unknown))
    marks = await apply(tx, writing, [plan for plan in plans if isinstance(plan, AssetPlan)], view, origin)
    return _Done(plans, marks)


async def _one_by_one(
    tx: Transaction,
    writing: Writing,
    entries: Sequence[AssetEntry | AssetFailure],
    context: SyncContext,
    rules: RegistryRules,
    origin: Origin,
) -> _Done:
    plans: list[AssetPlan | AssetFailure] = []
    marks: Marks = {}
    faults = []
    for entry, place in placed(entries):
        if isinstance(entry, AssetFailure):
            plans.append(entry)
            continue
        try:
            async with tx.savepoint():
                view = await view_for_entries(tx, writing.organization_id, [entry], rules)
                plan = plan_entry(entry, place, view.index, context, await new_ids(tx, view.unknown))
                if isinstance(plan, AssetPlan):
                    marks |= await apply(tx, writing, [plan], view, origin)
                plans.append(plan)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            plans.append(AssetFailure(entry.external_asset_id, f"the asset could not be stored: {type(error).__name__}"))
            faults.append(f"{entry.external_asset_id}: {type(error).__name__}: {error}")
    return _Done(plans, marks, tuple(faults))
