"""The Asset Sync that most would write first: pydantic for what is sent and answered, SQLAlchemy's objects for what is stored.

Row by row, and a commit for each asset, as each stands alone. It answers alike where nothing is unusual, and leaves out what
`benchmarks.by_hand_sync` leaves out: exact decimals, aliases, corrections, thresholds, and who changed what.
"""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.orm_tables import Asset, AssetMeter, AssetType, Meter, Reading, Site


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class _Reading(_Message):
    value: float
    unit: str | None = None
    recorded_at: datetime | None = None
    source: str = "SYNC"
    status: str = "NORMAL"
    note: str | None = None


class _History(_Reading):
    meter_code: str


class _Meter(_Message):
    meter_code: str
    is_active: bool = True
    expected_from_sync: bool = False
    current_reading: _Reading | None = None


class _Asset(_Message):
    external_asset_id: str
    name: str
    code: str | None = None
    asset_type_name: str | None = None
    site_code: str | None = None
    serial: str | None = None
    status: str = "ACTIVE"
    custom_fields: dict[str, Any] = {}
    meters: list[_Meter] = []
    meter_readings: list[_History] = []


class _Request(_Message):
    sync_batch_id: str | None = None
    assets: list[_Asset]


class _Result(_Message):
    external_asset_id: str
    status: str
    asset_id: str
    warnings: list[str]


class _Failure(_Message):
    external_asset_id: str
    message: str
    status: str = "FAILED"


class _Answer(_Message):
    sync_batch_id: str | None
    results: list[_Result] = []
    errors: list[_Failure] = []


async def sync(session: AsyncSession, organization_id: str, body: bytes, now: str) -> bytes:
    """Apply a sync asset by asset, each in a transaction of its own."""
    request = _Request.model_validate_json(body)
    answer = _Answer(sync_batch_id=request.sync_batch_id)
    for entry in request.assets:
        try:
            async with session.begin():
                answer.results.append(await _asset(session, organization_id, entry, now))
        except ValueError as error:
            answer.errors.append(_Failure(external_asset_id=entry.external_asset_id, message=str(error)))
    return answer.model_dump_json(by_alias=True).encode()


async def _asset(session: AsyncSession, organization_id: str, entry: _Asset, now: str) -> _Result:
    kind, site, warnings = entry.asset_type_name, entry.site_code, list[str]()
    if kind and await session.get(AssetType, (organization_id, kind)) is None:
        raise ValueError(f"Asset type '{kind}' not found. Please create the asset type in-app before syncing assets.")
    if site and await session.get(Site, (organization_id, site)) is None:
        warnings.append(f"Site with code '{site}' not found, asset will be created without site")
        site = None
    code = entry.code or entry.external_asset_id
    mine = select(Asset).where(Asset.organization_id == organization_id)
    known = await session.scalar(mine.where(Asset.external_asset_id == entry.external_asset_id))
    asset = known or await session.scalar(mine.where(Asset.code == code))
    if asset is None:
        asset = Asset(
            asset_id=f"asset_{uuid.uuid4().hex[:22]}", organization_id=organization_id, external_asset_id=entry.external_asset_id
        )
        session.add(asset)
    asset.code, asset.name, asset.asset_type, asset.site = code, entry.name, kind, site
    asset.serial, asset.status, asset.custom_fields, asset.updated_at = entry.serial, entry.status, entry.custom_fields, now
    for meter in entry.meters:
        await _meter(session, asset, meter, now, warnings)
    for reading in entry.meter_readings:
        await _reading(session, asset, reading.meter_code, reading, now, warnings)
    status = "UPDATED" if known else "CREATED"
    return _Result(external_asset_id=entry.external_asset_id, status=status, asset_id=asset.asset_id, warnings=warnings)


async def _meter(session: AsyncSession, asset: Asset, sent: _Meter, now: str, warnings: list[str]) -> None:
    if await session.get(Meter, (asset.organization_id, sent.meter_code)) is None:
        warnings.append(f"Meter with exact code '{sent.meter_code}' not found.")
        return
    assigned = await _assigned(session, asset, sent.meter_code)
    assigned.is_active, assigned.expected = sent.is_active, sent.expected_from_sync
    if sent.current_reading and await _reading(session, asset, sent.meter_code, sent.current_reading, now, warnings):
        assigned.last_seen, assigned.missing = now, 0
    elif sent.expected_from_sync:
        assigned.missing += 1


async def _assigned(session: AsyncSession, asset: Asset, code: str) -> AssetMeter:
    assigned = await session.get(AssetMeter, (asset.asset_id, code))
    if assigned is None:
        assigned = AssetMeter(asset_id=asset.asset_id, meter_code=code, is_active=True, expected=False, missing=0)
        session.add(assigned)
    return assigned


async def _reading(session: AsyncSession, asset: Asset, code: str, sent: _Reading, now: str, warnings: list[str]) -> bool:
    meter = await session.get(Meter, (asset.organization_id, code))
    if meter is None or sent.unit != meter.unit:
        warnings.append(f"Unit mismatch for meter '{code}'.")
        return False
    at = sent.recorded_at.isoformat() if sent.recorded_at else now
    same = select(Reading.reading_id).where(
        Reading.asset_id == asset.asset_id, Reading.meter_code == code, Reading.recorded_at == at, Reading.value == sent.value
    )
    if await session.scalar(same) is None:
        session.add(
            Reading(
                asset_id=asset.asset_id,
                meter_code=code,
                recorded_at=at,
                value=sent.value,
                source=sent.source,
                status=sent.status,
                note=sent.note,
            )
        )
    assigned = await _assigned(session, asset, code)
    if assigned.latest_at is None or assigned.latest_at <= at:
        assigned.latest_value, assigned.latest_at = sent.value, at
    return True
