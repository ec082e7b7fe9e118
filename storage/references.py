"""What an organization sets up before it syncs: asset types, sites, meters, custom fields."""

from collections.abc import Sequence

from schemas.assets import Meter
from schemas.registry_records import NamedThing
from schemas.wire import to_json_text
from storage.asset_rows import custom_fields_in
from storage.engine import Connection
from storage.statements import load

SQL = load("references")
_ASSETS_AT_A_TIME = 500


def _key(kind: str, code: str) -> dict[str, object]:
    return {"code" if kind == "site" else "name": code}


class ReferenceTables:
    """Implements `handlers.reference_ports.References`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def asset_types(self, organization_id: str, names: Sequence[str]) -> list[str]:
        """Which of these asset types exist."""
        rows = await self._connection.fetch(SQL["known_asset_types"], organization_id=organization_id, names=names)
        return [row[0] for row in rows]

    async def sites(self, organization_id: str, codes: Sequence[str]) -> list[str]:
        """Which of these sites exist."""
        rows = await self._connection.fetch(SQL["known_sites"], organization_id=organization_id, codes=codes)
        return [row[0] for row in rows]

    async def meters(self, organization_id: str, codes: Sequence[str]) -> list[Meter]:
        """Which of these meters exist, and what they are."""
        rows = await self._connection.fetch(SQL["known_meters"], organization_id=organization_id, codes=codes)
        return [Meter(*row) for row in rows]

    async def list_meters(self, organization_id: str, after: str, limit: int) -> list[Meter]:
        """Meters by code."""
        rows = await self._connection.fetch(SQL["list_meters"], organization_id=organization_id, after=after, limit=limit)
        return [Meter(*row) for row in rows]

    async def put_meter(self, organization_id: str, meter: Meter) -> None:
        """Put a meter."""
        row = (organization_id, meter.code, meter.unit, meter.name, meter.type, meter.subtype)
        await self._connection.execute_many(SQL["put_meter"], [row])

    async def delete_meter(self, organization_id: str, code: str) -> bool:
        """Whether there was one."""
        return bool(await self._connection.execute(SQL["delete_meter"], organization_id=organization_id, code=code))

    async def meter_in_use(self, organization_id: str, code: str, *, assigned: bool) -> bool:
        """Whether a meter has readings, or is assigned."""
        found = await self._connection.fetch_one(
            SQL["meter_in_use"], organization_id=organization_id, code=code, assigned=assigned
        )
        return found is not None

    async def list_things(self, kind: str, organization_id: str, after: str, limit: int) -> list[NamedThing]:
        """Things of a kind by code."""
        rows = await self._connection.fetch(SQL[f"list_{kind}s"], organization_id=organization_id, after=after, limit=limit)
        return [NamedThing(*row) for row in rows]

    async def find_thing(self, kind: str, organization_id: str, code: str) -> NamedThing | None:
        """One thing of a kind."""
        row = await self._connection.fetch_one(SQL[f"find_{kind}"], organization_id=organization_id, **_key(kind, code))
        return NamedThing(*row) if row else None

    async def put_thing(self, kind: str, organization_id: str, thing: NamedThing) -> None:
        """Put a thing of a kind."""
        row = (organization_id, *thing) if kind == "site" else (organization_id, thing.code)
        await self._connection.execute_many(SQL[f"put_{kind}"], [row])

    async def delete_thing(self, kind: str, organization_id: str, code: str) -> bool:
        """Whether there was one."""
        statement = SQL[f"delete_{kind}"]
        return bool(await self._connection.execute(statement, organization_id=organization_id, **_key(kind, code)))

    async def thing_in_use(self, kind: str, organization_id: str, code: str) -> bool:
        """Whether an asset has this type, is at this site, or has this custom field."""
        if kind == "custom_field":
            return await self._is_custom_field_in_use(organization_id, code)
        found = await self._connection.fetch_one(SQL[f"{kind}_in_use"], organization_id=organization_id, **_key(kind, code))
        return found is not None

    async def _is_custom_field_in_use(self, organization_id: str, name: str) -> bool:
        """The column is searched for the name as JSON writes it, and what is found is read."""
        key = to_json_text(name).replace("!", "!!").replace("%", "!%").replace("_", "!_")
        after = 0
        while rows := await self._connection.fetch(
            SQL["details_with"], organization_id=organization_id, after=after, pattern=f"%{key}:%", limit=_ASSETS_AT_A_TIME
        ):
            if any(name in custom_fields_in(details) for _, details in rows):
                return True
            after = rows[-1][0]
        return False
