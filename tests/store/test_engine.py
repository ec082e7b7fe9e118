"""Statements, values and transactions: the same on both engines."""

import math

import pytest

from schemas.errors import ConflictError
from storage import open_engine
from storage.engine import Connection, Engine
from tests.store.things import SQL, create, insert, names
from tests.support.plans import query_plan

ODD = "\x00a\x1a0\ud800\udc00 \udfff\x1a"


async def test_values_read_back(engine: Engine) -> None:
    """Every kind of value reads back as it was written, one by one and as rows, NUL and lone surrogates included."""
    rows = [
        (1, "plain", b"\x00\xff", 0.1, None),
        (2, ODD, b"", -1e300, 1),
        (3, "", None, 5e-324, 2),
        (-(2**63), "Ü𝄞\U0010ffff", b"x", 3.0, None),
        (2**63 - 1, None, None, None, 1),
    ]

    async def work(connection: Connection) -> None:
        await connection.execute_many(SQL["insert_full"], rows[:3])
        for row in rows[3:]:
            await connection.execute(SQL["insert_full"], **dict(zip(("id", "name", "body", "size", "grp"), row, strict=True)))

    await create(engine)
    await engine.write(work)
    stored = await engine.read(lambda connection: connection.fetch(SQL["list_full"]))
    assert stored == sorted(rows)
    assert all(type(row) is tuple for row in stored)


async def test_a_boolean_is_stored_as_a_number(engine: Engine) -> None:
    """True is 1, alone and in rows."""
    await create(engine)
    await engine.write(lambda connection: connection.execute(SQL["insert"], id=False, name="zero"))
    await engine.write(lambda connection: connection.execute_many(SQL["insert"], [(True, "one")]))
    assert await engine.read(lambda connection: connection.fetch(SQL["list"])) == [(1, "one"), (0, "zero")]


async def test_infinity_is_a_number(engine: Engine) -> None:
    """What isn't finite reads back as well."""
    await create(engine)
    await engine.write(lambda connection: connection.execute_many(SQL["insert_full"], [(1, "a", None, math.inf, None)]))
    row = await engine.read(lambda connection: connection.fetch_one(SQL["list_full"]))
    assert row is not None
    assert row[3] == math.inf


async def test_text_sorts_by_code_point(engine: Engine) -> None:
    """Order doesn't follow a locale: capitals first, then letters, then the rest of Unicode by number."""
    await create(engine, "b", "ä", "B", "a", "\U0001f600", "\uffee", "é", "Z")
    assert await names(engine) == ["B", "Z", "a", "b", "ä", "é", "\uffee", "\U0001f600"]


async def test_fetch_one_gives_the_first_row_or_none(engine: Engine) -> None:
    """The first row of several is given, and None where there is no row."""
    await create(engine, "b", "a")
    assert await engine.read(lambda connection: connection.fetch_one(SQL["list"])) == (2, "a")
    assert await engine.read(lambda connection: connection.fetch_one(SQL["list"], names=["c"])) is None


async def test_execute_counts_rows(engine: Engine) -> None:
    """Inserted, updated and deleted rows are counted, those of a statement with RETURNING or WITH too; a table counts nothing."""

    async def work(connection: Connection) -> list[int]:
        return [
            await connection.execute(SQL["insert"], id=1, name="a"),
            await connection.execute(SQL["insert_returning"], id=2, name="b"),
            await connection.execute(SQL["insert_with"], id=3),
            await connection.execute(SQL["rename"], id=1, name="c"),
            await connection.execute(SQL["rename"], id=9, name="c"),
            await connection.execute(SQL["delete"], id=1),
        ]

    assert await engine.write(lambda connection: connection.execute(SQL["create"])) == 0
    assert await engine.write(work) == [1, 1, 1, 1, 0, 1]


async def test_a_row_just_written_is_returned(engine: Engine) -> None:
    """RETURNING gives rows to fetch, and they are written."""
    await create(engine)
    assert await engine.write(lambda connection: connection.fetch_one(SQL["insert_returning"], id=7, name="a")) == (7,)
    assert await names(engine) == ["a"]


async def test_lists_and_switches_choose_rows(engine: Engine) -> None:
    """Lists of texts and numbers, an empty list, odd texts and switches choose rows alike on both engines."""
    await create(engine, "a", "b", ODD, "it's")
    assert await names(engine, names=["b", "c", "it's", ODD]) == [ODD, "b", "it's"]
    assert await names(engine, names=[]) == []
    assert await names(engine, ids=[2, 9, 2**62], names=["a", "b"]) == ["b"]
    assert await names(engine, ids=None, only_named=True) == [ODD, "a", "b", "it's"]
    await engine.write(lambda connection: connection.execute(SQL["insert"], id=9, name=None))
    assert len(await names(engine)) == 5
    assert len(await names(engine, only_named=True)) == 4


async def test_like_heeds_case(engine: Engine) -> None:
    """A pattern finds the same letters alone."""
    await create(engine, "Ab", "ab")
    assert await names(engine, pattern="a%") == ["ab"]


async def test_pairs_choose_rows(engine: Engine) -> None:
    """Two lists choose the rows whose two columns stand at the same place of both."""
    await create(engine)
    rows = [("x", "1", 0), ("x", "2", 0), ("y", "1", 0), (ODD, "\x00", 0)]
    await engine.write(lambda connection: connection.execute_many(SQL["insert_pair"], rows))
    values = {"as": ["x", "y", ODD], "bs": ["2", "2", "\x00"]}
    assert await engine.read(lambda connection: connection.fetch(SQL["list_pairs"], **values)) == [(ODD, "\x00"), ("x", "2")]
    assert await engine.write(lambda connection: connection.execute(SQL["mark_pairs"], **values)) == 2
    assert await engine.read(lambda connection: connection.fetch(SQL["list_pairs"], **{"as": [], "bs": []})) == []


@pytest.mark.parametrize(
    ("name", "values", "key"),
    [
        ("list", {"ids": [1, 2]}, "things"),
        ("list_pairs", {"as": ["x"], "bs": ["1"]}, "pairs"),
        ("mark_pairs", {"as": ["x"], "bs": ["1"]}, "pairs"),
    ],
)
async def test_lists_and_pairs_use_the_key(engine: Engine, name: str, values: dict[str, object], key: str) -> None:
    """The rows of a list or of pairs are looked up by their key: the table isn't read whole."""
    await create(engine, *(str(number) for number in range(500)))
    plan = await query_plan(engine, SQL[name], **values)
    if engine.dialect == "sqlite":
        assert f"SEARCH {key} USING" in plan
    else:
        assert f"{key}_pkey" in plan
    assert "Seq Scan" not in plan
    assert f"SCAN {key}" not in plan


async def test_many_rows_are_written_at_once(engine: Engine) -> None:
    """Ten thousand rows go in, and an upsert of as many changes those that are there."""
    await create(engine)
    rows = [(number, f"n{number}") for number in range(10_000)]
    await engine.write(lambda connection: connection.execute_many(SQL["insert"], rows))
    renamed = [(number, f"m{number}") for number in range(5_000, 15_000)]
    await engine.write(lambda connection: connection.execute_many(SQL["upsert"], renamed))
    stored = await engine.read(lambda connection: connection.fetch(SQL["list_full"]))
    assert [row[:2] for row in stored] == rows[:5_000] + renamed
    assert [row[3] for row in stored[9_999:10_001]] == [None, 1.5]


async def test_many_rows_go_through_any_statement(engine: Engine) -> None:
    """Updates, deletions and an upsert with a parameter outside VALUES take rows too, and no row is no work."""
    await create(engine, "a", "b", "c")

    async def work(connection: Connection) -> None:
        await connection.execute_many(SQL["rename"], [("x", 1), ("y", 2)])
        await connection.execute_many(SQL["delete"], [(3,)])
        await connection.execute_many(SQL["upsert_otherwise"], [(1, "p", "q"), (5, "r", "s")])
        await connection.execute_many(SQL["insert"], [])

    await engine.write(work)
    assert await names(engine) == ["q", "r", "y"]


async def test_rows_of_another_width_are_refused(engine: Engine) -> None:
    """A row with a column too many or too few is an error, not a row."""
    await create(engine)
    for rows in ([(1,)], [(1, "a", 2)], [(1, "a"), (2,)]):
        with pytest.raises(Exception, match=r"(?i)argument|binding"):
            await engine.write(lambda connection, rows=rows: connection.execute_many(SQL["insert"], rows))  # type: ignore[misc]
    assert await names(engine) == []


async def test_an_error_undoes_the_transaction(engine: Engine) -> None:
    """What an error leaves behind is nothing, and the error arrives as it was raised."""
    await create(engine, "a")

    async def work(connection: Connection) -> None:
        await connection.execute(SQL["insert"], id=2, name="b")
        raise LookupError("not this")

    with pytest.raises(LookupError, match="not this"):
        await engine.write(work)
    assert await names(engine) == ["a"]


async def test_a_savepoint_is_undone_alone(engine: Engine) -> None:
    """An error inside a savepoint undoes the savepoint, nested ones too; what was before and after it stays."""
    await create(engine)

    async def fail_outside(connection: Connection) -> None:
        async with connection.savepoint():
            await connection.execute(SQL["insert"], id=2, name="outer")
            async with connection.savepoint():
                await connection.execute(SQL["insert"], id=3, name="kept no longer than outer")
            await connection.execute(SQL["insert"], id=2, name="again")

    async def fail_inside(connection: Connection) -> None:
        async with connection.savepoint():
            await connection.execute(SQL["insert"], id=5, name="inner")
            raise ValueError("inner")

    async def work(connection: Connection) -> None:
        await connection.execute(SQL["insert"], id=1, name="before")
        with pytest.raises(ConflictError):
            await fail_outside(connection)
        async with connection.savepoint():
            await connection.execute(SQL["insert"], id=4, name="outer too")
            with pytest.raises(ValueError, match="inner"):
                await fail_inside(connection)
        await connection.execute(SQL["insert"], id=6, name="after")

    await engine.write(work)
    assert await names(engine) == ["after", "before", "outer too"]


async def test_an_error_is_caught_only_around_a_savepoint(engine: Engine) -> None:
    """After an error without a savepoint the transaction neither goes on nor commits, on either engine."""
    await create(engine, "a")

    async def go_on(connection: Connection) -> None:
        with pytest.raises(ConflictError):
            await connection.execute(SQL["insert"], id=1, name="b")
        await connection.execute(SQL["insert"], id=2, name="b")

    async def end(connection: Connection) -> None:
        await connection.execute(SQL["insert"], id=2, name="b")
        with pytest.raises(ConflictError):
            await connection.execute(SQL["insert"], id=1, name="c")

    async def swallow_inside(connection: Connection) -> None:
        async with connection.savepoint():
            with pytest.raises(ConflictError):
                await connection.execute(SQL["insert"], id=1, name="c")

    for work in (go_on, end, swallow_inside):
        with pytest.raises(RuntimeError, match="only around a savepoint"):
            await engine.write(work)
    assert await names(engine) == ["a"]
    assert await insert(engine, 2, "b") == 1


async def test_an_engine_opens_again_after_closing(engine: Engine, database_url: str) -> None:
    """What was committed is there for another engine, and closing twice does no harm."""
    await create(engine, "a")
    await engine.close()
    await engine.close()
    again = open_engine(database_url)
    assert await names(again) == ["a"]
    await again.close()
