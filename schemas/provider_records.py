"""The standard form of what providers deliver: assets, meters, and usage as readings or as consumption.

Source: "API integration requirements", tables "Assets", "Meters", "Usage record fields" and "Supported meter types". Times are
microseconds UTC; amounts are exact and in the meter's unit.
"""

from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from msgspec import Struct, field

MeterType: TypeAlias = Literal["Energy", "Water", "Waste"]
METER_TYPES: tuple[MeterType, ...] = get_args(MeterType)
# The table's examples. Subtypes are text: a provider's own one is taken as it comes.
METER_SUBTYPES: dict[str, tuple[str, ...]] = {
    "Energy": (
        "Coal",
        "Coke",
        "Diesel",
        "District Chilled Water",
        "District Heating and Cooling",
        "District Hot Water",
        "District Steam",
        "EV Charging",
        "Fuel Oil",
        "Natural Gas",
        "Off-site Electricity",
        "On-site Renewable Electricity",
        "Propane",
        "Wood",
    ),
    "Water": ("Potable", "Reclaimed", "Grey"),
    "Waste": ("Hazardous", "Non-hazardous"),
}


class ProviderAsset(Struct, frozen=True, rename="camel", tag="asset", tag_field="entity", kw_only=True):
    """A physical thing that meters belong to. `serial` is its VIN or serial number where the provider knows it."""

    external_id: str
    name: str
    address: str | None = None
    time_zone: str | None = None
    serial: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)


class ProviderMeter(Struct, frozen=True, rename="camel", tag="meter", tag_field="entity", kw_only=True):
    """A measurement point on an asset."""

    external_id: str
    asset_id: str
    type: MeterType
    unit: str
    subtype: str | None = None
    description: str | None = None
    metadata: dict[str, object] = field(default_factory=dict)


class _Usage(Struct, frozen=True, rename="camel", kw_only=True):
    meter_id: str
    value: Decimal
    redelivery: Decimal | None = None
    production: Decimal | None = None
    cost: Decimal | None = None
    currency: str | None = None
    estimated: bool | None = None
    metadata: dict[str, object] = field(default_factory=dict)


class ProviderReading(_Usage, frozen=True, tag="reading", tag_field="entity", kw_only=True):
    """A meter's stand at one instant."""

    at_us: int


class ProviderConsumption(_Usage, frozen=True, tag="consumption", tag_field="entity", kw_only=True):
    """What was used over a period: start inclusive, end exclusive and after it."""

    start_us: int
    end_us: int


ProviderRecord: TypeAlias = ProviderAsset | ProviderMeter | ProviderReading | ProviderConsumption
