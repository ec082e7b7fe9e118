"""A small table for the tests of the engines."""

import asyncio
from collections.abc import Awaitable, Callable

from storage.engine import Connection, Engine, Row
from storage.statements import parse

SQL = parse(
    """
-- name: create
-- A table of things.
-- only: sqlite
CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB, size REAL, grp INTEGER REFERENCES things (id)) STRICT
-- only: postgres
CREATE TABLE things (
  id BIGINT PRIMARY KEY, name TEXT COLLATE "C" UNIQUE, body BYTEA, size DOUBLE PRECISION, grp BIGINT REFERENCES things (id)
)

-- name: create_pairs
-- A table with a key of two texts.
-- only: sqlite
CREATE TABLE pairs (a TEXT, b TEXT, n INTEGER, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID
-- only: postgres
CREATE TABLE pairs (a TEXT COLLATE "C", b TEXT COLLATE "C", n BIGINT, PRIMARY KEY (a, b))

-- name: insert
-- One thing.
INSERT INTO things (id, name) VALUES (:id, :name)

-- name: insert_full
-- One thing with everything.
INSERT INTO things (id, name, body, size, grp) VALUES (:id, :name, :body, :size, :grp)

-- name: upsert
-- One thing, made or renamed.
INSERT INTO things (id, name, size) VALUES (:id, :name, 1.5)
ON CONFLICT (id) DO UPDATE SET name = excluded.name

-- name: upsert_otherwise
-- One thing, with a parameter outside VALUES.
INSERT INTO things (id, name) VALUES (:id, :name)
ON CONFLICT (id) DO UPDATE SET name = :other

-- name: insert_returning
-- One thing, and its id.
INSERT INTO things (id, name) VALUES (:id, :name) RETURNING id

-- name: insert_with
-- Things from a query.
WITH source AS (SELECT CAST(:id AS BIGINT) AS id) INSERT INTO things (id) SELECT id FROM source

-- name: rename
-- A thing gets another name.
UPDATE things SET name = :name WHERE id = :id

-- name: delete
-- A thing goes.
DELETE FROM things WHERE id = :id

-- name: list
-- Things by name.
SELECT id, name FROM things
WHERE 1 = 1
  AND name in_list(:names) --? names
  AND id in_ints(:ids) --? ids
  AND name LIKE :pattern --? pattern
  AND name IS NOT NULL --? only_named
ORDER BY name

-- name: list_full
-- Things with everything.
SELECT id, name, body, size, grp FROM things ORDER BY id

-- name: count
-- How many things there are.
SELECT COUNT(*) FROM things

-- name: lock
-- Lock one thing.
SELECT id FROM things WHERE id = :id
for_update

-- name: insert_pair
-- One pair.
INSERT INTO pairs (a, b, n) VALUES (:a, :b, :n)

-- name: list_pairs
-- Some pairs.
SELECT a, b FROM pairs WHERE (a, b) in_pairs(:as, :bs) ORDER BY a, b

-- name: mark_pairs
-- Count up some pairs.
UPDATE pairs SET n = n + 1 WHERE (a, b) in_pairs(:as, :bs)

-- name: faulty
-- A mistake of the program.
SELECT nothing FROM nowhere
"""
)

Work = Callable[[Connection], Awaitable[object]]


async def create(engine: Engine, *names: str) -> None:
    """The tables, with things of these names numbered from 1."""

    async def work(connection: Connection) -> None:
        await connection.execute(SQL["create"])
        await connection.execute(SQL["create_pairs"])
        await connection.execute_many(SQL["insert"], list(enumerate(names, 1)))

    await engine.write(work)


async def insert(engine: Engine, number: int, name: str) -> int:
    """One more thing."""
    return await engine.write(lambda connection: connection.execute(SQL["insert"], id=number, name=name))


async def names(engine: Engine, **values: object) -> list[str]:
    """The names of things in order."""
    rows: list[Row] = await engine.read(lambda connection: connection.fetch(SQL["list"], **values))
    return [name for _, name in rows]


async def gather(*works: Awaitable[object]) -> list[object]:
    """Results or errors of what runs at the same time, within ten seconds."""
    async with asyncio.timeout(10):
        return list(await asyncio.gather(*works, return_exceptions=True))
