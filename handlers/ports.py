"""What use cases ask of a store and a clock. The storage room implements it; nothing here knows how.

A use case is a coroutine over one transaction, and awaits nothing but that transaction: an engine may run it to its end on
the thread of its connection. What a transaction consists of stands in the `*_ports` files, one for each part of the domain.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from handlers.alert_ports import Alerts
from handlers.journal_ports import Events, Journal, Quarantine, Rejected
from handlers.link_ports import Links
from handlers.provider_ports import Providers
from handlers.registry_ports import Registry
from handlers.rescoring_ports import Rescoring
from handlers.service_ports import Clients, Leases, Overview, PatchJobs
from handlers.unit_ports import Cases, Changes, Histories, OperatorStatements, Pairings
from handlers.vin_ports import VinKeys

Result = TypeVar("Result")


class Transaction(Protocol):
    """One transaction over everything that is kept."""

    journal: Journal
    histories: Histories
    pairings: Pairings
    statements: OperatorStatements
    cases: Cases
    events: Events
    changes: Changes
    quarantine: Quarantine
    rejected: Rejected
    clients: Clients
    patches: PatchJobs
    leases: Leases
    providers: Providers
    alerts: Alerts
    overview: Overview
    registry: Registry
    vin_keys: VinKeys
    links: Links
    rescoring: Rescoring

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that can fail alone."""
        ...


Work = Callable[[Transaction], Awaitable[Result]]


class Store(Protocol):
    """The store: every use case goes through one of its two doors."""

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction and commit it before returning; StoreUnavailableError if the store can't take it."""
        ...

    async def read(self, work: Work[Result], *, brief: bool = False) -> Result:
        """Run `work` on one consistent snapshot; writing fails. `brief`: it is a few look-ups by key, to be done at once."""
        ...

    async def backup(self, target: Path, work: Work[Result]) -> tuple[Result, Result | None]:
        """Copy what one snapshot holds to the empty file `target`, and check the copy; nobody waits for it.

        What `work` gives on that snapshot and, where the copy is a database itself, on the copy. DrawbarError: it failed.
        """
        ...
