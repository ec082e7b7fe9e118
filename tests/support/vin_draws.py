"""Labelled draws for VIN matching: a fleet as fleets are bought, and what its sensors really hold, each with the true answer.

A fleet consists of runs of consecutive VINs of a few makes, European ones without and North American ones with a check digit. A
draw takes a vehicle, puts one or two realistic faults into its VIN, and remembers whose it was. Everything follows from a seed.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from handlers.rules.vin import check_digit_binds, read
from handlers.rules.vin_tiers import LOOK_ALIKES, VIS_LENGTH
from tests.support.vins import PERMITTED, changed, swapped, with_check_digit


class Make(NamedTuple):
    """How a manufacturer numbers: what stands before the serial number, its digits, and whether position 9 is a check digit."""

    prefixes: tuple[str, ...]
    serial_digits: int
    checked: bool


# Patterns as on real vehicles: trucks and trailers of Europe, trucks and trailers of North America, a Chinese make.
MAKES = (
    Make(("YS2R4X2000", "YS2R6X2000", "YS2P4X2000"), 7, checked=False),
    Make(("WDB9634031L", "WDB9634061L", "WDB9340331L", "WDB9634231L"), 6, checked=False),
    Make(("WMA06XZZ8CM", "WMA06XZZ7BM", "WMA13XZZ5JM"), 6, checked=False),
    Make(("XLRASH4300G", "XLRTE47MS0E", "XLRTEH4300G"), 6, checked=False),
    Make(("WKESD00000", "WSM0000000", "WSMS748000"), 7, checked=False),
    Make(("VF624GPA00", "SUDPC20000"), 7, checked=False),
    Make(("1XKYD49X0GJ", "1XPBDP9X0HD", "3AKJHHDR0JS", "4V4NC9EH0KN"), 6, checked=True),
    Make(("1JJV532D0GL", "1GRAA062XHE", "1UYVS253XJU"), 6, checked=True),
    Make(("LZZ5ELND0ED", "LFWSRXRJ0H1"), 6, checked=True),
)


# How often a draw looks for a sister vehicle that isn't in the fleet (about half of the tries find one), a text comes padded or
# written with separators, and a digit is mistyped as another digit.
ABSENT = 0.15
DISGUISED = 0.25
DIGIT_FOR_DIGIT = 0.8


class Draw(NamedTuple):
    """What a sensor holds, whose it is (an index of the fleet, None for a vehicle that isn't in it), and what happened to it.

    `spells` is another vehicle of the fleet whose VIN, or the last 8 or more of it, the text has become: an error that nobody
    can see in the text.
    """

    sensor: str
    truth: int | None
    fault: str
    spells: int | None


def make_fleet(size: int, seed: int) -> list[str]:
    """So many different VINs, in runs of 1 to 60 consecutive serial numbers."""
    rng = random.Random(seed)  # noqa: S311 - draws that can be repeated, not secrets
    vins: dict[str, None] = {}
    while len(vins) < size:
        make = rng.choice(MAKES)
        prefix = rng.choice(make.prefixes)
        first = rng.randrange(1, 10**make.serial_digits // 2)
        for serial in range(first, first + rng.randint(1, 60)):
            vin = f"{prefix}{serial:0{make.serial_digits}d}"
            vins[with_check_digit(vin) if make.checked else vin] = None
    return list(vins)[:size]


def draws(fleet: Sequence[str], seed: int) -> Iterator[Draw]:
    """Endless draws from a fleet."""
    rng = random.Random(seed)  # noqa: S311 - draws that can be repeated, not secrets
    owned = set(fleet)
    ends = sorted((vin[::-1], index) for index, vin in enumerate(fleet))
    while True:
        truth: int | None = rng.randrange(len(fleet))
        vin = fleet[truth or 0]
        if rng.random() < ABSENT:
            vin, truth = _sister(rng, vin), None
            if vin in owned:
                continue
        name, fault = rng.choices(*_CHOICE)[0]
        text = fault(rng, vin)
        if rng.random() < DISGUISED:
            text, name = _disguised(rng, text), f"{name}, disguised"
        yield Draw(text, truth, name, _spelled(text, truth, ends))


def _spelled(text: str, truth: int | None, ends: list[tuple[str, int]]) -> int | None:
    """Another vehicle whose VIN ends with the text, if the true one's doesn't. `ends` are all VINs read backwards, sorted."""
    vin = read(text)
    if vin.verdict == "invalid" or len(vin.repaired) < VIS_LENGTH:
        return None
    backwards = vin.repaired[::-1]
    first = bisect_left(ends, (backwards, -1))
    found = [
        index for _, index in takewhile(lambda end: end[0].startswith(backwards), map(ends.__getitem__, range(first, len(ends))))
    ]
    return found[0] if found and truth not in found else None


def _sister(rng: random.Random, vin: str) -> str:
    """A vehicle of the same series, built up to 30 numbers before or after."""
    serial = int(vin[-6:]) + rng.choice((-1, 1)) * rng.randint(1, 30)
    sister = f"{vin[:-6]}{serial % 1_000_000:06d}"
    return with_check_digit(sister) if check_digit_binds(vin) else sister


def _end(rng: random.Random, vin: str) -> str:
    return vin[-rng.choice((8, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15, 16)) :]


def _short_end(rng: random.Random, vin: str) -> str:
    return vin[-rng.randint(6, 7) :]


def _start(rng: random.Random, vin: str) -> str:
    return vin[: rng.randint(9, 16)]


def _letters(rng: random.Random, vin: str) -> str:
    """Letters that a VIN doesn't have, for the digits that they look like."""
    return vin.replace("0", rng.choice("OQ")).replace("1", rng.choice("1I"))


def _barcode(_: random.Random, vin: str) -> str:
    return "I" + vin


def _look_alike(rng: random.Random, vin: str) -> str:
    at = rng.choice([position for position, char in enumerate(vin, 1) if char in LOOK_ALIKES] or [1])
    return changed(vin, at, LOOK_ALIKES.get(vin[at - 1], vin[at - 1]))


def _transposed(rng: random.Random, vin: str) -> str:
    return swapped(vin, rng.choice([at for at in range(1, len(vin)) if vin[at - 1] != vin[at]] or [1]))


def _mistyped(rng: random.Random, vin: str) -> str:
    """Another character in one place: mostly a digit for a digit, as people copy them."""
    at = rng.randint(1, len(vin))
    likely = "0123456789" if vin[at - 1].isdigit() and rng.random() < DIGIT_FOR_DIGIT else PERMITTED
    return changed(vin, at, rng.choice(likely.replace(vin[at - 1], "")))


def _lost(rng: random.Random, vin: str) -> str:
    at = rng.randrange(len(vin))
    return vin[:at] + vin[at + 1 :]


def _doubled(rng: random.Random, vin: str) -> str:
    at = rng.randrange(len(vin))
    return vin[: at + 1] + vin[at:]


def _wrong_before_vis(rng: random.Random, vin: str) -> str:
    """The VIS after something else, as in ZF's documented F3A000001 on 1HGCM82633A000001."""
    return "".join(rng.choices(PERMITTED, k=rng.randint(1, 9))) + vin[-VIS_LENGTH:]


def _placeholder(rng: random.Random, _: str) -> str:
    return rng.choice(("UNKNOWN", "NONE", "NULL", "N/A", "TEST", "000000", "XXXXXXXXXXXXXXXXX", "1234567890", "TESTVIN00001"))


def _two(rng: random.Random, vin: str) -> str:
    """One fault in what is left of the VIN after another."""
    return rng.choice((_look_alike, _transposed, _mistyped, _letters))(rng, rng.choice((_end, _letters, _mistyped))(rng, vin))


def _disguised(rng: random.Random, text: str) -> str:
    """The same text as memory pads it and people write it."""
    return rng.choice(
        (
            text.lower(),
            f"{text[:3]} {text[3:9]} {text[9:]}",
            f"{text[:-6]}-{text[-6:]}",
            f"\x00\x00{text}\x00",
            f"{text}\xff\xff",
            f"*{text}*",
            text.translate(str.maketrans("ABEKMHPCTX", "\u0410\u0412\u0415\u041a\u041c\u041d\u0420\u0421\u0422\u0425")),
        )
    )


Fault = Callable[[random.Random, str], str]
FAULTS: tuple[tuple[str, Fault, int], ...] = (
    ("none", lambda _, vin: vin, 34),
    ("end only", _end, 16),
    ("last 6 or 7", _short_end, 4),
    ("start only", _start, 3),
    ("I O Q for 1 0", _letters, 8),
    ("barcode I", _barcode, 3),
    ("look-alike", _look_alike, 8),
    ("transposition", _transposed, 6),
    ("typing error", _mistyped, 7),
    ("character lost", _lost, 3),
    ("character doubled", _doubled, 2),
    ("wrong before VIS", _wrong_before_vis, 3),
    ("placeholder", _placeholder, 1),
    ("two faults", _two, 3),
)
_CHOICE = ([(name, fault) for name, fault, _ in FAULTS], [weight for _, _, weight in FAULTS])
