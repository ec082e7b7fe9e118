"""What drawbar writes, transaction by transaction: every statement with its rows, recorded while batches are applied."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import islice
from pathlib import Path

import msgspec

from handlers.ingest import ingest
from handlers.ports import Transaction
from handlers.rules.intake import Arrival, take_in
from receiver.wiring import now_us
from storage.engine import Connection, Row
from storage.engines.sqlite import SqliteEngine
from storage.statements import Statement
from storage.store import Tables
from storage.translation import Dialect

Written = list[tuple[str, list[tuple[object, ...]]]]


class Recorder:
    """A connection that passes everything on and keeps what is written. For the methods see `storage.engine.Connection`."""

    dialect: Dialect = "sqlite"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.written: Written = []

    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """Reads aren't kept."""
        return await self._connection.fetch(statement, **values)

    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """Neither are these, nor the two counters that are read as they are raised."""
        return await self._connection.fetch_one(statement, **values)

    async def execute(self, statement: Statement, /, **values: object) -> int:
        """One row."""
        text, arguments = statement.bind("sqlite", values)
        self.written.append((text.sql, [tuple(arguments)]))
        return await self._connection.execute(statement, **values)

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """Many rows."""
        if rows:
            self.written.append((statement.for_rows("sqlite").sql, [tuple(row) for row in rows]))
        await self._connection.execute_many(statement, rows)

    async def script(self, sql: str) -> None:
        """Migrations aren't kept."""
        await self._connection.script(sql)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that can fail alone."""
        return self._connection.savepoint()


async def record(database: Path, batches: Iterable[bytes], at_a_time: int) -> list[bytes]:
    """Apply batches to a fresh database, so many in one transaction; what each transaction wrote, as MessagePack."""
    engine = SqliteEngine(database)
    await engine.migrate()
    recorded: list[bytes] = []
    remaining = iter(batches)
    while group := [take_in(Arrival("default", "replay", now_us(), body)) for body in islice(remaining, at_a_time)]:

        async def work(connection: Connection) -> None:
            recorder = Recorder(connection)
            tx: Transaction = Tables(recorder)
            await ingest(tx, group, now_us())
            recorded.append(msgspec.msgpack.encode(recorder.written))

        await engine.write(work)
    await engine.close()
    return recorded


def written(recorded: Iterable[bytes]) -> Iterator[Written]:
    """The transactions again."""
    return map(msgspec.msgpack.Decoder(Written).decode, recorded)
