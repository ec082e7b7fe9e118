"""The Datahub envelope and its events, v1 and v2, as they come, and the one shape that they are brought to.

Source: the Datahub asset event group, tables "Standard event envelope", "unit.paired event data" (v1 and v2) and
"unit.unpaired event data". Fields that the tables don't name pass. Decoding is the business of `schemas.event_decoding`.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from schemas.facts import Kind, Location, Meaning
from schemas.wire import ZonedTime

# Any 8-4-4-4-12 hex digits: the documented examples hold ids that are no RFC 4122 variant.
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
# An index of PostgreSQL holds keys of up to 2,704 bytes; 256 characters stay below it in any script.
UnitId = Annotated[str, Meta(min_length=1, max_length=256)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]

Reason = Literal["ManualPair", "AutoPair", "InvalidData", "NotFound", "MultipleMatchFound", "Unknown"]


class Envelope(Struct, frozen=True, rename="camel"):
    """The four top-level fields of a batch; the entries stay raw, since each stands for itself."""

    event_batch_id: Uuid
    event_subscription_id: Uuid
    event_batch_time: ZonedTime
    events_data: list[Raw]


class FeedBody(Struct, frozen=True, rename="camel"):
    """An answer of the Feed API; its items are what the entries of `eventsData` are. Source: ZF SCALAR, "Feed API"."""

    items: list[Raw]
    has_next: bool = False


class Event(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `eventsData`; the payload stays raw until its type and version are known."""

    event_type: Annotated[str, Meta(min_length=1)]
    event_version: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    event_data: Raw


# `+ 0.0` below leaves one of the two zeros of IEEE 754: equal places have equal JSON.
class LocationV1(Struct, frozen=True, gc=False):
    """`location` of version 1."""

    lat: Latitude
    lon: Longitude

    def common(self) -> Location:
        """The one shape for both versions."""
        return Location(self.lat + 0.0, self.lon + 0.0)


class LocationV2(Struct, frozen=True, gc=False):
    """`location` of version 2."""

    latitude: Latitude
    longitude: Longitude

    def common(self) -> Location:
        """The one shape for both versions."""
        return Location(self.latitude + 0.0, self.longitude + 0.0)


class _Paired(Struct, frozen=True, gc=False, rename={"asset_vin": "assetVIN", "sensor_vin": "sensorVIN"}):
    registered_on: ZonedTime = msgspec.field(name="registeredOn")
    organization_id: Uuid = msgspec.field(name="organizationId")
    unit_id: UnitId = msgspec.field(name="unitId")
    status: Literal["success", "failed"]
    reason: Reason
    asset_id: Uuid | None = msgspec.field(name="assetId", default=None)
    asset_vin: str | None = None
    sensor_vin: str | None = None
    candidate_asset_ids: list[Uuid] | None = msgspec.field(name="candidateAssetIds", default=None)


class PairedV1(_Paired, frozen=True, gc=False):
    """`eventData` of unit.paired, version 1."""

    location: LocationV1 | None = None


class PairedV2(_Paired, frozen=True, gc=False):
    """`eventData` of unit.paired, version 2."""

    location: LocationV2 | None = None


class Unpaired(Struct, frozen=True, gc=False, rename={"asset_vin": "assetVIN"}):
    """`eventData` of unit.unpaired, alike in both versions."""

    registered_on: ZonedTime = msgspec.field(name="registeredOn")
    organization_id: Uuid = msgspec.field(name="organizationId")
    asset_id: Uuid = msgspec.field(name="assetId")
    unit_id: UnitId = msgspec.field(name="unitId")
    asset_vin: str | None = None


class Payload(NamedTuple):
    """What an event says, the same for every version."""

    organization_id: str
    unit_id: str
    kind: Kind
    at_us: int
    asset_id: str | None
    meaning: Meaning


def clean_vin(text: str | None) -> str | None:
    """A VIN as received, without NUL and outer spaces; nothing left is None."""
    return (text.replace("\x00", "").strip() or None) if text else None
