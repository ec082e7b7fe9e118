"""INSERTs of one row rewritten for many."""

import pytest

from storage.engines.batches import as_batch, can_batch


def test_parameters_become_arrays() -> None:
    """Each parameter is an array of its type; literals and expressions around it stay, and so does the end."""
    sql = "INSERT INTO t (a, b, c)\nVALUES ($1, lower($2), 0)\nON CONFLICT (a) DO UPDATE SET b = excluded.b, c = coalesce(t.c, 0)"
    assert as_batch(sql, ["int8", "text"]) == (
        "INSERT INTO t (a, b, c) SELECT v.p1, lower(v.p2), 0 FROM unnest($1::int8[], $2::text[]) AS v(p1, p2) "
        "ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = coalesce(t.c, 0)"
    )


def test_a_plain_insert_has_no_end() -> None:
    """Without ON CONFLICT nothing follows."""
    assert (
        as_batch("insert into t (a) values ($1)", ["bytea"]) == "insert into t (a) SELECT v.p1 FROM unnest($1::bytea[]) AS v(p1)"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a = $1",
        "INSERT INTO t (a) SELECT $1",
        "INSERT INTO t (a) VALUES ($1) RETURNING a",
        "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = $2",
    ],
)
def test_what_isn_t_such_an_insert_stays(sql: str) -> None:
    """Other statements are sent row by row."""
    assert not can_batch(sql)


def test_an_array_can_t_be_in_an_array() -> None:
    """A parameter that is an array already can't be unnested with others."""
    assert can_batch("INSERT INTO t (a) VALUES ($1)")
    assert as_batch("INSERT INTO t (a) VALUES ($1)", ["text[]"]) is None
