"""A VIN by itself: normalizing, repair, verdict, check digit."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rules.vin import check_digit, check_digit_holds, computed_check_digit, normalize, problems, read, repair, report
from tests.support.vins import PERMITTED, PUBLIC_VINS, SAMPLE, PublicVin, changed, whole_vins, with_check_digit

VINS = pytest.mark.parametrize("public", PUBLIC_VINS, ids=lambda public: public.vin)


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        (SAMPLE, SAMPLE),
        ("1hgcm82633a000001", SAMPLE),
        ("\x00\x001HGCM82633A000001\xff\xff", SAMPLE),
        ("*1HGCM82633A000001*", SAMPLE),
        (" 1HG-CM8 2633.A_000001\t\r\n", SAMPLE),
        ("1HGCM82633A\u00a0000\u3000001", SAMPLE),
        ("１ＨＧＣＭ８２６３３Ａ－０００００１", SAMPLE),  # noqa: RUF001 - full width is what this case is about
        ("1\u041dGC\u041c82633\u0410000001", SAMPLE),
        ("1\u043dg\u0441\u043c82633\u0430000001", SAMPLE),
        ("1\u0397GC\u039c82633\u0391000001", SAMPLE),
        ("1HGCM82633A00000é", "1HGCM82633A00000?"),
        ("F3/A000001", "F3?A000001"),
        ("\U0001f69b", "?"),
        ("\ud800", "?"),
        ("\u0178", "?"),
        ("", ""),
        ("--- ***", ""),
        ("IOQ", "IOQ"),
    ],
)
def test_normalizing(text: str, normalized: str) -> None:
    """Padding, separators, case and look-alikes of other scripts go; what is left outside A-Z and 0-9 keeps its place as `?`."""
    assert normalize(text) == normalized


@given(st.text())
def test_normalizing_is_idempotent(text: str) -> None:
    """A normalized text has only A-Z, 0-9 and `?`, and normalizing it again changes nothing."""
    once = normalize(text)
    assert set(once) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?")
    assert normalize(once) == once


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?", max_size=20))
def test_repair_is_idempotent_and_leaves_no_letter_that_a_vin_lacks(text: str) -> None:
    """Repair leaves no I, O, Q, drops at most a leading I of 18, and changes nothing the second time."""
    repaired = repair(text)
    assert not set(repaired) & set("IOQ")
    assert repair(repaired) == repaired
    assert len(text) - len(repaired) == (len(text) == 18 and text.startswith("I"))


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("IHGCM82633AOOOOQI", "1HGCM82633A000001"),
        ("I1HGCM82633A000001", SAMPLE),
        ("II1GCM82633A000001", "11GCM82633A000001"),
        ("1HGCM82633A000001I", "1HGCM82633A0000011"),
        ("I3A000001", "13A000001"),
    ],
)
def test_repair(text: str, repaired: str) -> None:
    """I is read as 1, O and Q as 0, and a leading I goes where it makes 18 of 17 characters, and only there."""
    assert repair(normalize(text)) == repaired


@VINS
def test_public_vins_are_valid_and_their_check_digits_are_told_apart(public: PublicVin) -> None:
    """VINs of public test suites are valid whatever their check digit, which counts only where the region asks for it."""
    vin = read(public.vin)
    assert (vin.verdict, check_digit(vin)) == ("valid", public.check_digit), public.source
    assert check_digit_holds(public.vin) == public.holds, public.source


def test_the_documented_sample_fails_its_check_digit_and_is_valid() -> None:
    """ZF's own sample is reported valid, with an invalid check digit and its three sections."""
    found = report(read(SAMPLE))
    assert (found.verdict, found.valid, found.problems, found.check_digit) == ("valid", True, (), "invalid")
    assert (found.wmi, found.vds, found.vis) == ("1HG", "CM8263", "3A000001")


@given(whole_vins(), st.integers(1, 17).filter(lambda at: at != 9), st.sampled_from("0123456789"))
def test_a_check_digit_finds_any_one_wrong_digit(vin: str, position: int, digit: str) -> None:
    """Another digit in place of one breaks a check digit that holds: the weights are prime to 11 (49 CFR 565.15)."""
    sound = with_check_digit(vin)
    assert check_digit_holds(sound)
    if sound[position - 1].isdigit() and sound[position - 1] != digit:
        assert not check_digit_holds(changed(sound, position, digit))


def test_the_remainder_ten_is_written_x() -> None:
    """A remainder of 10 is the check digit X, as in the worked example 1M8GDM9AXKP042788."""
    assert computed_check_digit("1M8GDM9A_KP042788".replace("_", "0")) == "X"


@pytest.mark.parametrize(
    "text",
    [
        *("UNKNOWN", "unknown", "None", "NULL", "NA", "N/A", "n.a.", "TEST", "TESTVIN", "TEST000001", "NOVIN", "not set"),
        *("UNKNOWNUNKNOWN", "NULL NULL NULL", "N/A N/A N/A N/A N/A", "UNKNOWN0000000000"),
        *(
            "XXXXXX",
            "XXXXXXXXXXXXXXXXX",
            "000000",
            "OOOOOO",
            "0O0O0O0O",
            "00000000000000000",
            "11111111111111111",
            "FFFFFFFFFFFF",
        ),
        *("123456", "1234567", "123456789", "1234567890", "12345678901234567", "I2345678", "0123456789"),
        *("", "   ", "\x00\x00\xff\xff", "-"),
    ],
)
def test_placeholders_are_invalid_at_any_length(text: str) -> None:
    """What stands for no VIN is invalid and says so, even where its length would make it partial or valid."""
    vin = read(text)
    assert vin.verdict == "invalid"
    assert any("placeholder" in problem or problem == "empty" for problem in problems(vin))


@pytest.mark.parametrize(
    "text", ["NA123456", "123457", "234567", "654321", "TESLA1", "1234561234567890A", "XXXXXXXXXXXXXXXX1", "N0NE01"]
)
def test_what_only_resembles_a_placeholder_is_none(text: str) -> None:
    """A true VIS can begin with NA, and six digits are a serial number unless they count up from 0 or 1."""
    assert read(text).verdict != "invalid"


@pytest.mark.parametrize(
    ("text", "verdict", "problem"),
    [
        ("ABC12", "invalid", "5 of 17 characters, at least 6 are needed"),
        ("ABC123", "partial", "6 of 17 characters"),
        ("F3A000001", "partial", "9 of 17 characters"),
        ("HGCM82633A000001", "partial", "16 of 17 characters"),
        ("1HGCM82633A0000019", "invalid", "18 characters, a VIN has 17"),
        ("I1HGCM82633A000001", "valid", "a leading barcode I was dropped"),
        ("II1HGCM82633A000001", "invalid", "19 characters, a VIN has 17"),
        ("1HGCM82633A0O0001", "valid", "character 13: O was read as 0"),
        ("1HGCM82633A00000é", "invalid", "character 17 is no letter or digit"),
        ("é3A000001", "partial", "character 1 is no letter or digit"),
    ],
)
def test_verdict_and_problems(text: str, verdict: str, problem: str) -> None:
    """17 permitted characters after repair are valid, 6 to 16 partial, the rest invalid; problems say why or what was mended."""
    found = report(read(text))
    assert (found.verdict, found.valid) == (verdict, verdict == "valid")
    assert problem in found.problems


@given(st.one_of(st.text(), st.text(PERMITTED + "IOQ?-*", max_size=20)))
def test_a_report_says_why_exactly_where_something_is_wrong_or_mended(text: str) -> None:
    """Every text gets a report: an invalid or partial one has a reason, and only a valid one has sections."""
    found = report(read(text))
    assert found.valid == (found.verdict == "valid") == (found.wmi is not None)
    assert found.problems or found.normalized == found.repaired
    assert found.valid or (found.problems and found.check_digit == "not-applicable")
    assert not found.valid or f"{found.wmi}{found.vds}{found.vis}" == found.repaired


def test_a_hostile_text_is_read_quickly() -> None:
    """A long run of combining marks, on which Unicode normalization takes quadratic time, doesn't hold up the reader."""
    hostile = "A" + "\u0345\u0300\u0323" * 100_000
    started = time.perf_counter()
    assert read(hostile).verdict == "invalid"
    assert time.perf_counter() - started < 1
    assert not unicodedata.is_normalized("NFKC", hostile[:30])
