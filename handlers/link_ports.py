"""What links from Datahub's assets to those of the registry ask of a store: part of `handlers.ports.Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from schemas.facts import Copy
from schemas.links import DatahubAsset, LinkRow
from schemas.statements import Statement


class Links(Protocol):
    """Datahub's assets, what is recorded of them, and operators' links. Pairs are (organization, Datahub asset)."""

    async def hold(self, datahub_assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], DatahubAsset]:
        """Lock Datahub assets in sorted order until the transaction ends; what is known of each that was known already."""
        ...

    async def put(self, rows: Sequence[DatahubAsset], removed: Sequence[tuple[str, str]]) -> None:
        """Remove what nothing names any more, then put rows."""
        ...

    async def of_ids(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[DatahubAsset]:
        """What is known of some."""
        ...

    async def with_vins(self, organization_id: str, vins: Sequence[str]) -> list[DatahubAsset]:
        """The Datahub assets with one of these VINs, which are normalized."""
        ...

    async def provisional(self, organization_id: str, vins: Sequence[str]) -> list[tuple[str, str]]:
        """(VIN, asset id) of the provisional assets that a new asset with one of these VINs takes over, oldest first."""
        ...

    async def copies_naming(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[Copy]:
        """All copies of facts that name one of these."""
        ...

    async def statements_naming(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[Statement]:
        """All assertions that name one of these."""
        ...

    async def judgements_of(self, organization_id: str, event_keys: Sequence[str]) -> list[Statement]:
        """All that was said of some facts."""
        ...

    async def explicit(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
        """The assets that operators said these are."""
        ...

    async def put_explicit(self, organization_id: str, datahub_asset_id: str, asset_id: str, actor: str, now_us: int) -> None:
        """Keep an operator's link, in place of one that there is."""
        ...

    async def remove_explicit(self, organization_id: str, datahub_asset_id: str, asset_id: str) -> bool:
        """Take an operator's link back; False if there is none."""
        ...

    async def move_identities(self, organization_id: str, identities: Sequence[tuple[str, str]]) -> None:
        """Let (identity, asset id) be so from now on, whatever an identity found before."""
        ...

    async def owners(self, identities: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The provisional assets that some (organization, identity) find, and that stand for nothing any more."""
        ...

    async def linked(self, datahub_assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The assets that Datahub assets are."""
        ...

    async def all_ids(self, after: str, limit: int) -> list[str]:
        """Ids of Datahub assets of which anything is recorded or derived, in order."""
        ...

    async def everywhere(self, datahub_asset_ids: Sequence[str]) -> list[tuple[str, str]]:
        """These in every organization that knows anything of them, in order."""
        ...

    async def all_links(self, after: tuple[str, str], limit: int) -> list[LinkRow]:
        """All links with what they follow from, in order."""
        ...
