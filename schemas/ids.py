"""Ids that count: a short name of what they number, and the number."""

import re

from schemas.errors import NotFoundError

_DIGITS = re.compile(r"[1-9][0-9]{0,18}\Z")


def batch_text(batch_id: int) -> str:
    """`bat_…`: a batch."""
    return f"bat_{batch_id}"


def delivery_text(delivery_id: int) -> str:
    """`dlv_…`: a delivery."""
    return f"dlv_{delivery_id}"


def quarantine_text(quarantine_id: int) -> str:
    """`qtn_…`: a quarantine entry."""
    return f"qtn_{quarantine_id}"


def rejected_text(rejected_id: int) -> str:
    """`rej_…`: a held delivery that could not prove who it is."""
    return f"rej_{rejected_id}"


def reading_text(reading_no: int) -> str:
    """`reading_…`: a reading."""
    return f"reading_{reading_no}"


def attempt_text(attempt_id: int) -> str:
    """`mis_…`: what came for a meter that didn't exist."""
    return f"mis_{attempt_id}"


def change_text(change_no: int) -> str:
    """`chg_…`: an entry of a history."""
    return f"chg_{change_no}"


def run_text(run_id: int) -> str:
    """`run_…`: a run of a provider."""
    return f"run_{run_id}"


def refused_text(entry_id: int) -> str:
    """`prq_…`: an entry of a provider's quarantine."""
    return f"prq_{entry_id}"


def find_number(text: str, prefix: str) -> int | None:
    """The number of an id that begins with `prefix`, such as `bat_`; None for any other text."""
    digits = text.removeprefix(prefix)
    if digits == text or not _DIGITS.match(digits) or int(digits) >= 2**63:
        return None
    return int(digits)


def number(text: str, prefix: str) -> int:
    """The same; NotFoundError for a text that is no such id, since nothing can have it."""
    found = find_number(text, prefix)
    if found is None:
        raise NotFoundError(f"there is no {text!r}")
    return found
