"""Units and intervals as queries read them."""

from collections.abc import Sequence

from handlers.unit_ports import Unit
from schemas.unit_rows import NeighbourRow, PairingRow, UnitRow
from storage.engine import Connection, Row
from storage.pages import newest_first
from storage.rows import columns, decode_interval, decode_state
from storage.statements import load

SQL = load("pairings")


def _unit(row: Row) -> UnitRow:
    return UnitRow(row[0], row[1], row[2], row[3], decode_state(row[4]))


def _pairing(row: Row) -> PairingRow:
    return PairingRow(row[0], row[1], row[2], row[3], decode_interval(row[4]))


class PairingTables:
    """Implements `handlers.unit_ports.Pairings`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_units(self, after: Unit, limit: int, organization_id: str | None, **filters: object) -> list[UnitRow]:
        """Units in order, from after (organization, unit)."""
        set_aside = filters.get("status") not in {None, "paired"}
        rows = await self._connection.fetch(
            SQL["list_units"],
            after_organization_id=after[0],
            after_unit_id=after[1],
            all_organizations=organization_id is None,
            limit=limit,
            organization_id=organization_id,
            set_aside=set_aside,
            **filters,
        )
        return [_unit(row) for row in rows]

    async def find_units(self, unit_id: str, organization_id: str | None) -> list[UnitRow]:
        """The units of this id, two at the most."""
        rows = await self._connection.fetch(SQL["find_unit"], unit_id=unit_id, organization_id=organization_id)
        return [_unit(row) for row in rows]

    async def list_pairings(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[PairingRow]:
        """Intervals, newest first, from before (organization, sort_us, pairing id)."""
        rows = await newest_first(self._connection, SQL["list_pairings"], before, limit, organization_id, filters)
        return [_pairing(row) for row in rows]

    async def find_pairing(self, pairing_id: str, organization_id: str | None) -> PairingRow | None:
        """An interval by its own id, or by one made from a fact in it."""
        row = await self._connection.fetch_one(SQL["find_pairing"], pairing_id=pairing_id, organization_id=organization_id)
        if row is not None:
            return _pairing(row)
        alias = await self._connection.fetch_one(SQL["find_alias"], alias_id=pairing_id, organization_id=organization_id)
        if alias is None:
            return None
        before, limit = ("", 2**63 - 1, "\U0010ffff"), 2**31
        candidates = await self.list_pairings(before, limit, alias[0], unit_id=alias[1])
        return next((pairing for pairing in candidates if alias[2] in pairing.interval.events), None)

    async def neighbours(self, assets: Sequence[tuple[str, str]]) -> list[NeighbourRow]:
        """Who was on assets, and when."""
        organization_ids, asset_ids = columns(assets)
        rows = await self._connection.fetch(SQL["neighbours"], organization_ids=organization_ids, asset_ids=asset_ids)
        return [NeighbourRow(*row) for row in rows]

    async def units_naming(self, asset_ids: Sequence[str], organization_id: str | None, after: Unit, limit: int) -> list[Unit]:
        """Units that anything recorded puts on one of these assets, or takes off it, in order."""
        rows = await self._connection.fetch(
            SQL["units_naming"],
            asset_ids=list(asset_ids),
            organization_id=organization_id,
            after_organization_id=after[0],
            after_unit_id=after[1],
            limit=limit,
        )
        return [(row[0], row[1]) for row in rows]
