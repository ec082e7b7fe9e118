"""Datahub's assets, what is recorded of them, and the links that operators made."""

from collections.abc import Sequence

from schemas.facts import Copy
from schemas.links import DatahubAsset, LinkRow
from schemas.statements import Statement
from storage.engine import Connection, Row
from storage.rows import columns, decode_details, decode_meaning
from storage.statements import load

SQL = load("links")


def _statement(row: Row) -> Statement:
    organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details = row
    return Statement(
        organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, decode_details(details)
    )


class LinkTables:
    """Implements `handlers.link_ports.Links`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(self, datahub_assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], DatahubAsset]:
        """Lock Datahub assets; one not seen yet gets its row first on PostgreSQL, so that there is one to lock."""
        found = await self._held(datahub_assets)
        missing = [each for each in datahub_assets if each not in found]
        if missing and self._connection.dialect == "postgres":
            await self._connection.execute_many(SQL["add_datahub_assets"], missing)
            await self._held(missing)
        return found

    async def _held(self, datahub_assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], DatahubAsset]:
        organization_ids, datahub_asset_ids = columns(datahub_assets)
        rows = await self._connection.fetch(
            SQL["hold_datahub_assets"], organization_ids=organization_ids, datahub_asset_ids=datahub_asset_ids
        )
        return {(row[0], row[1]): DatahubAsset(*row) for row in rows}

    async def put(self, rows: Sequence[DatahubAsset], removed: Sequence[tuple[str, str]]) -> None:
        """Remove what nothing names any more, then put rows."""
        await self._connection.execute_many(SQL["delete_datahub_asset"], removed)
        await self._connection.execute_many(SQL["put_datahub_asset"], rows)

    async def of_ids(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[DatahubAsset]:
        """What is known of Datahub assets."""
        rows = await self._connection.fetch(
            SQL["datahub_assets_of"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids
        )
        return [DatahubAsset(*row) for row in rows]

    async def with_vins(self, organization_id: str, vins: Sequence[str]) -> list[DatahubAsset]:
        """The Datahub assets with one of these VINs."""
        rows = await self._connection.fetch(SQL["datahub_assets_with_vins"], organization_id=organization_id, vins=vins)
        return [DatahubAsset(*row) for row in rows]

    async def provisional(self, organization_id: str, vins: Sequence[str]) -> list[tuple[str, str]]:
        """The provisional assets that a new asset with one of these VINs takes over."""
        rows = await self._connection.fetch(SQL["provisional_with_vins"], organization_id=organization_id, vins=vins)
        return [(row[0], row[1]) for row in rows]

    async def copies_naming(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[Copy]:
        """All copies of facts that name one of these."""
        found = []
        for row in await self._connection.fetch(
            SQL["copies_naming"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids
        ):
            owner, unit_id, event_key, kind, at_us, asset_id, version, meaning, source, batch_key, batch_time_us = row
            found.append(
                Copy(
                    event_key,
                    owner,
                    unit_id,
                    kind,
                    at_us,
                    asset_id,
                    version,
                    decode_meaning(meaning),
                    source,
                    batch_key,
                    batch_time_us,
                )
            )
        return found

    async def statements_naming(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[Statement]:
        """All assertions that name one of these."""
        rows = await self._connection.fetch(
            SQL["statements_naming"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids
        )
        return [_statement(row) for row in rows]

    async def judgements_of(self, organization_id: str, event_keys: Sequence[str]) -> list[Statement]:
        """All that was said of some facts."""
        rows = await self._connection.fetch(SQL["judgements_of"], organization_id=organization_id, event_keys=event_keys)
        return [_statement(row) for row in rows]

    async def explicit(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
        """The assets that operators said these are."""
        rows = await self._connection.fetch(
            SQL["explicit_links_of"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids
        )
        return {row[0]: row[1] for row in rows}

    async def put_explicit(self, organization_id: str, datahub_asset_id: str, asset_id: str, actor: str, now_us: int) -> None:
        """Keep an operator's link."""
        await self._connection.execute(
            SQL["put_explicit_link"],
            organization_id=organization_id,
            datahub_asset_id=datahub_asset_id,
            asset_id=asset_id,
            actor=actor,
            at_us=now_us,
        )

    async def remove_explicit(self, organization_id: str, datahub_asset_id: str, asset_id: str) -> bool:
        """Take an operator's link back."""
        removed = await self._connection.execute(
            SQL["delete_explicit_link"],
            organization_id=organization_id,
            datahub_asset_id=datahub_asset_id,
            asset_id=asset_id,
        )
        return removed == 1

    async def move_identities(self, organization_id: str, identities: Sequence[tuple[str, str]]) -> None:
        """Let identities find these assets from now on."""
        await self._connection.execute_many(SQL["move_identity"], [(organization_id, *pair) for pair in identities])

    async def owners(self, identities: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The provisional assets that identities find, and that stand for nothing any more."""
        organization_ids, names = columns(identities)
        rows = await self._connection.fetch(SQL["owners_of"], organization_ids=organization_ids, identities=names)
        return {(row[0], row[1]): row[2] for row in rows}

    async def linked(self, datahub_assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The assets that Datahub assets are."""
        organization_ids, datahub_asset_ids = columns(datahub_assets)
        rows = await self._connection.fetch(
            SQL["links_of"], organization_ids=organization_ids, datahub_asset_ids=datahub_asset_ids
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def all_ids(self, after: str, limit: int) -> list[str]:
        """Ids of Datahub assets of which anything is recorded or derived, in order."""
        return [row[0] for row in await self._connection.fetch(SQL["datahub_ids_after"], after_id=after, limit=limit)]

    async def everywhere(self, datahub_asset_ids: Sequence[str]) -> list[tuple[str, str]]:
        """These in every organization that knows anything of them, in order."""
        rows = await self._connection.fetch(SQL["owners_of_datahub_ids"], ids=datahub_asset_ids)
        return [(row[0], row[1]) for row in rows]

    async def all_links(self, after: tuple[str, str], limit: int) -> list[LinkRow]:
        """All links with what they follow from, in order."""
        rows = await self._connection.fetch(SQL["links_after"], organization_id=after[0], datahub_asset_id=after[1], limit=limit)
        return [LinkRow(*row) for row in rows]
