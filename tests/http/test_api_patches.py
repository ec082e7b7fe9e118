"""Bulk patches over HTTP: the documented example, what is refused, repeats, who may, and lists."""

import msgspec
import pytest

from handlers import patches
from handlers.queries import patches as queries
from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.settings import Settings
from schemas.registry_records import NamedThing
from schemas.wire import time_text
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.facts import ORGANIZATION
from tests.support.patched_assets import asset, asset_history, get_assets, put_assets
from tests.support.patching import JOBS, PATH, accepted, entries, example, finished, steps, undated
from tests.support.store import NOW_US, OTHER

DEPARTMENT = {"costCenter": "70998"}


async def declare(api: Api, *names: str) -> None:
    """Declare customer-specific fields."""
    for name in names:
        await api.store.write(
            lambda tx, name=name: tx.registry.references.put_thing("custom_field", ORGANIZATION, NamedThing(name))  # type: ignore[misc]
        )


async def test_the_documented_example(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented request is answered as documented: when it is accepted, while it is at work, and when it has ended."""
    monkeypatch.setattr(patches, "CHUNK_PATCHES", 1)
    await put_assets(api.store, asset(111), asset(222, custom_fields={"Year": 2019}))
    client = await api.credentials(ORGANIZATION, "sync")
    answer = await api.ask(PATH, client, "PATCH", json=example("request"))
    assert (answer.status_code, undated(answer.json())) == (202, undated(example("accepted")))
    job = answer.json()
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    assert answer.headers["retry-after"] == "1"
    assert job["createDate"].endswith("Z")

    waiting = await api.ask(f"{JOBS}/{job['id']}", client)
    assert (waiting.json(), waiting.headers["retry-after"]) == (job, "1")
    api.clock.move(1)
    working = steps(api)
    await anext(working)
    running = await api.ask(f"{JOBS}/{job['id']}", client)
    assert undated(running.json()) == undated(example("running"))
    assert running.headers["retry-after"] == "1"
    api.clock.move(0.047)
    assert [number async for number in working] == [job["id"]] * 2
    ended = await api.ask(f"{JOBS}/{job['id']}", client)
    assert undated(ended.json()) == undated(example("finished"))
    assert "retry-after" not in ended.headers
    dates = [ended.json()[name] for name in ("createDate", "startDate", "endDate")]
    assert dates == [time_text(NOW_US), time_text(NOW_US + 1_000_000), time_text(NOW_US + 1_047_000)]

    after = await get_assets(api.store, 111, 222)
    assert (after[111].serial, after[222].cost_center) == ("abc123", "70998")
    assert after[222].custom_fields == {"Year": 2019, "Employee name": "Hans Peter"}
    (patched,) = await asset_history(api.store, 111)
    assert patched == ("patch", str(job["id"]), '[{"field":"serial","from":null,"to":"abc123"}]')


async def test_how_a_job_ends(api: Api) -> None:
    """All assets patched is successful, none is failed; an entry that changes nothing succeeds."""
    await put_assets(api.store, asset(1), asset(2))
    good = await finished(api, await accepted(api, entries([1, 2])))
    assert (good["status"], good["assetsSuccessfullyUpdated"], good["errors"]) == ("successful", 2, [])
    bad = await finished(api, await accepted(api, entries([3, 4], **DEPARTMENT)))
    assert (bad["status"], bad["assetsSuccessfullyUpdated"]) == ("failed", 0)
    assert [error["assetId"] for error in bad["errors"]] == [3, 4]
    assert await asset_history(api.store, 1) == []


async def test_a_later_patch_wins(api: Api) -> None:
    """Jobs of one organization are applied in the order in which they were accepted."""
    await put_assets(api.store, asset(1))
    jobs = [await accepted(api, entries([1], location=place)) for place in ("A", "B", "C")]
    assert [number async for number in steps(api)] == [job["id"] for job in jobs]
    assert (await get_assets(api.store, 1))[1].location == "C"
    assert [actor for _, actor, _ in await asset_history(api.store, 1)] == [str(job["id"]) for job in reversed(jobs)]


async def test_a_patched_serial_number_is_what_matching_sees(api: Api) -> None:
    """The VIN by which an asset is found follows its serial number, and goes with it."""

    async def found(vin: str) -> list[str]:
        return [row.asset_id for row in await api.store.read(lambda tx: tx.registry.assets.with_vins(ORGANIZATION, [vin]))]

    await put_assets(api.store, asset(1))
    await finished(api, await accepted(api, entries([1], serialNumber="1hgc-m82633a000001")))
    assert await found("1HGCM82633A000001") == [asset(1).asset_id]
    await finished(api, await accepted(api, entries([1], serialNumber=None)))
    assert await found("1HGCM82633A000001") == []


async def test_from_a_sync_to_the_history(api: Api) -> None:
    """An asset that was synced is patched by the integer id of the sync's answer; its queries and its history show it."""
    client = await api.credentials(ORGANIZATION, "sync", "read")
    asset = {"externalAssetId": "TRUCK-1", "name": "Truck", "serial": "OLD", "customFields": {"Year": 2019, "Colour": "red"}}
    synced = await api.ask("/api/v1/assets/sync", client, "POST", json={"assets": [asset]})
    (result,) = synced.json()["results"]
    fields = {"Employee name": "Hans Peter", "Colour": None}
    properties = {
        "serialNumber": "1HGCM82633A000001",
        "location": "Yard",
        "locationOfInstallation": "Bay 7",
        "orderNumber": "4711",
    }
    body = [{"assetId": result["leaseAssetId"], **properties, "costCenter": "70998", "customerSpecificFields": fields}]
    job = await finished(api, await accepted(api, body, client))
    assert job["status"] == "successful"
    shown = await api.get(f"/api/v1/assets/{result['assetId']}", client)
    assert shown == shown | {
        "serial": "1HGCM82633A000001",
        "location": "Yard",
        "locationOfInstallation": "Bay 7",
        "orderNumber": "4711",
        "costCenter": "70998",
        "customFields": {"Year": 2019, "Employee name": "Hans Peter"},
    }
    assert [found["leaseAssetId"] for found in await api.items("/api/v1/assets", client, vin="1HGCM82633A000001")] == [
        result["leaseAssetId"]
    ]
    latest = (await api.items(f"/api/v1/assets/{result['assetId']}/history", client))[0]
    assert latest["actor"] == {"kind": "patch", "name": str(job["id"])}
    assert {change["field"]: (change["from"], change["to"]) for change in latest["changes"]} == {
        "serial": ("OLD", "1HGCM82633A000001"),
        "location": (None, "Yard"),
        "locationOfInstallation": (None, "Bay 7"),
        "orderNumber": (None, "4711"),
        "costCenter": (None, "70998"),
        "customFields.Colour": ("red", None),
        "customFields.Employee name": (None, "Hans Peter"),
    }


async def test_every_place_that_is_wrong_is_told(api: Api) -> None:
    """What breaks a rule and what isn't declared come back together, in the order of the list, and nothing is taken."""
    await declare(api, "Employee name")
    body = [
        {"assetId": 1, "customerSpecificFields": {"Employee name": "x", "Colour": "red"}},
        {"assetId": 1, "serialNumber": "x" * 31},
        {"status": "RETIRED", "customerSpecificFields": {"Size": 1}},
    ]
    problem = await api.refused(400, PATH, method="PATCH", json=body, params={"organizationId": ORGANIZATION})
    assert [error["path"] for error in problem["errors"]] == [
        "$[0].customerSpecificFields.Colour",
        "$[1].assetId",
        "$[1].serialNumber",
        "$[2].assetId",
        "$[2].status",
        "$[2].customerSpecificFields.Size",
    ]
    assert problem["error"].endswith("- at $[0].customerSpecificFields.Colour, and 5 more")
    assert await api.items(JOBS) == []


async def test_undeclared_fields_are_refused_by_themselves(api: Api) -> None:
    """A request that is wrong in nothing else is refused for a field that isn't declared, and taken while none is."""
    body = entries([1], customerSpecificFields={"Colour": None})
    await accepted(api, body)
    await declare(api, "colour")
    problem = await api.refused(400, PATH, method="PATCH", json=body, params={"organizationId": ORGANIZATION})
    assert [error["path"] for error in problem["errors"]] == ["$[0].customerSpecificFields.Colour"]
    await accepted(api, body, organization_id=OTHER)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[]", b"\xff", b"[{}, 1]"])
async def test_what_is_no_patch(sqlite_url: str, content: bytes) -> None:
    """Anything but a list of patches is 400 and says where."""
    async with running_api(sqlite_url) as api:
        headers = await api.credentials(ORGANIZATION, "sync") | {"Content-Type": "application/json"}
        problem = await api.refused(400, PATH, headers, method="PATCH", content=content)
        assert problem["errors"]


async def test_the_limits_of_a_request(sqlite_url: str) -> None:
    """More assets than the setting says is 400, more bytes 413, another type 415."""
    limits = Limits(patch_assets_max=3, body_bytes_max=1000)
    async with running_api(sqlite_url, Settings(operator_secret=Secret(OPERATOR_SECRET), limits=limits)) as api:
        client = await api.credentials(ORGANIZATION, "sync")
        await accepted(api, entries([1, 2, 3]), client)
        problem = await api.refused(400, PATH, client, method="PATCH", json=entries([1, 2, 3, 4]))
        assert problem["errors"] == [{"path": "$", "message": "Expected `array` of length <= 3, got 4"}]
        await api.refused(413, PATH, client, method="PATCH", json=entries([1], location="x" * 1000))
        await api.refused(415, PATH, client, method="PATCH", content=b"[]")


async def test_a_repeat_is_the_same_job(api: Api) -> None:
    """The same key with the same patches, however they are spaced, is the same job as it stands by then, ended or not."""
    await put_assets(api.store, asset(1))
    await declare(api, "a", "b")
    body = [{"assetId": 1, "location": "x", "customerSpecificFields": {"a": 1, "b": 2}}, {"assetId": 2}]
    again = b' [ {"customerSpecificFields": {"b": 2, "a": 1}, "location": "x", "assetId": 1 }, {"assetId": 2}]'
    client = await api.credentials(ORGANIZATION, "sync")
    keyed = client | {"Idempotency-Key": "k-1", "Content-Type": "application/json"}
    job = await accepted(api, body, keyed)
    repeat = await api.ask(PATH, keyed, "PATCH", content=again)
    assert (repeat.status_code, repeat.json(), repeat.headers["retry-after"]) == (202, job, "1")
    ended = await finished(api, job)
    repeat = await api.ask(PATH, keyed, "PATCH", content=again)
    assert (repeat.status_code, repeat.json()) == (202, ended)
    assert len(ended["errors"]) == 1
    assert repeat.headers["location"] == f"{JOBS}/{job['id']}"
    assert "retry-after" not in repeat.headers
    assert len(await api.items(JOBS)) == 1


async def test_a_repeat_is_known_whatever_is_declared_since(api: Api) -> None:
    """What was accepted is not judged again."""
    client = await api.credentials(ORGANIZATION, "sync") | {"Idempotency-Key": "k"}
    body = entries([1], customerSpecificFields={"Colour": "red"})
    job = await accepted(api, body, client)
    await declare(api, "Size")
    assert await accepted(api, body, client) == job


async def test_a_key_is_for_one_request_of_one_client(api: Api) -> None:
    """The same key with another body, or for another organization, is 409; another client has keys of its own."""
    key = {"Idempotency-Key": "k"}
    client, other = await api.credentials(ORGANIZATION, "sync"), await api.credentials(ORGANIZATION, "sync")
    job = await accepted(api, entries([1]), client | key)
    problem = await api.refused(409, PATH, client | key, method="PATCH", json=entries([2]))
    assert problem["error"] == "this Idempotency-Key was used for another request"
    assert (await accepted(api, entries([1]), other | key))["id"] != job["id"]
    await accepted(api, entries([1]), api.operator | key)
    await api.refused(409, PATH, api.operator | key, method="PATCH", json=entries([1]), params={"organizationId": OTHER})
    assert (await accepted(api, entries([1]), client))["id"] != (await accepted(api, entries([1]), client))["id"]


async def test_keys_have_bounds(sqlite_url: str) -> None:
    """An empty key, one that is too long and two keys are 400; one of 255 characters is taken."""
    async with running_api(sqlite_url) as api:
        client = await api.credentials(ORGANIZATION, "sync")
        for keys in ([""], ["x" * 256], ["a", "b"]):
            headers = [*client.items(), *(("Idempotency-Key", key) for key in keys)]
            answer = await api.http.request("PATCH", PATH, headers=headers, json=entries([1]))
            assert answer.status_code == 400
            assert [error["path"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
        await accepted(api, entries([1]), client | {"Idempotency-Key": "x" * 255})


async def test_who_may(api: Api) -> None:
    """Patching needs sync; a job can be read with read or with sync, and with nothing else."""
    sync, read = await api.credentials(ORGANIZATION, "sync"), await api.credentials(ORGANIZATION, "read")
    neither = await api.credentials(ORGANIZATION, "ops", "admin")
    for client in (read, neither):
        assert "sync" in (await api.refused(403, PATH, client, method="PATCH", json=entries([1])))["error"]
    job = await accepted(api, entries([1]), sync)
    for path in (JOBS, f"{JOBS}/{job['id']}"):
        assert (await api.ask(path, sync)).status_code == 200
        assert (await api.ask(path, read)).status_code == 200
        assert (await api.refused(403, path, neither))["error"] == "this needs the scope read or sync"
    await api.refused(401, PATH, {}, method="PATCH", json=entries([1]))


async def test_organizations_are_apart(api: Api) -> None:
    """A client sees its organization's jobs alone, and an asset of another is answered like one that doesn't exist."""
    await put_assets(api.store, asset(1), organization_id=OTHER)
    mine, theirs = await api.credentials(ORGANIZATION, "sync"), await api.credentials(OTHER, "sync")
    job = await finished(api, await accepted(api, entries([1, 2], location="x"), mine))
    texts = [error["errors"][0].replace("2", "1") for error in job["errors"]]
    assert texts == ["Either an asset with the id '1' does not exist or it is not accessible to you."] * 2
    assert (await get_assets(api.store, 1, organization_id=OTHER))[1].location is None
    await api.refused(404, f"{JOBS}/{job['id']}", theirs)
    assert await api.items(JOBS, theirs) == []
    own = await accepted(api, entries([1]), theirs, OTHER)
    assert [each["id"] for each in await api.items(JOBS)] == [own["id"], job["id"]]
    assert [each["id"] for each in await api.items(JOBS, organizationId=OTHER)] == [own["id"]]
    await api.refused(404, f"{JOBS}/{own['id']}", params={"organizationId": ORGANIZATION})


async def test_a_client_of_all_organizations_names_one(sqlite_url: str) -> None:
    """Without it a patch is 400, which says what is missing; a client of one can't patch for another."""
    async with running_api(sqlite_url) as api:
        problem = await api.refused(400, PATH, method="PATCH", json=entries([1]))
        assert [error["path"] for error in problem["errors"]] == ["organizationId"]
        client = await api.credentials(ORGANIZATION, "sync")
        await api.refused(404, PATH, client, method="PATCH", json=entries([1]), params={"organizationId": OTHER})


@pytest.mark.parametrize("ref", ["0", "01", "-1", "x", "9223372036854775808", "1.0", "77", "1 "])
async def test_no_such_job(sqlite_url: str, ref: str) -> None:
    """Whatever is no job's id is 404."""
    async with running_api(sqlite_url) as api:
        await accepted(api, entries([1]))
        await api.refused(404, f"{JOBS}/{ref}")


async def test_jobs_are_listed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first, as they are by themselves; pages hold each once, also where they end early for the number of their errors."""
    await put_assets(api.store, asset(1))
    for number in range(7):
        job = await accepted(api, entries([1, 2, 3][: 1 + number % 3]))
    await finished(api, job)
    await accepted(api, entries([1]))
    whole = await api.items(JOBS)
    assert [each["id"] for each in whole] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert whole[3] == await api.get(f"{JOBS}/5")
    assert [each["id"] for each in await api.items(JOBS, status="notStarted")] == [8]
    assert [each["id"] for each in await api.items(JOBS, status="successful")] == [7, 4, 1]
    for limit in (1, 3, 8):
        assert await api.all_items(JOBS, limit=limit) == whole
    monkeypatch.setattr(queries, "ERRORS_MAX", 2)
    assert await api.all_items(JOBS) == whole
    assert len((await api.get(JOBS))["items"]) == 3
    monkeypatch.setattr(queries, "ERRORS_MAX", 0)
    assert await api.all_items(JOBS) == whole
    for params in ({"status": "done"}, {"cursor": "x"}, {"limit": 0}):
        await api.refused(400, JOBS, params=params)


async def test_numbers_keep_their_digits(api: Api) -> None:
    """A number in a customer-specific field is stored as it was written."""
    await put_assets(api.store, asset(1))
    client = await api.credentials(ORGANIZATION, "sync") | {"Content-Type": "application/json"}
    await api.ask(
        PATH, client, "PATCH", content=b'[{"assetId":1,"customerSpecificFields":{"km":25000.10,"n":12345678901234567890}}]'
    )
    await finished(api, {"id": 1})
    stored = (await get_assets(api.store, 1))[1].custom_fields
    assert msgspec.json.Encoder(decimal_format="number").encode(stored) == b'{"km":25000.10,"n":12345678901234567890}'
