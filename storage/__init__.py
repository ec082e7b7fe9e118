"""Keeps it: SQLite by default, PostgreSQL for those who outgrow one machine."""

import re
from pathlib import Path

from schemas.errors import InvalidInputError
from storage.engine import Engine
from storage.migrations import MIGRATIONS_FOLDER

# asyncpg would send what it doesn't know in a URL to the server as a setting.
_CACHE_SIZE = re.compile(r"(?<=[?&])statement_cache_size=(\d+)&?")


def open_engine(url: str, *, readers: int = 4, connections: int = 8, migrations: Path = MIGRATIONS_FOLDER) -> Engine:
    """The engine of a database: a path, `sqlite:///path` (`sqlite:////path` from the root), or `postgresql://…`.

    Nothing is connected before the first transaction. `readers` is how many reads of SQLite, `connections` how many transactions
    of PostgreSQL can run at once. A PostgreSQL URL takes libpq's parameters, and `statement_cache_size=0` for a pooler that
    doesn't know prepared statements. InvalidInputError: another scheme, or PostgreSQL's driver isn't installed.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgres", "postgresql"}:
        try:
            from storage.engines.postgres import PostgresEngine  # noqa: PLC0415 - its driver is an extra
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise InvalidInputError("PostgreSQL needs a driver: install drawbar with the extra `postgres`") from error
        cache_size = _CACHE_SIZE.search(url)
        return PostgresEngine(
            _CACHE_SIZE.sub("", url).rstrip("?&"),
            connections=connections,
            statement_cache_size=int(cache_size[1]) if cache_size else 256,
            migrations=migrations,
        )
    if separator and scheme != "sqlite":
        raise InvalidInputError(f"a database is a path, sqlite:///path or postgresql://…, not {scheme}://…")
    from storage.engines.sqlite import SqliteEngine  # noqa: PLC0415 - no driver is loaded that isn't used

    return SqliteEngine(Path(rest.removeprefix("/") if separator else url), readers=readers, migrations=migrations)
