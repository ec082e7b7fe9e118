"""Builds everything, once. The only file of this room that knows the storage."""

import time

from handlers.ports import Store
from receiver.settings import Settings
from storage import open_engine
from storage.engine import Engine
from storage.store import DatabaseStore


def now_us() -> int:
    """The clock: microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def open_database(settings: Settings) -> Engine:
    """The engine of the configured database; nothing is connected yet."""
    return open_engine(settings.database, connections=settings.postgres.pool_max)


def open_store(engine: Engine) -> Store:
    """The store over an engine."""
    return DatabaseStore(engine)
