"""The pairing history of one unit: what the facts of one instant do to what was so before it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from handlers.rules.facts import ASSERTED, digest_id
from schemas.facts import Fact, Flag
from schemas.pairing import EndedBy, Interval, UnitState


class Step(NamedTuple):
    """What one instant does: the state after it, the intervals it ended, the facts without effect, the one that counted."""

    state: UnitState
    ended: list[Interval]
    flags: dict[str, Flag]
    effective: Fact | None


@lru_cache(maxsize=8192)
def pairing_id(organization_id: str, unit_id: str, asset_id: str, opening_key: str) -> str:
    """The id of an interval: a pure function of what opened it, so every way of folding gives the same."""
    return digest_id("pair_", (organization_id, unit_id, asset_id, opening_key), 24)


def fold_instant(state: UnitState, at_us: int, facts: Sequence[Fact]) -> Step:
    """Apply all pairings and unpairings of one instant; `state` is what was so before it.

    Of the assets paired now one counts: first those not also unpaired now, then manual before auto, then the smaller id.
    Then (1) the open asset closes if it is unpaired now; (2) with nothing open before, the smallest of the assets unpaired
    but not paired now and never held gets an interval of unknown start; (3) the pairing that counts confirms or opens, or,
    unpaired in the same instant, leaves an empty interval. Assertions of an operator replace Datahub's pairings and unpairings
    of the instant, which are flagged; not its failures, which say nothing of the history and stay in the unit's cases.
    """
    replaced: list[Fact] = []
    if asserted := [fact for fact in facts if fact.meaning.reason == ASSERTED]:
        replaced = [fact for fact in facts if fact.meaning.reason != ASSERTED]
        facts = asserted
    paired = {fact.asset_id or "": fact for fact in facts if fact.kind == "paired"}
    unpaired = {fact.asset_id or "": fact for fact in facts if fact.kind == "unpaired"}
    counting = min(paired, key=lambda asset: (asset in unpaired, paired[asset].meaning.reason == "AutoPair", asset), default=None)
    effective = paired[counting] if counting is not None else None
    ended: list[Interval] = []
    idle = set(unpaired)
    now_open, held, last_end_us = state.open, state.held, state.last_end_us
    was_on = now_open.asset_id if now_open else None

    if now_open and effective and counting == was_on:
        now_open = replace(now_open, events=(*now_open.events, effective.event_key))
    if now_open and now_open.asset_id in unpaired:
        ended.append(_ended(now_open, at_us, "unpaired", unpaired[now_open.asset_id]))
        idle.discard(now_open.asset_id)
        now_open, last_end_us = None, at_us
    if was_on is None and (unheard := sorted(idle - set(paired) - set(held))):
        ended.append(_unknown_start(unpaired[unheard[0]], last_end_us))
        idle.discard(unheard[0])
        held, last_end_us = _with(held, unheard[0]), at_us
    if effective and counting is not None and counting != was_on:
        if now_open:
            ended.append(_ended(now_open, at_us, "superseded"))
            last_end_us = at_us
        now_open, held = _opened(effective, counting), _with(held, counting)
        if counting in unpaired:
            ended.append(_ended(now_open, at_us, "unpaired", unpaired[counting]))
            idle.discard(counting)
            now_open, last_end_us = None, at_us

    flags: dict[str, Flag] = {fact.event_key: "replaced" for fact in replaced}
    flags |= {unpaired[asset].event_key: "staleUnpair" for asset in idle}
    flags |= {fact.event_key: "tie" for asset, fact in paired.items() if asset != counting}
    after = replace(state, at_us=at_us, open=now_open, held=held, last_end_us=last_end_us)
    return Step(after, ended, flags, effective)


def _opened(fact: Fact, asset_id: str) -> Interval:
    return Interval(asset_id, fact.at_us, fact.event_key, fact.meaning, (fact.event_key,))


def _ended(interval: Interval, at_us: int, ended_by: EndedBy, fact: Fact | None = None) -> Interval:
    events = (*interval.events, fact.event_key) if fact else interval.events
    return replace(interval, unpaired_at_us=at_us, ended_by=ended_by, events=events)


def _unknown_start(fact: Fact, after_us: int | None) -> Interval:
    return Interval(
        fact.asset_id or "",
        None,
        fact.event_key,
        fact.meaning,
        (fact.event_key,),
        paired_after_us=after_us,
        unpaired_at_us=fact.at_us,
        ended_by="unpaired",
    )


def _with(held: tuple[str, ...], asset_id: str) -> tuple[str, ...]:
    return held if asset_id in held else tuple(sorted((*held, asset_id)))
