"""Rows of the registry as use cases and the store hand them to each other. Times are microseconds, numbers exact decimals."""

from decimal import Decimal
from typing import Literal, NamedTuple

from schemas.asset_plans import SyncType
from schemas.assets import Asset, Explicit, Telematics

# An asset and the code of one of its meters.
SeriesKey = tuple[str, str]
ActorKind = Literal["client", "event", "patch", "provider", "command"]
AttemptState = Literal["open", "resolved"]
# Whether a meter of an asset is expected from sync: never, always, or only while a pairing implies it.
Expectation = Literal[0, 1, 2]
NEVER: Expectation = 0
ALWAYS: Expectation = 1
WHILE_IMPLIED: Expectation = 2


class Place(NamedTuple):
    """A place in a series: behind the reading of this time and number."""

    at_us: int
    reading_no: int


class AssetRow(NamedTuple):
    """An asset with its organization."""

    organization_id: str
    asset: Asset


class VinRow(NamedTuple):
    """An asset that has a VIN; a provisional one was only made because pairings name it."""

    vin: str
    asset_id: str
    provisional: bool


class SerialRow(NamedTuple):
    """An asset's serial, the VIN that is stored for it, and whence it is: `datahub` for a provisional one."""

    organization_id: str
    asset_id: str
    serial: str | None
    vin: str | None
    origin: str


class AssetMeterRow(NamedTuple):
    """What is stored of an assignment. `explicit` is None where nothing was said of it."""

    asset_id: str
    meter_code: str
    explicit: Explicit | None
    telematics: Telematics
    expected: Expectation


class SeriesRow(NamedTuple):
    """What the readings of a meter of an asset come to: the last of all, the latest accepted, the newest of either status.

    Its decimals are texts, since nearly all of them are replaced unread.
    """

    asset_id: str
    meter_code: str
    last_at_us: int
    latest_at_us: int | None = None
    latest_no: int | None = None
    latest_value: str | None = None
    newest_at_us: int | None = None
    newest_no: int | None = None
    newest_value: str | None = None


class ReadingRow(NamedTuple):
    """A reading in the series of an asset. Without a value it is NOT_EQUIPPED; with a `unit_id` it came by unit."""

    asset_id: str
    meter_code: str
    at_us: int
    reading_no: int
    value: Decimal | None
    source: str
    note: str | None
    unit_id: str | None
    received_at_us: int
    mark: str
    shown: int
    reason: str | None


class MarkRow(NamedTuple):
    """A reading's place, and what the series now makes of it."""

    asset_id: str
    meter_code: str
    at_us: int
    reading_no: int
    mark: str
    shown: int
    reason: str | None


class UnitReadingRow(NamedTuple):
    """A reading as a unit brought it; `asset_id` is where it stands, None while it waits."""

    organization_id: str
    unit_id: str
    at_us: int
    reading_no: int
    meter_code: str
    value: Decimal | None
    source: str
    note: str | None
    received_at_us: int
    asset_id: str | None


class HistoryRow(NamedTuple):
    """Who changed what of an asset, or of a meter, and when. `changes` is JSON text."""

    subject: str
    change_no: int
    at_us: int
    actor_kind: str
    actor: str
    changes: str


class AttemptRow(NamedTuple):
    """What came for a meter that didn't exist. `held` is JSON text."""

    organization_id: str
    attempt_id: int
    sync_seq: int
    entry: int
    meter_code: str
    sync_type: SyncType
    state: AttemptState
    asset_id: str | None
    external_asset_id: str | None
    asset_name: str | None
    unit_id: str | None
    client_id: str
    sync_batch_id: str | None
    received_at_us: int
    resolved_at_us: int | None
    resolved_by: str | None
    replayed_at_us: int | None
    held: str


class SyncRow(NamedTuple):
    """The first receipt of a sync that has an id."""

    organization_id: str
    client_id: str
    sync_batch_id: str
    body_hash: str
    seq: int
    received_at_us: int


class OpenPairing(NamedTuple):
    """A unit that is on an asset of ours now."""

    asset_id: str
    unit_id: str
    unit_type: str


class HealthRow(NamedTuple):
    """A meter that is expected from sync, and how long it has been silent."""

    organization_id: str
    asset_id: str
    external_asset_id: str
    meter_code: str
    last_seen_us: int | None
    missing: int


class NamedThing(NamedTuple):
    """A site with its name; of an asset type or a custom field the code is all there is."""

    code: str
    name: str | None = None
