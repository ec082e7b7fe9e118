"""Caps on requests: in no span are there more than stated, and nobody waits longer than that needs."""

from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.request_caps import SLOTS, outdated, slots_of, wait_us
from schemas.provider_access import Rates

SECOND = 1_000_000
SPANS = {"per_second": SECOND, "per_minute": 60 * SECOND, "per_hour": 3_600 * SECOND, "per_day": 86_400 * SECOND}


@pytest.mark.parametrize("name", SPANS)
def test_what_was_sent_counts_for_the_whole_span(name: str) -> None:
    """The request after the last that a cap allows waits until the first isn't in any span with it, and no slot longer."""
    rates, span = Rates(**{name: 2}), SPANS[name]
    counts = Counter(slots_of(rates, 0) + slots_of(rates, span // 2))
    for now in (span // 2, span - 1, span):
        assert 0 < wait_us(rates, counts, now) <= span + span // SLOTS - now
    assert wait_us(rates, counts, span + span // SLOTS) == 0
    assert outdated(counts, span + span // SLOTS) == slots_of(rates, 0)


def test_without_a_cap_nothing_waits() -> None:
    """Nor is anything counted."""
    assert (wait_us(Rates(), {}, 5), slots_of(Rates(), 5)) == (0, [])


def test_a_cap_that_was_lowered_waits_for_enough_to_pass() -> None:
    """What was sent under a larger cap counts for the smaller one."""
    counts = Counter({(60 * SECOND, 0): 5, (60 * SECOND, 30): 1})
    assert wait_us(Rates(per_minute=2), counts, 31 * SECOND) == 30 * SECOND
    assert wait_us(Rates(per_minute=1), counts, 31 * SECOND) == 60 * SECOND


@settings(deadline=None, max_examples=60)
@given(
    caps=st.fixed_dictionaries({}, optional={name: st.integers(1, 6) for name in SPANS}),
    pauses=st.lists(
        st.sampled_from((0, 1, 16_667, SECOND // 2, SECOND, 61 * SECOND, 1_800 * SECOND, 86_400 * SECOND)), max_size=40
    ),
)
def test_no_span_has_more_than_stated(caps: dict[str, int], pauses: list[int]) -> None:
    """Whenever requests are wished for, and sent when they may be: no span holds more than its cap, and waiting helps."""
    rates = Rates(**caps)
    counts: Counter[tuple[int, int]] = Counter()
    sent: list[int] = []
    now = 0
    for pause in pauses:
        now += pause
        wait = wait_us(rates, counts, now)
        now += wait
        assert wait_us(rates, counts, now) == 0
        for slot in outdated(counts, now):
            del counts[slot]
        counts.update(slots_of(rates, now))
        sent.append(now)
    for name, count_max in caps.items():
        for number, at in enumerate(sent):
            assert number + 1 - bisect_left(sent, at - SPANS[name] + 1) <= count_max
