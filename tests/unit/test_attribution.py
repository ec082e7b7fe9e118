"""Where two histories of a unit put its readings on different assets."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.attribution import Moved, moved_spans
from schemas.facts import Meaning
from schemas.pairing import Interval

EVER = 2**63 - 1
EDGES = st.lists(st.integers(0, 8), min_size=2, max_size=6, unique=True).map(sorted)


def on(asset_id: str, paired_at_us: int | None, unpaired_at_us: int | None = None) -> Interval:
    """An interval in which the unit is on an asset."""
    return Interval(asset_id, paired_at_us, "key", Meaning(), (), unpaired_at_us=unpaired_at_us)


@st.composite
def histories(draw: st.DrawFn) -> list[Interval]:
    """Intervals that don't overlap, the last of which may be open, and perhaps one of unknown start."""
    edges = draw(EDGES)
    found = [on(draw(st.sampled_from("AB")), *pair) for pair in zip(edges[::2], edges[1::2], strict=False)]
    if len(edges) % 2:
        found.append(on(draw(st.sampled_from("AB")), edges[-1]))
    return [on("C", None, edges[0]), *found] if draw(st.booleans()) else found


def asset_at(history: list[Interval], at_us: int) -> str | None:
    """The asset of a reading at a time, read off the rule."""
    for one in history:
        if one.paired_at_us is not None and one.paired_at_us <= at_us and (one.unpaired_at_us or EVER) > at_us:
            return one.asset_id
    return None


def test_named_cases() -> None:
    """A new pairing, its end, a move in the middle, and a history that stays."""
    assert moved_spans([], [on("A", 5)]) == [Moved(5, EVER, "A")]
    assert moved_spans([on("A", 5)], [on("A", 5, 8)]) == [Moved(8, EVER, None)]
    assert moved_spans([on("A", 5)], [on("A", 5, 6), on("B", 6, 7), on("A", 7)]) == [Moved(6, 7, "B")]
    assert moved_spans([on("A", 5, 6), on("A", 6)], [on("A", 5)]) == []
    assert moved_spans([on("A", None, 8)], []) == []


@settings(max_examples=300, deadline=None)
@given(histories(), histories())
def test_spans_hold_what_moved_and_nothing_else(before: list[Interval], after: list[Interval]) -> None:
    """An instant lies in a span exactly if the two histories answer differently for it; spans don't overlap or touch in vain."""
    spans = moved_spans(before, after)
    for at_us in range(-1, 10):
        (expected,) = {asset_at(after, at_us)}
        hits = [span.datahub_asset_id for span in spans if span.from_us <= at_us < span.to_us]
        assert hits == ([] if asset_at(before, at_us) == expected else [expected])
    for one, other in pairwise(spans):
        assert one.to_us < other.from_us or one.datahub_asset_id != other.datahub_asset_id
