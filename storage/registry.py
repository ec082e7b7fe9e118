"""The registry's tables over one connection."""

from handlers.asset_ports import AssetMeters, Assets, RegistryJournal
from handlers.reading_ports import Readings, UnitReadings
from handlers.reference_ports import MissingMeters, References
from storage.asset_meters import AssetMeterTable
from storage.assets import AssetTables
from storage.engine import Connection
from storage.missing_meters import MissingMeterTable
from storage.readings import ReadingTables
from storage.references import ReferenceTables
from storage.registry_journal import RegistryJournalTables
from storage.unit_readings import UnitReadingTable


class RegistryTables:
    """Implements `handlers.registry_ports.Registry`."""

    def __init__(self, connection: Connection) -> None:
        self.assets: Assets = AssetTables(connection)
        self.meters: AssetMeters = AssetMeterTable(connection)
        self.readings: Readings = ReadingTables(connection)
        self.unit_readings: UnitReadings = UnitReadingTable(connection)
        self.references: References = ReferenceTables(connection)
        self.missing_meters: MissingMeters = MissingMeterTable(connection)
        self.journal: RegistryJournal = RegistryJournalTables(connection)
