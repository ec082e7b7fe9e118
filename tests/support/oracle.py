"""A slow second opinion on the pairing history and the cases of one unit, written from the rules' text and from nothing else.

It keeps no state but the list of intervals, looks everything up in it again at each instant, takes a fact that is alone at its
instant by the table of single facts, and several by the numbered rule of one instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from handlers.rules.vin_match import agree
from schemas.facts import Fact
from schemas.pairing import Episode, Interval


@dataclass
class Span:
    """An interval in the making."""

    asset: str | None
    start: int | None
    opening: Fact
    evidence: list[str]
    after: int | None = None
    end: int | None = None
    ended_by: str | None = None


@dataclass
class History:
    """What a unit's facts come to; `effective` are the successes that opened or confirmed."""

    spans: list[Span] = field(default_factory=list)
    flags: dict[str, set[str]] = field(default_factory=dict)
    effective: list[Fact] = field(default_factory=list)

    def open(self) -> Span | None:
        """The interval that has no end."""
        return next((span for span in self.spans if span.end is None), None)

    def held(self) -> set[str | None]:
        """The assets of all intervals so far."""
        return {span.asset for span in self.spans}

    def flag(self, fact: Fact, text: str) -> None:
        """Mark a fact."""
        self.flags.setdefault(fact.event_key, set()).add(text)

    def opens(self, fact: Fact) -> Span:
        """An effective success begins an interval."""
        self.effective.append(fact)
        self.spans.append(Span(fact.asset_id, fact.at_us, fact, [fact.event_key]))
        return self.spans[-1]

    def confirms(self, span: Span, fact: Fact) -> None:
        """An effective success on the asset that is open: evidence only."""
        self.effective.append(fact)
        span.evidence.append(fact.event_key)

    def unknown(self, fact: Fact) -> None:
        """An unpairing of what nobody knew to be paired: a closed interval whose start is unknown."""
        ends = [span.end for span in self.spans if span.end is not None]
        self.spans.append(
            Span(fact.asset_id, None, fact, [fact.event_key], max(ends, default=None), fact.at_us, "unpaired"),
        )


def history_of(facts: Sequence[Fact]) -> History:
    """The history that the facts of one unit give, whatever order they stand in."""
    history = History()
    for fact in facts:
        for text in fact.flags:
            history.flag(fact, text)
    for at_us in sorted({fact.at_us for fact in facts}):
        now = [fact for fact in facts if fact.at_us == at_us and fact.kind != "failed"]
        by_hand = [fact for fact in now if fact.meaning.reason == "Asserted"]
        for fact in now:
            if by_hand and fact not in by_hand:
                history.flag(fact, "replaced")
        now = by_hand or now
        if len(now) == 1:
            _single(history, now[0])
        elif now:
            _together(history, at_us, now)
    return history


def _close(span: Span, at_us: int, ended_by: str, fact: Fact | None = None) -> None:
    span.end, span.ended_by = at_us, ended_by
    if fact:
        span.evidence.append(fact.event_key)


def _single(history: History, fact: Fact) -> None:
    span = history.open()
    if fact.kind == "paired" and span is None:
        history.opens(fact)
    elif fact.kind == "paired" and span is not None and span.asset == fact.asset_id:
        history.confirms(span, fact)
    elif fact.kind == "paired" and span is not None:
        _close(span, fact.at_us, "superseded")
        history.opens(fact)
    elif span is not None and span.asset == fact.asset_id:
        _close(span, fact.at_us, "unpaired", fact)
    elif span is not None or fact.asset_id in history.held():
        history.flag(fact, "staleUnpair")
    else:
        history.unknown(fact)


def _the_one_that_counts(pairings: list[Fact], unpaired_now: set[str | None]) -> Fact | None:
    """First those not unpaired at the instant, then manual before auto, then the smaller assetId."""
    for also_unpaired in (False, True):
        for auto in (False, True):
            among = [
                fact
                for fact in pairings
                if (fact.asset_id in unpaired_now) == also_unpaired and (fact.meaning.reason == "AutoPair") == auto
            ]
            if among:
                return min(among, key=lambda fact: str(fact.asset_id))
    return None


def _together(history: History, at_us: int, facts: list[Fact]) -> None:  # noqa: C901 - the numbered rule in one piece
    pairings = [fact for fact in facts if fact.kind == "paired"]
    unpairing_of = {fact.asset_id: fact for fact in facts if fact.kind == "unpaired"}
    idle = dict(unpairing_of)
    open_before, held_before = history.open(), history.held()

    counts = _the_one_that_counts(pairings, set(unpairing_of))
    for fact in pairings:
        if fact is not counts:
            history.flag(fact, "tie")

    on_the_open = open_before if counts and open_before and open_before.asset == counts.asset_id else None
    if counts and on_the_open:
        history.confirms(on_the_open, counts)
    # (1) the open asset, unpaired at t, closes
    if open_before and open_before.asset in unpairing_of:
        _close(open_before, at_us, "unpaired", idle.pop(open_before.asset))
    # (2) with nothing open before t, the smallest of those unpaired but not paired at t and never held
    if open_before is None:
        strangers = set(unpairing_of) - {fact.asset_id for fact in pairings} - held_before
        if strangers:
            history.unknown(idle.pop(min(strangers, key=str)))
    # (3) the pairing that counts
    if counts and not on_the_open:
        if still_open := history.open():
            _close(still_open, at_us, "superseded")
        span = history.opens(counts)
        if counts.asset_id in unpairing_of:
            _close(span, at_us, "unpaired", idle.pop(counts.asset_id))
    for fact in idle.values():
        history.flag(fact, "staleUnpair")


def asset_at(facts: Sequence[Fact], at_us: int) -> str | None:
    """The asset that the unit is on at a time: what is open after everything up to that time, and nothing later, has happened."""
    span = history_of([fact for fact in facts if fact.at_us <= at_us]).open()
    return span.asset if span else None


def intervals_of(facts: Sequence[Fact]) -> list[Interval]:
    """The history as the fold writes it."""
    return [
        Interval(
            asset_id=str(span.asset),
            paired_at_us=span.start,
            opening_key=span.opening.event_key,
            meaning=span.opening.meaning,
            events=tuple(span.evidence),
            paired_after_us=span.after,
            unpaired_at_us=span.end,
            ended_by=span.ended_by,  # type: ignore[arg-type] # the two texts of EndedBy
        )
        for span in history_of(facts).spans
    ]


def episodes_of(facts: Sequence[Fact]) -> list[Episode]:
    """The unit's failure cases: maximal runs of failures with no effective success between them."""
    effective = {fact.event_key for fact in history_of(facts).effective}
    ordered = sorted(facts, key=lambda fact: (fact.at_us, fact.kind != "failed", fact.event_key))
    runs: list[tuple[list[Fact], Fact | None]] = []
    run: list[Fact] = []
    for fact in ordered:
        if fact.kind == "failed":
            run.append(fact)
        elif fact.event_key in effective and run:
            runs.append((run, fact))
            run = []
    return [_episode(*pair) for pair in [*runs, (run, None)] if pair[0]]


def mismatches_of(facts: Sequence[Fact]) -> list[Episode]:
    """The unit's VinMismatch cases by interval: runs of doubtful automatic successes, up to one that matches or its end."""
    found: list[Episode] = []
    by_key = {fact.event_key: fact for fact in facts}
    for span in history_of(facts).spans:
        run: list[Fact] = []
        for success in (by_key[key] for key in span.evidence if by_key[key].kind == "paired"):
            together = agree(success.meaning.sensor_vin, success.meaning.asset_vin)
            if success.meaning.reason == "AutoPair" and together is False:
                run.append(success)
            elif together and run:
                found.append(_mismatch(run, success.at_us, "paired"))
                run = []
        if run:
            found.append(_mismatch(run, span.end, "unpaired" if span.ended_by == "unpaired" else "paired"))
    return found


def _mismatch(run: list[Fact], end: int | None, by: Literal["paired", "unpaired"]) -> Episode:
    doubtful = [replace(fact, meaning=replace(fact.meaning, reason="VinMismatch")) for fact in run]
    last = run[-1]
    return replace(
        _episode(doubtful, None),
        asset_id=last.asset_id,
        asset_vin=last.meaning.asset_vin,
        resolved_at_us=end,
        resolved_by=None if end is None else by,
    )


def _episode(run: list[Fact], success: Fact | None) -> Episode:
    kinds = [(str(fact.meaning.reason), fact.meaning.sensor_vin) for fact in run]
    unbroken = len(run) - 1
    while unbroken > 0 and kinds[unbroken - 1] == kinds[-1]:
        unbroken -= 1
    return Episode(
        reason=kinds[-1][0],
        failures=tuple(fact.event_key for fact in run),
        kinds=tuple(sorted(set(kinds), key=lambda kind: (kind[0], kind[1] or ""))),
        attempts=sum(fact.attempts for fact in run),
        first_at_us=run[0].at_us,
        last_at_us=run[-1].at_us,
        run_from_us=run[unbroken].at_us,
        sensor_vin=kinds[-1][1],
        location=run[-1].meaning.location,
        candidate_asset_ids=run[-1].meaning.candidate_asset_ids,
        resolved_at_us=success.at_us if success else None,
        resolved_by="paired" if success else None,
    )
