"""Consumption of a meter of an asset by local day or month, gaps told.

Where a provider delivers consumption for the meter its records are shared out over days or months. Else it is the differences of
readings, SUSPECT ones left out.
"""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field

from handlers.ports import Transaction
from handlers.queries.asset_meters import find_asset_meter
from handlers.queries.lists import Filter, Number, PageAsked, Viewer, cursor_key
from handlers.rules.aggregation import Bucket, Counter, Stand, by_consumption, by_readings
from handlers.rules.zones import DAY_US, bounds_us, zone_of
from schemas.decimals import EXACT
from schemas.decimals import Number as ExactNumber
from schemas.errors import at
from schemas.pages import Page
from schemas.provider_records import ProviderConsumption
from schemas.providers import Granularity
from schemas.registry_records import SeriesKey
from schemas.wire import encode_cursor, parse_time, time_text

# Readings are read for so many days or for one month at a time, so memory is bounded by how dense they are, not by the span.
_BUCKETS_AT_ONCE: dict[Granularity, int] = {"day": 31, "month": 1}
# A little more than the longest day and month, so that as many fit in as are asked for.
_LONGEST_US: dict[Granularity, int] = {"day": DAY_US + DAY_US // 8, "month": 32 * DAY_US}
_RECORDS_AT_ONCE = 1000
_BEFORE_ALL = (-(2**63), -(2**63))
# Local dates need some room at the ends of the calendar.
_FIRST_US, _LAST_US = (parse_time(time, "calendar") for time in ("0002-01-01T00:00:00Z", "9998-01-01T00:00:00Z"))


class ConsumptionFilter(Filter, frozen=True, kw_only=True):
    """Parameters of consumption."""

    granularity: Annotated[
        Granularity | None,
        Meta(description="By day or by month, in the asset's time zone; else as the provider of the meter states, else by day."),
    ] = None
    from_us: Annotated[
        int | None, Meta(description="From the day or month that holds this time; else from the first reading's.")
    ] = None
    to_us: Annotated[int | None, Meta(description="To the day or month that holds the last instant before it; else to now.")] = (
        None
    )


class Consumption(Struct, frozen=True, rename="camel"):
    """What was used in `[from, to)`. `coverage` is the share of that time which measurements cover; the rest are counts."""

    start: str = field(name="from")
    end: str = field(name="to")
    value: ExactNumber
    unit: str
    coverage: float
    suspect: int
    resets: int
    rollovers: int


async def list_consumption(
    tx: Transaction, viewer: Viewer, ref: str, code: str, asked: ConsumptionFilter, page: PageAsked, now_us: int
) -> Page[Consumption]:
    """Days or months in their order. Errors as for `find_asset_meter`, and InvalidInputError for an end before its start."""
    organization_id, asset, meter = await find_asset_meter(tx, viewer, ref, code)
    key = (asset.asset_id, code)
    to_us = now_us if asked.to_us is None else asked.to_us
    if asked.from_us is not None and asked.from_us > to_us:
        raise at("to", "is before from")
    if page.cursor is not None:
        (from_us,) = cursor_key(page, tuple[Number], (0,))
    else:
        first_us = asked.from_us if asked.from_us is not None else await _first_us(tx, organization_id, key)
        if first_us is None:
            return Page((), None)
        from_us = first_us
    from_us, to_us = max(from_us, _FIRST_US), min(to_us, _LAST_US)
    known = await tx.providers.usage.counter_of(organization_id, code)
    granularity: Granularity = asked.granularity or ("month" if known and known.granularity == "month" else "day")
    end_us = min(to_us, from_us + (page.limit + 1) * _LONGEST_US[granularity])
    bounds = bounds_us(from_us, end_us, granularity, zone_of(asset.time_zone or "UTC"))
    shown = bounds[: page.limit + 1]
    counter = Counter(known.rollover, known.reset_to, known.gap_us_max) if known else Counter()
    buckets = await _buckets(tx, organization_id, key, counter, shown, _BUCKETS_AT_ONCE[granularity])
    more = bool(shown) and shown[-1] < to_us
    items = tuple(_consumption(bucket, meter.unit) for bucket in buckets)
    return Page(items, encode_cursor((shown[-1],)) if more else None)


async def _first_us(tx: Transaction, organization_id: str, key: SeriesKey) -> int | None:
    """When what is known of the meter begins."""
    records = await tx.providers.usage.list_usage(organization_id, *key, "consumption", _BEFORE_ALL, 1)
    return records[0].start_us if records else await tx.registry.readings.first_us(organization_id, key)


async def _buckets(
    tx: Transaction, organization_id: str, key: SeriesKey, counter: Counter, bounds: list[int], at_once: int
) -> list[Bucket]:
    if await tx.providers.usage.list_usage(organization_id, *key, "consumption", _BEFORE_ALL, 1):
        return await _from_records(tx, organization_id, key, bounds, at_once)
    found: list[Bucket] = []
    for start in range(0, len(bounds) - 1, at_once):
        part = bounds[start : start + at_once + 1]
        rows = await tx.registry.readings.counted(organization_id, key, part[0], part[-1])
        stands = [Stand(row.at_us, row.value, row.mark == "NORMAL") for row in rows if row.value is not None]
        found += by_readings(stands, part, counter)
    return found


async def _from_records(tx: Transaction, organization_id: str, key: SeriesKey, bounds: list[int], at_once: int) -> list[Bucket]:
    found: list[Bucket] = []
    for start in range(0, len(bounds) - 1, at_once):
        part = bounds[start : start + at_once + 1]
        records: list[ProviderConsumption] = []
        after = _BEFORE_ALL
        while rows := await tx.providers.usage.list_usage(
            organization_id, *key, "consumption", after, _RECORDS_AT_ONCE, from_us=part[0], to_us=part[-1]
        ):
            records += (
                ProviderConsumption(meter_id=key[1], value=row.value, start_us=row.start_us, end_us=row.end_us) for row in rows
            )
            after = rows[-1].start_us, rows[-1].end_us
        found += by_consumption(records, part)
    return found


def _consumption(bucket: Bucket, unit: str) -> Consumption:
    return Consumption(
        time_text(bucket.start_us),
        time_text(bucket.end_us),
        _plain(bucket.value),
        unit,
        bucket.coverage,
        bucket.suspect,
        bucket.resets,
        bucket.rollovers,
    )


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros, and without an exponent."""
    plain = EXACT.normalize(value)
    return EXACT.quantize(plain, Decimal(1)) if plain == plain.to_integral_value() else plain
