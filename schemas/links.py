"""Datahub's assets, and which assets of ours they are."""

from typing import NamedTuple


class DatahubAsset(NamedTuple):
    """What is known of a Datahub asset: the VIN that a fact told, found by time and key, and that VIN normalized.

    Without a VIN `at_us` is before all facts. `vin_key` is None for a VIN whose verdict is invalid.
    """

    organization_id: str
    datahub_asset_id: str
    at_us: int
    event_key: str
    vin: str | None
    vin_key: str | None


class LinkRow(NamedTuple):
    """A link, as the digest takes it: the asset by the id that it was given, since our own ids differ between stores."""

    organization_id: str
    datahub_asset_id: str
    vin: str | None
    vin_key: str | None
    external_asset_id: str | None
