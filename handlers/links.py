"""Links from Datahub's assets to those of the registry, computed again whenever either side changes.

Whoever changes what is recorded of pairings says so by `follow_copies` (new copies, the hot path) or `look_again`; whoever
changes assets, by `follow_vins`. Locks are taken in this order everywhere: units, Datahub assets, the organization's registry.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from handlers.attribution import follow_links
from handlers.ports import Transaction
from handlers.registry_writing import Actor, Writing, begin, history_row
from handlers.rules.asset_changes import asset_changes
from handlers.rules.links import (
    can_change,
    linked_asset,
    provisional_asset,
    provisional_id,
    provisional_identity,
    refreshed,
    told,
    vin_of,
)
from handlers.rules.statements import Recorded, facts_of
from handlers.unit_ports import Unit
from schemas.assets import Asset, Change
from schemas.errors import NotFoundError
from schemas.facts import Copy, Fact
from schemas.links import DatahubAsset
from schemas.registry_records import HistoryRow
from schemas.vin_records import Touched
from schemas.wire import to_json_text

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


async def follow_vins(tx: Transaction, writing: Writing, vins: Iterable[str]) -> None:
    """Bring links to assets that have, or don't have any more, one of these VINs."""
    wanted = sorted(set(vins))
    if wanted and (rows := await tx.links.with_vins(writing.organization_id, wanted)):
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
        facts = await _facts(tx, organization_id, datahub_asset_ids)
        stored = {row.datahub_asset_id: row for row in await tx.links.of_ids(organization_id, datahub_asset_ids)}
        right = {each: told(organization_id, each, facts.get(each, ())) for each in datahub_asset_ids}
        rows = [row for row in right.values() if row is not None]
        gone = [each for each, row in right.items() if row is None]
        changed = [row for row in rows if row != stored.get(row.datahub_asset_id)]
        await tx.links.put(changed, [(organization_id, each) for each in gone if each in stored])
        moved = await _settle(tx, writing, rows, gone)
        differing = {
            row.datahub_asset_id
            for row in changed
            if (before := stored.get(row.datahub_asset_id)) is None or (before.vin, before.vin_key) != (row.vin, row.vin_key)
        }
        # A row that says nothing may have been made just now, to be locked.
        left = {each for each in gone if each in stored and stored[each].event_key}
        wrong += len(differing | moved | left)
    return wrong


async def _facts(tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, list[Fact]]:
    """The facts that count and name one of these, whatever units they are of."""
    copies = await tx.links.copies_naming(organization_id, datahub_asset_ids)
    said = await tx.links.statements_naming(organization_id, datahub_asset_ids)
    keys = sorted({copy.event_key for copy in copies} | {each.event_key for each in said})
    judged = await tx.links.judgements_of(organization_id, keys) if keys else []
    statements = list({each.seq: each for each in (*said, *judged)}.values())
    found: dict[str, list[Fact]] = {}
    for fact in facts_of(Recorded(copies, statements)):
        if fact.asset_id is not None:
            found.setdefault(fact.asset_id, []).append(fact)
    return found


async def _settle(tx: Transaction, writing: Writing, rows: Sequence[DatahubAsset], gone: Sequence[str]) -> set[str]:
    """Bring the links of Datahub assets, whose organization's registry is locked, to what holds; those that changed.

    Of those that are `gone` nothing is recorded: they are linked only where an operator said so.
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
    after |= await _provisional(tx, writing, own)
    changed = sorted(each for each in {*ids, *gone} if before.get(each) != after.get(each))
    if changed:
        history = await _told_of(tx, writing, {row.datahub_asset_id: row for row in rows}, before, after, changed)
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


async def _provisional(tx: Transaction, writing: Writing, rows: Sequence[DatahubAsset]) -> dict[str, str]:
    """By Datahub asset, the id of its provisional asset, which is made if there is none, and has the VIN of now."""
    if not rows:
        return {}
    organization_id = writing.organization_id
    identities = [provisional_identity(row.datahub_asset_id) for row in rows]
    assets = await tx.registry.assets.meant(organization_id, identities, identities)
    by_own_id = {asset.external_asset_id: asset for asset in assets}
    codes = {asset.code for asset in assets}
    aliased = {alias: asset for asset in assets for alias in asset.aliases}
    missing = [row for row, identity in zip(rows, identities, strict=True) if identity not in by_own_id]
    numbers = iter(await tx.registry.assets.mint(len(missing)))
    ids = await _free_ids(tx, organization_id, [row.datahub_asset_id for row in missing])
    found: dict[str, str] = {}
    put: dict[str, tuple[Asset | None, Asset, Actor | None]] = {}
    for row, identity in zip(rows, identities, strict=True):
        by = _actor(writing, row)
        asset = by_own_id.get(identity)
        if asset is None:
            asset_id = ids[row.datahub_asset_id]
            code = identity if identity not in codes else f"{identity} {asset_id}"
            asset = provisional_asset(row, asset_id, next(numbers), code, writing.now_us)
            put[asset_id] = (None, asset, by)
            if holder := aliased.get(identity):
                # It was taken over, and is so no more: whoever asks for it means the Datahub asset.
                first, latest, _ = put.get(holder.asset_id, (holder, holder, None))
                aliases = tuple(alias for alias in latest.aliases if alias != identity)
                put[holder.asset_id] = (first, replace(latest, aliases=aliases, updated_at_us=writing.now_us), by)
        elif asset.origin == "datahub" and (fresh := refreshed(asset, row, writing.now_us)) != asset:
            put[asset.asset_id] = (asset, fresh, by)
        found[row.datahub_asset_id] = asset.asset_id
    await tx.registry.assets.put(organization_id, [(asset, vin_of(asset.serial)) for _, asset, _ in put.values()])
    made = [(asset.external_asset_id, asset.asset_id) for before, asset, _ in put.values() if before is None]
    await tx.links.move_identities(organization_id, made)
    await tx.registry.journal.add_asset_changes(
        organization_id,
        [
            history_row(writing, asset.asset_id, to_json_text(tuple(asset_changes(before, asset))), by)
            for before, asset, by in put.values()
        ],
    )
    return found


async def _free_ids(tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
    """By Datahub asset, the first id of its provisional assets that no asset has."""
    found: dict[str, str] = {}
    number = 0
    while wanted := {each: provisional_id(organization_id, each, number) for each in datahub_asset_ids if each not in found}:
        taken = {asset.asset_id for asset in await tx.registry.assets.of_ids(organization_id, sorted(wanted.values()))}
        found |= {each: asset_id for each, asset_id in wanted.items() if asset_id not in taken}
        number += 1
    return found


async def _told_of(
    tx: Transaction,
    writing: Writing,
    rows: Mapping[str, DatahubAsset],
    before: Mapping[str, str],
    after: Mapping[str, str],
    changed: Sequence[str],
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
        row = rows.get(those[0])
        by = _actor(writing, row) if row else None
        history.append(history_row(writing, asset_id, to_json_text((Change("datahubAssetIds", had, has),)), by))
    return history


def _actor(writing: Writing, row: DatahubAsset) -> Actor | None:
    """Pairings have no actor of their own: it is the event that told the VIN."""
    return Actor("event", row.event_key) if writing.actor.kind == "event" else None
