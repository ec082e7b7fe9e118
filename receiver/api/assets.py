"""`/api/v1/assets` and what hangs on an asset: its meters, their readings and consumption, its history."""

from starlette.responses import Response

from handlers.queries.asset_meters import HealthFilter, MeterHealth, list_asset_meters, list_quiet_meters
from handlers.queries.consumption import Consumption, ConsumptionFilter, list_consumption
from handlers.queries.lists import Filter
from handlers.queries.readings import ReadingFilter, list_readings
from handlers.queries.registry import AssetFilter, get_asset, list_asset_history, list_assets
from handlers.queries.usage import Usage, UsageFilter, list_usage
from receiver.api.operation import Call, Operation, json_response
from schemas.assets import AssetMeterView, AssetView
from schemas.history import HistoryEntry
from schemas.pages import Page
from schemas.readings import ReadingView


async def assets(call: Call, asked: AssetFilter) -> Response:
    """Assets in the order of their creation."""
    return json_response(await call.read(lambda tx: list_assets(tx, call.viewer, asked, call.page)))


async def asset(call: Call, _: Filter) -> Response:
    """One asset."""
    ref = call.path("ref")
    return json_response(await call.read(lambda tx: get_asset(tx, call.viewer, ref), brief=True))


async def asset_history(call: Call, _: Filter) -> Response:
    """Who changed an asset and its assignments."""
    ref = call.path("ref")
    return json_response(await call.read(lambda tx: list_asset_history(tx, call.viewer, ref, call.page)))


async def asset_meters(call: Call, _: Filter) -> Response:
    """The meters of an asset."""
    ref, unit_meters = call.path("ref"), call.services.settings.unit_meters
    return json_response(await call.read(lambda tx: list_asset_meters(tx, call.viewer, ref, unit_meters, call.page)))


async def readings(call: Call, asked: ReadingFilter) -> Response:
    """The readings of a meter of an asset."""
    ref, code = call.path("ref"), call.path("code")
    return json_response(await call.read(lambda tx: list_readings(tx, call.viewer, ref, code, asked, call.page)))


async def consumption(call: Call, asked: ConsumptionFilter) -> Response:
    """What was used by day or month."""
    ref, code, now_us = call.path("ref"), call.path("code"), call.services.clock()
    return json_response(await call.read(lambda tx: list_consumption(tx, call.viewer, ref, code, asked, call.page, now_us)))


async def usage(call: Call, asked: UsageFilter) -> Response:
    """A provider's consumption records."""
    ref, code = call.path("ref"), call.path("code")
    return json_response(await call.read(lambda tx: list_usage(tx, call.viewer, ref, code, asked, call.page)))


async def telematics_health(call: Call, asked: HealthFilter) -> Response:
    """Expected meters that have gone quiet."""
    unit_meters = call.services.settings.unit_meters
    return json_response(await call.read(lambda tx: list_quiet_meters(tx, call.viewer, asked, unit_meters, call.page)))


# An externalAssetId or a meter's code can hold a slash, which comes escaped and arrives as itself.
_ASSET = "/api/v1/assets/{ref:path}"
_METER = f"{_ASSET}/meters/{{code:path}}"
OPERATIONS = (
    Operation("GET", "/api/v1/assets", assets, "Assets, oldest first", query=AssetFilter, paged=True, answer=Page[AssetView]),
    Operation(
        "GET",
        f"{_METER}/readings",
        readings,
        "Readings of a meter of an asset, oldest first, duplicates left out",
        query=ReadingFilter,
        paged=True,
        answer=Page[ReadingView],
    ),
    Operation(
        "GET",
        f"{_METER}/consumption",
        consumption,
        "Consumption by day or month in the asset's time zone, from readings or from a provider's records",
        query=ConsumptionFilter,
        paged=True,
        answer=Page[Consumption],
    ),
    Operation(
        "GET",
        f"{_METER}/usage",
        usage,
        "A provider's consumption records of a meter of an asset, oldest first",
        query=UsageFilter,
        paged=True,
        answer=Page[Usage],
    ),
    Operation(
        "GET",
        f"{_ASSET}/meters",
        asset_meters,
        "The meters of an asset in their effective values, with their latest readings",
        paged=True,
        answer=Page[AssetMeterView],
    ),
    Operation(
        "GET",
        f"{_ASSET}/history",
        asset_history,
        "Who changed an asset and its assignments, newest first",
        paged=True,
        answer=Page[HistoryEntry],
    ),
    Operation(
        "GET",
        _ASSET,
        asset,
        "An asset, by its id, externalAssetId or alias, Datahub UUID, or integer id",
        answer=AssetView,
    ),
    Operation(
        "GET",
        "/api/v1/telematics-health",
        telematics_health,
        "Meters that are expected from sync and have gone quiet",
        query=HealthFilter,
        paged=True,
        answer=Page[MeterHealth],
    ),
)
