"""Assets, meters and readings as they are shown."""

from collections.abc import Sequence

from schemas.assets import Asset, AssetMeterView, AssetView, EffectiveAssignment, Meter, Telematics
from schemas.ids import reading_text
from schemas.readings import ReadingView
from schemas.registry_records import ReadingRow
from schemas.wire import optional_time_text, time_text


def asset_view(organization_id: str, asset: Asset, datahub_asset_ids: Sequence[str] = ()) -> AssetView:
    """An asset on the wire, with the Datahub UUIDs that are linked to it."""
    return AssetView(
        organization_id=organization_id,
        registry_asset_id=asset.asset_id,
        lease_asset_id=asset.lease_asset_id,
        external_asset_id=asset.external_asset_id,
        aliases=asset.aliases,
        code=asset.code,
        name=asset.name,
        asset_type_name=asset.asset_type_name,
        site_code=asset.site_code,
        serial=asset.serial,
        status=asset.status,
        description=asset.description,
        custom_fields=asset.custom_fields,
        metadata=asset.metadata,
        location=asset.location,
        location_of_installation=asset.location_of_installation,
        order_number=asset.order_number,
        cost_center=asset.cost_center,
        time_zone=asset.time_zone,
        origin=asset.origin,
        datahub_asset_ids=tuple(datahub_asset_ids),
        created_at=time_text(asset.created_at_us),
        updated_at=time_text(asset.updated_at_us),
    )


def reading_view(row: ReadingRow, unit: str) -> ReadingView:
    """A reading on the wire, in its meter's unit."""
    return ReadingView(
        reading_id=reading_text(row.reading_no),
        meter_code=row.meter_code,
        value=row.value,
        unit=None if row.value is None else unit,
        recorded_at=time_text(row.at_us),
        source=row.source,  # type: ignore[arg-type] # as it was written
        status=row.mark,  # type: ignore[arg-type] # as it was written
        note=row.note,
        unit_id=row.unit_id,
        received_at=time_text(row.received_at_us),
    )


def asset_meter_view(
    meter: Meter, values: EffectiveAssignment, implied_by: Sequence[str], health: Telematics, latest: ReadingView | None
) -> AssetMeterView:
    """A meter of an asset on the wire."""
    return AssetMeterView(
        meter_code=meter.code,
        unit=meter.unit,
        is_active=values.is_active,
        is_applicable=values.is_applicable,
        equipment_status=values.equipment_status,
        initial_reading=values.initial_reading,
        installed_at=optional_time_text(values.installed_at_us),
        expected_from_sync=values.expected_from_sync,
        validation_thresholds=values.validation_thresholds,
        implied_by=tuple(implied_by),
        last_seen_in_sync_at=optional_time_text(health.last_seen_us),
        consecutive_missing_syncs=health.missing,
        latest_reading=latest,
    )
