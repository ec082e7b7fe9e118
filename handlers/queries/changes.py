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
    named = [_decode_named(row.data) if row.type.startswith("pairing.") else None for row in rows]
    pairs = sorted({(one.organization_id, one.asset_id) for one in named if one is not None})
    links = await tx.links.linked(pairs) if pairs else {}
    return tuple(
        _show(row, links.get((one.organization_id, one.asset_id)) if one else None) for row, one in zip(rows, named, strict=True)
    )


def _show(row: ChangeRecord, registry_asset_id: str | None) -> Change:
    data = row.data.encode()
    if registry_asset_id is not None:
        # No text in JSON holds these quotes as they stand.
        data = data.replace(_UNLINKED, b'"registryAssetId":' + msgspec.json.encode(registry_asset_id), 1)
    cursor = encode_cursor((row.position, row.n))
    return Change(cursor, row.type, time_text(row.at_us), msgspec.Raw(data))  # type: ignore[arg-type] # as written
