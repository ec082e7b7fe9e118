"""`POST /api/v1/auth/token`: how a token is asked for, and how long it lasts."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from handlers.clients import IssuedClient, revoke_client
from receiver.secret import Secret
from receiver.settings import Settings
from tests.support.api import OPERATOR_SECRET, Api, basic, bearer, running_api
from tests.support.facts import ORGANIZATION
from tests.support.store import rows

PATH = "/api/v1/auth/token"
UNITS = "/api/v1/units"
DAY_S = 86_400


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """The API on SQLite: what is tested here asks nothing of an engine."""
    async with running_api(sqlite_url) as running:
        yield running


def body_of(client: IssuedClient, **others: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The documented request."""
    return {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "grant_type": "client_credentials",
    } | others


async def token_of(api: Api, client: IssuedClient) -> str:
    """A fresh token."""
    answer = await api.ask(PATH, {}, "POST", json=body_of(client))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_a_token_for_credentials(api: Api) -> None:
    """The answer has the documented shape, isn't kept by anybody on the way, and the token works."""
    client = await api.client(ORGANIZATION)
    answer = await api.ask(PATH, {}, "POST", json=body_of(client))
    token = answer.json()["access_token"]
    assert re.fullmatch("se_[0-9a-f]{64}", token)
    assert answer.json() == {"access_token": token, "token_type": "Bearer", "expires_in": DAY_S}
    assert answer.headers["cache-control"] == "no-store"
    assert await api.items(UNITS, bearer(token)) == []
    assert token != await token_of(api, client)


async def test_the_form_of_oauth(api: Api) -> None:
    """The form encoding of OAuth works too, with the credentials in it or as HTTP Basic."""
    client = await api.client(ORGANIZATION)
    forms: tuple[tuple[dict[str, str], dict[str, Any]], ...] = (
        ({}, body_of(client)),
        (basic(client.client_id, client.client_secret), {"grant_type": "client_credentials"}),
    )
    for headers, form in forms:
        answer = await api.ask(PATH, headers, "POST", data=form)
        assert answer.status_code == 200, answer.text
        assert (await api.ask(UNITS, bearer(answer.json()["access_token"]))).status_code == 200


async def test_wrong_credentials_get_no_token(api: Api) -> None:
    """A wrong secret, an unknown client or one that no header could carry is 401 with the documented text."""
    client = await api.client(ORGANIZATION)
    for wrong in ({"client_secret": "wrong"}, {"client_id": "nobody"}, {"client_id": "a:b"}, {"client_secret": ""}):
        problem = await api.refused(401, PATH, {}, method="POST", json=body_of(client, **wrong))
        assert problem["error"] == "Invalid token"
    token = await token_of(api, client)
    await api.refused(401, PATH, bearer(token), method="POST", json={"grant_type": "client_credentials"})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"client_id": "a", "client_secret": "b"}, "$"),
        ({"client_id": "a", "client_secret": "b", "grant_type": "password"}, "$.grant_type"),
        ({"client_id": "a", "grant_type": "client_credentials"}, "$.client_secret"),
        ({"client_secret": "a", "grant_type": "client_credentials"}, "$.client_id"),
        ({"grant_type": "client_credentials"}, "$.client_id"),
        ({"client_id": 1, "client_secret": "b", "grant_type": "client_credentials"}, "$.client_id"),
        ([], "$"),
    ],
)
async def test_a_malformed_request_names_the_place(api: Api, body: object, path: str) -> None:
    """What is missing or wrong in the body is 400 with the place."""
    problem = await api.refused(400, PATH, {}, method="POST", json=body)
    assert [error["path"] for error in problem["errors"]] == [path]


async def test_bodies_that_are_none(api: Api) -> None:
    """Another type is 415, what can't be decoded 400, and too much 413."""
    await api.refused(415, PATH, {}, method="POST", content=b"<a/>")
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": content_type}
        await api.refused(400, PATH, headers, method="POST", content=b"\xff{")
        await api.refused(413, PATH, headers, method="POST", content=b" " * 20_000)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await api.refused(400, PATH, form, method="POST", content=b"&".join(b"a=%d" % n for n in range(100)))


async def test_a_token_ends_after_a_day_without_use(api: Api) -> None:
    """Each use gives a token another 24 hours; unused for so long it is refused."""
    client = await api.client(ORGANIZATION)
    token = bearer(await token_of(api, client))
    for _ in range(3):
        api.clock.move(DAY_S - 1)
        assert (await api.ask(UNITS, token)).status_code == 200
        await settled(api)
    api.clock.move(DAY_S)
    assert (await api.refused(401, UNITS, token))["error"] == "Invalid token"


async def test_a_token_is_touched_at_most_once_a_minute(api: Api) -> None:
    """Use is written down when a minute has passed, not with each request."""
    token = bearer(await token_of(api, await api.client(ORGANIZATION)))
    issued = await used_at(api)
    for seconds, written in ((30, 0), (29, 0), (2, 61), (30, 61), (30, 121)):
        api.clock.move(seconds)
        assert (await api.ask(UNITS, token)).status_code == 200
        await settled(api)
        assert await used_at(api) - issued == written * 1_000_000


async def test_a_short_token_lives_as_long_as_it_is_used(sqlite_url: str) -> None:
    """Where a token ends within a minute without use, each use counts all the same."""
    async with running_api(sqlite_url, Settings(operator_secret=Secret(OPERATOR_SECRET), token_idle_s=30)) as api:
        token = bearer(await token_of(api, await api.client(ORGANIZATION)))
        for _ in range(10):
            api.clock.move(20)
            assert (await api.ask(UNITS, token)).status_code == 200
            await settled(api)
        api.clock.move(30)
        await api.refused(401, UNITS, token)


async def test_a_token_ends_with_its_client(api: Api) -> None:
    """Once its client is revoked, a token is refused within seconds."""
    client = await api.client(ORGANIZATION)
    token = bearer(await token_of(api, client))
    assert (await api.ask(UNITS, token)).status_code == 200
    await api.store.write(lambda tx: revoke_client(tx, client.client_id, api.clock()))
    api.clock.move(2)
    await api.refused(401, UNITS, token)


async def test_a_token_has_the_scopes_of_its_client(api: Api) -> None:
    """A token can do what its client can, in its organization."""
    token = bearer(await token_of(api, await api.client(ORGANIZATION, "ops")))
    await api.refused(403, UNITS, token)
    await api.refused(404, "/api/v1/quarantine/qtn_1/discard", token, method="POST")


async def used_at(api: Api) -> int:
    """When the only token was used last, as it is written."""
    ((used_at_us,),) = await rows(api.store, "SELECT used_at_us FROM tokens")
    return int(used_at_us)


async def settled(api: Api) -> None:
    """Wait for what goes on beside the requests: a write waits for those before it."""
    await asyncio.sleep(0)
    await api.store.write(lambda tx: tx.journal.touch())
