"""From what is folded to what is shown."""

from handlers.rules.cases import case_id, deadline_us, is_escalated
from handlers.rules.history import pairing_id
from handlers.rules.vin_match import suggestion
from schemas.answers import Case, CaseState, Note, Pairing
from schemas.pairing import Episode, Interval
from schemas.vin import Candidate
from schemas.wire import optional_time_text, time_text


def unit_type(unit_id: str) -> str:
    """What stands before the first colon of a unit id (`tp:890123847562332` is a `tp`); empty without one."""
    return unit_id.partition(":")[0] if ":" in unit_id else ""


def serial_number(unit_id: str) -> str:
    """What stands after the first colon of a unit id, or all of an id without one."""
    return unit_id.partition(":")[2] if ":" in unit_id else unit_id


def interval_id(organization_id: str, unit_id: str, interval: Interval) -> str:
    """The pairingId of an interval."""
    return pairing_id(organization_id, unit_id, interval.asset_id, interval.opening_key)


def sort_us(interval: Interval) -> int:
    """Where an interval stands in lists: at its start; an unknown one stands before what began as it ended."""
    return interval.paired_at_us if interval.paired_at_us is not None else (interval.unpaired_at_us or 0) - 1


def episode_id(organization_id: str, unit_id: str, episode: Episode) -> str:
    """The caseId of an episode."""
    return case_id(organization_id, unit_id, episode.failures[0])


def pairing_view(
    organization_id: str,
    unit_id: str,
    interval: Interval,
    *,
    registry_asset_id: str | None = None,
    flags: tuple[str, ...] = (),
    previous_id: str | None = None,
) -> Pairing:
    """An interval on the wire; `flags` are those computed on reading. The reason is null where only an unpairing is known."""
    meaning = interval.meaning
    return Pairing(
        pairing_id=interval_id(organization_id, unit_id, interval),
        unit_id=unit_id,
        unit_type=unit_type(unit_id),
        asset_id=interval.asset_id,
        registry_asset_id=registry_asset_id,
        organization_id=organization_id,
        vin=meaning.asset_vin,
        sensor_vin=meaning.sensor_vin,
        reason=meaning.reason,  # type: ignore[arg-type] # a success carries no other reason (schemas.events)
        paired_at=optional_time_text(interval.paired_at_us),
        paired_after=optional_time_text(interval.paired_after_us),
        unpaired_at=optional_time_text(interval.unpaired_at_us),
        ended_by=interval.ended_by,
        location=meaning.location,
        flags=flags,
        events=interval.events,
        previous_pairing_id=previous_id,
    )


def case_state(episode: Episode, now_us: int) -> CaseState:
    """`resolved`, `dismissed`, `escalated` past its deadline, else `open`."""
    return "escalated" if is_escalated(episode, now_us) else episode.status


def case_view(
    organization_id: str,
    unit_id: str,
    episode: Episode,
    now_us: int,
    *,
    candidates: tuple[Candidate, ...] = (),
    merged_into: str | None = None,
) -> Case:
    """An episode on the wire, as of `now_us`; the candidates are those found on reading."""
    dismissal = episode.dismissal if episode.status == "dismissed" else None
    deadline = time_text(deadline_us(episode))
    return Case(
        case_id=episode_id(organization_id, unit_id, episode),
        organization_id=organization_id,
        unit_id=unit_id,
        state=case_state(episode, now_us),
        reason=episode.reason,
        sensor_vin=episode.sensor_vin,
        attempts=episode.attempts,
        first_seen_at=time_text(episode.first_at_us),
        last_seen_at=time_text(episode.last_at_us),
        deadline=deadline,
        retry_until=deadline if episode.reason == "NotFound" else None,
        resolved_at=optional_time_text(dismissal.at_us if dismissal else episode.resolved_at_us),
        resolved_by="dismissed" if dismissal else episode.resolved_by,
        suggestion=suggestion(candidates),
        candidates=candidates,
        location=episode.location,
        notes=tuple(Note(note.text, note.author, time_text(note.at_us)) for note in episode.notes),
        asset_id=episode.asset_id,
        asset_vin=episode.asset_vin,
        merged_into=merged_into,
    )
