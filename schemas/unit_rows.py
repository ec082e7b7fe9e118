"""Units, intervals, cases and statements as queries read them. Times are microseconds."""

from typing import NamedTuple

from schemas.pairing import Episode, Interval, UnitState
from schemas.statements import Statement


class UnitRow(NamedTuple):
    """A unit as queries read it."""

    organization_id: str
    unit_id: str
    status: str
    last_event_at_us: int | None
    state: UnitState


class PairingRow(NamedTuple):
    """An interval as queries read it."""

    organization_id: str
    unit_id: str
    sort_us: int
    pairing_id: str
    interval: Interval


class CaseRow(NamedTuple):
    """A case as queries read it."""

    organization_id: str
    case_id: str
    unit_id: str
    episode: Episode


class StatementRow(NamedTuple):
    """A statement as queries read it, with the time from which it is known."""

    statement: Statement
    known_at_us: int


class NeighbourRow(NamedTuple):
    """Who was on an asset, and when."""

    organization_id: str
    asset_id: str
    unit_id: str
    unit_type: str
    paired_at_us: int
    unpaired_at_us: int | None
