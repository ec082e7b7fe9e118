"""Links from Datahub's assets to those of the registry, computed again whenever either side changes.

Whoever changes what is recorded of pairings says so by `follow_copies` (new copies, the hot path) or `look_again`; whoever
changes assets, by `follow_assets`. Locks are taken in this order everywhere: units, Datahub assets, the organization's registry.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from handlers.attribution import follow_links
from handlers.ports import Transaction
from handlers.provisional_assets import provisional_assets
from handlers.registry_writing import Actor, Writing, begin, history_row
from handlers.rules.links import can_change, linked_asset, told
from handlers.rules.statements import Recorded, facts_of
from handlers.unit_ports import Unit
from schemas.assets import Change
from schemas.errors import NotFoundError
from schemas.facts import Copy, Fact
from schemas.links import DatahubAsset
from schemas.registry_records import HistoryRow
from schemas.vin_records import Touched
from schemas.wire import to_json_text

# Who computes links again; a change is put down to the event that told the VIN, or else to the last that named the asset.
_PAIRINGS = Actor("event", "")

# (organization, Datahub asset)
DatahubId = tuple[str, str]


async def follow_copies(tx: Transaction, copies: Mapping[Unit, Sequence[Copy]], now_us: int) -> None:
    """Bring links to new copies that are recorded: one look-up for all that they name, and no more where nothing is new."""
    named: dict[DatahubId, list[Copy]] = {}
    for each in copies.values():
        for copy in each:
            if copy.asset_id is not None:
                named.setdefault((copy.organization_id, copy.asset_id), []).append(copy)
    if not named:
        return
    known = await tx.links.hold(sorted(named))
    await _look_again(tx, [each for each in sorted(named) if can_change(known.get(each), named[each])], now_us)


async def look_again(tx: Transaction, named: Iterable[DatahubId], now_us: int) -> int:
    """Compute afresh what Datahub assets are, from all that is recorded of them; how many turned out otherwise."""
    named = sorted(set(named))
    if not named:
        return 0
    await tx.links.hold(named)
    return await _look_again(tx, named, now_us)


async def follow_assets(tx: Transaction, writing: Writing, vins: Iterable[str], taken_over: Iterable[str]) -> None:
    """Bring links to assets that have, or don't have any more, one of these VINs; and to those that were provisional until now.

    `taken_over` are the Datahub assets of those.
    """
    organization_id, wanted, named = writing.organization_id, sorted(set(vins)), sorted(set(taken_over))
    rows = await tx.links.with_vins(organization_id, wanted) if wanted else []
    known = {row.datahub_asset_id for row in rows}
    if left := [each for each in named if each not in known]:
        rows = [*rows, *await tx.links.of_ids(organization_id, left)]
    if rows:
        await _settle(tx, writing, rows, ())


async def link_explicitly(tx: Transaction, writing: Writing, datahub_asset_id: str, asset_id: str) -> None:
    """An operator says which asset a Datahub asset is, whatever its VIN."""
    organization_id = writing.organization_id
    await tx.links.put_explicit(organization_id, datahub_asset_id, asset_id, writing.actor.name, writing.now_us)
    await _settle_named(tx, writing, datahub_asset_id)


async def unlink(tx: Transaction, writing: Writing, datahub_asset_id: str, asset_id: str) -> None:
    """An operator takes such a word back: what follows from VINs holds again. NotFoundError: nobody gave it."""
    if not await tx.links.remove_explicit(writing.organization_id, datahub_asset_id, asset_id):
        raise NotFoundError(f"no operator linked {datahub_asset_id!r} to this asset")
    await _settle_named(tx, writing, datahub_asset_id)


async def _settle_named(tx: Transaction, writing: Writing, datahub_asset_id: str) -> None:
    rows = await tx.links.of_ids(writing.organization_id, [datahub_asset_id])
    await _settle(tx, writing, rows, [] if rows else [datahub_asset_id])


async def _look_again(tx: Transaction, named: Sequence[DatahubId], now_us: int) -> int:
    by_organization: dict[str, list[str]] = {}
    for organization_id, datahub_asset_id in named:
        by_organization.setdefault(organization_id, []).append(datahub_asset_id)
    wrong = 0
    for organization_id, datahub_asset_ids in sorted(by_organization.items()):
        # Under the lock, so that of two transactions that found the same thing new, the later sees what the earlier recorded.
        writing = await begin(tx, organization_id, _PAIRINGS, now_us)
        facts, by = await _facts(tx, organization_id, datahub_asset_ids)
        stored = {row.datahub_asset_id: row for row in await tx.links.of_ids(organization_id, datahub_asset_ids)}
        right = {each: told(organization_id, each, facts.get(each, ())) for each in datahub_asset_ids}
        rows = [row for row in right.values() if row is not None]
        gone = [each for each, row in right.items() if row is None]
        changed = [row for row in rows if row != stored.get(row.datahub_asset_id)]
        await tx.links.put(changed, [(organization_id, each) for each in gone if each in stored])
        by |= {row.datahub_asset_id: Actor("event", row.event_key) for row in rows if row.event_key}
        moved = await _settle(tx, writing, rows, gone, by)
        differing = {
            row.datahub_asset_id
            for row in changed
            if (before := stored.get(row.datahub_asset_id)) is None or (before.vin, before.vin_key) != (row.vin, row.vin_key)
        }
        # A row that says nothing may have been made just now, to be locked.
        left = {each for each in gone if each in stored and stored[each].event_key}
        wrong += len(differing | moved | left)
    return wrong


async def _facts(
    tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]
) -> tuple[dict[str, list[Fact]], dict[str, Actor]]:
    """The facts that count and name one of these, whatever units they are of; and the last that named it, void or not."""
    copies = await tx.links.copies_naming(organization_id, datahub_asset_ids)
    said = await tx.links.statements_naming(organization_id, datahub_asset_ids)
    keys = sorted({copy.event_key for copy in copies} | {each.event_key for each in said})
    judged = await tx.links.judgements_of(organization_id, keys) if keys else []
    statements = list({each.seq: each for each in (*said, *judged)}.values())
    found: dict[str, list[Fact]] = {}
    for fact in facts_of(Recorded(copies, statements)):
        if fact.asset_id is not None:
            found.setdefault(fact.asset_id, []).append(fact)
    named = [(copy.at_us, copy.event_key, copy.asset_id) for copy in copies]
    named += [(each.fact_at_us, each.event_key, each.asset_id) for each in said if each.fact_at_us is not None]
    last = {asset_id: Actor("event", event_key) for _, event_key, asset_id in sorted(named, key=lambda one: one[:2]) if asset_id}
    return found, last


async def _settle(
    tx: Transaction,
    writing: Writing,
    rows: Sequence[DatahubAsset],
    gone: Sequence[str],
    by: Mapping[str, Actor] = MappingProxyType({}),
) -> set[str]:
    """Bring the links of Datahub assets, whose organization's registry is locked, to what holds; those that changed.

    Of those that are `gone` nothing is recorded: they are linked only where an operator said so. `by` says whose doing a change
    of each of them is, where it isn't the writer's.
    """
    organization_id = writing.organization_id
    ids = [row.datahub_asset_id for row in rows]
    explicit = await tx.links.explicit(organization_id, [*ids, *gone])
    before = await tx.registry.assets.links_to(organization_id, [*ids, *gone])
    holders = await _holders(tx, organization_id, rows)
    after = {each: explicit[each] for each in gone if each in explicit}
    own: list[DatahubAsset] = []
    for row in rows:
        target = linked_asset(row, explicit, holders)
        if target is None:
            own.append(row)
        else:
            after[row.datahub_asset_id] = target
    after |= await provisional_assets(tx, writing, own, by)
    changed = sorted(each for each in {*ids, *gone} if before.get(each) != after.get(each))
    if changed:
        history = await _told_of(tx, writing, before, after, changed, by)
        await tx.registry.assets.put_links(
            organization_id,
            [(each, after[each]) for each in changed if each in after],
            [each for each in changed if each not in after],
        )
        await tx.registry.journal.add_asset_changes(organization_id, history)
        await follow_links(tx, organization_id, changed)
        await tx.rescoring.note(
            [Touched(organization_id, "datahub", each) for each in changed]
            + [Touched(organization_id, "asset", before[each]) for each in changed if each in before]
        )
    return set(changed)


async def _holders(tx: Transaction, organization_id: str, rows: Sequence[DatahubAsset]) -> dict[str, list[str]]:
    """The assets that have these VINs; provisional ones are never found by VIN."""
    vins = sorted({row.vin_key for row in rows if row.vin_key is not None})
    found: dict[str, list[str]] = {}
    for row in await tx.registry.assets.with_vins(organization_id, vins) if vins else ():
        if not row.provisional:
            found.setdefault(row.vin, []).append(row.asset_id)
    return found


async def _told_of(
    tx: Transaction,
    writing: Writing,
    before: Mapping[str, str],
    after: Mapping[str, str],
    changed: Sequence[str],
    by: Mapping[str, Actor],
) -> list[HistoryRow]:
    """The Datahub assets of each asset that loses or gets one, before and after, for its history."""
    moved: dict[str, list[str]] = {}
    for each in changed:
        for asset_id in {links[each] for links in (before, after) if each in links}:
            moved.setdefault(asset_id, []).append(each)
    stored = await tx.registry.assets.links_from([(writing.organization_id, asset_id) for asset_id in sorted(moved)])
    history = []
    for asset_id, those in sorted(moved.items()):
        had = stored.get((writing.organization_id, asset_id), [])
        has = sorted({*had} - set(those) | {each for each in those if after.get(each) == asset_id})
        changes = to_json_text((Change("datahubAssetIds", had, has),))
        history.append(history_row(writing, asset_id, changes, by.get(those[0])))
    return history
