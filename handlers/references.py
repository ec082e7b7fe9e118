"""Reference data: asset types, sites, meters and custom fields of an organization."""

from collections.abc import Iterator

from handlers.ports import Transaction
from handlers.registry import Actor, begin
from schemas.assets import Change, Meter
from schemas.errors import ConflictError, NotFoundError
from schemas.references import ReferenceKind
from schemas.registry_records import HistoryRow, NamedThing
from schemas.wire import to_json_text

_IN_USE = {
    "asset_type": "there are assets of the type",
    "site": "there are assets at the site",
    "custom_field": "there are assets with the custom field",
}
_NO = {"asset_type": "asset type", "site": "site", "custom_field": "custom field"}


async def put_thing(tx: Transaction, organization_id: str, kind: ReferenceKind, thing: NamedThing) -> bool:
    """Put an asset type, a site or a custom field; whether it is a new one."""
    await tx.registry.assets.lock(organization_id)
    known = await find_thing(tx, organization_id, kind, thing.code)
    await tx.registry.references.put_thing(kind, organization_id, thing)
    return known is None


async def delete_thing(tx: Transaction, organization_id: str, kind: ReferenceKind, code: str) -> None:
    """Delete one. NotFoundError if there is none, ConflictError while assets have it."""
    await tx.registry.assets.lock(organization_id)
    if await find_thing(tx, organization_id, kind, code) is None:
        raise no_such(_NO[kind], code)
    if await tx.registry.references.thing_in_use(kind, organization_id, code):
        raise ConflictError(f"{_IN_USE[kind]} {code!r}")
    await tx.registry.references.delete_thing(kind, organization_id, code)


async def get_thing(tx: Transaction, organization_id: str, kind: ReferenceKind, code: str) -> NamedThing:
    """One of them. NotFoundError if there is none."""
    found = await find_thing(tx, organization_id, kind, code)
    if found is None:
        raise no_such(_NO[kind], code)
    return found


async def find_thing(tx: Transaction, organization_id: str, kind: ReferenceKind, code: str) -> NamedThing | None:
    """One of them, or None."""
    return await tx.registry.references.find_thing(kind, organization_id, code)


async def put_meter(tx: Transaction, organization_id: str, meter: Meter, actor: Actor, now_us: int) -> bool:
    """Put a meter; whether it is a new one, which resolves what was sent for it in vain.

    ConflictError for another unit than that of the readings that there are.
    """
    writing = await begin(tx, organization_id, actor, now_us)
    references = tx.registry.references
    before = await find_meter(tx, organization_id, meter.code)
    if before and before.unit != meter.unit and await references.meter_in_use(organization_id, meter.code, assigned=False):
        raise ConflictError(f"meter {meter.code!r} has readings in {before.unit!r}: its unit can't change")
    await references.put_meter(organization_id, meter)
    if before is None:
        await tx.registry.missing_meters.resolve_all(organization_id, meter.code, now_us, actor.name)
    changes = tuple(_changes(before, meter))
    if changes:
        row = HistoryRow(meter.code, writing.new_number(), now_us, actor.kind, actor.name, to_json_text(changes))
        await tx.registry.journal.add_meter_changes(organization_id, [row])
    return before is None


async def delete_meter(tx: Transaction, organization_id: str, code: str, actor: Actor, now_us: int) -> None:
    """Delete a meter. NotFoundError if there is none, ConflictError while it is assigned or has readings."""
    writing = await begin(tx, organization_id, actor, now_us)
    before = await get_meter(tx, organization_id, code)
    if await tx.registry.references.meter_in_use(organization_id, code, assigned=True):
        raise ConflictError(f"meter {code!r} is assigned or has readings")
    await tx.registry.references.delete_meter(organization_id, code)
    changes = to_json_text(tuple(_changes(before, None)))
    row = HistoryRow(code, writing.new_number(), now_us, actor.kind, actor.name, changes)
    await tx.registry.journal.add_meter_changes(organization_id, [row])


async def get_meter(tx: Transaction, organization_id: str, code: str) -> Meter:
    """One meter. NotFoundError if there is none."""
    meter = await find_meter(tx, organization_id, code)
    if meter is None:
        raise no_such("meter", code)
    return meter


async def find_meter(tx: Transaction, organization_id: str, code: str) -> Meter | None:
    """One meter, or None."""
    found = await tx.registry.references.meters(organization_id, [code])
    return found[0] if found else None


def no_such(kind: str, code: str) -> NotFoundError:
    """The error about a thing that isn't there."""
    return NotFoundError(f"there is no {kind} {code!r}")


def _changes(before: Meter | None, after: Meter | None) -> Iterator[Change]:
    for field in ("unit", "name", "type", "subtype"):
        old, new = getattr(before, field, None), getattr(after, field, None)
        if old != new:
            yield Change(field, old, new)
