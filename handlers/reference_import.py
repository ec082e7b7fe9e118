"""Reference data from a file: what is new is made, what is there is brought to what the file says, nothing is deleted."""

from msgspec import Struct

from handlers.ports import Transaction
from handlers.references import find_meter, find_thing, put_meter, put_thing
from handlers.registry import Actor
from schemas.reference_file import ReferenceFile
from schemas.references import ReferenceKind
from schemas.registry_records import NamedThing


class ImportedKind(Struct, rename="camel"):
    """How many of one kind were new, became others, and were as the file says already."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def count(self, before: object, after: object) -> bool:
        """Count one of them; whether there is anything to write."""
        if before == after:
            self.unchanged += 1
        elif before is None:
            self.created += 1
        else:
            self.changed += 1
        return before != after


class ImportedReference(Struct, frozen=True, rename="camel"):
    """The same for each kind."""

    asset_types: ImportedKind
    sites: ImportedKind
    meters: ImportedKind
    custom_fields: ImportedKind


async def import_reference(
    tx: Transaction, organization_id: str, file: ReferenceFile, actor: Actor, now_us: int
) -> ImportedReference:
    """All of a file in one transaction. ConflictError for a meter that has readings in another unit."""
    meters = ImportedKind()
    for meter in file.all_meters():
        if meters.count(await find_meter(tx, organization_id, meter.code), meter):
            await put_meter(tx, organization_id, meter, actor, now_us)
    return ImportedReference(
        asset_types=await _things(tx, organization_id, "asset_type", [NamedThing(name) for name in file.asset_types]),
        sites=await _things(tx, organization_id, "site", [NamedThing(*site) for site in file.sites.items()]),
        meters=meters,
        custom_fields=await _things(tx, organization_id, "custom_field", [NamedThing(name) for name in file.custom_fields]),
    )


async def _things(tx: Transaction, organization_id: str, kind: ReferenceKind, things: list[NamedThing]) -> ImportedKind:
    done = ImportedKind()
    for thing in things:
        if done.count(await find_thing(tx, organization_id, kind, thing.code), thing):
            await put_thing(tx, organization_id, kind, thing)
    return done
