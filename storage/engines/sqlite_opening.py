"""How a connection to a SQLite file is opened: the settings of a writer, a reader, and one that the event loop itself uses."""

import os
import sqlite3
import time
from pathlib import Path

BUSY_S = 5.0
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an answered delivery survives a loss of power
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # 64 MiB
    "PRAGMA case_sensitive_like = ON",  # as on PostgreSQL
)
WRITER_PRAGMAS = (*_PRAGMAS, "PRAGMA wal_autocheckpoint = 16000")
READER_PRAGMAS = (*_PRAGMAS, "PRAGMA wal_autocheckpoint = 0", "PRAGMA query_only = ON")  # only the writer checkpoints
BRIEF_PRAGMAS = (*READER_PRAGMAS, "PRAGMA busy_timeout = 0")  # the event loop waits for nobody
_OWNER_ALONE = 0o600


def connect(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    """A connection to the file, set up. SQLite doesn't wait for a lock when it turns to WAL, so this does, just as long."""
    _make_sure_of(path)
    raw = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    give_up = time.monotonic() + BUSY_S
    try:
        for pragma in pragmas:
            while True:
                try:
                    raw.execute(pragma).fetchall()
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                        raise
                    time.sleep(0.01)
    except BaseException:
        raw.close()
        raise
    return raw


def _make_sure_of(path: Path) -> None:
    """Make the file if there is none, for its owner alone, as it says where vehicles are; SQLite gives its log the same mode.

    Its folder is never made: a mistyped path must not end in an empty database somewhere else.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ALONE))
