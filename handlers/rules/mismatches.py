"""VinMismatch: automatic successes on one interval whose two VINs don't go together.

Such an episode begins with the success that opened or confirmed the interval, goes on with further doubtful ones on it, and is
resolved when the interval ends or a later success on it has VINs that match. Whatever reason that one has: the VINs decide.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from handlers.rules.cases import resolved, with_fact
from handlers.rules.vin_match import agree
from schemas.facts import Fact
from schemas.pairing import Episode, Interval

VIN_MISMATCH = "VinMismatch"


class Judged(NamedTuple):
    """The episodes that one instant ended, and the one that is open after it."""

    ended: list[Episode]
    open: Episode | None


def judge_instant(
    episode: Episode | None, was_open: Interval | None, success: Fact | None, ended: Sequence[Interval], at_us: int
) -> Judged:
    """What one instant does to the open VinMismatch episode of a unit, which belongs to the interval open before it.

    `success` is the pairing that counted at this instant, and `ended` are the intervals that ended at it.
    """
    done: list[Episode] = []
    if success is None and episode is None:
        return Judged(done, None)
    confirms = success is not None and was_open is not None and success.asset_id == was_open.asset_id
    if success and confirms:
        episode = _after(episode, success, done)
    if episode and (end := _end(was_open, ended)):
        done.append(_ended(episode, end, at_us))
        episode = None
    if success and not confirms:
        episode = _after(None, success, done)
        end = next((interval for interval in ended if interval.opening_key == success.event_key), None)
        if episode and end:
            done.append(_ended(episode, end, at_us))
            episode = None
    return Judged(done, episode)


def _after(episode: Episode | None, success: Fact, done: list[Episode]) -> Episode | None:
    """The open episode after a success on its interval."""
    meaning = success.meaning
    if meaning.sensor_vin is None or meaning.asset_vin is None or (episode is None and meaning.reason != "AutoPair"):
        return episode
    verdict = agree(meaning.sensor_vin, meaning.asset_vin)
    if verdict and episode:
        done.append(resolved(episode, success.at_us, "paired"))
        return None
    if verdict is False and meaning.reason == "AutoPair":
        longer = with_fact(episode, success, VIN_MISMATCH)
        return replace(longer, asset_id=success.asset_id, asset_vin=meaning.asset_vin)
    return episode


def _end(was_open: Interval | None, ended: Sequence[Interval]) -> Interval | None:
    if was_open is None:
        return None
    return next((interval for interval in ended if interval.opening_key == was_open.opening_key), None)


def _ended(episode: Episode, end: Interval, at_us: int) -> Episode:
    """An interval that another pairing superseded was ended by a pairing."""
    return resolved(episode, at_us, "unpaired" if end.ended_by == "unpaired" else "paired")
