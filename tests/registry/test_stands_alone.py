"""Each asset stands alone: what the store refuses of one leaves nothing of it, and all of its siblings."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
import structlog

from schemas.errors import StoreUnavailableError
from schemas.registry_records import ReadingRow
from storage.readings import ReadingTables
from tests.support.facts import A
from tests.support.registry import RegistryApi
from tests.support.store import pairing

KM = "ODOMETER_KM"
BAD = Decimal(666)


def _entry(identity: str, value: int) -> dict[str, object]:
    reading = {"meterCode": KM, "value": value, "unit": "KM", "recordedAt": "2024-11-18T08:00:00Z"}
    return {"externalAssetId": identity, "name": identity, "meterReadings": [reading]}


BODY = {"syncBatchId": "b", "assets": [_entry("A", 1), _entry("B", int(BAD)), {"externalAssetId": "C"}, _entry("D", 2)]}


async def test_what_the_store_refuses_of_one_asset_is_its_own_error(
    registry: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails alone, whole, and with a line in the log; its siblings are stored, and a retry brings it in without doubling."""
    insert = ReadingTables.insert

    async def broken(self: ReadingTables, organization_id: str, rows: Sequence[ReadingRow]) -> None:
        twice = [row for row in rows if row.value == BAD]
        await insert(self, organization_id, [*rows, *twice])

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as lines:
        patch.setattr(ReadingTables, "insert", broken)
        answer = await registry.sync(BODY)
    assert [(result["externalAssetId"], result["status"]) for result in answer["results"]] == [("A", "CREATED"), ("D", "CREATED")]
    assert answer["errors"] == [
        {"externalAssetId": "B", "message": "the asset could not be stored: ConflictError", "status": "FAILED"},
        {"externalAssetId": "C", "message": "name is required", "status": "FAILED"},
    ]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["sync.asset_refused_by_store"]
    assert [asset["externalAssetId"] for asset in await registry.items("assets")] == ["A", "D"]

    again = await registry.sync(BODY)
    assert [result["status"] for result in again["results"]] == ["UPDATED", "CREATED", "UPDATED"]
    for identity, value in (("A", 1), ("B", 666), ("D", 2)):
        readings = await registry.items(f"assets/{identity}/meters/{KM}/readings")
        assert [reading["value"] for reading in readings] == [value]


async def test_a_store_that_is_away_takes_none_of_a_sync(registry: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no asset's fault: the whole is 503 with Retry-After, nothing is applied, and the same sync can come again."""

    async def away(*_: object) -> None:
        raise StoreUnavailableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ReadingTables, "insert", away)
        answer = await registry.api.ask("/api/v1/assets/sync", registry.headers, "POST", json=BODY)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert await registry.items("assets") == []
    assert [result["status"] for result in (await registry.sync(BODY))["results"]] == ["CREATED"] * 3


async def test_a_code_given_up_by_an_alias_conflicts_with_who_has_its_default(registry: RegistryApi) -> None:
    """An asset sent by its alias that gives up its code would have its own id as its code: not where another has that."""
    await registry.sync({"assets": [{"externalAssetId": "A", "code": "pump", "name": "Pump"}]})
    await registry.sync({"assets": [{"externalAssetId": "alias", "code": "pump", "name": "Pump"}]})
    await registry.sync({"assets": [{"externalAssetId": "B", "code": "A", "name": "Crane"}]})
    answer = await registry.sync({"assets": [{"externalAssetId": "alias", "code": None, "name": "Pump"}]})
    assert [error["message"] for error in answer["errors"]] == [
        "externalAssetId 'A' and code 'A' belong to different assets; neither was changed."
    ]
    assert {asset["externalAssetId"]: asset["code"] for asset in await registry.items("assets")} == {"A": "pump", "B": "A"}


async def test_a_code_that_a_former_provisional_asset_has_is_told_as_taken(registry: RegistryApi) -> None:
    """A provisional asset that is none any more isn't seen, but keeps its code: given or by default, that is a conflict."""
    await registry.api.events(pairing(1))
    assert (await registry.put_asset(externalAssetId=f"datahub:{A}", code="Z"))["status"] == "UPDATED"
    await registry.put_asset(externalAssetId="T1")
    await registry.put(f"assets/T1/datahub-assets/{A}", status=200)
    before = await registry.items("assets")
    conflict = "externalAssetId '{}' and code '{}' belong to different assets; neither was changed."
    for fields in ({"externalAssetId": "T1", "code": "Z"}, {"externalAssetId": "T2", "code": "Z"}, {"externalAssetId": "Z"}):
        failed = await registry.put_asset(**fields)
        assert failed["message"] == conflict.format(fields["externalAssetId"], "Z")
    assert await registry.items("assets") == before


async def test_a_code_given_up_by_a_former_id_conflicts_with_who_has_its_default(registry: RegistryApi) -> None:
    """An asset sent by the id of a provisional one that it stands in for would have its own id as its code."""
    await registry.api.events(pairing(1))
    await registry.put_asset(externalAssetId="T1", code="C")
    await registry.put(f"assets/T1/datahub-assets/{A}", status=200)
    await registry.put_asset(externalAssetId="T2", code="T1")
    failed = await registry.put_asset(externalAssetId=f"datahub:{A}", code=None)
    assert failed["message"] == "externalAssetId 'T1' and code 'T1' belong to different assets; neither was changed."
