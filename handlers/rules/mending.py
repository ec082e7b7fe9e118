"""What brings the stored rows of one unit to what is recorded of it, whatever is stored now."""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from handlers.rules.plan import Stored, UnitPlan, plan_unit
from handlers.rules.statements import Recorded, fold_recorded
from handlers.rules.units import UnitFold
from schemas.pairing import Episode, Interval
from schemas.unit_records import AliasRecord, DerivedRows

_Row = TypeVar("_Row", bound=Hashable)
_Shape = TypeVar("_Shape")
_NOTHING = Stored((), (), {})

_interval = msgspec.json.Decoder(Interval)
_episode = msgspec.json.Decoder(Episode)


class Right(Struct, frozen=True):
    """The fold of all that is recorded of a unit, and as a plan the rows that should be stored of it: every one."""

    fold: UnitFold
    rows: UnitPlan


def right_rows(unit: tuple[str, str], recorded: Recorded, now_us: int) -> Right:
    """What should be stored of an (organization, unit) of which this is recorded."""
    fold = fold_recorded(recorded)
    return Right(fold, plan_unit(*unit, _NOTHING, fold, now_us))


def mend(right: Right, stored: DerivedRows, aliases: Collection[AliasRecord], now_us: int) -> UnitPlan | None:
    """The writes that set right what is stored, with the changes to tell; None if nothing is wrong.

    Rows are compared column by column, so also what can't be read any more is found; an id too many in `aliases` finds nothing
    and may stay.
    """
    rows = right.rows
    organization_id, unit_id = rows.unit.organization_id, rows.unit.unit_id
    dated = [row._replace(updated_at_us=now_us) for row in stored.pairings]
    pairings, wrong_pairings = _compare(dated, rows.pairings, lambda row: row.pairing_id)
    cases, wrong_cases = _compare(stored.cases, rows.cases, lambda row: row.case_id)
    flags, wrong_flags = _compare(stored.flags, rows.flags, lambda row: row.event_key)
    missing = tuple(row for row in rows.aliases if row not in aliases)
    if stored.unit == rows.unit and not any((pairings, wrong_pairings, cases, wrong_cases, flags, wrong_flags, missing)):
        return None
    return UnitPlan(
        unit=rows.unit,
        pairings=pairings,
        pairings_removed=tuple((organization_id, unit_id, key) for key in wrong_pairings),
        cases=cases,
        cases_removed=tuple((organization_id, key) for key in wrong_cases),
        aliases=missing,
        flags=flags,
        flags_removed=tuple((organization_id, unit_id, key) for key in wrong_flags),
        changes=plan_unit(organization_id, unit_id, _readable(stored), right.fold, now_us).changes,
    )


def _compare(stored: Sequence[_Row], right: Sequence[_Row], id_of: Callable[[_Row], str]) -> tuple[tuple[_Row, ...], list[str]]:
    """The rows to put, and the ids whose rows go first."""
    there, should = set(stored), set(right)
    wrong = {id_of(row) for row in stored if row not in should}
    return tuple(row for row in right if row not in there or id_of(row) in wrong), sorted(wrong)


def _readable(stored: DerivedRows) -> Stored:
    """What of the stored rows was ever told: one that can't be read has to be told anew."""
    intervals = (_read(_interval, row.interval_json) for row in stored.pairings)
    episodes = (_read(_episode, row.episode_json) for row in stored.cases)
    return Stored([each for each in intervals if each], [each for each in episodes if each], {})


def _read(decoder: "msgspec.json.Decoder[_Shape]", text: str) -> _Shape | None:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError:
        return None
