"""What an event says once the differences between versions and deliveries are gone.

There are many of these at a time, here and in the rules, and none can be part of a cycle: `gc=False` lets the collector pass over
them, which is a fifth of the time that a delivery takes.
"""

from typing import Literal

from msgspec import Struct

Kind = Literal["paired", "failed", "unpaired"]
Flag = Literal["staleUnpair", "tie", "replaced", "clockSkew", "contradiction"]


class Location(Struct, frozen=True, gc=False):
    """Where the unit was, in degrees (WGS 84)."""

    latitude: float
    longitude: float


class Meaning(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """What copies of one fact may differ in. `asset_vin` and `sensor_vin` are as received, without NUL and outer spaces."""

    reason: str | None = None
    asset_vin: str | None = None
    sensor_vin: str | None = None
    candidate_asset_ids: tuple[str, ...] = ()
    location: Location | None = None


class Copy(Struct, frozen=True, gc=False):
    """One entry of `eventsData` in one batch, normalized. `at_us` is `registeredOn`; UUIDs are in lower case.

    `source` is the eventSubscriptionId or the Feed id, `batch_key` names the batch whichever delivery brought it, and
    `batch_time_us` is the time against which a clock is judged.
    """

    event_key: str
    organization_id: str
    unit_id: str
    kind: Kind
    at_us: int
    asset_id: str | None
    version: int
    meaning: Meaning
    source: str = ""
    batch_key: str = ""
    batch_time_us: int = 0


class Fact(Struct, frozen=True, gc=False):
    """All copies of one event, merged. `attempts` counts distinct batches as the rule on hourly re-sends says."""

    event_key: str
    organization_id: str
    unit_id: str
    kind: Kind
    at_us: int
    asset_id: str | None
    meaning: Meaning
    attempts: int = 1
    flags: tuple[Flag, ...] = ()
