"""Blocking keys: the few strings by which an index finds every asset that any tier could fit, without scanning the fleet.

An asset is stored under at most two keys. A sensor's VIN is looked up under its own end and under what one fault makes of it:
the faults are spread out on the side that asks, once, rather than in every stored row. The tiers are symmetric, so the same
keys serve the other way round: cases stored under `stored_keys` of their sensorVIN are found by `probe_keys` of an asset's.

* Every tier but confusable and sibling has the last 6 characters equal: one key for the end.
* A confusable or a sibling whose last 6 differ has all else of 17 equal, position 9 aside, and one or two characters changed at
  positions 11 to 17: one key for the whole without position 9, and each of those changes on the side that asks.
"""

from collections.abc import Iterator

from handlers.rules.vin import CHECK_POSITION, UNREADABLE, VIN_LENGTH, read
from handlers.rules.vin_tiers import LOOK_ALIKES, SERIAL_LENGTH, SERIAL_START

# How the key for the end of a VIN begins.
END_KEY = "end:"
_DIGITS = "0123456789"


def stored_keys(vin: str | None) -> tuple[str, ...]:
    """The keys to keep for a VIN as recorded: none for an invalid one, one for a partial one, two for a valid one."""
    text = _usable(vin)
    return tuple(_own_keys(text)) if text else ()


def probe_keys(vin: str | None) -> tuple[str, ...]:
    """The keys to look up, at most 67: whatever fits the VIN by any tier is stored under one of them."""
    text = _usable(vin)
    if not text:
        return ()
    keys = dict.fromkeys(_end_key(text))
    if len(text) == VIN_LENGTH:
        keys.update(dict.fromkeys(_whole_key(changed) for changed in _one_fault(text)))
    return tuple(keys)


def _usable(vin: str | None) -> str | None:
    parsed = read(vin) if vin else None
    return parsed.repaired if parsed and parsed.verdict != "invalid" else None


def _own_keys(text: str) -> Iterator[str]:
    yield from _end_key(text)
    if len(text) == VIN_LENGTH:
        yield _whole_key(text)


def _end_key(text: str) -> Iterator[str]:
    end = text[-SERIAL_LENGTH:]
    if UNREADABLE not in end:
        yield f"{END_KEY}{end}"


def _whole_key(text: str) -> str:
    return f"vin:{text[: CHECK_POSITION - 1]}{text[CHECK_POSITION:]}"


def _one_fault(text: str) -> Iterator[str]:
    """The text with one fault that changes its last 6: another digit or the look-alike, or two neighbours the other way round."""
    for at in range(SERIAL_START - 1, VIN_LENGTH):
        here = text[at]
        others = {LOOK_ALIKES.get(here, here), *(_DIGITS if here.isdigit() else "")} - {here}
        for other in sorted(others):
            yield text[:at] + other + text[at + 1 :]
    for at in range(SERIAL_START - 2, VIN_LENGTH - 1):
        if text[at] != text[at + 1]:
            yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
