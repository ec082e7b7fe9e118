"""Providers: everything that is kept of them, over one connection."""

from handlers.provider_ports import Entities, Refused, Requests, Runs, Usage
from storage.engine import Connection
from storage.provider_entities import EntityTable
from storage.provider_quarantine import ProviderQuarantineTable
from storage.provider_requests import ProviderRequestTable
from storage.provider_runs import ProviderRunTables
from storage.provider_usage import UsageTables


class ProviderTables:
    """Implements `handlers.provider_ports.Providers`."""

    def __init__(self, connection: Connection) -> None:
        self.runs: Runs = ProviderRunTables(connection)
        self.entities: Entities = EntityTable(connection)
        self.usage: Usage = UsageTables(connection)
        self.refused: Refused = ProviderQuarantineTable(connection)
        self.requests: Requests = ProviderRequestTable(connection)
