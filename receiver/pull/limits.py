"""The provider's caps on requests: never exceeded, and a wait that is too long for a run ends it instead."""

import asyncio
from collections import deque
from collections.abc import Callable

from receiver.pull.errors import RescheduleError
from schemas.provider_access import Rates

_SECOND_US = 1_000_000


class RateCap:
    """Counts requests over the last second, minute, hour and day, as far as the rates state caps."""

    def __init__(self, rates: Rates, wait_s_max: float, now_us: Callable[[], int]) -> None:
        spans = ((rates.per_second, 1), (rates.per_minute, 60), (rates.per_hour, 3_600), (rates.per_day, 86_400))
        # For each cap the times of its last requests, at most as many as it allows.
        self._caps = [(deque[int](maxlen=count), span_s * _SECOND_US) for count, span_s in spans if count is not None]
        self._wait_s_max, self._now_us = wait_s_max, now_us
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait until one more request is allowed, and count it. Raises RescheduleError if that is too far off."""
        async with self._turn:
            while (wait_us := self._wait_us()) > 0:
                if wait_us > self._wait_s_max * _SECOND_US:
                    raise RescheduleError("the provider's cap on requests is used up", self._now_us() + wait_us)
                await asyncio.sleep(wait_us / _SECOND_US)
            now_us = self._now_us()
            for times, _ in self._caps:
                times.append(now_us)

    def _wait_us(self) -> int:
        now_us = self._now_us()
        waits = [times[0] + span_us - now_us for times, span_us in self._caps if len(times) == times.maxlen]
        return max([0, *waits])
