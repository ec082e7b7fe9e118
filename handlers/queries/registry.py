"""Assets of the registry, and who changed them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from handlers.ports import Transaction
from handlers.queries.assets import find_registry_asset, stand_ins
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, Viewer, cursor_key, literal_pattern, part_of
from handlers.queries.references import history_page
from handlers.rules.asset_views import asset_view
from handlers.rules.links import datahub_asset_of, provisional_identity, vin_of
from schemas.assets import AssetStatus, AssetView
from schemas.history import HistoryEntry
from schemas.pages import Page
from schemas.registry_records import AssetRow

# No text that is asked for is longer.
Text = Annotated[str, Meta(max_length=256)]
WholeNumber = Annotated[int, Meta(ge=1, le=999_999_999)]


class AssetFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of assets."""

    external_asset_id: Annotated[Text | None, Meta(description="The asset that goes by this externalAssetId or alias.")] = None
    code: Annotated[Text | None, Meta(description="The asset with this code, given or defaulted.")] = None
    vin: Annotated[Text | None, Meta(description="Assets whose serial is this VIN, once both are normalized.")] = None
    datahub_asset_id: Annotated[Text | None, Meta(description="The asset that is linked to this Datahub UUID.")] = None
    lease_asset_id: Annotated[WholeNumber | None, Meta(description="The asset with this integer id.")] = None
    status: Annotated[AssetStatus | None, Meta(description="Assets of this status.")] = None
    site_code: Annotated[Text | None, Meta(description="Assets at this site.")] = None
    asset_type_name: Annotated[Text | None, Meta(description="Assets of this type.")] = None
    q: Annotated[
        Text | None, Meta(description="Assets whose name, code, externalAssetId or serial holds this text, as it stands.")
    ] = None


async def list_assets(tx: Transaction, viewer: Viewer, asked: AssetFilter, page: PageAsked) -> Page[AssetView]:
    """Assets in the order of their creation."""
    (after,) = cursor_key(page, tuple[Number], (0,))
    identity, lease_asset_id = asked.external_asset_id, asked.lease_asset_id
    if lease_asset_id is not None:
        meant = await stand_ins(tx, await tx.registry.assets.find(viewer.organization_id, lease_asset_id=lease_asset_id))
        lease_asset_id = meant[0].asset.lease_asset_id if meant else lease_asset_id
    rows = await tx.registry.assets.list_assets(
        after,
        page.limit + 1,
        viewer.organization_id,
        external_asset_id=identity,
        provisionally=None if identity is None else datahub_asset_of(identity),
        code=asked.code,
        # A text that can't be a VIN is no asset's VIN, however it is written.
        vin=None if asked.vin is None else vin_of(asked.vin) or "",
        datahub_asset_id=asked.datahub_asset_id.lower() if asked.datahub_asset_id else asked.datahub_asset_id,
        lease_asset_id=lease_asset_id,
        status=asked.status,
        site_code=asked.site_code,
        asset_type_name=asked.asset_type_name,
        pattern=literal_pattern(asked.q),
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.asset.lease_asset_id,))
    return Page(await show_assets(tx, shown), more)


async def get_asset(tx: Transaction, viewer: Viewer, ref: str) -> AssetView:
    """One asset. Errors as for `handlers.queries.assets.find_registry_asset`."""
    (shown,) = await show_assets(tx, [await find_registry_asset(tx, viewer, ref)])
    return shown


async def list_asset_history(tx: Transaction, viewer: Viewer, ref: str, page: PageAsked) -> Page[HistoryEntry]:
    """Who changed an asset and its assignments, newest first. Errors as for `get_asset`."""
    row = await find_registry_asset(tx, viewer, ref)
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    rows = await tx.registry.journal.asset_history(row.organization_id, row.asset.asset_id, before, page.limit + 1)
    return history_page(rows, page.limit)


async def show_assets(tx: Transaction, rows: Sequence[AssetRow]) -> tuple[AssetView, ...]:
    """Assets on the wire, with the Datahub assets that they are; what those were provisionally finds them too."""
    keys = [(row.organization_id, row.asset.asset_id) for row in rows]
    links = await tx.registry.assets.links_from(keys) if keys else {}
    provisional = [(key[0], provisional_identity(each)) for key, linked in links.items() for each in linked]
    owners = await tx.links.owners(provisional) if provisional else {}
    shown = []
    for row, key in zip(rows, keys, strict=True):
        linked = links.get(key, [])
        names = [provisional_identity(each) for each in linked]
        own = {row.asset.external_asset_id, *row.asset.aliases}
        aliases = (*row.asset.aliases, *(name for name in names if (key[0], name) in owners and name not in own))
        shown.append(asset_view(row.organization_id, replace(row.asset, aliases=aliases), linked))
    return tuple(shown)
