"""Which asset a unit's readings stand with: the one that it was on at their time, where the start of that pairing is known."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.pairing import Interval

_EVER_US = 2**63 - 1


class Moved(NamedTuple):
    """A span of time `[from_us, to_us)` in which a unit turns out to have been on another Datahub asset, or on none."""

    from_us: int
    to_us: int
    datahub_asset_id: str | None


def moved_spans(before: Sequence[Interval], after: Sequence[Interval]) -> list[Moved]:
    """Where two histories of one unit put it on different assets, in time order; neighbours with one answer are one span."""
    old, new = _spans(before), _spans(after)
    edges = sorted({edge for from_us, to_us, _ in (*old, *new) for edge in (from_us, to_us)})
    moved: list[Moved] = []
    for from_us, to_us in pairwise(edges):
        asset_id = _on(new, from_us)
        if asset_id == _on(old, from_us):
            continue
        if moved and moved[-1].to_us == from_us and moved[-1].datahub_asset_id == asset_id:
            moved[-1] = moved[-1]._replace(to_us=to_us)
        else:
            moved.append(Moved(from_us, to_us, asset_id))
    return moved


def _spans(intervals: Sequence[Interval]) -> list[tuple[int, int, str]]:
    """An interval of unknown start attributes nothing."""
    return [
        (one.paired_at_us, _EVER_US if one.unpaired_at_us is None else one.unpaired_at_us, one.asset_id)
        for one in intervals
        if one.paired_at_us is not None
    ]


def _on(spans: Sequence[tuple[int, int, str]], at_us: int) -> str | None:
    return next((asset_id for from_us, to_us, asset_id in spans if from_us <= at_us < to_us), None)
