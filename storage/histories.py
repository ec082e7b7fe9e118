"""The derived state of units: fold states, intervals, episodes, flags."""

from collections.abc import Sequence
from functools import partial

from handlers.unit_ports import Unit
from schemas.facts import Flag
from schemas.pairing import Episode, Interval, UnitState
from schemas.unit_records import AliasRecord, CaseRecord, DerivedRows, FlagRecord, PairingRecord, UnitRecord
from storage.engine import Connection
from storage.rows import columns, decode_episode, decode_flags, decode_interval, decode_state
from storage.statements import load

SQL = load("histories")


class HistoryTables:
    """Implements `handlers.unit_ports.Histories`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, units: Sequence[Unit]) -> dict[Unit, UnitState]:
        """Lock units in sorted order; a unit not seen yet gets its row first on PostgreSQL, so that there is one to lock."""
        states = await self._lock(units)
        return {unit: decode_state(states[unit]) if unit in states else UnitState() for unit in units}

    async def hold(self, units: Sequence[Unit]) -> None:
        """Lock units, whatever is stored of them."""
        await self._lock(units)

    async def _lock(self, units: Sequence[Unit]) -> dict[Unit, str]:
        states = await self._locked(units)
        missing = [unit for unit in units if unit not in states]
        if missing and self._connection.dialect == "postgres":
            await self._connection.execute_many(SQL["add_units"], missing)
            states |= await self._locked(missing)
        return states

    async def _locked(self, units: Sequence[Unit]) -> dict[Unit, str]:
        organization_ids, unit_ids = columns(units)
        rows = await self._connection.fetch(SQL["lock_units"], organization_ids=organization_ids, unit_ids=unit_ids)
        return {(row[0], row[1]): row[2] for row in rows}

    async def stored_intervals(self, units: Sequence[Unit]) -> dict[Unit, list[Interval]]:
        """The stored intervals of units, oldest first."""
        organization_ids, unit_ids = columns(units)
        found: dict[Unit, list[Interval]] = {}
        for row in await self._connection.fetch(SQL["stored_intervals"], organization_ids=organization_ids, unit_ids=unit_ids):
            found.setdefault((row[0], row[1]), []).append(decode_interval(row[2]))
        return found

    async def stored_episodes(self, units: Sequence[Unit]) -> dict[Unit, list[Episode]]:
        """The stored cases of units, oldest first."""
        organization_ids, unit_ids = columns(units)
        found: dict[Unit, list[Episode]] = {}
        for row in await self._connection.fetch(SQL["stored_episodes"], organization_ids=organization_ids, unit_ids=unit_ids):
            found.setdefault((row[0], row[1]), []).append(decode_episode(row[2]))
        return found

    async def stored_flags(self, units: Sequence[Unit]) -> dict[Unit, dict[str, tuple[Flag, ...]]]:
        """The flags of the facts of units, by event key."""
        organization_ids, unit_ids = columns(units)
        found: dict[Unit, dict[str, tuple[Flag, ...]]] = {}
        for row in await self._connection.fetch(SQL["stored_flags"], organization_ids=organization_ids, unit_ids=unit_ids):
            found.setdefault((row[0], row[1]), {})[row[2]] = decode_flags(row[3])
        return found

    async def put_units(self, rows: Sequence[UnitRecord]) -> None:
        """Put the rows of units."""
        await self._connection.execute_many(SQL["put_unit"], rows)

    async def put_pairings(self, rows: Sequence[PairingRecord], removed: Sequence[tuple[str, str, str]]) -> None:
        """Remove intervals by (organization, unit, id), then put rows."""
        await self._connection.execute_many(SQL["delete_pairing"], removed)
        await self._connection.execute_many(SQL["put_pairing"], rows)

    async def put_cases(self, rows: Sequence[CaseRecord], removed: Sequence[tuple[str, str]]) -> None:
        """Remove cases by (organization, id), then put rows."""
        await self._connection.execute_many(SQL["delete_case"], removed)
        await self._connection.execute_many(SQL["put_case"], rows)

    async def put_aliases(self, rows: Sequence[AliasRecord]) -> None:
        """Put other ids."""
        await self._connection.execute_many(SQL["put_alias"], rows)

    async def put_flags(self, rows: Sequence[FlagRecord], removed: Sequence[tuple[str, str, str]]) -> None:
        """Remove flags by (organization, unit, event key), then put rows."""
        await self._connection.execute_many(SQL["delete_flags"], removed)
        await self._connection.execute_many(SQL["put_flags"], rows)

    async def rows_of(self, units: Sequence[Unit]) -> dict[Unit, DerivedRows]:
        """All that is stored of each of these units, as it is stored."""
        organization_ids, unit_ids = columns(units)
        fetch = partial(self._connection.fetch, organization_ids=organization_ids, unit_ids=unit_ids)
        states = {(row[0], row[1]): UnitRecord(*row) for row in await fetch(SQL["stored_units"])}
        found = {unit: DerivedRows(states.get(unit), [], [], []) for unit in units}
        for pairing in map(PairingRecord._make, await fetch(SQL["stored_pairings"])):
            found[pairing.organization_id, pairing.unit_id].pairings.append(pairing)
        for case in map(CaseRecord._make, await fetch(SQL["stored_cases"])):
            found[case.organization_id, case.unit_id].cases.append(case)
        for flags in map(FlagRecord._make, await fetch(SQL["stored_flags"])):
            found[flags.organization_id, flags.unit_id].flags.append(flags)
        return found

    async def stored_aliases(self, ids: Sequence[tuple[str, str]]) -> set[AliasRecord]:
        """What is stored under some other ids."""
        organization_ids, alias_ids = columns(ids)
        rows = await self._connection.fetch(SQL["stored_aliases"], organization_ids=organization_ids, alias_ids=alias_ids)
        return {AliasRecord(*row) for row in rows}

    async def remove_units(self, units: Sequence[Unit]) -> None:
        """Remove the rows of units."""
        await self._connection.execute_many(SQL["delete_unit"], units)

    async def all_units(self, after: Unit, limit: int) -> list[Unit]:
        """Units of which anything is recorded or derived, in order, from after `after`."""
        rows = await self._connection.fetch(SQL["all_units_after"], organization_id=after[0], unit_id=after[1], limit=limit)
        return [(row[0], row[1]) for row in rows]
