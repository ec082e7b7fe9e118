"""Applies the files of `storage/migrations/{sqlite,postgres}` in the order of their numbers.

Each runs in a transaction with its record. A file is `NNNN_name.sql` and holds any number of statements; both engines have the
same names. It is never changed once released. Rules for the tables in them, so that both engines answer alike:

- Text columns on PostgreSQL are `TEXT COLLATE "C"`: text sorts by code point, as on SQLite, whatever the server's locale.
- Columns are BIGINT (also for booleans, 0 or 1, and times in microseconds), TEXT, DOUBLE PRECISION and BYTEA; on SQLite INTEGER,
  TEXT, REAL and BLOB in STRICT tables.
"""

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.errors import DrawbarError
from storage.engine import Connection, Row
from storage.statements import load
from storage.translation import Dialect

MIGRATIONS_FOLDER = Path(__file__).parent / "migrations"
SQL = load("schema_migrations")

_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")
_LOCK_KEY = 0x64726177626172  # "drawbar": the number under which PostgreSQL lets one process migrate at a time


class MigrationError(DrawbarError):
    """The database was made by another version of the software than this one."""


class Migration(NamedTuple):
    """One file."""

    name: str
    sql: str
    sha256: str


def read_migrations(folder: Path, dialect: Dialect) -> list[Migration]:
    """The migrations for an engine in order. MigrationError: a name isn't `NNNN_name.sql`, or two have one number."""
    migrations: list[Migration] = []
    for path in sorted((folder / dialect).glob("*.sql")):
        if not _FILE_NAME.fullmatch(path.name):
            raise MigrationError(f"{path.name} is no name for a migration: NNNN_name.sql")
        if migrations and migrations[-1].name[:4] == path.name[:4]:
            raise MigrationError(f"two migrations have the number {path.name[:4]}: {migrations[-1].name} and {path.stem}")
        sql = path.read_text(encoding="utf-8")
        migrations.append(Migration(path.stem, sql, hashlib.sha256(sql.encode()).hexdigest()))
    return migrations


def find_pending(migrations: list[Migration], records: list[Row]) -> list[Migration]:
    """What is left to apply when `records` (name, sha256) were. MigrationError: they aren't the beginning of `migrations`."""
    known = {migration.name: migration for migration in migrations}
    for name, sha256 in records:
        if name not in known:
            raise MigrationError(f"the database is newer than this version of drawbar: it has the migration {name}")
        if known[name].sha256 != sha256:
            raise MigrationError(f"the migration {name} was changed after it had been applied to this database")
    pending = [migration for migration in migrations if migration.name not in {name for name, _ in records}]
    if pending and records and pending[0].name < records[-1][0]:
        raise MigrationError(f"the migration {pending[0].name} was not applied to this database, but {records[-1][0]} was")
    return pending


async def list_pending(connection: Connection, migrations: list[Migration]) -> list[str]:
    """The names of the migrations that this database lacks. MigrationError: as `find_pending`."""
    return [migration.name for migration in find_pending(migrations, await _records(connection))]


async def list_applied(connection: Connection) -> list[str]:
    """The names of the migrations that this database has, in order."""
    return [name for name, _ in await _records(connection)]


async def _records(connection: Connection) -> list[Row]:
    """What was applied, as (name, sha256); nothing in a database that is empty."""
    recorded = await connection.fetch_one(SQL["find_records"]) is not None
    return await connection.fetch(SQL["list_records"]) if recorded else []


async def apply_next(connection: Connection, migrations: list[Migration]) -> str | None:
    """Apply the first migration that this database lacks and record it; its name, or None when there is none."""
    await connection.fetch(SQL["lock"], **({"key": _LOCK_KEY} if connection.dialect == "postgres" else {}))
    if await connection.fetch_one(SQL["find_records"]) is None:
        await connection.execute(SQL["create_records"])
    pending = find_pending(migrations, await connection.fetch(SQL["list_records"]))
    if not pending:
        return None
    name, sql, sha256 = pending[0]
    await connection.script(sql)
    await connection.execute(SQL["insert_record"], name=name, sha256=sha256, applied_at_us=time.time_ns() // 1000)
    return name


def split(sql: str) -> Iterator[str]:
    """The statements of a script in SQLite's SQL, which takes one at a time. Literals, comments and triggers stay whole."""
    statement = ""
    for part in re.split(r"(?<=;)", sql):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL).strip():
        yield statement.strip()
