"""A VIN by itself: normalize, repair, verdict, check digit.

Sources: ISO 3779 (17 characters without I, O and Q; WMI 1-3, VDS 4-9, VIS 10-17) and 49 CFR 565.15 (the check digit).
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from schemas.vin import CheckDigit, Verdict, VinReport

VIN_LENGTH = 17
PARTIAL_MIN = 6
# What stands for a character that no VIN can have. It keeps its place and never equals anything, not even itself.
UNREADABLE = "?"
# Longer texts are no VINs and are cut: Unicode normalization takes quadratic time on long runs of combining marks.
TEXT_MAX = 256

# Padding of sensor memory (NUL, 0xFF), separators that people write, the start and stop sign of Code 39. Spaces go by split().
_dropped = str.maketrans(dict.fromkeys("\x00\xff-._*"))
# Capital letters of the Cyrillic and Greek scripts that look like a Latin one; as escapes, since none could tell them apart here.
_look_alikes = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u04c0\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u04ae\u0425\u051a\u051c\u0474"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u037f\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABESIIJKMHOPCTYYXQWVABEZHIJKMNOPTYX",
)
_repaired = str.maketrans("IOQ", "100")
_is_plain = re.compile(r"[A-Z0-9]*").fullmatch
_unreadable = re.compile(r"[^A-Z0-9]")

_PLACEHOLDER_WORDS = (
    "UNKNOWN|UNDEFINED|UNAVAILABLE|UNBEKANNT|INCONNU|NONE|NULL|NOTSET|NOTAVAILABLE|NOVIN"
    "|TESTVIN|TEST|DUMMY|SAMPLE|EXAMPLE|DEFAULT|EMPTY"
)
# A word, once or several times, also counted (TEST000001). NA is never counted: it can begin a true VIS (NA123456).
_is_placeholder_word = re.compile(rf"(?:{_PLACEHOLDER_WORDS})+\d*|(?:N\??A)+").fullmatch
_placeholder_starts = frozenset(word[:2] for word in f"{_PLACEHOLDER_WORDS}|NA|N?A".split("|"))
_COUNTING_STARTS = ("123456", "012345")
_COUNTING = ("12345678901234567", "01234567890123456")

# 49 CFR 565.15(c), tables III to V: the value of each character, the weight of each position, the remainder as a check digit.
_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)), strict=True)
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_PRODUCTS = tuple({char: value * weight for char, value in _VALUES.items()} for weight in _WEIGHTS)
_CHECK_DIGITS = "0123456789X"
CHECK_POSITION = 9
# WMIs of North America (1 to 5) and of China (L, GB 16735) carry a binding check digit.
_BINDING = frozenset("12345L")


class Vin(NamedTuple):
    """A text read as a VIN: `normalized` as it stands, `repaired` with I, O and Q read as digits."""

    raw: str
    normalized: str
    repaired: str
    verdict: Verdict


def normalize(text: str) -> str:
    """The text in capital letters A-Z and digits; any other character left becomes `?`. Normalizing twice changes nothing."""
    if _is_plain(text):
        return text[:TEXT_MAX]
    folded = unicodedata.normalize("NFKC", _drop(text)[:TEXT_MAX]).upper().translate(_look_alikes)
    return _unreadable.sub(UNREADABLE, _drop(folded))[:TEXT_MAX]


def repair(normalized: str) -> str:
    """The second form: without the leading `I` that a barcode puts before 17 characters, and with I, O, Q read as 1, 0, 0."""
    if len(normalized) == VIN_LENGTH + 1 and normalized[0] == "I":
        normalized = normalized[1:]
    return normalized.translate(_repaired)


@lru_cache(maxsize=4096)
def read(text: str) -> Vin:
    """Read a text as a VIN, which is judged by what repair makes of it. Never raises."""
    normalized = normalize(text)
    repaired = repair(normalized)
    return Vin(text, normalized, repaired, _verdict(normalized, repaired))


@lru_cache(maxsize=4096)
def computed_check_digit(vin: str) -> str:
    """The check digit (0-9 or X) that 17 permitted characters ought to have at position 9."""
    return _CHECK_DIGITS[sum(map(dict.__getitem__, _PRODUCTS, vin)) % 11]


def check_digit_holds(vin: str) -> bool:
    """Whether 17 permitted characters have the check digit that the arithmetic asks for, binding or not."""
    return vin[CHECK_POSITION - 1] == computed_check_digit(vin)


def check_digit_binds(vin: str) -> bool:
    """Whether the region of the WMI asks for a check digit."""
    return vin[0] in _BINDING


def check_digit(vin: Vin) -> CheckDigit:
    """The check digit, told apart from the verdict: European VINs need not have one."""
    if vin.verdict != "valid" or not check_digit_binds(vin.repaired):
        return "not-applicable"
    return "valid" if check_digit_holds(vin.repaired) else "invalid"


def report(vin: Vin) -> VinReport:
    """All that can be said of a text by itself."""
    valid = vin.verdict == "valid"
    return VinReport(
        normalized=vin.normalized,
        repaired=vin.repaired,
        verdict=vin.verdict,
        valid=valid,
        problems=tuple(problems(vin)),
        wmi=vin.repaired[:3] if valid else None,
        vds=vin.repaired[3:9] if valid else None,
        vis=vin.repaired[9:] if valid else None,
        check_digit=check_digit(vin),
    )


def problems(vin: Vin) -> list[str]:
    """Why a text is invalid, or what was mended or is missing in it, a sentence each."""
    text = vin.normalized
    if placeholder := _placeholder(text, vin.repaired):
        return [placeholder]
    found = []
    length = len(vin.repaired)
    if length < VIN_LENGTH:
        found.append(
            f"{length} of {VIN_LENGTH} characters" + ("" if length >= PARTIAL_MIN else f", at least {PARTIAL_MIN} are needed")
        )
    elif length > VIN_LENGTH:
        found.append(f"{length} characters, a VIN has {VIN_LENGTH}")
    elif len(text) > VIN_LENGTH:
        found.append("a leading barcode I was dropped")
    if length <= VIN_LENGTH:
        found += [f"character {n} is no letter or digit" for n, char in enumerate(text, 1) if char == UNREADABLE]
        found += [
            f"character {n}: {before} was read as {after}"
            for n, (before, after) in enumerate(zip(text[-length:], vin.repaired, strict=True), 1)
            if before != after
        ]
    return found


def _drop(text: str) -> str:
    return "".join(text.split()).translate(_dropped)


def _verdict(normalized: str, repaired: str) -> Verdict:
    length = len(repaired)
    if length > VIN_LENGTH or length < PARTIAL_MIN or _placeholder(normalized, repaired):
        return "invalid"
    if length < VIN_LENGTH:
        return "partial"
    return "invalid" if UNREADABLE in repaired else "valid"


def _placeholder(normalized: str, repaired: str) -> str | None:
    """What kind of placeholder the text is, if it is one."""
    if not normalized:
        return "empty"
    if normalized[:2] in _placeholder_starts and _is_placeholder_word(normalized):
        return f"{normalized} is a placeholder"
    if repaired.count(repaired[0]) == len(repaired) or normalized.count(normalized[0]) == len(normalized):
        return f"a placeholder: only {normalized[0]}"
    if (
        len(repaired) >= PARTIAL_MIN
        and repaired.startswith(_COUNTING_STARTS)
        and any(full.startswith(repaired) for full in _COUNTING)
    ):
        return "a placeholder: counting digits"
    return None
