"""Rows of what is derived of units, and the change feed, as they are kept: plain tuples, in the order of their columns.

JSON columns are text, times microseconds.
"""

from typing import NamedTuple


class UnitRecord(NamedTuple):
    """A unit and the state of its fold."""

    organization_id: str
    unit_id: str
    unit_type: str
    status: str
    last_event_at_us: int | None
    state: str


class PairingRecord(NamedTuple):
    """An interval; `sort_us` is its start, or the last microsecond in it where the start is unknown."""

    organization_id: str
    unit_id: str
    sort_us: int
    pairing_id: str
    unit_type: str
    asset_id: str
    paired_at_us: int | None
    paired_after_us: int | None
    unpaired_at_us: int | None
    reason: str | None
    vin: str | None
    updated_at_us: int
    interval_json: str


class CaseRecord(NamedTuple):
    """An episode; `dismissed_at_us` is set while it is dismissed."""

    organization_id: str
    case_id: str
    unit_id: str
    reason: str
    first_at_us: int
    deadline_us: int
    resolved_at_us: int | None
    dismissed_at_us: int | None
    episode_json: str


class AliasRecord(NamedTuple):
    """An id made from a fact that is in an interval or a case without giving it its id."""

    organization_id: str
    alias_id: str
    unit_id: str
    event_key: str


class FlagRecord(NamedTuple):
    """The flags of one fact, as a JSON list."""

    organization_id: str
    unit_id: str
    event_key: str
    flags: str


class DerivedRows(NamedTuple):
    """All rows that are derived of one unit and stored, sorted by key, but its other ids of pairings and cases."""

    unit: UnitRecord | None
    pairings: list[PairingRecord]
    cases: list[CaseRecord]
    flags: list[FlagRecord]


class ChangeRecord(NamedTuple):
    """One entry of the change feed; `position` and `n` order it."""

    organization_id: str
    position: int
    n: int
    type: str
    unit_id: str
    at_us: int
    data: str
