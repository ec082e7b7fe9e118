"""Readings by unit: attributed through the pairing in force at their time, waiting without one, and following every refold."""

import itertools
from typing import Any

import pytest

from handlers.links import link_explicitly, unlink
from handlers.ports import Transaction
from handlers.rebuild import rebuild
from handlers.registry import Actor, begin
from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B, minute
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import OTHER, pairing, rows, unpairing
from tests.support.sync_bodies import UNKNOWN_METER, mismatch

KM = "ODOMETER_KM"


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


def reading(number: float, value: object = 1, unit_id: str = UNIT, **fields: object) -> dict[str, object]:
    """A reading of a unit's odometer at a minute."""
    return {"unitId": unit_id, "meterCode": KM, "value": value, "unit": "KM", "recordedAt": at(number), **fields}


async def link(registry: RegistryApi, **assets: str) -> dict[str, str]:
    """Make assets, and link Datahub assets (A, B) to them; their ids."""
    made = {name: (await registry.put_asset(externalAssetId=identity))["assetId"] for name, identity in assets.items()}
    await relink(registry, {{"A": A, "B": B}[name]: asset_id for name, asset_id in made.items()})
    return made


async def relink(registry: RegistryApi, links: dict[str, str], *removed: str) -> None:
    """Say which assets Datahub assets are, or take that back."""

    async def work(tx: Transaction) -> None:
        writing = await begin(tx, ORGANIZATION, Actor("client", "a test"), registry.api.clock())
        for datahub_asset_id, asset_id in links.items():
            await link_explicitly(tx, writing, datahub_asset_id, asset_id)
        said = await tx.links.explicit(ORGANIZATION, removed)
        for datahub_asset_id in removed:
            await unlink(tx, writing, datahub_asset_id, said[datahub_asset_id])

    await registry.api.store.write(work)


async def post(registry: RegistryApi, *readings: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The answer to readings by unit."""
    answer: dict[str, Any] = await registry.post("readings/by-unit", {"readings": list(readings), **fields})
    return answer


async def series(registry: RegistryApi, identity: str, code: str = KM) -> list[tuple[int, str]]:
    """The values of an asset's odometer, with their status."""
    return [(one["value"], one["status"]) for one in await registry.items(f"assets/{identity}/meters/{code}/readings")]


async def waiting(registry: RegistryApi, **params: str) -> list[Any]:
    """The values of the readings that wait."""
    return [one["value"] for one in await registry.items("readings/waiting", limit=1, **params)]


async def test_a_reading_goes_to_the_asset_of_its_time(registry: RegistryApi) -> None:
    """Of readings before, in, between and at the edges of pairings each stands with the asset of its instant, or waits."""
    made = await link(registry, A="on A", B="on B")
    await registry.api.events(pairing(10, A), pairing(20, B), unpairing(30, B))
    answer = await post(registry, *(reading(number, number) for number in (9, 10, 19, 20, 29, 30)))
    assert answer["errors"] == []
    assert [(one["status"], one["registryAssetId"]) for one in answer["results"]] == [
        ("WAITING", None),
        ("ATTRIBUTED", made["A"]),
        ("ATTRIBUTED", made["A"]),
        ("ATTRIBUTED", made["B"]),
        ("ATTRIBUTED", made["B"]),
        ("WAITING", None),
    ]
    assert all(one["unitId"] == UNIT and one["warnings"] == [] for one in answer["results"])
    assert await series(registry, "on A") == [(10, "NORMAL"), (19, "NORMAL")]
    assert await series(registry, "on B") == [(20, "NORMAL"), (29, "NORMAL")]
    assert await waiting(registry) == [9, 30]
    (first, _) = await registry.items(f"assets/on A/meters/{KM}/readings")
    assert (first["unitId"], first["unit"], first["source"]) == (UNIT, "KM", "SYNC")
    (meter,) = await registry.items("assets/on A/meters")
    assert (meter["latestReading"]["value"], meter["expectedFromSync"]) == (19, False)


async def test_readings_follow_late_events(registry: RegistryApi) -> None:
    """A pairing that becomes known later attributes what waited; a later change of history moves it on; series are judged."""
    await link(registry, A="on A", B="on B")
    await registry.put_asset(externalAssetId="on B", meters=[{"meterCode": KM, "validationThresholds": {"max": 15}}])
    await post(registry, *(reading(number, number) for number in range(10, 21, 2)))
    assert await waiting(registry) == [10, 12, 14, 16, 18, 20]
    await registry.api.events(pairing(11, A), number=1)
    assert await waiting(registry) == [10]
    assert await series(registry, "on A") == [(value, "NORMAL") for value in (12, 14, 16, 18, 20)]
    await registry.api.events(pairing(13, B), number=2)
    assert await series(registry, "on A") == [(12, "NORMAL")]
    assert await series(registry, "on B") == [(14, "NORMAL"), *((value, "SUSPECT") for value in (16, 18, 20))]
    assert (await registry.items("assets/on B/meters"))[0]["latestReading"]["value"] == 14
    await registry.api.events(unpairing(17, B), number=3)
    assert await series(registry, "on B") == [(14, "NORMAL"), (16, "SUSPECT")]
    assert await waiting(registry) == [10, 18, 20]
    await registry.api.events(pairing(9, A), number=4)
    assert await waiting(registry) == [18, 20]
    assert await series(registry, "on A") == [(10, "NORMAL"), (12, "NORMAL")]


async def test_an_unknown_start_attributes_nothing(registry: RegistryApi) -> None:
    """A pairing of which only the end is known covers no reading; once its start is known it does."""
    await link(registry, A="on A")
    await registry.api.events(unpairing(20), number=1)
    await post(registry, reading(15, 15))
    assert (await waiting(registry), await series(registry, "on A")) == ([15], [])
    await registry.api.events(pairing(10), number=2)
    assert (await waiting(registry), await series(registry, "on A")) == ([], [(15, "NORMAL")])


async def test_readings_follow_links(registry: RegistryApi) -> None:
    """What a Datahub asset is decides too: a link that moves takes the readings with it, from a provisional asset and back."""
    provisional = f"datahub:{A}"
    await registry.api.events(pairing(10, A))
    await post(registry, reading(15, 15))
    assert (await waiting(registry), await series(registry, provisional)) == ([], [(15, "NORMAL")])
    await link(registry, A="first")
    assert await series(registry, "first") == [(15, "NORMAL")]
    second = (await registry.put_asset(externalAssetId="second"))["assetId"]
    await relink(registry, {A: second})
    assert (await series(registry, "first"), await series(registry, "second")) == ([], [(15, "NORMAL")])
    assert await registry.items("assets/first/meters") == []
    await relink(registry, {}, A)
    assert (await series(registry, "second"), await series(registry, provisional)) == ([], [(15, "NORMAL")])


async def test_a_voided_pairing_gives_readings_back(registry: RegistryApi) -> None:
    """Operators' statements move readings like events do."""
    await link(registry, A="on A")
    await registry.api.events(pairing(10, A))
    await post(registry, reading(15, 15))
    (paired,) = await registry.items("pairings")
    await registry.post("pairings/assertions", {"kind": "void", "eventKey": paired["events"][0], "note": ""}, status=201)
    assert (await series(registry, "on A"), await waiting(registry)) == ([], [15])
    await registry.post("pairings/assertions", {"kind": "restore", "eventKey": paired["events"][0], "note": ""}, status=201)
    assert (await series(registry, "on A"), await waiting(registry)) == ([(15, "NORMAL")], [])


async def test_readings_of_syncs_and_units_are_one_series(registry: RegistryApi) -> None:
    """Duplicates, corrections and thresholds apply across both; what a unit brought leaves without a trace, the rest stays."""
    await link(registry, A="A")
    await registry.put_asset(meters=[{"meterCode": KM, "validationThresholds": {"monotonic": True}}])
    history = [{"meterCode": KM, "value": value, "unit": "KM", "recordedAt": at(number)} for number, value in ((10, 5), (30, 8))]
    await registry.put_asset(meterReadings=history)
    await registry.api.events(pairing(5, A), number=1)
    answer = await post(registry, reading(10, 5), reading(20, 9), reading(30, 7))
    assert [one["warnings"] for one in answer["results"]] == [
        [],
        [],
        [f"Reading 7 for meter '{KM}' at {at(30)} is SUSPECT: below the 9 of {at(20)}, though monotonic."],
    ]
    assert await series(registry, "A") == [(5, "NORMAL"), (9, "NORMAL"), (7, "SUSPECT")]
    corrected = await registry.items(f"assets/A/meters/{KM}/readings", status="CORRECTED")
    assert [one["value"] for one in corrected] == [8]
    await registry.api.events(unpairing(6, A), number=2)
    assert await series(registry, "A") == [(5, "NORMAL"), (8, "NORMAL")]
    assert (await registry.items("assets/A/meters"))[0]["latestReading"]["value"] == 8


async def test_each_reading_stands_alone(registry: RegistryApi) -> None:
    """A wrong unit, an unknown meter, a missing value and a bad time are each that reading's own, told in results and errors."""
    await link(registry, A="on A")
    await registry.api.events(pairing(5, A))
    answer = await post(
        registry,
        reading(10, 1, unit="MILES"),
        reading(10, 1, unit=None),
        reading(10, 1, meterCode="NOPE"),
        reading(10, None),
        reading(10, 1, recordedAt="yesterday"),
        {"meterCode": KM, "value": 1},
        reading(10, 2),
    )
    assert [one["status"] for one in answer["results"]] == ["FAILED"] * 6 + ["ATTRIBUTED"]
    assert [(one["unitId"], one["index"], one["status"]) for one in answer["errors"]] == [
        *((UNIT, index, "FAILED") for index in range(5)),
        (None, 5, "FAILED"),
    ]
    messages = [one["message"] for one in answer["errors"]]
    assert messages[0] == mismatch("KM", "MILES")
    assert messages[1].startswith("Unit is required")
    assert messages[2] == UNKNOWN_METER.format("NOPE")
    assert messages[3] == "Object missing required field `value` - at $.readings[3]"
    assert messages[4].endswith("- at $.readings[4].recordedAt")
    assert messages[5].endswith("`unitId` - at $.readings[5]")
    assert answer["results"][0]["hints"] == ["Meter 'ODOMETER_KM' takes 'KM': 1 MILES would be 1.609 KM."]
    assert await series(registry, "on A") == [(2, "NORMAL")]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "readings array is required"),
        ({"readings": []}, "readings array cannot be empty"),
        ({"readings": [1]}, "each entry of readings must be an object - at $.readings[0]"),
        ({"readings": [{}] * 10_001}, "readings array has 10001 readings: at most 10000 are taken in one request"),
    ],
)
async def test_a_body_at_fault_is_refused(registry: RegistryApi, body: object, error: str) -> None:
    """Only what is wrong with the body itself is a 400."""
    assert (await registry.refused(400, "readings/by-unit", method="POST", json=body))["error"] == error


async def test_a_retry_adds_nothing(registry: RegistryApi) -> None:
    """The same body under the same syncBatchId is the same readings, as of its first receipt, also once they have moved."""
    await link(registry, A="on A")
    sent = [reading(10, 1), {"unitId": UNIT, "meterCode": KM, "value": 3, "unit": "KM"}]
    first = await post(registry, *sent, syncBatchId="b")
    registry.api.clock.move(100)
    assert await post(registry, *sent, syncBatchId="b") == first
    await registry.api.events(pairing(5, A))
    again = await post(registry, *sent, syncBatchId="b")
    assert [one["status"] for one in again["results"]] == ["ATTRIBUTED"] * 2
    assert len(await rows(registry.api.store, "SELECT reading_no FROM unit_readings")) == 2
    assert await series(registry, "on A") == [(1, "NORMAL"), (3, "NORMAL")]
    await post(registry, *sent)
    assert len(await rows(registry.api.store, "SELECT reading_no FROM unit_readings")) == 4
    assert [value for value, _ in await series(registry, "on A")] == [1, 3, 3]


async def test_units_known_by_readings_alone_are_no_units(registry: RegistryApi) -> None:
    """A reading of a unit that no event named makes no unit, on either engine."""
    await post(registry, reading(10, 1, "tp:unheard"))
    assert await registry.items("units") == []
    assert await waiting(registry, unitId="tp:unheard") == [1]
    assert await waiting(registry, unitId="tp:other") == []
    assert await waiting(registry, meterCode=KM) == [1]
    assert await waiting(registry, meterCode="HOURS") == []
    await registry.delete(f"meters/{KM}", status=409)


async def test_whose_readings_they_are(api: Api) -> None:
    """Units of one id in two organizations are two; a reading waits in its own organization, and others don't see it."""
    registry = await registry_api(api)
    stranger = await registry_api(api, OTHER)
    await link(registry, A="on A")
    await api.events(pairing(5, A))
    await post(stranger, reading(10, 1))
    await post(registry, reading(10, 2))
    assert await waiting(stranger) == [1]
    assert await waiting(registry) == []
    await api.refused(400, "/api/v1/readings/by-unit", method="POST", json={"readings": [reading(10)]})
    reader = await api.credentials(ORGANIZATION, "read")
    await api.refused(403, "/api/v1/readings/by-unit", reader, method="POST", json={"readings": [reading(10)]})
    assert [one["organizationId"] for one in await api.items("/api/v1/readings/waiting")] == [OTHER]


async def test_a_retired_asset_takes_no_inspection_of_a_unit(registry: RegistryApi) -> None:
    """An inspection recorded after the retirement is refused; a sync reading is stored."""
    await link(registry, A="on A")
    await registry.api.events(pairing(5, A))
    await registry.put_asset(externalAssetId="on A", status="RETIRED")
    late = registry.api.clock() + 60_000_000
    answer = await post(
        registry,
        reading(10, 1) | {"recordedAt": time_text(late), "source": "INSPECTION"},
        reading(10, 2) | {"recordedAt": time_text(late)},
    )
    assert [one["status"] for one in answer["results"]] == ["FAILED", "ATTRIBUTED"]
    assert "takes no new inspections" in answer["errors"][0]["message"]


@pytest.mark.parametrize("order", list(itertools.permutations(["retired", "paired", "linked"])))
async def test_an_inspection_that_was_taken_stays(registry: RegistryApi, order: tuple[str, ...]) -> None:
    """Refusal is at the door: one that waited goes to its asset, retired or not, whatever came first; so says a retry too."""
    late = registry.api.clock() + 60_000_000
    sent = reading(0, 1) | {"recordedAt": time_text(late), "source": "INSPECTION"}
    asset_id = (await registry.put_asset(externalAssetId="on A"))["assetId"]
    (taken,) = (await post(registry, sent, syncBatchId="b"))["results"]
    assert taken["status"] == "WAITING"
    for step in order:
        if step == "retired":
            await registry.put_asset(externalAssetId="on A", status="RETIRED")
        elif step == "paired":
            await registry.api.events(pairing(5, A))
        else:
            await relink(registry, {A: asset_id})
    assert (await waiting(registry), await series(registry, "on A")) == ([], [(1, "NORMAL")])
    again = await post(registry, sent, syncBatchId="b")
    assert (again["results"][0]["status"], again["results"][0]["registryAssetId"], again["errors"]) == (
        "ATTRIBUTED",
        asset_id,
        [],
    )
    assert [one["status"] for one in (await post(registry, sent))["results"]] == ["FAILED"]
    done = await rebuild(registry.api.store, registry.api.clock)
    assert (done.registry_mended, done.digest_before) == (0, done.digest_after)
    assert await series(registry, "on A") == [(1, "NORMAL")]
