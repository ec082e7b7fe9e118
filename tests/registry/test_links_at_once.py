"""Links under many writers at once: events of many units on few assets, syncs that give and take VINs, and operators."""

import asyncio
from itertools import product

from handlers.rebuild import digest, rebuild
from tests.registry.test_links import SECOND, VIN, event
from tests.support.facts import A, B, C, body_of, minute
from tests.support.registry import RegistryApi


async def test_writers_at_once_leave_what_a_rebuild_finds_right(registry: RegistryApi) -> None:
    """Whoever comes first or at the same time, every write is done, and links, readings and VINs are what is recorded."""
    bodies = [
        body_of(
            [event("paired", at, asset_id, vin, unit_id=f"tp:{at % 5}")],
            event_batch_id=f"31fccdce-725e-4c87-a91b-{at:06x}{number:06x}",
        )
        for number, (asset_id, vin) in enumerate(product((A, B, C), (VIN, SECOND)))
        for at in range(number, 30, 6)
    ]
    syncs = [
        registry.put_asset(externalAssetId=identity, name="n", serial=serial)
        for identity, serial in product(("T1", "T2"), (VIN, SECOND, None, VIN))
    ]
    done = await asyncio.gather(*(registry.api.deliver(body) for body in bodies), *syncs)
    assert len(done) == len(bodies) + len(syncs)
    assert sum(answers[0].applied for answers in done[: len(bodies)]) == len(bodies)  # type: ignore[index] # deliveries come first
    right = await digest(registry.api.store)
    found = await rebuild(registry.api.store, lambda: minute(1_000_000))
    assert (found.mended, found.registry_mended, found.digest_after) == (0, 0, right)
