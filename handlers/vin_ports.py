"""What matching VINs asks of a store: part of `handlers.ports.Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from schemas.vin_records import KeyedAsset, KeyRow

# A key, and the asset that is found by it.
VinKey = tuple[str, str]


class VinKeys(Protocol):
    """The keys by which assets are found for a sensor's VIN."""

    async def change(self, organization_id: str, added: Sequence[VinKey], removed: Sequence[VinKey]) -> None: ...

    async def find(self, organization_id: str, keys: Sequence[str], limit: int) -> list[KeyedAsset]:
        """The assets that have one of these keys, once for each key; `limit` rows at the most."""
        ...

    async def count(self, organization_id: str, key: str) -> int:
        """How many assets have a key."""
        ...

    async def stored(self, organization_id: str, keys: Sequence[VinKey]) -> set[VinKey]:
        """Which of these are there."""
        ...

    async def all_rows(self, after: tuple[str, str, str], limit: int) -> list[KeyRow]:
        """All keys by (organization, key, asset), in order, from after one."""
        ...
