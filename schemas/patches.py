"""Bulk patches of assets: what is sent, what is kept of it, and what is answered.

Source: the lease asset patch, "Patchable properties" and "Bulk job response". UNSET is a property that wasn't sent, None one
that was sent as null, which clears it.
"""

from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.decimals import decoder
from schemas.readings import JsonObject

ASSETS_MAX = 10_000
SERIAL_CHARACTERS_MAX = 30
TEXT_CHARACTERS_MAX = 256

JobStatus = Literal["notStarted", "inProgress", "successful", "partiallySuccessful", "failed"]
Serial = Annotated[str, Meta(max_length=SERIAL_CHARACTERS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARACTERS_MAX)]


class AssetPatch(Struct, frozen=True, rename="camel"):
    """What is to become of one asset; `assetId` is its `leaseAssetId`. This is the JSON of a column too.

    `customerSpecificFields` are the asset's custom fields: merged by name, where null removes one.
    """

    asset_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    serial_number: Serial | UnsetType | None = UNSET
    location: Text | UnsetType | None = UNSET
    location_of_installation: Text | UnsetType | None = UNSET
    order_number: Text | UnsetType | None = UNSET
    cost_center: Text | UnsetType | None = UNSET
    customer_specific_fields: JsonObject | UnsetType | None = UNSET


class AssetErrors(Struct, frozen=True, rename="camel"):
    """Why one asset was not patched."""

    asset_id: int
    errors: tuple[str, ...]


class BulkPatch(Struct, frozen=True, kw_only=True, rename="camel"):
    """A bulk job. What isn't known yet is left out: `startDate` and `assetsSuccessfullyUpdated` before it starts, `endDate`."""

    id: int
    create_date: str
    start_date: str | UnsetType = UNSET
    end_date: str | UnsetType = UNSET
    assets_total: int
    assets_successfully_updated: int | UnsetType = UNSET
    status: JobStatus
    errors: tuple[AssetErrors, ...]


class PatchJob(NamedTuple):
    """A bulk job as it is kept; the columns of its table.

    `done` patches were tried, `succeeded` of them applied. `worker` is at it until `lease_until_us`, if it isn't heard of again.
    """

    organization_id: str
    job_id: int
    client_id: str
    idempotency_key: str | None
    fingerprint: str
    status: JobStatus
    total: int
    done: int
    succeeded: int
    created_at_us: int
    started_at_us: int | None = None
    ended_at_us: int | None = None
    worker: str | None = None
    lease_until_us: int | None = None


class PatchError(NamedTuple):
    """Why the asset of one patch, at a place of its job's request, was not patched."""

    place: int
    asset_id: int
    message: str


decode_patches = decoder(tuple[AssetPatch, ...]).decode
