"""Keeps it: SQLite by default, PostgreSQL for those who outgrow one machine."""

import re
from pathlib import Path

from storage.engine import Engine
from storage.migrations import MIGRATIONS_FOLDER

# asyncpg would send what it doesn't know in a URL to the server as a setting.
_CACHE_SIZE = re.compile(r"(?<=[?&])statement_cache_size=(\d+)&?")


def open_engine(url: str, *, readers: int = 4, connections: int = 8, migrations: Path = MIGRATIONS_FOLDER) -> Engine:
    """The engine of a database: a path or `sqlite:///path`, or `postgresql://…` (`?statement_cache_size=0` behind a PgBouncer).

    Nothing is connected before the first transaction. `readers` is how many reads of SQLite, `connections` how many transactions
    of PostgreSQL can run at once. ValueError: another scheme. ImportError: the driver of PostgreSQL isn't installed.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in {"postgres", "postgresql"} and separator:
        from storage.engines.postgres import PostgresEngine  # noqa: PLC0415 - its driver is an extra

        cache_size = _CACHE_SIZE.search(url)
        return PostgresEngine(
            _CACHE_SIZE.sub("", url),
            connections=connections,
            statement_cache_size=int(cache_size[1]) if cache_size else 256,
            migrations=migrations,
        )
    if separator and scheme != "sqlite":
        raise ValueError(f"no database has the scheme {scheme}: a path, sqlite:///path or postgresql://…")
    from storage.engines.sqlite import SqliteEngine  # noqa: PLC0415 - as above

    return SqliteEngine(Path(rest.removeprefix("/") if separator else url), readers=readers, migrations=migrations)
