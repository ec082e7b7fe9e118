"""Assets as rows, and back."""

from msgspec import Struct

from schemas.assets import Asset
from schemas.decimals import decoder
from schemas.readings import JsonObject
from schemas.wire import to_json_text
from storage.engine import Row


class _Details(Struct, frozen=True, omit_defaults=True):
    """The JSON of a column: what is only shown, and never asked for."""

    aliases: tuple[str, ...] = ()
    description: str | None = None
    custom_fields: JsonObject = {}
    metadata: JsonObject | None = None
    location: str | None = None
    location_of_installation: str | None = None
    order_number: str | None = None
    cost_center: str | None = None


_decode_details = decoder(_Details).decode
_NO_DETAILS = to_json_text(_Details())


def custom_fields_in(details: str) -> JsonObject:
    """The custom fields in the JSON of that column."""
    return _decode_details(details).custom_fields


def asset_of(row: Row) -> Asset:
    """The asset of a row, whose organization comes first and whose VIN is left out."""
    details = _decode_details(row[14]) if row[14] != _NO_DETAILS else _Details()
    return Asset(
        asset_id=row[1],
        lease_asset_id=row[2],
        external_asset_id=row[3],
        code=row[4],
        code_given=bool(row[5]),
        name=row[6],
        asset_type_name=row[7],
        site_code=row[8],
        serial=row[9],
        status=row[10],
        origin=row[11],
        retired_at_us=row[12],
        time_zone=row[13],
        aliases=details.aliases,
        description=details.description,
        custom_fields=details.custom_fields,
        metadata=details.metadata,
        location=details.location,
        location_of_installation=details.location_of_installation,
        order_number=details.order_number,
        cost_center=details.cost_center,
        created_at_us=row[15],
        updated_at_us=row[16],
    )


def row_of(organization_id: str, asset: Asset, vin: str | None) -> tuple[object, ...]:
    """The row of an asset with its VIN."""
    details = _Details(
        asset.aliases,
        asset.description,
        asset.custom_fields,
        asset.metadata,
        asset.location,
        asset.location_of_installation,
        asset.order_number,
        asset.cost_center,
    )
    return (
        organization_id,
        asset.asset_id,
        asset.lease_asset_id,
        asset.external_asset_id,
        asset.code,
        int(asset.code_given),
        asset.name,
        asset.asset_type_name,
        asset.site_code,
        asset.serial,
        vin,
        asset.status,
        asset.origin,
        asset.retired_at_us,
        asset.time_zone,
        to_json_text(details),
        asset.created_at_us,
        asset.updated_at_us,
    )
