"""What use cases ask of a store about units: histories, cases, what operators said, the change feed.

Part of `handlers.ports.Transaction`. Lists of pairs are `(organization_id, unit_id)`.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.facts import Flag
from schemas.pairing import Episode, Interval, UnitState
from schemas.statements import Statement
from schemas.unit_records import AliasRecord, CaseRecord, ChangeRecord, DerivedRows, FlagRecord, PairingRecord, UnitRecord
from schemas.unit_rows import CaseRow, NeighbourRow, PairingRow, StatementRow, UnitRow

Unit = tuple[str, str]


class Histories(Protocol):
    """The derived state of units."""

    async def lock(self, units: Sequence[Unit]) -> dict[Unit, UnitState]:
        """Lock units in sorted order until the transaction ends; the state of each, a fresh one for a unit not seen yet."""
        ...

    async def hold(self, units: Sequence[Unit]) -> None:
        """Lock units, whatever is stored of them."""
        ...

    async def stored_intervals(self, units: Sequence[Unit]) -> dict[Unit, list[Interval]]: ...

    async def stored_episodes(self, units: Sequence[Unit]) -> dict[Unit, list[Episode]]: ...

    async def stored_flags(self, units: Sequence[Unit]) -> dict[Unit, dict[str, tuple[Flag, ...]]]: ...

    async def put_units(self, rows: Sequence[UnitRecord]) -> None: ...

    async def put_pairings(self, rows: Sequence[PairingRecord], removed: Sequence[tuple[str, str, str]]) -> None: ...

    async def put_cases(self, rows: Sequence[CaseRecord], removed: Sequence[tuple[str, str]]) -> None: ...

    async def put_aliases(self, rows: Sequence[AliasRecord]) -> None: ...

    async def put_flags(self, rows: Sequence[FlagRecord], removed: Sequence[tuple[str, str, str]]) -> None: ...

    async def rows_of(self, units: Sequence[Unit]) -> dict[Unit, DerivedRows]:
        """All that is stored of each of these units, as it is stored."""
        ...

    async def stored_aliases(self, ids: Sequence[tuple[str, str]]) -> set[AliasRecord]:
        """What is stored under some other ids, given by (organization, alias id)."""
        ...

    async def remove_units(self, units: Sequence[Unit]) -> None: ...

    async def all_units(self, after: Unit, limit: int) -> list[Unit]:
        """Units of which anything is recorded or derived, in order, from after `after`; ("", "") is before all."""
        ...


class Pairings(Protocol):
    """Units and intervals as queries read them. `organization_id` None means: of all organizations.

    Keyword filters are the columns of `storage/sql/pairings.sql`; one that is None doesn't filter.
    """

    async def list_units(self, after: Unit, limit: int, organization_id: str | None, **filters: object) -> list[UnitRow]:
        """Units in order, from after (organization, unit)."""
        ...

    async def find_units(self, unit_id: str, organization_id: str | None) -> list[UnitRow]:
        """The units of this id, one for each organization that has it; two at the most."""
        ...

    async def list_pairings(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[PairingRow]:
        """Intervals, newest first, from before (organization, sort_us, pairing id)."""
        ...

    async def find_pairing(self, pairing_id: str, organization_id: str | None) -> PairingRow | None:
        """An interval by its own id, or by one made from a fact in it."""
        ...

    async def units_naming(self, asset_ids: Sequence[str], organization_id: str | None, after: Unit, limit: int) -> list[Unit]:
        """Units that anything recorded puts on one of these assets, or takes off it, in order, from after `after`."""
        ...

    async def neighbours(self, assets: Sequence[tuple[str, str]]) -> list[NeighbourRow]:
        """Who was on assets, given by (organization, asset id), and when, as far as the start and the unit's type are known."""
        ...


class OperatorStatements(Protocol):
    """What operators said."""

    async def put(self, rows: Sequence[Statement]) -> None: ...

    async def of_units(self, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, list[Statement]]:
        """All statements about these units, or those known by a time."""
        ...

    async def about(self, keys: Sequence[tuple[str, str]]) -> list[StatementRow]:
        """What was said of facts, given by (organization, event key), oldest first."""
        ...

    async def find_assertion(self, event_key: str, organization_id: str | None) -> StatementRow | None:
        """The first statement that asserts this."""
        ...

    async def list_assertions(
        self, before: int, limit: int, organization_id: str | None, **filters: object
    ) -> list[StatementRow]:
        """Assertions, newest first, from before a sequence number."""
        ...


class Cases(Protocol):
    """Cases as queries read them, and what was announced of them."""

    async def list_cases(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[CaseRow]:
        """Cases, newest first by their first failure, from before (organization, first_at_us, case id)."""
        ...

    async def find_case(self, case_id: str, organization_id: str | None) -> CaseRow | None:
        """A case by its own id, or by one made from another failure in it."""
        ...

    async def of_ids(self, cases: Sequence[tuple[str, str]]) -> list[CaseRow]:
        """Those of (organization, case id) that there are, by their own ids."""
        ...

    async def due(self, now_us: int, limit: int) -> list[CaseRow]:
        """Open cases past a deadline that was not announced yet, the longest due first."""
        ...

    async def claim(self, organization_id: str, case_id: str, deadline_us: int) -> bool:
        """Take it on oneself to announce that a deadline has passed; False if somebody has done so."""
        ...


class Changes(Protocol):
    """The change feed; a place in it is (position, n)."""

    async def append(self, rows: Sequence[ChangeRecord]) -> None: ...

    async def after(self, place: tuple[int, int], limit: int, organization_id: str | None) -> list[ChangeRecord]: ...

    async def last(self, organization_id: str | None) -> tuple[int, int]:
        """The last place of the feed; (0, 0) while it is empty."""
        ...

    async def of_event(self, organization_id: str, unit_id: str, commit_id: int) -> list[ChangeRecord]:
        """What the transaction that applied an event told of its unit."""
        ...
