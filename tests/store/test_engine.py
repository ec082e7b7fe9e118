"""The engines: transactions, errors and values, the same on both."""

from storage.engine import Connection, Engine
from storage.statements import parse

SQL = parse(
    """
-- name: create
-- A table of things.
-- only: sqlite
CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB) STRICT
-- only: postgres
CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT COLLATE "C" UNIQUE, body BYTEA)

-- name: insert
-- One thing.
INSERT INTO things (id, name, body) VALUES (:id, :name, :body)

-- name: list
-- All things in order.
SELECT id, name, body FROM things
WHERE name in_list(:names) --? names
ORDER BY name
"""
)


async def test_rows_read_back(engine: Engine) -> None:
    """What a committed transaction wrote is read back in order of code points."""

    async def write(connection: Connection) -> int:
        await connection.execute(SQL["create"])
        await connection.execute_many(SQL["insert"], [(1, "b", b"x"), (2, "B", None), (3, "\x00\x1a\ud800", b"")])
        return await connection.execute(SQL["insert"], id=4, name="ä", body=b"\x00")

    assert await engine.write(write) == 1
    rows = await engine.read(lambda connection: connection.fetch(SQL["list"]))
    assert rows == [(3, "\x00\x1a\ud800", b""), (2, "B", None), (1, "b", b"x"), (4, "ä", b"\x00")]
    assert await engine.read(lambda c: c.fetch_one(SQL["list"], names=["b", "\x00\x1a\ud800"])) == rows[0]
