"""The drivers of `benchmarks.by_hand_sync`: one call for each statement."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import aiosqlite
import asyncpg


class Aiosqlite:
    """Implements `by_hand_sync.Database`."""

    def __init__(self, raw: aiosqlite.Connection) -> None:
        self._raw = raw

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row, in one call, where most would make three."""
        return next(iter(await self._raw.execute_fetchall(sql, values)), None)

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        await self._raw.execute(sql, values)


class Sqlite:
    """Implements `by_hand_sync.Database`."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row."""
        row: Sequence[Any] | None = self._raw.execute(sql, values).fetchone()
        return row

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        self._raw.execute(sql, values)


class Postgres:
    """Implements `by_hand_sync.Database`."""

    def __init__(self, raw: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._raw = raw
        self._texts: dict[str, str] = {}

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row."""
        return next(iter(await self._raw.fetch(self._text(sql), *values)), None)  # type: ignore[return-value] # acts as a row

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        await self._raw.execute(self._text(sql), *values)

    def _text(self, sql: str) -> str:
        """The statement with the placeholders of PostgreSQL."""
        if sql not in self._texts:
            first, *rest = sql.split("?")
            self._texts[sql] = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        return self._texts[sql]
