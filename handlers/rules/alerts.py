"""Messages to addresses outside: who wants which, what they say, and when they are tried again.

Source: the Standard Webhooks specification 1.0 (payload, `webhook-id`, retries): 2xx is delivered, 410 says that the receiver is
gone for good, everything else is tried again, after pauses that grow and are never shorter than the receiver asked for.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from schemas.alerts import ALL_TYPES, Alert, Attempt, MessageRecord, Retries, TargetRecord, Told, Wanted
from schemas.wire import encode_cursor, time_text, to_json

Outcome = Literal["delivered", "retried", "dead", "gone"]

_SECOND_US = 1_000_000
_GONE = 410
_SUCCESS = range(200, 300)
# Only these two speak of the receiver as a whole when they ask for a pause (RFC 9110, 15.6.4, and RFC 6585, 4).
_BUSY = (429, 503)
# A pause that is asked for is kept to, up to a day: nobody means more, and a wrong clock can ask for a century.
RETRY_AFTER_MAX_S = 86_400.0
# So many failures in a row say that the receiver is down rather than that it can't take some message; then it is left alone for a
# while, but never so long that it is told late of what happens once it is back.
FAILURES_BEFORE_REST = 3
REST_MAX_S = 300


class Judged(NamedTuple):
    """What an attempt means for its message, and the message as it is to be kept (where it is)."""

    outcome: Outcome
    message: MessageRecord
    asked_us: int = 0


def is_wanted(wanted: Wanted, told: Told) -> bool:
    """Whether a target asks to be told of something."""
    if wanted.organizations and told.organization_id not in wanted.organizations:
        return False
    return not {ALL_TYPES, told.type, f"{told.type.partition('.')[0]}.*"}.isdisjoint(wanted.events)


def message_id(told: Told) -> str:
    """The `webhook-id` by which a receiver knows a message that comes again.

    It is made from the place in the journal and from what stands there: where a database was restored from a backup, other things
    come to stand at places that have been told of already.
    """
    return "msg_" + hashlib.sha256(to_json(told)).hexdigest()[:32]


def body_of(told: Told) -> bytes:
    """The body of a message."""
    data = msgspec.Raw(told.data.encode())
    return to_json(Alert(told.type, time_text(told.at_us), encode_cursor(told.place), told.organization_id, data))


def new_message(target: str, told: Told, now_us: int) -> MessageRecord:
    """A message that hasn't been tried."""
    return MessageRecord(
        told.organization_id,
        target,
        told.position,
        told.n,
        message_id(told),
        told.type,
        told.subject,
        attempts=0,
        next_at_us=now_us,
        error=None,
        dead_at_us=None,
    )


def judge(message: MessageRecord, attempt: Attempt, retries: Retries, now_us: int, spread: float) -> Judged:
    """What becomes of a message after an attempt. `spread`, 0 to 1, lengthens a pause by up to a quarter."""
    if attempt.status in _SUCCESS:
        return Judged("delivered", message)
    asked_us = 0
    if attempt.status in _BUSY and attempt.retry_after_s is not None:
        asked_us = now_us + round(min(attempt.retry_after_s, RETRY_AFTER_MAX_S) * _SECOND_US)
    error = attempt.error or f"answered {attempt.status}"
    if attempt.status == _GONE:
        return Judged("gone", message._replace(error=error))
    attempts = message.attempts + 1
    if attempts >= retries.attempts:
        return Judged("dead", message._replace(attempts=attempts, error=error, dead_at_us=now_us), asked_us)
    pause_s = _doubled(retries.first_s, attempts - 1, retries.longest_s) * (1 + spread / 4)
    next_at_us = max(now_us + round(pause_s * _SECOND_US), asked_us)
    return Judged("retried", message._replace(attempts=attempts, error=error, next_at_us=next_at_us), asked_us)


def rest(target: TargetRecord, judged: Sequence[Judged], retries: Retries, now_us: int) -> TargetRecord:
    """How a target stands after some attempts, at least one: whether it is to be left alone for a while, or for good."""
    failures = target.failures if all(each.outcome != "delivered" for each in judged) else 0
    failures += sum(each.outcome in {"retried", "dead"} for each in judged)
    until_us = max(target.paused_until_us, *(each.asked_us for each in judged))
    if failures >= FAILURES_BEFORE_REST:
        pause_s = _doubled(retries.first_s, failures - FAILURES_BEFORE_REST, REST_MAX_S)
        until_us = max(until_us, now_us + pause_s * _SECOND_US)
    gone = any(each.outcome == "gone" for each in judged)
    return target._replace(failures=failures, paused_until_us=until_us, disabled_at_us=now_us if gone else target.disabled_at_us)


def _doubled(first_s: int, times: int, most_s: int) -> int:
    """A pause doubled so many times, up to the longest."""
    return min(first_s << min(times, 32), most_s)
