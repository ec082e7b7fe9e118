"""What is told of a candidate, word by word."""

import pytest

from handlers.rules.vin_match import match
from schemas.vin import AssetVin, Shares
from tests.support.vins import SAMPLE, changed, swapped

SOUND = "1M8GDM9AXKP042788"
TRUCK = "YS2R4X20005399401"

ALONE = "1 asset shares these 8, 1 the last 6"
CASES = [
    (SOUND, SOUND, ["all 17 characters equal", ALONE, "check digit holds on both"]),
    (TRUCK.lower(), TRUCK, ["all 17 characters equal once normalized", ALONE, "check digit isn't used on both"]),
    ("F3A000001", "f3a000001", ["all 9 characters equal once normalized", ALONE]),
    (
        "I1M8GDM9AXKPO42788",
        SOUND,
        [
            "all 17 characters equal once repaired",
            "leading barcode I of the sensor dropped",
            "position 12 of the sensor: O read as 0",
            ALONE,
            "check digit holds on both",
        ],
    ),
    (
        "KP042788",
        SOUND[:-6] + "O42788",
        [
            "the sensor's 8 characters are the last 8 of the asset's VIN",
            "position 12 of the asset: O read as 0",
            ALONE,
            "check digit holds on the asset",
        ],
    ),
    (
        TRUCK,
        "05399401",
        ["the asset's 8 characters are the last 8 of the sensor's VIN", ALONE, "check digit isn't used on the sensor"],
    ),
    (
        changed(SOUND, 17, "B"),
        SOUND,
        [
            "equal but for one look-alike character, and with the asset's reading the check digit holds",
            "position 17 is B on the sensor, 8 on the asset",
            "0 assets share the sensor's last 8, 0 the last 6",
            "check digit fails on the sensor, holds on the asset",
        ],
    ),
    (
        swapped(TRUCK, 4),
        TRUCK,
        [
            "equal but for two neighbours the other way round",
            "position 4 is 4 on the sensor, R on the asset",
            "position 5 is R on the sensor, 4 on the asset",
            "1 asset shares the sensor's last 8, 1 the last 6",
            "check digit isn't used on both",
        ],
    ),
    (
        "F3A000001",
        SAMPLE,
        ["last 8 characters equal", "position 9 is F on the sensor, 3 on the asset", ALONE, "check digit fails on the asset"],
    ),
    (
        "?3A000001",
        SAMPLE,
        [
            "last 8 characters equal",
            "position 9 is unreadable on the sensor, 3 on the asset",
            ALONE,
            "check digit fails on the asset",
        ],
    ),
    (
        "042788",
        SOUND,
        [
            "the sensor's 6 characters are the last 6 of the asset's VIN, too few to be sure",
            "1 asset shares the last 6",
            "check digit holds on the asset",
        ],
    ),
    (
        "F3D000001",
        SAMPLE,
        [
            "only the last 6 characters equal",
            "position 9 is F on the sensor, 3 on the asset",
            "position 11 is D on the sensor, A on the asset",
            "0 assets share the sensor's last 8, 1 the last 6",
            "check digit fails on the asset",
        ],
    ),
    (
        changed(TRUCK, 17, "2"),
        TRUCK,
        [
            "same series but another serial number, most likely a sister vehicle: fleets buy consecutive VINs",
            "position 17 is 2 on the sensor, 1 on the asset",
            "0 assets share the sensor's last 8, 0 the last 6",
            "check digit isn't used on both",
        ],
    ),
]


@pytest.mark.parametrize(("sensor", "vin", "parts"), CASES)
def test_explanations(sensor: str, vin: str, parts: list[str]) -> None:
    """An explanation says what is equal, what contradicts where, what was repaired, who shares the end, and the check digits."""
    [found] = match(sensor, [AssetVin("asset_1", None, vin)])
    assert found.explanation.split("; ") == parts


def test_shares_count_every_asset_with_the_same_end() -> None:
    """Without counts given, the assets that share an end are counted among the candidates; counts that are given are told."""
    vins = (SAMPLE, "WDB9634033A000001", "WDB9634034A000001", "OOOOO1", TRUCK)
    fleet = [AssetVin(f"asset_{n}", None, vin) for n, vin in enumerate(vins)]
    assert "2 assets share these 8, 4 the last 6" in match("3A000001", fleet)[0].explanation
    assert "1 asset shares these 8, 250 the last 6" in match("3A000001", fleet, Shares(1, 250))[0].explanation
    assert "4 assets share the last 6" in match("000001", fleet)[0].explanation


def test_an_asset_with_two_datahub_ids_is_counted_once() -> None:
    """The same asset under two UUIDs shares its end with nobody."""
    twice = [AssetVin("asset_1", uuid, SAMPLE, named=True) for uuid in ("u1", "u2")]
    assert ALONE in match(SAMPLE, twice)[0].explanation


def test_an_unreadable_end_is_shared_with_nobody() -> None:
    """Where the sensor's last characters are unreadable, no number of assets is told."""
    assert "share" not in match("?00001", [AssetVin("asset_1", "u1", "?00001", named=True)])[0].explanation
    assert "1 asset shares the last 6" in match("?A000001", [AssetVin("asset_1", None, SAMPLE)])[0].explanation


def test_what_stands_against_a_suggestion_is_told() -> None:
    """The explanation of the best candidate says why it isn't suggested."""
    taken = match(SAMPLE, [AssetVin("asset_1", None, SAMPLE, occupied=True)])
    assert taken[0].explanation.endswith("; another unit of the same type is on this asset")
    close = match(SAMPLE, [AssetVin("asset_1", None, SAMPLE, occupied=True), AssetVin("asset_2", None, "3A000001")])
    assert close[0].explanation.endswith("is on this asset; not clearly ahead of the next, which scores 0.92")
    assert "ahead" not in close[1].explanation
