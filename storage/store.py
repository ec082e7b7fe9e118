"""The store: transactions of an engine, seen as the tables that use cases speak of."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from handlers.alert_ports import Alerts
from handlers.journal_ports import Events, Journal, Quarantine, Rejected
from handlers.link_ports import Links
from handlers.ports import Result, Transaction, Work
from handlers.provider_ports import Providers
from handlers.registry_ports import Registry
from handlers.rescoring_ports import Rescoring
from handlers.service_ports import Clients, Leases, Overview, PatchJobs
from handlers.unit_ports import Cases, Changes, Histories, OperatorStatements, Pairings
from handlers.vin_ports import VinKeys
from storage.alerts import AlertTables
from storage.cases import CaseTables
from storage.changes import ChangeTable
from storage.clients import ClientTables
from storage.engine import Connection, Engine
from storage.events import EventTables
from storage.histories import HistoryTables
from storage.journal import JournalTable
from storage.leases import LeaseTables
from storage.links import LinkTables
from storage.operator_statements import OperatorStatementTable
from storage.overview import OverviewTables
from storage.pairings import PairingTables
from storage.patches import PatchTables
from storage.providers import ProviderTables
from storage.quarantine import QuarantineTable
from storage.registry import RegistryTables
from storage.rejected import RejectedTable
from storage.rescoring import RescoringTables
from storage.vin_keys import VinKeyTable


class Tables:
    """Implements `handlers.ports.Transaction` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.journal: Journal = JournalTable(connection)
        self.histories: Histories = HistoryTables(connection)
        self.pairings: Pairings = PairingTables(connection)
        self.statements: OperatorStatements = OperatorStatementTable(connection)
        self.cases: Cases = CaseTables(connection)
        self.events: Events = EventTables(connection)
        self.changes: Changes = ChangeTable(connection)
        self.quarantine: Quarantine = QuarantineTable(connection)
        self.rejected: Rejected = RejectedTable(connection)
        self.clients: Clients = ClientTables(connection)
        self.patches: PatchJobs = PatchTables(connection)
        self.leases: Leases = LeaseTables(connection)
        self.providers: Providers = ProviderTables(connection)
        self.alerts: Alerts = AlertTables(connection)
        self.overview: Overview = OverviewTables(connection)
        self.registry: Registry = RegistryTables(connection)
        self.vin_keys: VinKeys = VinKeyTable(connection)
        self.links: Links = LinkTables(connection)
        self.rescoring: Rescoring = RescoringTables(connection)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that can fail alone."""
        return self._connection.savepoint()


class DatabaseStore:
    """Implements `handlers.ports.Store` over an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction and commit it before returning."""
        return await self.engine.write(_on_tables(work))

    async def read(self, work: Work[Result], *, brief: bool = False) -> Result:
        """Run `work` on one consistent snapshot; `brief` for a few look-ups by key."""
        return await self.engine.read(_on_tables(work), brief=brief)

    async def backup(self, target: Path, work: Work[Result]) -> tuple[Result, Result | None]:
        """Copy one snapshot to a file; what `work` gives on it and on the copy."""
        return await self.engine.backup(target, _on_tables(work))


def _on_tables(work: Work[Result]) -> Callable[[Connection], Awaitable[Result]]:
    async def run(connection: Connection) -> Result:
        tx: Transaction = Tables(connection)
        return await work(tx)

    return run
