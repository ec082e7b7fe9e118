"""What the use cases of the registry ask of a store: part of `handlers.ports.Transaction`."""

from typing import Protocol

from handlers.asset_ports import AssetMeters, Assets, RegistryJournal
from handlers.reading_ports import Readings, UnitReadings
from handlers.reference_ports import MissingMeters, References


class Registry(Protocol):
    """All of these over one transaction."""

    assets: Assets
    meters: AssetMeters
    readings: Readings
    unit_readings: UnitReadings
    references: References
    missing_meters: MissingMeters
    journal: RegistryJournal
