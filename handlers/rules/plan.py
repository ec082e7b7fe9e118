"""What a refold of one unit writes: the rows to put and to remove, and the changes to tell."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from handlers.rules.cases import case_id, deadline_us
from handlers.rules.changes import diff_episodes, diff_intervals
from handlers.rules.history import pairing_id
from handlers.rules.units import UnitFold
from handlers.rules.views import case_view, episode_id, interval_id, pairing_view, sort_us, unit_type
from schemas.facts import Flag
from schemas.pairing import ChangeType, Episode, Interval, UnitState
from schemas.unit_records import AliasRecord, CaseRecord, FlagRecord, PairingRecord, UnitRecord
from schemas.wire import to_json_text


class Stored(Struct, frozen=True, gc=False):
    """What is stored of a unit's derived state, as far as a fold can touch it."""

    intervals: Sequence[Interval]
    episodes: Sequence[Episode]
    flags: dict[str, tuple[Flag, ...]]


class ChangeDraft(Struct, frozen=True, gc=False):
    """A change of one unit that has no place in the feed yet; `data` is the pairing or case as JSON text."""

    organization_id: str
    unit_id: str
    type: ChangeType
    data: str


class UnitPlan(Struct, frozen=True, gc=False):
    """All writes that bring one unit's stored state to its fold."""

    unit: UnitRecord
    pairings: tuple[PairingRecord, ...] = ()
    pairings_removed: tuple[tuple[str, str, str], ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    cases_removed: tuple[tuple[str, str], ...] = ()
    aliases: tuple[AliasRecord, ...] = ()
    flags: tuple[FlagRecord, ...] = ()
    flags_removed: tuple[tuple[str, str, str], ...] = ()
    changes: tuple[ChangeDraft, ...] = ()


def stored_open(state: UnitState) -> Stored:
    """What going on from `state` can touch: the open interval and the unresolved episodes."""
    episodes = tuple(episode for episode in (state.episode, state.mismatch) if episode)
    return Stored((state.open,) if state.open else (), episodes, {})


def plan_unit(organization_id: str, unit_id: str, stored: Stored, fold: UnitFold, now_us: int) -> UnitPlan:
    """Compare what is stored with what the fold says; `now_us` stamps rows and tells open cases from escalated ones."""
    intervals = diff_intervals(stored.intervals, fold.intervals, lambda interval: interval_id(organization_id, unit_id, interval))
    episodes = diff_episodes(stored.episodes, fold.episodes, lambda episode: episode_id(organization_id, unit_id, episode))
    drafts = [
        ChangeDraft(
            organization_id,
            unit_id,
            change.type,
            to_json_text(pairing_view(organization_id, unit_id, change.interval, previous_id=change.previous_id)),
        )
        for change in intervals.changes
    ]
    drafts += [
        ChangeDraft(
            organization_id,
            unit_id,
            change.type,
            to_json_text(case_view(organization_id, unit_id, change.episode, now_us, merged_into=change.merged_into)),
        )
        for change in episodes.changes
    ]
    return UnitPlan(
        unit=unit_record(organization_id, unit_id, fold.state),
        pairings=tuple(
            pairing_record(organization_id, unit_id, key, interval, now_us) for key, interval in intervals.put.items()
        ),
        pairings_removed=tuple((organization_id, unit_id, key) for key in intervals.remove),
        cases=tuple(_case_record(organization_id, unit_id, key, episode) for key, episode in episodes.put.items()),
        cases_removed=tuple((organization_id, key) for key in episodes.remove),
        aliases=tuple(_aliases(organization_id, unit_id, stored, intervals.put.values(), episodes.put.values())),
        flags=tuple(
            FlagRecord(organization_id, unit_id, key, to_json_text(flags))
            for key, flags in fold.flags.items()
            if stored.flags.get(key) != flags
        ),
        flags_removed=tuple((organization_id, unit_id, key) for key in stored.flags if key not in fold.flags),
        changes=tuple(drafts),
    )


def unit_record(organization_id: str, unit_id: str, state: UnitState) -> UnitRecord:
    """The row of a unit."""
    return UnitRecord(organization_id, unit_id, unit_type(unit_id), state.status, state.at_us, to_json_text(state))


def pairing_record(organization_id: str, unit_id: str, key: str, interval: Interval, now_us: int) -> PairingRecord:
    """The row of an interval whose pairingId is `key`."""
    return PairingRecord(
        organization_id,
        unit_id,
        sort_us(interval),
        key,
        unit_type(unit_id),
        interval.asset_id,
        interval.paired_at_us,
        interval.paired_after_us,
        interval.unpaired_at_us,
        interval.meaning.reason,
        interval.meaning.asset_vin,
        now_us,
        to_json_text(interval),
    )


def _case_record(organization_id: str, unit_id: str, key: str, episode: Episode) -> CaseRecord:
    return CaseRecord(
        organization_id,
        key,
        unit_id,
        episode.reason,
        episode.first_at_us,
        deadline_us(episode),
        episode.resolved_at_us,
        episode.dismissal.at_us if episode.dismissal and episode.status == "dismissed" else None,
        to_json_text(episode),
    )


def _aliases(
    organization_id: str, unit_id: str, stored: Stored, intervals: Iterable[Interval], episodes: Iterable[Episode]
) -> Iterable[AliasRecord]:
    """The ids by which intervals and cases are found too: made from the pairings and failures in them after the first."""
    # Apart: a pairing whose VINs don't match is in an interval and in a case.
    confirmed = {key for interval in stored.intervals for key in interval.events[1:]}
    failed = {key for episode in stored.episodes for key in episode.failures[1:]}
    for interval in intervals:
        confirming = interval.events[1:-1] if interval.ended_by == "unpaired" else interval.events[1:]
        for key in confirming:
            if key not in confirmed:
                alias = pairing_id(organization_id, unit_id, interval.asset_id, key)
                yield AliasRecord(organization_id, alias, unit_id, key)
    for episode in episodes:
        for key in episode.failures[1:]:
            if key not in failed:
                yield AliasRecord(organization_id, case_id(organization_id, unit_id, key), unit_id, key)
