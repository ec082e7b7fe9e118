"""Episodes in which a unit could not be matched: a maximal run of failures with no effective success between them."""

from functools import lru_cache
from typing import Literal

from msgspec.structs import replace

from handlers.rules.facts import digest_id
from schemas.facts import Fact
from schemas.pairing import Episode

# Datahub re-sends a NotFound hourly for 48 hours ("Failure scenario, NotFound" in its asset event group).
DEADLINE_US = 48 * 3600 * 1_000_000


@lru_cache(maxsize=8192)
def case_id(organization_id: str, unit_id: str, failure_key: str) -> str:
    """The id that a failure gives its case; a case carries that of its first, and is found by that of any."""
    return digest_id("case_", (organization_id, unit_id, failure_key), 24)


def with_failure(episode: Episode | None, fact: Fact) -> Episode:
    """The open episode, or a new one, with one more failure, which is later than those in it by (time, key)."""
    return with_fact(episode, fact, fact.meaning.reason or "Unknown")


def with_fact(episode: Episode | None, fact: Fact, reason: str) -> Episode:
    """The same for whatever makes a case: a fact that says `reason`."""
    kind = (reason, fact.meaning.sensor_vin)
    before = episode or Episode(
        kind[0], (), (), attempts=0, first_at_us=fact.at_us, last_at_us=fact.at_us, run_from_us=fact.at_us, sensor_vin=kind[1]
    )
    unbroken = (before.reason, before.sensor_vin) == kind
    return replace(
        before,
        reason=kind[0],
        sensor_vin=kind[1],
        failures=(*before.failures, fact.event_key),
        kinds=before.kinds if kind in before.kinds else tuple(sorted((*before.kinds, kind), key=_kind_order)),
        attempts=before.attempts + fact.attempts,
        last_at_us=fact.at_us,
        run_from_us=before.run_from_us if unbroken else fact.at_us,
        location=fact.meaning.location,
        candidate_asset_ids=fact.meaning.candidate_asset_ids,
    )


def resolved(episode: Episode, at_us: int, by: Literal["paired", "unpaired"]) -> Episode:
    """The episode as an effective success, or the end of its interval, ends it."""
    return replace(episode, resolved_at_us=at_us, resolved_by=by)


def deadline_us(episode: Episode) -> int:
    """48 hours after the first failure of the last unbroken run of one reason and sensorVIN."""
    return episode.run_from_us + DEADLINE_US


def is_escalated(episode: Episode, now_us: int) -> bool:
    """Open and past its deadline: computed on reading, never stored."""
    return episode.status == "open" and now_us > deadline_us(episode)


def _kind_order(kind: tuple[str, str | None]) -> tuple[str, str]:
    return kind[0], kind[1] or ""
