"""Migrations: in order, once, each whole or not at all, whoever else migrates at the same time."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import open_engine
from storage.engine import Engine, Row
from storage.migrations import MIGRATIONS_FOLDER, MigrationError, read_migrations, split
from storage.statements import parse
from storage.translation import DIALECTS

SQL = parse(
    """
-- name: records
-- What was applied.
SELECT name, sha256, applied_at_us FROM schema_migrations ORDER BY name

-- name: things
-- What the migrations made.
SELECT name FROM things ORDER BY name

-- name: columns
-- All columns of our tables.
-- only: sqlite
SELECT t.name, c.name FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
ORDER BY t.name, c.cid
-- only: postgres
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
ORDER BY table_name COLLATE "C", ordinal_position

-- name: lax_tables
-- Tables that take a value of any type.
-- only: sqlite
SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
-- only: postgres
SELECT table_name FROM information_schema.tables WHERE 1 = 0

-- name: odd_columns
-- Columns whose type is none of those that both engines treat alike, and texts that sort by a locale.
-- only: sqlite
SELECT t.name, c.name, c.type FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
  AND c.type NOT IN ('INTEGER', 'TEXT', 'REAL', 'BLOB')
-- only: postgres
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = current_schema()
  AND (data_type NOT IN ('bigint', 'text', 'double precision', 'bytea')
       OR data_type = 'text' AND COALESCE(collation_name, '') <> 'C')
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of migrations with one that makes a table and one that fills it."""
    for dialect in DIALECTS:
        (tmp_path / "migrations" / dialect).mkdir(parents=True)
    write(tmp_path / "migrations", "0001_things", "CREATE TABLE things (name TEXT PRIMARY KEY);\n")
    write(
        tmp_path / "migrations",
        "0002_some",
        "-- It's some; more follow.\nINSERT INTO things VALUES ('a;b');;\nINSERT INTO things VALUES ('c')",
    )
    return tmp_path / "migrations"


def write(folder: Path, name: str, sql: str) -> None:
    """Write a migration for both engines."""
    for dialect in DIALECTS:
        (folder / dialect / f"{name}.sql").write_text(sql)


@pytest_asyncio.fixture
async def engine(empty_database_url: str, folder: Path) -> AsyncIterator[Engine]:
    """An engine on an empty database with the migrations of the folder."""
    opened = open_engine(empty_database_url, migrations=folder)
    yield opened
    await opened.close()


async def fetch(engine: Engine, name: str) -> list[Row]:
    """The rows of a statement."""
    return await engine.read(lambda connection: connection.fetch(SQL[name]))


async def test_pending_migrations_are_applied_once(engine: Engine, folder: Path) -> None:
    """All are pending at first and none afterwards; a new one is applied alone; each has its record."""
    assert await engine.pending_migrations() == ["0001_things", "0002_some"]
    assert await engine.migrate() == ["0001_things", "0002_some"]
    assert await engine.pending_migrations() == []
    assert await engine.migrate() == []
    assert await fetch(engine, "things") == [("a;b",), ("c",)]
    write(folder, "0003_more", "INSERT INTO things VALUES ('d');")
    assert await engine.pending_migrations() == ["0003_more"]
    assert await engine.migrate() == ["0003_more"]
    records = await fetch(engine, "records")
    assert [record[:2] for record in records] == [(m.name, m.sha256) for m in read_migrations(folder, engine.dialect)]
    assert all(record[2] > 1_600_000_000_000_000 for record in records)


async def test_a_migration_that_fails_leaves_nothing(engine: Engine, folder: Path) -> None:
    """Its first statements are undone with its record, those before it stay, and it can be mended and applied."""
    write(folder, "0003_bad", "INSERT INTO things VALUES ('d');\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(Exception, match="nowhere"):
        await engine.migrate()
    assert await engine.pending_migrations() == ["0003_bad"]
    assert await fetch(engine, "things") == [("a;b",), ("c",)]
    write(folder, "0003_bad", "INSERT INTO things VALUES ('d');")
    assert await engine.migrate() == ["0003_bad"]


def _change(folder: Path) -> None:
    write(folder, "0001_things", "CREATE TABLE things (name TEXT);")


def _take_away(folder: Path) -> None:
    for dialect in DIALECTS:
        (folder / dialect / "0002_some.sql").unlink()


def _insert_before(folder: Path) -> None:
    write(folder, "0000_late", "CREATE TABLE late (name TEXT);")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change, "0001_things was changed after it had been applied"),
        (_take_away, "newer than this version of drawbar: it has the migration 0002_some"),
        (_insert_before, "0000_late was not applied to this database, but 0002_some was"),
    ],
)
async def test_a_database_that_doesn_t_fit_is_refused(
    engine: Engine, folder: Path, change: Callable[[Path], None], message: str
) -> None:
    """A changed file, a newer database and a hole in the sequence are told, and nothing is applied."""
    await engine.migrate()
    change(folder)
    with pytest.raises(MigrationError, match=message):
        await engine.pending_migrations()
    with pytest.raises(MigrationError, match=message):
        await engine.migrate()


@pytest.mark.parametrize(
    ("name", "message"),
    [("0002_twice", "two migrations have the number 0002: 0002_some and 0002_twice"), ("three", "three.sql is no name")],
)
def test_names_of_files_are_checked(folder: Path, name: str, message: str) -> None:
    """A file without a number, or with one that is taken, is refused."""
    write(folder, name, "SELECT 1")
    with pytest.raises(MigrationError, match=message):
        read_migrations(folder, "sqlite")


_MIGRATE = """
import asyncio, sys
from pathlib import Path
from storage import open_engine

async def main():
    engine = open_engine(sys.argv[1], migrations=Path(sys.argv[2]))
    print(*await engine.migrate())
    await engine.close()

asyncio.run(main())
"""


def test_processes_that_migrate_at_once_all_succeed(empty_database_url: str, folder: Path) -> None:
    """Of several processes on one new database each migration is applied by one, and all end well."""
    for number in range(3, 12):
        write(folder, f"{number:04}_more", "INSERT INTO things SELECT 'n' || COUNT(*) FROM things;")
    command = [sys.executable, "-c", _MIGRATE, empty_database_url, str(folder)]
    root = Path(__file__).parents[2]
    processes = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    applied = [name for process in processes for name in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(applied) == [migration.name for migration in read_migrations(folder, "sqlite")]


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1;", "SELECT 2;"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';';", "SELECT 2"]),
        ("-- a; b\nSELECT 1; /* c; d */", ["-- a; b\nSELECT 1;"]),
        ("SELECT 1; -- the end", ["SELECT 1;"]),
        ("", []),
        (
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END; SELECT 1;",
            ["CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END;", "SELECT 1;"],
        ),
    ],
)
def test_a_script_is_split_into_statements(script: str, statements: list[str]) -> None:
    """Semicolons in literals, comments and triggers don't end a statement, and a trailing comment is none."""
    assert list(split(script)) == statements


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("a;-'\n/* ", max_size=6), max_size=5))
def test_literals_survive_splitting(texts: list[str]) -> None:
    """Whatever stands in literals, a script of as many statements comes apart into those."""
    literals = ["'" + text.replace("'", "''") + "'" for text in texts]
    statements = [f"SELECT {literal};" for literal in literals]
    assert list(split("\n".join(statements))) == statements


def test_both_engines_have_the_same_migrations() -> None:
    """A migration exists for both engines under one name."""
    sqlite, postgres = ([migration.name for migration in read_migrations(MIGRATIONS_FOLDER, dialect)] for dialect in DIALECTS)
    assert sqlite == postgres
    assert sqlite


async def test_both_engines_have_the_same_columns(sqlite_url: str, postgres_url: str) -> None:
    """All tables have the same columns in the same order on both engines, and none is empty."""
    columns: list[list[Row]] = []
    for url in (sqlite_url, postgres_url):
        opened = open_engine(url)
        columns.append(await fetch(opened, "columns"))
        await opened.close()
    assert columns[0] == columns[1]
    assert len(columns[0]) > 20


async def test_columns_keep_the_rules(database_url: str) -> None:
    """Tables take values of their types alone, all types are those that engines treat alike, and text sorts by code point."""
    opened = open_engine(database_url)
    assert await fetch(opened, "lax_tables") == []
    assert await fetch(opened, "odd_columns") == []
    await opened.close()
