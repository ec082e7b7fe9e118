"""A copy of a SQLite file while others read and write it (sqlite.org/backup.html), checked before anyone relies on it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import TypeVar

from schemas.errors import StoreUnavailableError
from storage.engine import BackupError, Connection, Work
from storage.engines.sqlite_connection import transact, translate

T = TypeVar("T")

# Between two steps of so many pages of 4 KiB, a copy can be stopped.
_PAGES_AT_A_TIME = 4096
_FAULTS_SHOWN = 3


def copy_database(path: Path, target: Path, stopped: Event, work: Work[T]) -> tuple[T, T]:
    """Copy one snapshot of the file at `path` to the empty file `target`; what `work` gives on that snapshot, and on the copy.

    BackupError: the copy isn't whole. StoreUnavailableError: a file can't be read or written, or `stopped` was set.
    """
    with closing(_open(path)) as source, closing(_open(target)) as copy:

        async def copied(connection: Connection) -> T:
            result = await work(connection)
            # By a connection that is in a transaction it copies what this transaction sees, however much is written meanwhile.
            source.backup(copy, pages=_PAGES_AT_A_TIME, progress=lambda *_: _go_on(stopped))
            return result

        seen = transact(source, stopped, copied, readonly=True)
        try:
            # One file holds all of it; the service turns its database to WAL again when it opens it.
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
            faults = [row[0] for row in copy.execute("PRAGMA integrity_check") if row[0] != "ok"]
            faults += [f"a row of {row[0]} lacks its row of {row[2]}" for row in copy.execute("PRAGMA foreign_key_check")]
        except sqlite3.Error as error:
            raise translate(error, "copy") from error
        if faults:
            raise BackupError(f"the copy isn't whole: {'; '.join(faults[:_FAULTS_SHOWN])}")
        return seen, transact(copy, stopped, work, readonly=True)


def _open(path: Path) -> sqlite3.Connection:
    try:
        raw = sqlite3.connect(path, isolation_level=None)
        raw.execute("PRAGMA busy_timeout = 5000")
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"can't open the database {path}: {error}") from error
    return raw


def _go_on(stopped: Event) -> None:
    if stopped.is_set():
        raise StoreUnavailableError("the backup was cancelled")
