"""The change feed: what happened to pairings and cases, in the order of the commits that told of it."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from handlers.ports import Transaction
from handlers.queries.lists import Number, PageAsked, Viewer, cursor_key
from schemas.answers import Change
from schemas.pages import ChangePage
from schemas.unit_records import ChangeRecord
from schemas.wire import encode_cursor, time_text

Place = tuple[int, int]
START: Place = (0, 0)
_UNLINKED = b'"registryAssetId":null'


class _Named(Struct, rename="camel"):
    organization_id: str
    asset_id: str


_decode_named = msgspec.json.Decoder(_Named).decode


def place_of(cursor: str | None) -> Place:
    """The place in the feed that a cursor names, its beginning without one. Raises InvalidInputError that names `cursor`."""
    return cursor_key(PageAsked(0, cursor), tuple[Number, Number], START)


async def list_changes(tx: Transaction, viewer: Viewer, after: Place, limit: int) -> ChangePage[Change]:
    """What was told after a place; without anything new, the cursor to ask with again is that of the same place."""
    rows = await tx.changes.after(after, limit, viewer.organization_id)
    last = (rows[-1].position, rows[-1].n) if rows else after
    return ChangePage(await show_changes(tx, rows), encode_cursor(last))


async def show_changes(tx: Transaction, rows: Sequence[ChangeRecord]) -> tuple[Change, ...]:
    """Entries of the feed on the wire; their data is the JSON that was told, with the asset that is linked now."""
    data = await linked_data(tx, [(row.type, row.data) for row in rows])
    return tuple(
        Change(encode_cursor((row.position, row.n)), row.type, time_text(row.at_us), msgspec.Raw(each))  # type: ignore[arg-type] # as written
        for row, each in zip(rows, data, strict=True)
    )


async def linked_data(tx: Transaction, told: Sequence[tuple[str, str]]) -> list[bytes]:
    """The JSON of (type, JSON as it was told); a pairing names the asset of the registry that its Datahub asset is now."""
    named = [_decode_named(data) if type_.startswith("pairing.") else None for type_, data in told]
    pairs = sorted({(one.organization_id, one.asset_id) for one in named if one is not None})
    links = await tx.links.linked(pairs) if pairs else {}
    return [
        _linked(data.encode(), links.get((one.organization_id, one.asset_id)) if one else None)
        for (_, data), one in zip(told, named, strict=True)
    ]


def _linked(data: bytes, registry_asset_id: str | None) -> bytes:
    if registry_asset_id is None:
        return data
    # No text in JSON holds these quotes as they stand.
    return data.replace(_UNLINKED, b'"registryAssetId":' + msgspec.json.encode(registry_asset_id), 1)
