"""Pairings: who was on what, newest first."""

from handlers.ports import Transaction
from handlers.queries.as_of import AsOf
from handlers.queries.assets import find_datahub_assets
from handlers.queries.flags import show_pairings
from handlers.queries.known_pairings import list_known_pairings
from handlers.queries.lists import LAST_TEXT, NEWEST, Number, PageAsked, Text, Viewer, cursor_key, part_of
from handlers.queries.pairing_filter import OfAssets, PairingFilter
from handlers.queries.units import find_unit
from schemas.answers import Pairing
from schemas.errors import NotFoundError
from schemas.pages import Page


async def list_pairings(tx: Transaction, viewer: Viewer, asked: PairingFilter, page: PageAsked) -> Page[Pairing]:
    """Intervals, newest first by their start, or by their end where the start is unknown.

    With `knownAt` without an asset or a unit, by unit instead, and a page can hold fewer than its limit although more follow.
    """
    if asked.known_at_us is not None:
        return await list_known_pairings(tx, viewer, asked, asked.known_at_us, page)
    before = cursor_key(page, tuple[Text, Number, Text], (LAST_TEXT, NEWEST, LAST_TEXT))
    then = asked.at_us is not None
    rows = await tx.pairings.list_pairings(
        before,
        page.limit + 1,
        viewer.organization_id,
        unit_id=asked.unit_id,
        asset_id=asked.asset_id.lower() if asked.asset_id else asked.asset_id,
        asset_ids=asked.asset_ids if isinstance(asked, OfAssets) else None,
        unit_type=asked.unit_type,
        vin=asked.vin,
        reason=asked.reason,
        updated_since_us=asked.updated_since_us,
        only_open=asked.state == "open",
        only_closed=asked.state == "closed",
        at_us=asked.at_us,
        surely_in_force=then and not asked.possible,
        possibly_in_force=then and asked.possible,
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.organization_id, row.sort_us, row.pairing_id))
    items = await show_pairings(tx, [(row.organization_id, row.unit_id, row.interval) for row in shown])
    return Page(tuple(items), more)


async def list_unit_pairings(tx: Transaction, viewer: Viewer, unit_id: str, asked: AsOf, page: PageAsked) -> Page[Pairing]:
    """The history of one unit. Errors as for `handlers.queries.units.get_unit`."""
    row = await find_unit(tx, viewer, unit_id)
    of_unit = PairingFilter(unit_id=row.unit_id, at_us=asked.at_us, known_at_us=asked.known_at_us, possible=asked.possible)
    return await list_pairings(tx, Viewer(row.organization_id, operator=viewer.operator), of_unit, page)


async def list_asset_pairings(tx: Transaction, viewer: Viewer, ref: str, asked: AsOf, page: PageAsked) -> Page[Pairing]:
    """Who was on one asset: of a registry's asset, on any Datahub asset that it is now.

    NotFoundError for an asset that may not be seen or isn't known.
    """
    organization_id, asset_ids = await find_datahub_assets(tx, viewer, ref)
    of_asset = OfAssets(asset_ids=asset_ids, at_us=asked.at_us, known_at_us=asked.known_at_us, possible=asked.possible)
    return await list_pairings(tx, Viewer(organization_id, operator=viewer.operator), of_asset, page)


async def get_pairing(tx: Transaction, viewer: Viewer, pairing_id: str) -> Pairing:
    """One interval, by its own id or by one made from a fact in it. NotFoundError."""
    row = await tx.pairings.find_pairing(pairing_id, viewer.organization_id)
    if row is None:
        raise NotFoundError(f"there is no pairing {pairing_id!r}")
    (pairing,) = await show_pairings(tx, [(row.organization_id, row.unit_id, row.interval)])
    return pairing
