"""A sync, decided: what each entry creates or changes, stores, holds back and answers. Nothing is read or written here.

Source: Asset Sync. Each entry stands alone: one that fails changes nothing, and its siblings go on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from handlers.rules.asset_changes import asset_changes, assignment_changes
from handlers.rules.asset_fields import merged_asset
from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_matching import Match, match
from handlers.rules.asset_meters import MeterWork, slots
from handlers.rules.effective import effective
from handlers.rules.series_change import reading_no
from handlers.rules.sync_context import SyncContext, Warnings
from handlers.rules.sync_messages import adopted, repeated, suspect
from handlers.rules.telematics import is_missed, missed, seen
from schemas.asset_plans import AssetPlan, HeldMeter, MeterCount, MeterPlan, Outcome
from schemas.asset_sync import AssetEntry, AssetFailure, AssetResult, AssetSyncAnswer
from schemas.assets import Asset, Change
from schemas.errors import ConflictError, InvalidInputError
from schemas.readings import Mark


class NewIds(NamedTuple):
    """The ids of an asset that is about to be created."""

    asset_id: str
    lease_asset_id: int


Mint = Callable[[], NewIds]


class Place(NamedTuple):
    """Where an entry stands in its request: its number, the position of its first reading, whether its id came once before."""

    number: int = 0
    position: int = 0
    repeated: bool = False


def plan_batch(
    entries: Sequence[AssetEntry | AssetFailure], index: AssetIndex, context: SyncContext, mint: Mint
) -> list[AssetPlan | AssetFailure]:
    """The plan, or the failure, of each entry in order; each builds on those before it. `index` is brought up to date.

    `mint` gives the ids of an asset that is created, and is called for nothing else.
    """
    return [
        entry if isinstance(entry, AssetFailure) else plan_entry(entry, place, index, context, mint)
        for entry, place in placed(entries)
    ]


def placed(entries: Iterable[AssetEntry | AssetFailure]) -> Iterator[tuple[AssetEntry | AssetFailure, Place]]:
    """Each entry of a request with where it stands in it."""
    times: dict[str | None, int] = {}
    position = 0
    for number, entry in enumerate(entries):
        times[entry.external_asset_id] = times.get(entry.external_asset_id, 0) + 1
        yield entry, Place(number, position, times[entry.external_asset_id] == 2)  # noqa: PLR2004 - the second time, and only then
        if isinstance(entry, AssetEntry):
            position += slots(entry)


def plan_entry(entry: AssetEntry, place: Place, index: AssetIndex, context: SyncContext, mint: Mint) -> AssetPlan | AssetFailure:
    """The plan of one entry, already applied to `index`; or why it fails, with `index` as it was."""
    warnings = Warnings()
    if place.repeated:
        warnings.add(repeated(entry.external_asset_id))
    try:
        found = match(entry, index)
        asset = merged_asset(entry, found, index, warnings.add, context.now_us)
    except (InvalidInputError, ConflictError) as error:
        return AssetFailure(entry.external_asset_id, error.message)
    if found.asset is None:
        asset_id, lease_asset_id = mint()
        asset = replace(asset, asset_id=asset_id, lease_asset_id=lease_asset_id)
    elif found.by == "link":
        warnings.add(adopted(found.asset.external_asset_id))
    work = MeterWork(index, asset, context, warnings)
    work.take(entry, place.position)
    counts = _counts(work) if context.counting and not _is_backfill(entry) else ()
    plan = _plan(place.number, entry.external_asset_id, _outcome(entry, found), found.asset, work, counts)
    index.apply(plan)
    return plan


def plan_held(held: HeldMeter, asset: Asset, index: AssetIndex, context: SyncContext) -> AssetPlan:
    """What applying a held-back attempt to its asset does, once its meter exists. It is no sync: nothing counts as seen.

    `context.seq` is the sequence of the sync that it came in: a field or a reading that came later stands.
    """
    work = MeterWork(index, asset, context, Warnings())
    work.restore(held)
    plan = _plan(0, asset.external_asset_id, "UPDATED", asset, work)
    index.apply(plan)
    return plan


def sync_answer(
    sync_batch_id: str | None, plans: Sequence[AssetPlan | AssetFailure], marks: Mapping[int, Mark]
) -> AssetSyncAnswer:
    """The answer of a sync, once the series it touched have been judged: `marks` by the numbers of its readings."""
    return AssetSyncAnswer(
        results=tuple(asset_result(plan, marks) for plan in plans if isinstance(plan, AssetPlan)),
        errors=tuple(plan for plan in plans if isinstance(plan, AssetFailure)),
        sync_batch_id=sync_batch_id or UNSET,
    )


def asset_result(plan: AssetPlan, marks: Mapping[int, Mark]) -> AssetResult:
    """The result of one entry: its plan's warnings, and those on readings that the series makes SUSPECT."""
    warnings = Warnings(plan.warnings)
    for reading in plan.readings:
        mark = marks.get(reading_no(reading))
        if mark is not None and mark.status == "SUSPECT" and mark.reason:
            warnings.add(suspect(reading, mark.reason))
    asset = plan.asset
    return AssetResult(plan.external_asset_id, plan.outcome, asset.asset_id, warnings.texts, asset.lease_asset_id, plan.hints)


def _plan(
    number: int,
    external_asset_id: str,
    outcome: Outcome,
    before: Asset | None,
    work: MeterWork,
    counts: tuple[MeterCount, ...] = (),
) -> AssetPlan:
    asset = work.asset
    meters = work.changed()
    changes = (*asset_changes(before, asset), *_assignment_changes(before, work, meters))
    changed = bool(changes) or before is None or before.code_given != asset.code_given
    return AssetPlan(
        number=number,
        external_asset_id=external_asset_id,
        outcome=outcome,
        before=before,
        asset=replace(asset, updated_at_us=work.context.now_us) if changed else asset,
        asset_changed=changed,
        meters=meters,
        readings=tuple(work.readings),
        counts=counts,
        held=tuple(work.held.values()),
        changes=changes,
        warnings=work.warnings.texts,
        hints=tuple(work.hints.values()),
    )


def _assignment_changes(before: Asset | None, work: MeterWork, changed: Iterable[MeterPlan]) -> Iterator[Change]:
    """The assignments whose effective values change, those that the asset's own status turns on or off among them.

    What is said of `isActive` on an asset that isn't is told too: it holds once the asset is, which another may bring about.
    """
    same_status = before is not None and before.status == work.asset.status
    for code in sorted(meter.meter_code for meter in changed) if same_status else work.assigned():
        explicit, implied = work.stored.get(code), code in work.implied
        known = before is not None and (explicit is not None or implied)
        was = effective(explicit, before.status, implied=implied) if before and known else None
        yield from assignment_changes(code, was, work.effective(code))
        if work.asset.status != "ACTIVE":
            said_before = effective(explicit, "ACTIVE", implied=implied).is_active
            said_now = work.effective(code, "ACTIVE").is_active
            if said_before != said_now:
                yield Change("said.isActive", said_before, said_now, code)


def _counts(work: MeterWork) -> tuple[MeterCount, ...]:
    """The telematics of the asset's expected meters, each seen or missed in this sync."""
    counts = []
    for code in work.assigned():
        meter, state = work.tracked(code), work.telematics(code)
        counted = state
        if code not in work.seen:
            counted = missed(state, work.context.seq) if is_missed(meter) else state
        elif meter.expected_from_sync:
            counted = seen(state, work.context.seq, work.context.at_us)
        if counted is not state and counted != state:
            counts.append(MeterCount(code, counted))
    return tuple(counts)


def _is_backfill(entry: AssetEntry) -> bool:
    """An entry with `meterReadings` and no `meters` is history, and says nothing about what was heard of today."""
    return bool(entry.meter_readings) and not entry.meters


def _outcome(entry: AssetEntry, found: Match) -> Outcome:
    if entry.status in ("INACTIVE", "RETIRED"):
        return "DISABLED"
    return "UPDATED" if found.asset else "CREATED"
