"""Named statements: reading them, translating them, binding values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.statements import SQL_FOLDER, Statement, load, parse
from storage.translation import Dialect


def _one(sql: str) -> Statement:
    return parse(f"-- name: it\n-- A statement.\n{sql}")["it"]


def _text(sql: str, dialect: Dialect, *flags: str) -> str:
    return _one(sql).variant(frozenset(flags), dialect).sql


def test_a_statement_has_a_name_and_a_doc() -> None:
    """Name, doc and text of each statement of a file are read; a doc may have several lines, and a file a head."""
    statements = parse("-- A head.\n\n-- name: one\n-- First\n-- line.\nSELECT 1;\n\n-- name: two\n-- Second.\nSELECT 2\n")
    assert list(statements) == ["one", "two"]
    assert len(statements) == 2
    assert statements["one"].doc == "First line."
    assert statements["one"].variant(frozenset(), "sqlite").sql == "SELECT 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1\n-- name: a\n-- A.\nSELECT 1", "has SQL before its first name"),
        ("-- name: a\n-- A.\nSELECT 1\n-- name: a\n-- A.\nSELECT 1", "names a twice"),
        ("-- name: a\nSELECT 1", "doesn't say what a is for"),
        ("-- name: a b\n-- A.\nSELECT 1", "has a name that is none"),
        ("-- name: a\n-- A.\n-- only: mysql\nSELECT 1", "has lines for mysql, which is no engine"),
        ("-- name: a\n-- A.\n-- only: sqlite\nSELECT 1", "a has no SQL for postgres"),
        ("-- name: a\n-- A.\n--? b\nSELECT 1", "has an optional line without SQL"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(text: str, message: str) -> None:
    """A fault in a file is told with its place."""
    with pytest.raises(ValueError, match=message):
        parse(text, "t.sql")


def test_an_unknown_statement_is_named_in_the_error() -> None:
    """Asking for a statement that isn't there names the file and the statement."""
    with pytest.raises(KeyError, match=r"t\.sql has no statement nothing"):
        parse("-- name: a\n-- A.\nSELECT 1", "t.sql")["nothing"]


def test_parameters_are_numbered_by_first_appearance() -> None:
    """A parameter that is used twice has one number."""
    assert _text("SELECT :b, :a, :b", "sqlite") == "SELECT ?1, ?2, ?1"
    assert _text("SELECT :b, :a, :b", "postgres") == "SELECT $1, $2, $1"
    assert _one("SELECT :b, :a, :b").variant(frozenset(), "sqlite").names == ("b", "a")


@pytest.mark.parametrize(
    "sql",
    ["SELECT '12:a'':b'", 'SELECT ":a"', "SELECT x::text", "SELECT a[1:n]", "SELECT a := 1", "SELECT E':x'", "SELECT ''':a'"],
)
def test_what_only_looks_like_a_parameter_stays(sql: str) -> None:
    """Literals, quoted names, casts, slices and assignments are left alone."""
    assert _text(sql, "postgres") == sql


def test_comments_go() -> None:
    """Comments, whatever they hold, are not sent."""
    assert _text("SELECT 1, -- isn't :a\n/* :b */ 2", "sqlite") == "SELECT 1, \n 2"


def test_optional_lines_follow_the_given_values() -> None:
    """A line is kept when its flag is given: a parameter that isn't None, or a switch that is true."""
    statement = _one("SELECT 1\nWHERE 1 = 1\n  AND a = :a --? a\n  AND b IS NULL --? only_b\nLIMIT :n")
    assert statement.bind("sqlite", {"n": 5, "a": None, "only_b": False})[0].sql == "SELECT 1\nWHERE 1 = 1\nLIMIT ?1"
    text, arguments = statement.bind("postgres", {"n": 5, "a": 0, "only_b": True})
    assert text.sql == "SELECT 1\nWHERE 1 = 1\n  AND a = $1\n  AND b IS NULL\nLIMIT $2"
    assert arguments == [0, 5]


def test_a_variant_is_made_once() -> None:
    """The text for a set of flags is the same object each time."""
    statement = _one("SELECT 1\n  , :a --? a")
    assert statement.variant(frozenset({"a"}), "sqlite") is statement.variant(frozenset({"a"}), "sqlite")


def test_a_missing_value_is_an_error() -> None:
    """The error names the statement and the parameter."""
    with pytest.raises(TypeError, match="statement it needs a value for :a"):
        _one("SELECT :a, :b").bind("sqlite", {"b": 1})


def test_an_unknown_value_is_an_error() -> None:
    """A value for a parameter that the statement hasn't is refused, also where a flag is given."""
    with pytest.raises(TypeError, match="statement it has no parameter :c"):
        _one("SELECT :a\n , 1 --? flag").bind("postgres", {"a": 1, "flag": True, "c": 1})
    with pytest.raises(TypeError, match="statement it has no parameter :c"):
        _one("SELECT :a\n , 1 --? flag").bind("postgres", {"a": 1, "c": 1})


def test_lists_are_one_parameter() -> None:
    """`in_list` and `in_ints` compare with one list."""
    assert _text("SELECT a in_list(:x)", "sqlite") == "SELECT a IN (SELECT value FROM json_each(?1))"
    assert _text("SELECT a in_list(:x)", "postgres") == "SELECT a = ANY($1::text[])"
    assert _text("SELECT a in_ints( :x )", "postgres") == "SELECT a = ANY($1::bigint[])"


def test_pairs_are_two_lists() -> None:
    """`in_pairs` takes two lists, which SQLite gets as one list of pairs."""
    statement = _one("SELECT 1 WHERE z = :z AND (a, b) in_pairs(:x, :y)")
    values = {"x": ["1", "2"], "y": ["3", "4"], "z": 0}
    text, arguments = statement.bind("sqlite", values)
    assert text.sql == "SELECT 1 WHERE z = ?1 AND (a, b) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))"
    assert arguments == [0, [("1", "3"), ("2", "4")]]
    text, arguments = statement.bind("postgres", values)
    assert text.sql == "SELECT 1 WHERE z = $1 AND (a, b) IN (SELECT * FROM unnest($2::text[], $3::text[]))"
    assert arguments == [0, ["1", "2"], ["3", "4"]]


def test_rows_are_made_of_lists() -> None:
    """`rows_of` is a table made of lists, which SQLite gets as one list of rows."""
    statement = _one("SELECT s.x FROM rows_of(:x TEXT, :y BIGINT) AS s WHERE s.y = :z")
    values = {"x": ["1", "2"], "y": [3, 4], "z": 0}
    text, arguments = statement.bind("sqlite", values)
    assert text.sql == "SELECT s.x FROM (SELECT value ->> 0 AS x, value ->> 1 AS y FROM json_each(?1)) AS s WHERE s.y = ?2"
    assert arguments == [[("1", 3), ("2", 4)], 0]
    text, arguments = statement.bind("postgres", values)
    assert text.sql == "SELECT s.x FROM unnest($1::text[], $2::bigint[]) AS s (x, y) WHERE s.y = $3"
    assert arguments == [["1", "2"], [3, 4], 0]


def test_columns_of_rows_have_a_type() -> None:
    """A column of `rows_of` without a type is a mistake in the file."""
    with pytest.raises(ValueError, match=r"rows_of takes parameters with TEXT or BIGINT, not \(:x\)"):
        _one("SELECT 1 FROM rows_of(:x) AS s")


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    "sql", ["SELECT 1 WHERE (a, b) in_pairs(:x, :y)", "SELECT 1 FROM rows_of(:x TEXT, :y TEXT) AS s"], ids=["pairs", "rows"]
)
def test_lists_of_unequal_length_are_an_error(dialect: Dialect, sql: str) -> None:
    """Lists that don't belong together are refused on both engines, one of which would fill up with NULL."""
    with pytest.raises(ValueError, match="statement it takes lists of equal length"):
        _one(sql).bind(dialect, {"x": ["1"], "y": []})


def test_rows_are_locked_where_that_is_needed() -> None:
    """`for_update` is nothing on SQLite."""
    assert _text("SELECT 1\nfor_update", "sqlite") == "SELECT 1"
    assert _text("SELECT 1\nfor_update", "postgres") == "SELECT 1\nFOR UPDATE"


def test_sections_are_for_one_engine() -> None:
    """Lines after `-- only:` are for that engine, with parameters of their own."""
    statement = _one("SELECT\n-- only: sqlite\n:a\n-- only: postgres\n:b, :a")
    assert statement.bind("sqlite", {"a": 1, "b": 2}) == (statement.variant(frozenset(), "sqlite"), [1])
    assert statement.bind("postgres", {"a": 1, "b": 2})[1] == [2, 1]


def test_statements_that_take_rows_have_single_values_alone() -> None:
    """Many rows go neither to optional lines nor to lists."""
    assert _one("INSERT INTO t (a) VALUES (:a)").for_rows("sqlite").names == ("a",)
    for sql in ("SELECT 1\n, 2 --? two", "SELECT 1 in_ints(:a)"):
        with pytest.raises(TypeError, match="statement it doesn't take rows"):
            _one(sql).for_rows("sqlite")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=8))
def test_placeholders_and_arguments_agree(names: list[str]) -> None:
    """Whatever the order of parameters, each placeholder gets its own parameter's value."""
    statement = _one(f"SELECT {', '.join(f':{name}' for name in names)}")
    text, arguments = statement.bind("postgres", {name: name for name in names})
    places = [int(place.strip("$, ")) for place in text.sql.removeprefix("SELECT ").split(",")]
    assert [arguments[place - 1] for place in places] == names


@pytest.mark.parametrize("path", sorted(SQL_FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_every_file_reads(path: object) -> None:
    """Every file of statements keeps the rules."""
    assert load(str(getattr(path, "stem", ""))).keys()
