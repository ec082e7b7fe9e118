"""A provider's consumption records of a meter of an asset, as they were delivered, each in its latest revision."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from handlers.ports import Transaction
from handlers.queries.asset_meters import find_asset_meter
from handlers.queries.lists import Filter, Number, PageAsked, Viewer, cursor_key, part_of
from schemas.decimals import Number as ExactNumber
from schemas.decimals import decoder
from schemas.errors import at
from schemas.pages import Page
from schemas.provider_rows import UsageRow
from schemas.wire import time_text

_BEFORE_ALL = (-(2**63), -(2**63))


class UsageFilter(Filter, frozen=True, kw_only=True):
    """Parameters of usage."""

    from_us: Annotated[int | None, Meta(description="Records that end after this time.")] = None
    to_us: Annotated[int | None, Meta(description="Records that start before this time.")] = None


class Usage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was used from `from` (inclusive) to `to` (exclusive). `revision` counts how often another value came for that span."""

    start: str = field(name="from")
    end: str = field(name="to")
    value: ExactNumber
    unit: str
    redelivery: ExactNumber | None
    production: ExactNumber | None
    cost: ExactNumber | None
    currency: str | None
    estimated: bool | None
    metadata: dict[str, Any]
    revision: int
    recorded_at: str


_decode_metadata = decoder(dict[str, Any]).decode


async def list_usage(tx: Transaction, viewer: Viewer, ref: str, code: str, asked: UsageFilter, page: PageAsked) -> Page[Usage]:
    """Records by time. Errors as for `find_asset_meter`, and InvalidInputError for an end before its start."""
    organization_id, asset, meter = await find_asset_meter(tx, viewer, ref, code)
    if asked.from_us is not None and asked.to_us is not None and asked.from_us > asked.to_us:
        raise at("to", "is before from")
    after = cursor_key(page, tuple[Number, Number], _BEFORE_ALL)
    rows = await tx.providers.usage.list_usage(
        organization_id,
        asset.asset_id,
        code,
        "consumption",
        after,
        page.limit + 1,
        from_us=asked.from_us,
        to_us=asked.to_us,
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.start_us, row.end_us))
    items = tuple(_usage(row, meter.unit) for row in shown)
    return Page(items, more)


def _usage(row: UsageRow, unit: str) -> Usage:
    return Usage(
        start=time_text(row.start_us),
        end=time_text(row.end_us),
        value=row.value,
        unit=unit,
        redelivery=row.redelivery,
        production=row.production,
        cost=row.cost,
        currency=row.currency,
        estimated=None if row.estimated is None else bool(row.estimated),
        metadata=_decode_metadata(row.metadata),
        revision=row.revision,
        recorded_at=time_text(row.recorded_at_us),
    )
