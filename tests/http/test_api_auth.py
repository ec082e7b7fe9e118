"""Who is let in: credentials, scopes, organizations, and what a flood of wrong secrets can do."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from handlers.clients import OPERATOR_ID, ensure_operator, revoke_client
from handlers.credentials import hash_secret, verify_secret
from receiver.api import auth
from receiver.settings import Settings
from tests.support.api import OPERATOR_SECRET, Api, Headers, basic, bearer, running_api
from tests.support.facts import ORGANIZATION, UNIT
from tests.support.store import OTHER, pairing, rows

UNITS = "/api/v1/units"
FRESH_S = auth.FRESH_US / 1_000_000


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """The API on SQLite: what is tested here asks nothing of an engine."""
    async with running_api(sqlite_url) as running:
        yield running


class Counting:
    """Counts how many secrets are checked, and how many at once."""

    def __init__(self) -> None:
        self.calls = self.running = self.most = 0

    def __call__(self, secret_hash: str, secret: str) -> bool:
        """Check a secret as slowly as on a busy machine."""
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        time.sleep(0.005)
        self.running -= 1
        return verify_secret(secret_hash, secret)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Counts the checks of secrets, and shortens the pause after a wrong one."""
    counting = Counting()
    monkeypatch.setattr(auth, "verify_secret", counting)
    monkeypatch.setattr(auth, "FAILURE_PAUSE_S", 0.01)
    return counting


async def test_without_credentials(api: Api) -> None:
    """No header is 401 with the documented text and a challenge for both schemes, whatever the path."""
    for path in (UNITS, "/api/v1/no/such/path", "/openapi.json"):
        problem = await api.refused(401, path, {})
        assert problem["error"] == "Missing Authorization header"
    challenge = (await api.ask(UNITS, {})).headers["www-authenticate"]
    assert challenge.startswith("Basic ")
    assert "Bearer " in challenge


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"operator:").decode(),
        "Basic " + base64.b64encode(b"operator:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:secret").decode(),
        "Basic " + base64.b64encode(b"\xff\x00:\xff").decode(),
        "Bearer",
        "Bearer se_" + "0" * 64,
        "Bearer se_" + "A" * 64,
        "Digest username=operator",
        base64.b64encode(f"operator:{OPERATOR_SECRET}".encode()).decode(),
    ],
)
async def test_wrong_credentials(api: Api, header: str) -> None:
    """Whatever is wrong with the header, the answer is 401 with the documented text."""
    problem = await api.refused(401, UNITS, {"Authorization": header})
    assert problem["error"] == "Invalid token"


async def test_two_headers_are_none(api: Api) -> None:
    """A request with two Authorization headers is refused, even if one of them is good."""
    answer = await api.http.get(UNITS, headers=[("Authorization", value) for value in (api.operator["Authorization"], "Basic x")])
    assert (answer.status_code, answer.json()["error"]) == (401, "Invalid token")


async def test_schemes_are_read_in_any_case(api: Api) -> None:
    """The name of a scheme is case-insensitive (RFC 9110)."""
    header = api.operator["Authorization"].replace("Basic", "bAsIc")
    assert (await api.ask(UNITS, {"Authorization": header})).status_code == 200


@pytest.mark.parametrize("scope", ["sync", "ops", "admin"])
async def test_no_scope_includes_another(api: Api, scope: str) -> None:
    """Reading needs the scope `read`, which no other includes; the answer names it."""
    problem = await api.refused(403, UNITS, await api.credentials(ORGANIZATION, scope))
    assert "read" in problem["error"]
    assert (await api.ask(UNITS, await api.credentials(ORGANIZATION, scope, "read"))).status_code == 200


async def test_organizations_are_apart(api: Api) -> None:
    """A client may name its own organization; another one is 404; who sees all can look at one."""
    await api.events(pairing(1), pairing(1, unit_id="tp:2", organization_id=OTHER))
    mine = await api.credentials(ORGANIZATION.upper())
    assert [unit["unitId"] for unit in await api.items(UNITS, mine)] == [UNIT]
    assert len(await api.items(UNITS, mine, organizationId=ORGANIZATION)) == 1
    await api.refused(404, UNITS, mine, params={"organizationId": OTHER})
    assert [unit["unitId"] for unit in await api.items(UNITS, organizationId=OTHER)] == ["tp:2"]
    assert len(await api.items(UNITS)) == 2
    problem = await api.refused(400, UNITS, params={"organizationId": "*"})
    assert problem["errors"][0]["path"] == "organizationId"


async def test_a_secret_is_checked_once(api: Api, checks: Counting) -> None:
    """However many requests come at once, and whenever later ones do, a good secret costs one check."""
    mine = await api.credentials(ORGANIZATION)
    answers = await asyncio.gather(*(api.ask(UNITS, mine) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    for _ in range(3):
        api.clock.move(3600)
        assert (await api.ask(UNITS, mine)).status_code == 200
    assert checks.calls == 1


async def test_a_wrong_secret_is_checked_once(api: Api, checks: Counting) -> None:
    """The same wrong secret again costs nothing, until the client has another one."""
    client = await api.client(ORGANIZATION)
    wrong = basic(client.client_id, "tomorrow's secret")
    for _ in range(5):
        await api.refused(401, UNITS, wrong)
    assert checks.calls == 1
    record = await api.store.read(lambda tx: tx.clients.find(client.client_id))
    assert record is not None
    renewed = record._replace(secret_hash=hash_secret("tomorrow's secret"))
    await api.store.write(lambda tx: tx.clients.put(renewed))
    assert (await api.ask(UNITS, wrong)).status_code == 200


async def test_revocation_takes_effect_within_seconds(api: Api) -> None:
    """A client that another process revoked is refused as soon as what is known of it is no longer fresh."""
    client = await api.client(ORGANIZATION)
    mine = basic(client.client_id, client.client_secret)
    assert (await api.ask(UNITS, mine)).status_code == 200
    await api.store.write(lambda tx: revoke_client(tx, client.client_id, api.clock()))
    api.clock.move(FRESH_S)
    assert (await api.refused(401, UNITS, mine))["error"] == "Invalid token"


async def test_another_secret_takes_effect_within_seconds(api: Api) -> None:
    """The old secret of a client that got another one is refused, and the old operator's with it."""
    assert (await api.ask(UNITS)).status_code == 200
    await ensure_operator(api.store, "another secret", api.clock())
    api.clock.move(FRESH_S)
    await api.refused(401, UNITS)
    assert (await api.ask(UNITS, basic(OPERATOR_ID, "another secret"))).status_code == 200


async def test_the_operator_goes_with_its_setting(sqlite_url: str) -> None:
    """Once the settings hold no secret for it, the bootstrap client and its tokens are refused."""
    async with running_api(sqlite_url) as api:
        credentials = {"client_id": OPERATOR_ID, "client_secret": OPERATOR_SECRET, "grant_type": "client_credentials"}
        token = (await api.ask("/api/v1/auth/token", {}, "POST", json=credentials)).json()["access_token"]
        assert (await api.ask(UNITS, bearer(token))).status_code == 200
    async with running_api(sqlite_url, Settings()) as api:
        await api.refused(401, UNITS, api.operator)
        await api.refused(401, UNITS, bearer(token))


async def test_a_flood_of_wrong_secrets_is_checked_one_by_one(api: Api, checks: Counting) -> None:
    """Wrong secrets never hold more than one thread; beyond a bound the answer is 503, and known clients don't notice."""
    client = await api.client(ORGANIZATION)
    mine = basic(client.client_id, client.client_secret)
    assert (await api.ask(UNITS, mine)).status_code == 200
    flood = [asyncio.create_task(api.ask(UNITS, basic(client.client_id, f"guess {n}"))) for n in range(auth.WAITING_MAX + 10)]
    await asyncio.sleep(0.02)
    assert (await api.ask(UNITS, mine)).status_code == 200
    assert not all(task.done() for task in flood)
    answers = await asyncio.gather(*flood)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(503)) == (auth.WAITING_MAX, 10)
    assert checks.most == 1
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)


async def test_unknown_clients_cost_no_check(api: Api, checks: Counting) -> None:
    """Ids are no secrets: an unknown one, or a revoked one, is refused at once."""
    client = await api.client(ORGANIZATION)
    await api.store.write(lambda tx: revoke_client(tx, client.client_id, api.clock()))
    for header in (basic("cl_unknown", "x"), basic(client.client_id, client.client_secret)):
        await api.refused(401, UNITS, header)
    assert checks.calls == 0


async def test_a_request_that_goes_away_leaves_nothing_behind(api: Api, checks: Counting) -> None:
    """A client that gives up while its secret is being checked finds it known when it comes back."""
    mine = await api.credentials(ORGANIZATION)
    task = asyncio.create_task(api.ask(UNITS, mine))
    await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await api.ask(UNITS, mine)).status_code == 200
    assert checks.calls == 1


async def test_secrets_are_hashed_at_rest(api: Api, tmp_path: Path) -> None:
    """Neither a secret nor a token stands in the database: argon2id and SHA-256 hashes do."""
    client = await api.client(ORGANIZATION)
    credentials = {"client_id": client.client_id, "client_secret": client.client_secret, "grant_type": "client_credentials"}
    token = (await api.ask("/api/v1/auth/token", {}, "POST", json=credentials)).json()["access_token"]
    ((secret_hash,),) = await rows(api.store, "SELECT secret_hash FROM clients WHERE client_id = :id", id=client.client_id)
    assert secret_hash.startswith("$argon2id$")
    files = contents(tmp_path)
    assert any(client.client_id.encode() in content for content in files)
    for secret in (client.client_secret, token, OPERATOR_SECRET):
        assert not any(secret.encode() in content for content in files)


def contents(folder: Path) -> list[bytes]:
    """The bytes of the database's files."""
    return [path.read_bytes() for path in folder.iterdir() if path.name.startswith("drawbar.db")]


async def test_what_is_remembered_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch, checks: Counting) -> None:
    """Beyond a bound the client known longest is forgotten, and its secret checked again."""
    monkeypatch.setattr(auth, "KNOWN_MAX", 2)
    clients: list[Headers] = [await api.credentials(ORGANIZATION) for _ in range(3)]
    for mine in (*clients, clients[2], clients[0]):
        assert (await api.ask(UNITS, mine)).status_code == 200
    assert checks.calls == 4


async def test_methods_are_refused_after_credentials(api: Api) -> None:
    """A method that is not possible is 405 with all that are, for who is known."""
    answer = await api.ask(UNITS, method="DELETE")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    await api.refused(401, UNITS, {}, method="DELETE")
    assert (await api.ask("/api/v1/auth/token", {})).headers["allow"] == "POST"
    head = await api.ask(UNITS, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    await api.refused(404, "/api/v1/no/such/path")
