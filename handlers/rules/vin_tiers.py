"""How well a sensor's VIN fits an asset's: the tiers, tried from the top, the first that fits counts.

Each tier asks the same of both sides, so a fit is symmetric: who is the sensor makes no difference to tier and score.
Positions are those of a VIN of 17, counted from 1; shorter texts are the end of a VIN, so both are aligned at position 17.
"""

from itertools import compress
from operator import ne
from typing import NamedTuple

from handlers.rules.vin import CHECK_POSITION, UNREADABLE, VIN_LENGTH, Vin, check_digit_binds, check_digit_holds
from schemas.vin import Tier

# Look-alike pairs, either way. O, Q and I have been repaired before.
LOOK_ALIKES = dict(zip("25680UZSGBDV", "ZSGBDV25680U", strict=True))
SERIAL_START = 12
VIS_LENGTH = 8
SERIAL_LENGTH = VIN_LENGTH - SERIAL_START + 1

# In hundredths, so that margins compare exactly.
_SCORES: dict[Tier, int] = {
    "exact": 100,
    "normalized": 97,
    "suffix": 92,
    "confusable": 85,
    "vis": 80,
    "suffix6": 65,
    "serial": 45,
    "sibling": 30,
}
_CONTRADICTION = 3


class Fit(NamedTuple):
    """A tier that fits. `score` is in hundredths; `differ` are the positions at which both texts say something else."""

    tier: Tier
    score: int
    differ: tuple[int, ...] = ()


def fit(sensor: Vin, asset: Vin) -> Fit | None:
    """The first tier that fits, or None. An invalid text fits nothing."""
    if sensor.verdict == "invalid" or asset.verdict == "invalid":
        return None
    s, a = sensor.repaired, asset.repaired
    shorter = s if len(s) < len(a) else a
    if s.endswith(a) or a.endswith(s):
        if UNREADABLE not in shorter:
            return _one_ends_the_other(sensor, asset, len(shorter))
    elif len(s) == len(a) == VIN_LENGTH:
        return _whole(s, a)
    return _ends(s, a, _differing(s, a))


def _one_ends_the_other(sensor: Vin, asset: Vin, length: int) -> Fit:
    if len(sensor.repaired) != len(asset.repaired):
        return _as("suffix" if length >= VIS_LENGTH else "suffix6")
    return _as("exact" if sensor.raw == asset.raw and length == VIN_LENGTH else "normalized")


def _whole(s: str, a: str) -> Fit | None:
    """The tiers of two VINs of 17 that differ somewhere."""
    differ = _differing(s, a)
    if _confusable(s, a, differ):
        return _as("confusable", differ)
    return _ends(s, a, differ) or (_as("sibling", differ) if _sibling(s, a, differ) else None)


def _ends(s: str, a: str, differ: tuple[int, ...]) -> Fit | None:
    """The tiers that ask for an equal end, of two texts that differ somewhere before it."""
    if _same_end(s, a, VIS_LENGTH):
        return Fit("vis", _SCORES["vis"] - _CONTRADICTION * len(differ), differ)
    # More than the last 6 was compared and the last 8 aren't equal: then position 10 or 11 differs.
    return _as("serial", differ) if _same_end(s, a, SERIAL_LENGTH) else None


def _same_end(s: str, a: str, length: int) -> bool:
    return s[-length:] == a[-length:] and UNREADABLE not in s[-length:]


def _as(tier: Tier, differ: tuple[int, ...] = ()) -> Fit:
    return Fit(tier, _SCORES[tier], differ)


def _differing(s: str, a: str) -> tuple[int, ...]:
    """The compared positions, in order, at which the texts aren't known to be equal."""
    overlap = min(len(s), len(a))
    s = s.replace(UNREADABLE, "!")  # so that two unreadable characters differ
    return tuple(compress(range(VIN_LENGTH - overlap + 1, VIN_LENGTH + 1), map(ne, s[-overlap:], a[-overlap:])))


def _confusable(s: str, a: str, differ: tuple[int, ...]) -> bool:
    """Whether one look-alike edit or one transposition of neighbours lies between two VINs, and the check digits agree to it.

    Where one of them has a binding check digit, the edit has to turn one that fails into one that holds and binds. Where none
    binds, digit for digit within the serial number isn't enough: that is what a sibling looks like.
    """
    if not (_one_look_alike(s, a, differ) or _one_transposition(s, a, differ)):
        return False
    if check_digit_binds(s) or check_digit_binds(a):
        return _mends(s, a) or _mends(a, s)
    return not (differ[0] >= SERIAL_START and all(s[at - 1].isdigit() and a[at - 1].isdigit() for at in differ))


def _one_look_alike(s: str, a: str, differ: tuple[int, ...]) -> bool:
    return len(differ) == 1 and LOOK_ALIKES.get(s[differ[0] - 1]) == a[differ[0] - 1]


def _one_transposition(s: str, a: str, differ: tuple[int, ...]) -> bool:
    """Whether two neighbours stand in the other order, and nothing else differs."""
    if len(differ) != 2 or differ[1] != differ[0] + 1:  # noqa: PLR2004 - a transposition concerns two
        return False
    at = differ[0] - 1
    return s[at] == a[at + 1] and s[at + 1] == a[at]


def _mends(before: str, after: str) -> bool:
    """Whether a failing check digit becomes one that binds and holds."""
    return check_digit_binds(after) and check_digit_holds(after) and not check_digit_holds(before)


def _sibling(s: str, a: str, differ: tuple[int, ...]) -> bool:
    """Whether two VINs are of one series, and their serial numbers one digit or one transposition of digits apart."""
    serial = tuple(at for at in differ if at != CHECK_POSITION)
    if not serial or serial[0] < SERIAL_START or not all(s[at - 1].isdigit() and a[at - 1].isdigit() for at in serial):
        return False
    return len(serial) == 1 or _one_transposition(s, a, serial)
