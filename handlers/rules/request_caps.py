"""A provider's caps on requests: how long one more has to wait, by counts of what was sent in short slots of time.

A request counts until its slot is as long ago as the cap spans: so a cap is never exceeded, and used but for a sixtieth.
"""

from collections.abc import Iterator, Mapping

from schemas.provider_access import Rates

SLOTS = 60
_SECOND_US = 1_000_000
# By the length of a span and the number of a slot since 1970.
Counts = Mapping[tuple[int, int], int]


def wait_us(rates: Rates, counts: Counts, now_us: int) -> int:
    """How long one more request has to wait until all caps allow it; 0: not at all."""
    return max([0, *(_wait_us(span_us, count_max, counts, now_us) for span_us, count_max in _caps(rates))])


def slots_of(rates: Rates, now_us: int) -> list[tuple[int, int]]:
    """Where a request that is sent now counts."""
    return [(span_us, now_us // _slot_us(span_us)) for span_us, _ in _caps(rates)]


def outdated(counts: Counts, now_us: int) -> list[tuple[int, int]]:
    """The slots that don't count any more."""
    return [slot for slot in counts if _free_us(*slot) <= now_us]


def _caps(rates: Rates) -> Iterator[tuple[int, int]]:
    """(length of a span, how many requests in it)."""
    spans = ((1, rates.per_second), (60, rates.per_minute), (3_600, rates.per_hour), (86_400, rates.per_day))
    return ((span_s * _SECOND_US, count) for span_s, count in spans if count is not None)


def _wait_us(span_us: int, count_max: int, counts: Counts, now_us: int) -> int:
    counting = {slot: count for (span, slot), count in counts.items() if span == span_us and _free_us(span, slot) > now_us}
    too_many = sum(counting.values()) + 1 - count_max
    for slot, count in sorted(counting.items()):
        if too_many <= 0:
            return 0
        too_many -= count
        if too_many <= 0:
            return _free_us(span_us, slot) - now_us
    return 0


def _free_us(span_us: int, slot: int) -> int:
    """When what was sent in a slot doesn't count any more."""
    return (slot + 1) * _slot_us(span_us) + span_us


def _slot_us(span_us: int) -> int:
    return span_us // SLOTS
