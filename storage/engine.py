"""What the files of this room ask of an engine: transactions, and named statements in them. No driver is imported here.

`work` is a function of one connection that is run inside one transaction. It must be safe to run again (an engine repeats it
after a deadlock or when a key was taken), and may await nothing but its connection's methods (on SQLite it runs on the
connection's own thread, where there is no event loop). An error of a statement may be caught only around a `savepoint()`, and
StoreUnavailableError not at all: the transaction is of no use after it, and says so.

Values are str, int, bool (kept as 0 or 1), float, bytes, None, and lists of str or int for the list macros. Any text reads back
as it was written, characters included that an engine can't hold. Errors: StoreUnavailableError (locked, full, gone: trying again
can help), ConflictError (a constraint is broken); what is a mistake of the program passes as the driver's own error.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from schemas.errors import DrawbarError
from storage.statements import Statement
from storage.translation import Dialect

T = TypeVar("T")
Row = tuple[Any, ...]


class BackupError(DrawbarError):
    """A copy of the database could not be made, or can't be relied on."""


class Connection(Protocol):
    """Statements inside one transaction."""

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Which engine this is."""

    @abstractmethod
    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """All rows that the statement gives."""

    @abstractmethod
    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """The first row that the statement gives, or None."""

    @abstractmethod
    async def execute(self, statement: Statement, /, **values: object) -> int:
        """Run the statement; how many rows it inserted, updated or deleted."""

    @abstractmethod
    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """Run the statement for each row, whose columns stand in the order in which the statement's parameters first appear.

        An INSERT is one statement on PostgreSQL: rows of an upsert must differ in their key.
        """

    @abstractmethod
    async def script(self, sql: str) -> None:
        """Run several statements of this engine's own SQL, without parameters: for migrations."""

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that is undone alone when an error leaves it."""


Work = Callable[[Connection], Awaitable[T]]


class Engine(Protocol):
    """A database."""

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Which engine this is."""

    @abstractmethod
    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own, committed before this returns and rolled back when it raises."""

    @abstractmethod
    async def read(self, work: Work[T], *, brief: bool = False) -> T:
        """Run `work` on one consistent snapshot, on which it can't write.

        `brief` promises that it is a few lookups by key. SQLite answers those without leaving the event loop's thread, which
        takes less time than a crossing, and longer work would hold everybody up.
        """

    @abstractmethod
    async def migrate(self) -> list[str]:
        """Apply the migrations that are pending, and return their names. MigrationError: code and database don't fit."""

    @abstractmethod
    async def pending_migrations(self) -> list[str]:
        """The names of the migrations that `migrate` would apply."""

    @abstractmethod
    async def applied_migrations(self) -> list[str]:
        """The names of the migrations that were applied; none where there is no database yet, and this doesn't make one."""

    @abstractmethod
    async def backup(self, target: Path, work: Work[T]) -> tuple[T, T | None]:
        """Copy what one snapshot holds to the empty file `target` while others go on writing, and check that the copy is whole.

        The results of `work` on that very snapshot and, where the copy is a database itself, on the copy. BackupError: it can't
        be done here, or the copy isn't whole. What is left in `target` then is of no use.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the database once running transactions have ended."""
