"""Requests to providers, counted for the caps that their definitions state: over all runs, and all processes."""

from collections.abc import Mapping

from handlers.ports import Transaction
from handlers.provider_runs import ProviderKey
from handlers.rules.request_caps import outdated, slots_of, wait_us
from schemas.provider_access import Rates


async def count_request(tx: Transaction, key: ProviderKey, stated: Mapping[str, Rates], now_us: int) -> int:
    """Count one more request, if all caps allow it now; else how many microseconds it has to wait.

    `stated` has the provider's caps under an empty text, and those of a stream under its name.
    """
    await tx.providers.runs.take(key.organization_id, key.provider, now_us)
    names = (key.organization_id, key.provider, key.environment)
    counts = {scope: await tx.providers.requests.counts(*names, scope) for scope in stated}
    longest_us = max(wait_us(rates, counts[scope], now_us) for scope, rates in stated.items())
    if longest_us == 0:
        for scope, rates in stated.items():
            await tx.providers.requests.add(*names, scope, slots_of(rates, now_us))
            await tx.providers.requests.forget(*names, scope, outdated(counts[scope], now_us))
    return longest_us
