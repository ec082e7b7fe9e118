"""The texts of warnings and errors of a sync.

The first group stands letter for letter in the Asset Sync documentation ("Common Error Scenarios"), the second is ours.
"""

from schemas.decimals import decimal_text
from schemas.readings import Reading
from schemas.wire import time_text

NAME_REQUIRED = "name is required"


def asset_type_not_found(name: str) -> str:
    """An error: the asset is neither created nor changed."""
    return f"Asset type '{name}' not found. Please create the asset type in-app before syncing assets."


def site_not_found(code: str) -> str:
    """A warning: the asset keeps the site that it has, if it has one."""
    return f"Site with code '{code}' not found, asset will be created without site"


def meter_not_found(code: str) -> str:
    """A warning: the assignment or reading is held back, and the attempt is logged."""
    return f"Meter with exact code '{code}' not found. Please create the meter in Admin → Meters → Missing Meters before syncing."


def identity_conflict(external_asset_id: str, code: str) -> str:
    """An error: the id and the code, given or defaulted, belong to two assets."""
    return f"externalAssetId '{external_asset_id}' and code '{code}' belong to different assets; neither was changed."


def repeated(external_asset_id: str) -> str:
    """A warning on the second of several entries with one id."""
    return f"externalAssetId '{external_asset_id}' appears more than once in this request; its entries were applied in order."


def adopted(provisional_id: str) -> str:
    """A warning: what looked like a new asset was known already, provisionally, through pairings."""
    return f"The asset was known provisionally as '{provisional_id}' through its pairings; it keeps its assetId."


def provisional_serial(external_asset_id: str) -> str:
    """A warning: the serial stays; the error of a patch."""
    return (
        f"The serial of '{external_asset_id}' was not changed: while an asset is provisional, it is the VIN that Datahub tells."
    )


def inspection_after_retirement(reading: Reading, retired_at_us: int) -> str:
    """A warning: the reading is refused."""
    return (
        f"Inspection reading for meter '{reading.meter_code}' at {time_text(reading.at_us)} refused: "
        f"the asset is retired since {time_text(retired_at_us)} and takes no new inspections."
    )


def suspect(reading: Reading, reason: str) -> str:
    """A warning: the reading is stored, but kept out of the latest value and of aggregates."""
    value = "" if reading.value is None else f"{decimal_text(reading.value)} "
    return f"Reading {value}for meter '{reading.meter_code}' at {time_text(reading.at_us)} is SUSPECT: {reason}."
