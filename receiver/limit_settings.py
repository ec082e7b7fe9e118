"""Bounds on everything that can grow, and how long what was received is kept."""

from typing import Annotated

from msgspec import Meta, Struct

from handlers.rules.intake import EVENTS_MAX
from receiver.setting_types import Count, Days
from schemas.errors import at

MEBIBYTE = 1024 * 1024


class Limits(Struct, frozen=True):
    """Bounds on everything that can grow."""

    body_bytes_max: Annotated[Count, Meta(description="Largest request body, in bytes; a larger one is 413.")] = 16 * MEBIBYTE
    delivery_events_max: Annotated[
        Count, Meta(description="Events in one delivery; one with more goes to quarantine as a whole.")
    ] = EVENTS_MAX
    body_timeout_s: Annotated[Count, Meta(description="How long a request body may take to arrive, in seconds.")] = 30
    commit_timeout_s: Annotated[
        Count,
        Meta(description="How long a delivery waits for the store, in seconds; longer is 503, though it may be kept."),
    ] = 30
    head_bytes_max: Annotated[Count, Meta(description="Largest request line and headers together, in bytes; more is 400.")] = (
        65536
    )
    head_timeout_s: Annotated[
        Count, Meta(description="How long a request's line and headers may take to arrive, in seconds.")
    ] = 10
    keep_alive_s: Annotated[
        Count, Meta(description="How long an idle connection is kept open for its next request, in seconds.")
    ] = 30
    graceful_timeout_s: Annotated[
        Count,
        Meta(description="How long requests under way may take to end after SIGTERM, in seconds."),
    ] = 10
    lease_s: Annotated[
        int,
        Meta(
            ge=5,
            le=3600,
            description="How long others wait until they take over the feeds and providers of a process that died, in seconds.",
        ),
    ] = 60
    queue_deliveries_max: Annotated[Count, Meta(description="Deliveries that may wait for the writer; a full queue is 503.")] = (
        1000
    )
    queue_bytes_max: Annotated[Count, Meta(description="Bytes of the bodies that may wait for the writer; more is 503.")] = (
        64 * MEBIBYTE
    )
    group_deliveries_max: Annotated[Count, Meta(description="Deliveries that are committed in one transaction at most.")] = 500
    rejected_deliveries_max: Annotated[
        Count,
        Meta(description="Deliveries with a wrong signature that are held for `drawbar rejected replay`, the oldest out first."),
    ] = 1000
    rejected_bytes_max: Annotated[Count, Meta(description="Bytes of the bodies that are held for it, the oldest out first.")] = (
        64 * MEBIBYTE
    )
    sync_assets_max: Annotated[Count, Meta(description="Assets in one Asset Sync request.")] = 500
    patch_assets_max: Annotated[Count, Meta(description="Assets in one bulk patch.")] = 10_000
    candidates_max: Annotated[
        Count, Meta(description="Assets that are shown for a VIN or a case at most, besides those that Datahub named.")
    ] = 20
    page_default: Annotated[Count, Meta(description="Items on a page of a list where the request names no `limit`.")] = 100
    page_max: Annotated[Count, Meta(description="Largest `limit` of a list.")] = 1000
    rate_limit_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=2**31 - 1,
            description="API requests of one client in a minute; more is 429; 0 means no limit. Never on webhooks.",
        ),
    ] = 6000

    def __post_init__(self) -> None:
        if self.page_default > self.page_max:
            raise at("page_default", "is larger than page_max")


class Retention(Struct, frozen=True):
    """How long what was received is kept."""

    raw_bodies_days: Annotated[
        Days | None,
        Meta(
            description="Days to keep deliveries' bodies as received; unset keeps them. What they said is kept always.",
            examples=[365],
        ),
    ] = None
    rejected_days: Annotated[
        Days | None,
        Meta(description="Days to hold deliveries with a wrong signature; unset leaves it to the limits alone."),
    ] = 30
    patches_days: Annotated[
        Days | None,
        Meta(description="Days to keep bulk patches and their errors after they have ended; unset keeps them."),
    ] = 90
    providers_days: Annotated[
        Days | None,
        Meta(
            description="Days to keep runs of providers, and records of theirs that were resolved or discarded; unset keeps them."
        ),
    ] = 90
    alerts_days: Annotated[
        Days | None,
        Meta(description="Days to keep alerts that could not be delivered; unset keeps them."),
    ] = 90
