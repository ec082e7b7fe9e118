"""The command line on a database of its own."""

from pathlib import Path

import pytest

from storage.engines import sqlite
from tests.support.cli import Cli


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of SQLite inside this process don't wait for the disk: it is not what these tests are about."""
    monkeypatch.setattr(sqlite, "_WRITER_PRAGMAS", (*sqlite._WRITER_PRAGMAS, "PRAGMA synchronous = OFF"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def fresh(folder: Path) -> Cli:
    """The command line where nothing is yet."""
    return Cli(folder)


@pytest.fixture
def cli(folder: Path, database_url: str) -> Cli:
    """The command line on an empty database of each engine."""
    return Cli(folder, {"DRAWBAR_DATABASE": database_url})


@pytest.fixture
def on_sqlite(folder: Path, sqlite_url: str) -> Cli:
    """The command line on an empty SQLite file."""
    return Cli(folder, {"DRAWBAR_DATABASE": sqlite_url})
