"""The tiers of VIN matching: a table of named cases, and properties over generated pairs."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from handlers.rules.vin import Vin, read
from handlers.rules.vin_tiers import Fit, fit
from schemas.vin import Tier
from tests.support.vins import PUBLIC_VINS, SAMPLE, PublicVin, changed, families, swapped, with_check_digit

# A VIN of each kind: its check digit binds and holds; it binds and fails; it doesn't bind and fails.
SOUND = "1M8GDM9AXKP042788"
TRUCK = "YS2R4X20005399401"
TRAILER = "WSMS7480000706156"


class Case(NamedTuple):
    """A sensor's text, an asset's, the tier and the score."""

    sensor: str
    asset: str
    tier: Tier | None
    score: float = 0


EXACT = [Case(SAMPLE, SAMPLE, "exact", 1.0), Case(TRUCK, TRUCK, "exact", 1.0), Case(SAMPLE.lower(), SAMPLE.lower(), "exact", 1.0)]
NORMALIZED = [
    Case("1hgcm82633a000001", SAMPLE, "normalized", 0.97),
    Case(SAMPLE, "1HG-CM82633A-000001", "normalized", 0.97),
    Case("1HGCM82633AOOOOOI", SAMPLE, "normalized", 0.97),
    Case("IHGCM82633A000001", SAMPLE, "normalized", 0.97),
    Case("I1HGCM82633A000001", SAMPLE, "normalized", 0.97),
    Case("\x00\x00" + SAMPLE + "\xff", SAMPLE, "normalized", 0.97),
    Case("F3A000001", "F3A000001", "normalized", 0.97),
    Case("000001", "OOOOOI", "normalized", 0.97),
]
SUFFIX = [
    Case("3A000001", SAMPLE, "suffix", 0.92),
    Case("33A000001", SAMPLE, "suffix", 0.92),
    Case("HGCM82633A000001", SAMPLE, "suffix", 0.92),
    Case(SAMPLE, "3A000001", "suffix", 0.92),
    Case("3AOOO0OI", SAMPLE, "suffix", 0.92),
    Case("?3A000001", "3A000001", "suffix", 0.92),
    Case("3A000001", "33A000001", "suffix", 0.92),
]
CONFUSABLE = [
    # Binding: the look-alike edit, or the transposition, makes the check digit hold.
    Case(changed(SOUND, 4, "6"), SOUND, "confusable", 0.85),
    Case(SOUND, changed(SOUND, 4, "6"), "confusable", 0.85),
    Case(changed(SOUND, 17, "B"), SOUND, "confusable", 0.85),
    Case(swapped(SOUND, 2), SOUND, "confusable", 0.85),
    Case(swapped(SOUND, 14), SOUND, "confusable", 0.85),
    Case(changed(SOUND, 17, "B").lower(), SOUND, "confusable", 0.85),
    # The other way round: O was repaired to 0, which looks like D.
    Case(
        changed(with_check_digit(changed(SOUND, 12, "D")), 12, "O"), with_check_digit(changed(SOUND, 12, "D")), "confusable", 0.85
    ),
    # Binding, but the edit mends nothing, since the asset fails too.
    Case(changed(SAMPLE, 6, "B"), SAMPLE, "vis", 0.77),
    Case(changed(SAMPLE, 11, "B"), SAMPLE, "serial", 0.45),
    Case(swapped(SAMPLE, 16), SAMPLE, "sibling", 0.30),
    Case(changed(SAMPLE, 17, "S"), changed(SAMPLE, 17, "5"), None),
    # D and M have the same value: the check digit can't see them change places, so it fails on neither.
    Case(swapped(SOUND, 5), SOUND, "vis", 0.74),
    # None binds.
    Case(changed(TRUCK, 3, "Z"), TRUCK, "confusable", 0.85),
    Case(changed(TRUCK, 16, "D"), TRUCK, "confusable", 0.85),
    Case(swapped(TRUCK, 5), TRUCK, "confusable", 0.85),
    Case(swapped(TRUCK, 11), TRUCK, "confusable", 0.85),
    Case(changed("WVWZZZ1KZ6U612305", 11, "V"), "WVWZZZ1KZ6U612305", "confusable", 0.85),
    # None binds, digit for digit within 12-17: a sibling.
    Case(swapped(TRUCK, 15), TRUCK, "sibling", 0.30),
    Case(swapped(TRUCK, 12), TRUCK, "sibling", 0.30),
    # No look-alike, or two faults.
    Case(changed(TRUCK, 5, "9"), TRUCK, "vis", 0.77),
    Case(changed(changed(TRUCK, 3, "Z"), 7, "Z"), TRUCK, "vis", 0.74),
    # The region itself is misread: the reading that binds has to hold.
    Case("S" + with_check_digit("5" + SOUND[1:])[1:], with_check_digit("5" + SOUND[1:]), "confusable", 0.85),
    Case("Z" + SAMPLE[1:], "2" + SAMPLE[1:], "vis", 0.77),
    # Shorter texts are never confusable.
    Case(changed(SOUND, 17, "B")[1:], SOUND, None),
]
VIS = [
    Case("F3A000001", SAMPLE, "vis", 0.77),
    Case(SAMPLE, "F3A000001", "vis", 0.77),
    Case("XF3A000001", SAMPLE, "vis", 0.74),
    Case("X33A000001", SAMPLE, "vis", 0.77),
    Case("WDB963403" + SAMPLE[9:], SAMPLE, "vis", 0.80 - 0.03 * 8),
    Case("WDB96FEFF" + SAMPLE[9:], SAMPLE, "vis", 0.80 - 0.03 * 9),
    Case("?3A000001", SAMPLE, "vis", 0.77),
    Case("?3A000001", "?3A000001", "vis", 0.77),
]
SUFFIX6 = [
    Case("000001", SAMPLE, "suffix6", 0.65),
    Case("A000001", SAMPLE, "suffix6", 0.65),
    Case(SAMPLE, "A000001", "suffix6", 0.65),
    Case("A000001", "3A000001", "suffix6", 0.65),
]
SERIAL = [
    Case("F3D000001", SAMPLE, "serial", 0.45),
    Case("D000001", SAMPLE, "serial", 0.45),
    Case("4A000001", SAMPLE, "serial", 0.45),
    Case("4D000001", SAMPLE, "serial", 0.45),
    Case(SAMPLE, "F3D000001", "serial", 0.45),
    Case("WDB9634034L000001", SAMPLE, "serial", 0.45),
]
SIBLING = [
    Case(changed(SAMPLE, 17, "2"), SAMPLE, "sibling", 0.30),
    Case(changed(SAMPLE, 12, "9"), SAMPLE, "sibling", 0.30),
    Case(with_check_digit(changed(SOUND, 17, "9")), SOUND, "sibling", 0.30),
    Case(with_check_digit(swapped(SOUND, 14)), SOUND, "sibling", 0.30),
    Case(changed(TRUCK, 17, "2"), TRUCK, "sibling", 0.30),
    Case(changed(TRAILER, 17, "7"), TRAILER, "sibling", 0.30),
]
NOTHING = [
    Case(changed(changed(SAMPLE, 17, "2"), 10, "4"), SAMPLE, None),
    Case(changed(changed(SAMPLE, 17, "2"), 13, "2"), SAMPLE, None),
    Case(changed(SAMPLE, 17, "X"), SAMPLE, None),
    Case(changed(SAMPLE, 17, "2")[1:], SAMPLE, None),
    Case("00000?", SAMPLE, None),
    Case("00000?", "00000?", None),
    Case("00001", SAMPLE, None),
    Case("1HGCM82633A00000", SAMPLE, None),
    Case(SAMPLE + "9", SAMPLE, None),
    Case("UNKNOWN", "UNKNOWN", None),
    Case("00000000", "1HGCM82600000000", None),
    Case("1HGCM82633A00000é", "1HGCM82633A00000é", None),
    Case("", SAMPLE, None),
]


@pytest.mark.parametrize("case", [*EXACT, *NORMALIZED, *SUFFIX, *CONFUSABLE, *VIS, *SUFFIX6, *SERIAL, *SIBLING, *NOTHING])
def test_tiers_and_scores(case: Case) -> None:
    """The first tier of the table that fits counts, with its score."""
    found = fit(read(case.sensor), read(case.asset))
    assert (found.tier if found else None) == case.tier
    assert (found.score if found else 0) == round(100 * case.score)


@pytest.mark.parametrize("public", PUBLIC_VINS, ids=lambda public: public.vin)
def test_public_vins_match_themselves_whatever_their_check_digit(public: PublicVin) -> None:
    """A VIN of a public test suite matches exactly, in lower case, by its last 8 and by its last 6."""
    vin = public.vin
    fits = [fit(read(text), read(vin)) for text in (vin, vin.lower(), vin[-8:], vin[-6:])]
    # 123456 alone would be a placeholder.
    last6 = None if vin.endswith("123456") else "suffix6"
    assert [found and found.tier for found in fits] == ["exact", "normalized", "suffix", last6]


@settings(max_examples=400, deadline=None)
@given(families(min_size=2, max_size=2))
def test_a_fit_is_what_the_table_says_from_either_side(pair: list[str]) -> None:
    """The implementation agrees with the table written down once more, and tier and score don't depend on who is the sensor."""
    sensor, asset = (read(text) for text in pair)
    found = fit(sensor, asset)
    assert found == next(_rows_that_fit(sensor, asset), None)
    assert found == fit(asset, sensor)
    assert (found is not None and found.score == 100) == (pair[0] == pair[1] and sensor.verdict == "valid")


def _rows_that_fit(sensor: Vin, asset: Vin) -> Iterator[Fit]:
    """The table of the rules read literally, row by row, over positions; it shares nothing with the implementation."""
    if sensor.verdict == "invalid" or asset.verdict == "invalid":
        return
    s = dict(zip(range(18 - len(sensor.repaired), 18), sensor.repaired, strict=True))
    a = dict(zip(range(18 - len(asset.repaired), 18), asset.repaired, strict=True))
    compared = s.keys() & a.keys()
    differ = tuple(sorted(at for at in compared if s[at] != a[at] or s[at] == "?"))
    both17 = len(s) == len(a) == 17
    if sensor.raw == asset.raw and both17:
        yield Fit("exact", 100)
    if s == a and not differ:
        yield Fit("normalized", 97)
    if s.keys() != a.keys() and not differ and len(compared) >= 8:
        yield Fit("suffix", 92)
    if both17 and (_alike(s, a, differ) or _swap(s, a, differ)) and _check_digits_agree(sensor, asset, differ):
        yield Fit("confusable", 85, differ)
    if differ and max(differ) < 10:
        yield Fit("vis", 80 - 3 * len(differ), differ)
    if s.keys() != a.keys() and not differ:
        yield Fit("suffix6", 65)
    if differ and max(differ) in {10, 11}:
        yield Fit("serial", 45, differ)
    serial = tuple(at for at in differ if at != 9)
    digits = all(s[at].isdigit() and a[at].isdigit() for at in serial)
    if both17 and serial and min(serial) >= 12 and digits and (len(serial) == 1 or _swap(s, a, serial)):
        yield Fit("sibling", 30, differ)


def _swap(s: dict[int, str], a: dict[int, str], differ: tuple[int, ...]) -> bool:
    match differ:
        case (one, two):
            return two == one + 1 and (s[one], s[two]) == (a[two], a[one])
        case _:
            return False


def _alike(s: dict[int, str], a: dict[int, str], differ: tuple[int, ...]) -> bool:
    return len(differ) == 1 and {s[differ[0]], a[differ[0]]} in [set(pair) for pair in ("2Z", "5S", "6G", "8B", "0D", "UV")]


def _check_digits_agree(sensor: Vin, asset: Vin, differ: tuple[int, ...]) -> bool:
    """Where a check digit binds, one fails and the other binds and holds; else not digit for digit within 12-17."""
    if not {sensor.repaired[0], asset.repaired[0]} & set("12345L"):
        pairs = [(sensor.repaired[at - 1], asset.repaired[at - 1]) for at in differ]
        return min(differ) < 12 or not all(x.isdigit() and y.isdigit() for x, y in pairs)
    holding = [vin for vin in (sensor.repaired, asset.repaired) if with_check_digit(vin) == vin]
    return len(holding) == 1 and holding[0][0] in "12345L"
