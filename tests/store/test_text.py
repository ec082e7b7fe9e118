"""Text that an engine can't hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.text import escape, escape_arguments, escape_rows, unescape_rows

TEXTS = st.text(st.characters(codec=None) | st.sampled_from("\x00\x1a\ud800\udfff01d8"), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.none() | st.integers(), TEXTS), max_size=4))
def test_any_text_reads_back(rows: list[tuple[str, int | None, str]]) -> None:
    """What is escaped holds no character that an engine can't hold, and reads back as it was."""
    stored = [tuple(row) for row in escape_rows(rows)]
    assert unescape_rows(stored) == rows
    for first, _, last in stored:
        assert "\x00" not in f"{first}{last}"
        assert f"{first}{last}".encode().decode() == f"{first}{last}"


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS)
def test_different_texts_stay_different(one: str, other: str) -> None:
    """Escaping never makes one text of two, so keys stay keys."""
    assert (escape(one) == escape(other)) == (one == other)


def test_what_needs_no_escape_isn_t_touched() -> None:
    """Rows of ordinary text, whatever the script, are passed on as the same object both ways."""
    rows = [("a", 1, None), ("Ünïcode 𝄞", 2.5, b"\x00\x1a")]
    assert escape_rows(rows) is rows
    assert unescape_rows(rows) is rows


def test_lists_and_pairs_are_escaped_inside() -> None:
    """Values in the lists that a statement takes are escaped like others."""
    assert escape_arguments([1, ["a\x00", "b"], [("\x1a", "c")]]) == [1, ["a\x1a0", "b"], [["\x1a1", "c"]]]
