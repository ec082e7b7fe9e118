"""What a refold changed: stored intervals and episodes against new ones."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from schemas.pairing import ChangeType, Episode, EpisodeStatus, Interval

_BECAME: dict[EpisodeStatus, ChangeType] = {
    "open": "case.reopened",
    "dismissed": "case.dismissed",
    "resolved": "case.resolved",
}


class IntervalChange(Struct, frozen=True, gc=False):
    """One entry for the change feed. `previous_id` is set where the interval had another id before."""

    type: ChangeType
    pairing_id: str
    interval: Interval
    previous_id: str | None = None


class EpisodeChange(Struct, frozen=True, gc=False):
    """One entry for the change feed. `merged_into` is the case that took over the failures of a removed one."""

    type: ChangeType
    case_id: str
    episode: Episode
    merged_into: str | None = None


class Difference(Struct, frozen=True, gc=False):
    """What to write so that the stored equals the new: rows to put by id, ids to remove, and what to tell."""

    put: dict[str, Interval]
    remove: tuple[str, ...]
    changes: tuple[IntervalChange, ...]


class EpisodeDifference(Struct, frozen=True, gc=False):
    """The same for episodes."""

    put: dict[str, Episode]
    remove: tuple[str, ...]
    changes: tuple[EpisodeChange, ...]


def diff_intervals(old: Iterable[Interval], new: Iterable[Interval], id_of: Callable[[Interval], str]) -> Difference:
    """Compare by id; an interval that only changed its id is matched by the evidence they share.

    Evidence alone is put but not told: pairing a unit again with the asset that it is on changes nothing for anyone.
    """
    before = {id_of(interval): interval for interval in old}
    after = {id_of(interval): interval for interval in new}
    gone = {key: interval for key, interval in before.items() if key not in after}
    changes: list[IntervalChange] = []
    for key, interval in after.items():
        was, previous_id = before.get(key), None
        if was is None:
            previous_id = _renamed(interval, gone)
            was = gone.pop(previous_id) if previous_id else None
        changes += _told(key, was, interval, previous_id)
    removed = [IntervalChange("pairing.removed", key, interval) for key, interval in gone.items()]
    return Difference(
        {key: interval for key, interval in after.items() if before.get(key) != interval},
        tuple(key for key in before if key not in after),
        (*removed, *changes),
    )


def diff_episodes(old: Iterable[Episode], new: Iterable[Episode], id_of: Callable[[Episode], str]) -> EpisodeDifference:
    """Compare by id. A case that is gone was joined to the first one that holds any of its failures now, if one does."""
    before = {id_of(episode): episode for episode in old}
    after = {id_of(episode): episode for episode in new}
    changes: list[EpisodeChange] = []
    for key, episode in before.items():
        if key not in after:
            heir = next((other for other, joined in after.items() if not set(episode.failures).isdisjoint(joined.failures)), None)
            changes.append(EpisodeChange("case.removed", key, episode, heir))
    for key, episode in after.items():
        was = before.get(key)
        if was is None:
            opened = replace(episode, resolved_at_us=None, resolved_by=None, dismissal=None)
            changes.append(EpisodeChange("case.opened", key, opened))
        if episode.status != (was.status if was else "open"):
            changes.append(EpisodeChange(_BECAME[episode.status], key, episode))
        elif was is not None and was != episode:
            changes.append(EpisodeChange("case.updated", key, episode))
    return EpisodeDifference(
        {key: episode for key, episode in after.items() if before.get(key) != episode},
        tuple(key for key in before if key not in after),
        tuple(changes),
    )


def _renamed(interval: Interval, gone: dict[str, Interval]) -> str | None:
    return next((key for key, was in gone.items() if not set(was.events).isdisjoint(interval.events)), None)


def _told(key: str, was: Interval | None, now: Interval, previous_id: str | None) -> Sequence[IntervalChange]:
    ends = now.unpaired_at_us is not None
    if was is None:
        opened = replace(now, unpaired_at_us=None, ended_by=None, events=now.events[:1])
        told = [IntervalChange("pairing.opened", key, opened)] if now.paired_at_us is not None else []
        return [*told, IntervalChange("pairing.closed", key, now)] if ends else told
    if replace(was, events=()) == replace(now, events=()):
        return []
    if previous_id is None and was.unpaired_at_us is None and ends:
        return [IntervalChange("pairing.closed", key, now)]
    return [IntervalChange("pairing.revised", key, now, previous_id)]
