"""The provider's caps on requests: never exceeded, and a wait that is too long for a run ends it instead."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from handlers.ports import Store
from handlers.provider_requests import count_request
from handlers.provider_runs import ProviderKey
from handlers.rules.request_caps import slots_of, wait_us
from receiver.pull.errors import RescheduleError
from schemas.provider_access import Rates

_SECOND_US = 1_000_000


class RequestCounter(Protocol):
    """Knows what was sent."""

    async def count(self, stated: Mapping[str, Rates], now_us: int) -> int:
        """Count one more request, if all caps allow it now; else how many microseconds it has to wait."""
        ...


class StoreCounter:
    """Counts over all runs of a provider, and all processes."""

    def __init__(self, store: Store, key: ProviderKey) -> None:
        self._store, self._key = store, key

    async def count(self, stated: Mapping[str, Rates], now_us: int) -> int:
        """It is counted before it is sent. StoreUnavailableError: who knows."""
        return await self._store.write(lambda tx: count_request(tx, self._key, stated, now_us))


class MemoryCounter:
    """Counts what one client sends."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[int, int]]] = {}

    async def count(self, stated: Mapping[str, Rates], now_us: int) -> int:
        """As for the protocol."""
        counts = {scope: self._counts.setdefault(scope, Counter()) for scope in stated}
        longest_us = max(wait_us(rates, counts[scope], now_us) for scope, rates in stated.items())
        if longest_us == 0:
            for scope, rates in stated.items():
                counts[scope].update(slots_of(rates, now_us))
        return longest_us


class RateGate:
    """Lets requests through one after the other, as the caps allow; waits of up to `wait_s_max` are sat out."""

    def __init__(self, counter: RequestCounter, wait_s_max: float, now_us: Callable[[], int]) -> None:
        self._counter, self._wait_s_max, self._now_us = counter, wait_s_max, now_us
        self._turn = asyncio.Lock()

    async def take(self, stated: Mapping[str, Rates]) -> None:
        """Wait until one more request is allowed, and count it. Raises RescheduleError if that is too far off."""
        if not stated:
            return
        async with self._turn:
            while (wait_us := await self._counter.count(stated, self._now_us())) > 0:
                if wait_us > self._wait_s_max * _SECOND_US:
                    raise RescheduleError("the provider's cap on requests is used up", self._now_us() + wait_us)
                await asyncio.sleep(wait_us / _SECOND_US)
