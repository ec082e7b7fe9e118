"""VINs to test with: real ones from public test suites, each with its source, and strategies for related ones."""

from typing import NamedTuple

from hypothesis import strategies as st

from handlers.rules.vin import CHECK_POSITION, computed_check_digit
from handlers.rules.vin_tiers import LOOK_ALIKES
from schemas.vin import CheckDigit

PERMITTED = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
# The sample of ZF's own documentation ("Asset pairing with communication unit"): its check digit would have to be 9.
SAMPLE = "1HGCM82633A000001"


class PublicVin(NamedTuple):
    """A VIN, what its check digit is judged to be, whether the arithmetic holds all the same, and where it is from."""

    vin: str
    check_digit: CheckDigit
    holds: bool
    source: str


_VININFO = "github.com/idlesign/vininfo, tests/"
_LIBVIN = "github.com/h3/python-libvin, tests/__init__.py"
_LIBVIN_FORK = "github.com/dankegel/python-libvin, tests/__init__.py"
_DBC = "github.com/KnowledgeForwardSolutions/DbC.Net, DbC.Net.Tests.Unit/CheckDigits/VehicleIdentificationNumberAlgorithmTests.cs"
_SUNRISE = "github.com/sunrise-php/vin, tests/VinTest.php"
_ADAPTANT = "github.com/adaptant-labs/vin-decoder-dart, test/vin_decoder_test.dart"
_WALLE = "github.com/WALL-E/vin-decoder, spec/01-unit/00-vin_spec.py"
_TRUCKS = "github.com/RamyNasrEldin/Alten.VehicleMonitoring, VehicleMonitoring.VehicleService.Data/SampleData/DbInitializer.cs"

PUBLIC_VINS = (
    # North America: the check digit binds.
    PublicVin("1M8GDM9AXKP042788", "valid", holds=True, source=_VININFO + "test_module.py"),
    PublicVin("5N1NJ01CXST000001", "valid", holds=True, source=_VININFO + "test_nissan.py"),
    PublicVin("200BL8EV9AX604020", "invalid", holds=False, source=_VININFO + "test_module.py"),
    PublicVin("1G8ZG127XWZ157259", "valid", holds=True, source=_DBC),
    PublicVin("1HGEM21292L047875", "valid", holds=True, source=_DBC),
    PublicVin("5TENL42N94Z436445", "valid", holds=True, source=_ADAPTANT),
    PublicVin("2A4GM684X6R632476", "valid", holds=True, source=_LIBVIN),
    PublicVin("3C3CFFCR9FT528063", "valid", holds=True, source=_LIBVIN),
    PublicVin("1C4RJEAG2EC476429", "valid", holds=True, source=_LIBVIN),
    PublicVin("1FTEW1EP7GKD77746", "valid", holds=True, source=_LIBVIN_FORK),
    # China: it binds too.
    PublicVin("LVSHCAMB1CE054249", "valid", holds=True, source=_WALLE),
    PublicVin("LYV402FK0GB112042", "valid", holds=True, source=_LIBVIN_FORK),
    # Europe: it doesn't, and many fail it.
    PublicVin("WP0ZZZ99ZTS392124", "not-applicable", holds=False, source=_ADAPTANT),
    PublicVin("WVWZZZ1KZ6W612305", "not-applicable", holds=False, source=_SUNRISE),
    PublicVin("XTAGFK330JY144213", "not-applicable", holds=False, source=_VININFO + "test_lada.py"),
    PublicVin("W0LPC6DB3CC123456", "not-applicable", holds=False, source=_VININFO + "test_opel.py"),
    PublicVin("VF14SRAP451234567", "not-applicable", holds=False, source=_VININFO + "test_renault.py"),
    PublicVin("YS2R4X20005399401", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("VLUR4X20009093588", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("VLUR4X20009048066", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("YS2R4X20005388011", "not-applicable", holds=True, source=_TRUCKS),
    PublicVin("YS2R4X20005387949", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("YS2R4X20005387765", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("YS2R4X20005387055", "not-applicable", holds=False, source=_TRUCKS),
    PublicVin("WBA71DC010CH14720", "not-applicable", holds=True, source=_VININFO + "test_module.py"),
    PublicVin("SCBEC9ZA1EC225243", "not-applicable", holds=True, source=_LIBVIN),
    PublicVin("TRUSC28N711268458", "not-applicable", holds=True, source=_LIBVIN),
    PublicVin("YV1902FH5D1796335", "not-applicable", holds=True, source=_LIBVIN),
    # Elsewhere in Asia: not binding.
    PublicVin("JS1VX51L7X2175460", "not-applicable", holds=True, source=_ADAPTANT),
    PublicVin("JM1BL1SF3A1267720", "not-applicable", holds=True, source=_LIBVIN),
)


def with_check_digit(vin: str) -> str:
    """The VIN with the check digit that the arithmetic asks for."""
    return vin[: CHECK_POSITION - 1] + computed_check_digit(vin) + vin[CHECK_POSITION:]


def swapped(vin: str, position: int) -> str:
    """The VIN with the characters at `position` and after it (counted from 1) the other way round."""
    return vin[: position - 1] + vin[position] + vin[position - 1] + vin[position + 1 :]


def changed(vin: str, position: int, character: str) -> str:
    """The VIN with another character at `position`, counted from 1."""
    return vin[: position - 1] + character + vin[position:]


_PREFIXES = tuple(public.vin[:11] for public in PUBLIC_VINS)


def whole_vins() -> st.SearchStrategy[str]:
    """VINs of 17 from all regions, with or without a check digit that holds, and serial numbers of digits or of anything."""
    return st.builds(_whole, st.sampled_from(_PREFIXES), st.integers(0, 999_999), st.sampled_from(PERMITTED), st.integers(0, 5))


def _whole(prefix: str, serial: int, letter: str, kind: int) -> str:
    vin = f"{prefix}{serial:06d}"
    if kind == 0:
        vin = changed(vin, 12 + serial % 6, letter)
    return with_check_digit(vin) if kind % 2 else vin


class Variation(NamedTuple):
    """What becomes of a VIN: faults (what, where, with which character), how much of its end is left, and in which guise."""

    faults: tuple[tuple[str, int, str], ...]
    length: int
    guise: str


_faults = st.tuples(
    st.sampled_from(("look-alike", "swap", "character", "digit", "check digit")),
    st.integers(1, 17),
    st.sampled_from(PERMITTED + "?"),
)
_lengths = st.one_of(st.just(17), st.integers(5, 16))
_guises = st.sampled_from(("plain", "plain", "plain", "lower", "letters", "barcode", "padded"))


def variations() -> st.SearchStrategy[Variation]:
    """None, one or two faults, then perhaps only the end, perhaps written otherwise."""
    return st.builds(Variation, st.lists(_faults, max_size=2).map(tuple), _lengths, _guises)


def varied(vin: str, variation: Variation) -> str:
    """What a sensor or a registry could hold that was meant to hold `vin`."""
    for fault, at, character in variation.faults:
        match fault:
            case "look-alike":
                vin = changed(vin, at, LOOK_ALIKES.get(vin[at - 1], vin[at - 1]))
            case "swap":
                vin = swapped(vin, min(at, 16))
            case "digit":
                vin = changed(vin, 12 + at % 6, str(ord(character) % 10))
            case "check digit" if "?" not in vin:
                vin = with_check_digit(vin)
            case _:
                vin = changed(vin, at, character)
    end = vin[-variation.length :]
    match variation.guise:
        case "lower":
            return end.lower()
        case "letters":
            return end.replace("0", "O").replace("1", "I")
        case "barcode":
            return "I" + vin
        case "padded":
            return f"\0{end[:-4]} - {end[-4:]}\xff"
        case _:
            return end


def families(min_size: int, max_size: int) -> st.SearchStrategy[list[str]]:
    """Texts that were all meant to hold one VIN."""
    several = st.lists(variations(), min_size=min_size, max_size=max_size)
    return st.builds(lambda vin, members: [varied(vin, member) for member in members], whole_vins(), several)
