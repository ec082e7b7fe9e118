"""OAuth 2.0 against oidc-provider and oauth2-mock-server: grants, renewals, refusals, and tokens of every life span."""

import asyncio
import base64
from typing import Any

import httpx2
import pytest

from receiver.pull.errors import CredentialsError, ProviderError, TransientError
from schemas.providers import Definition
from tests.pull.support import definition, opened
from tests.pull.wiremock import WireMock, gives

SECRETS = {"SECRET": "s%cret/with+signs", "PASSWORD": "pässword & more"}
RESOURCE = "urn:fleet:api"


def by_client_credentials(url: str, **more: Any) -> Definition:  # noqa: ANN401 - TOML's values
    """A definition for oidc-provider, whose client has a colon in its id and signs in its secret."""
    auth = {
        "type": "client_credentials",
        "token_url": "/token",
        "client_id": "hub:1",
        "client_secret": "env:SECRET",
        "scope": "read",
        "token_parameters": {"resource": RESOURCE},
    }
    return definition(url, auth=auth | more)


def by_password(url: str, **more: Any) -> Definition:  # noqa: ANN401 - TOML's values
    """A definition for oauth2-mock-server."""
    auth = {
        "type": "password",
        "token_url": "/token",
        "client_id": "hub",
        "client_secret": "env:SECRET",
        "username": "fleet",
        "password": "env:PASSWORD",
        "token_parameters": {"audience": "telematics"},
    }
    return definition(url, auth=auth | more)


@pytest.mark.parametrize("client_auth", ["basic", "post"])
async def test_client_credentials_open_the_door(oidc: str, client_auth: str) -> None:
    """A strict authorization server takes id and secret in either form, signs and all, and grants the extra parameters."""
    async with opened(by_client_credentials(oidc, client_auth=client_auth), SECRETS) as client:
        assert (await client.get("/api/vehicles", {"page": "1"})).document is not None
    issued = httpx2.get(f"{oidc}/issued").json()
    assert issued[-1]["aud"] == RESOURCE


async def test_a_wrong_secret_is_refused(oidc: str) -> None:
    """A wrong client secret is a fault of the credentials, told without the secret, and not tried again."""
    before = len(httpx2.get(f"{oidc}/issued").json())
    async with opened(by_client_credentials(oidc), {"SECRET": "wrong-secret"}) as client:
        with pytest.raises(CredentialsError, match="invalid_client") as caught:
            await client.get("/api/vehicles", {"page": "1"})
    assert "wrong-secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert len(httpx2.get(f"{oidc}/issued").json()) == before


async def test_two_second_tokens_are_renewed_on_the_way(oidc: str) -> None:
    """Requests that outlast several tokens never show an expired one, and renewals keep the extra parameters."""
    before = len(httpx2.get(f"{oidc}/issued").json())
    tokens = []
    async with opened(by_client_credentials(oidc), SECRETS) as client:
        for page in range(7):
            answer = await client.get("/api/vehicles", {"page": str(page)})
            assert isinstance(answer.document, dict)
            tokens.append(answer.document["items"][0]["token"])
            await asyncio.sleep(0.4)
    issued = httpx2.get(f"{oidc}/issued").json()[before:]
    assert 2 <= len(set(tokens)) == len(issued)
    assert all(token["aud"] == RESOURCE for token in issued)


async def test_a_revoked_token_is_renewed_once(oidc: str) -> None:
    """A 401 for a token that should still be good forces one renewal, and the request is answered."""
    async with opened(by_client_credentials(oidc), SECRETS) as client:
        await client.get("/api/vehicles", {"page": "1"})
        httpx2.get(f"{oidc}/revoke").raise_for_status()
        assert (await client.get("/api/vehicles", {"page": "2"})).document is not None


async def test_concurrent_requests_share_one_renewal(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """Many requests at once ask for one token; when it is forgotten, they renew it once."""
    made = by_password(oauth2_server)
    async with opened(made, SECRETS) as client:
        await asyncio.gather(*(client.get("/api/vehicles") for _ in range(8)))
        assert [asked["grant_type"] for asked in oauth2.get("/asked").json()] == ["password"]
        oauth2.get("/forget")
        await asyncio.gather(*(client.get("/api/vehicles") for _ in range(8)))
    assert [asked["grant_type"] for asked in oauth2.get("/asked").json()] == ["password", "refresh_token"]


async def test_the_password_grant_and_its_refresh(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """User and password go to the endpoint once; renewals use the refresh token; both carry the extra parameters."""
    oauth2.get("/set", params={"expires_in": "1"})
    async with opened(by_password(oauth2_server), SECRETS) as client:
        await client.get("/api/vehicles")
        await asyncio.sleep(0.6)
        await client.get("/api/vehicles")
    first, second = oauth2.get("/asked").json()
    assert (first["grant_type"], first["username"], first["password"]) == ("password", "fleet", SECRETS["PASSWORD"])
    assert (second["grant_type"], "password" in second) == ("refresh_token", False)
    assert first["audience"] == second["audience"] == "telematics"
    assert base64.b64decode(first["authorization"].removeprefix("Basic ")).decode() == "hub:s%25cret%2Fwith%2Bsigns"


async def test_without_a_refresh_token_the_grant_is_used_again(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """Where the endpoint gives no refresh token, user and password are shown again."""
    oauth2.get("/set", params={"expires_in": "1", "refresh": "off"})
    async with opened(by_password(oauth2_server), SECRETS) as client:
        await client.get("/api/vehicles")
        await asyncio.sleep(0.6)
        await client.get("/api/vehicles")
    assert [(asked["grant_type"], asked["audience"]) for asked in oauth2.get("/asked").json()] == [("password", "telematics")] * 2


async def test_a_refused_refresh_token_falls_back_to_the_grant(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """A refresh token that is no longer good isn't the end: the grant is used again."""
    oauth2.get("/set", params={"expires_in": "1", "refuse_refresh": "on"})
    async with opened(by_password(oauth2_server), SECRETS) as client:
        await client.get("/api/vehicles")
        await asyncio.sleep(0.6)
        await client.get("/api/vehicles")
    assert [asked["grant_type"] for asked in oauth2.get("/asked").json()] == ["password", "refresh_token", "password"]


async def test_a_token_without_an_end_is_used_until_it_is_refused(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """Without `expires_in` a token isn't renewed by the clock, but by the first 401."""
    oauth2.get("/set", params={"expires_in": "none"})
    async with opened(by_password(oauth2_server), SECRETS) as client:
        for _ in range(3):
            await client.get("/api/vehicles")
        assert len(oauth2.get("/asked").json()) == 1
        oauth2.get("/forget")
        await client.get("/api/vehicles")
    assert [asked["grant_type"] for asked in oauth2.get("/asked").json()] == ["password", "refresh_token"]


async def test_a_public_client_shows_its_id_alone(oauth2: httpx2.Client, oauth2_server: str) -> None:
    """Without a client secret the id stands in the body and nothing in the Authorization header."""
    async with opened(by_password(oauth2_server, client_secret=None), SECRETS) as client:
        await client.get("/api/vehicles")
    [asked] = oauth2.get("/asked").json()
    assert (asked["client_id"], asked["authorization"], asked["password"]) == ("hub", None, SECRETS["PASSWORD"])


@pytest.mark.parametrize("status", ["429", "503"])
async def test_a_busy_token_endpoint_is_tried_again(oauth2: httpx2.Client, oauth2_server: str, status: str) -> None:
    """429 and 5xx of the token endpoint are transient, whatever their body says."""
    oauth2.get("/set", params={"status": status})
    async with opened(by_password(oauth2_server), SECRETS) as client:
        with pytest.raises(TransientError, match=status):
            await client.get("/api/vehicles")
    assert len(oauth2.get("/asked").json()) == 3


async def test_a_wait_of_the_token_endpoint_is_kept_too(wiremock: WireMock) -> None:
    """Retry-After of the token endpoint isn't undercut either."""
    wiremock.stub(
        "/token", {"status": 429, "headers": {"Retry-After": "1"}}, gives({"access_token": "t", "expires_in": 60}), method="POST"
    )
    wiremock.stub("/vehicles", gives([]))
    async with opened(by_client_credentials(wiremock.url), SECRETS) as client:
        await client.get("/vehicles")
    first, second = wiremock.requests("/token")
    assert second["loggedDate"] - first["loggedDate"] >= 1000


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 3600},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "t", "expires_in": [1]},
        ["token"],
        "token",
    ],
)
async def test_an_answer_without_a_token_is_told(wiremock: WireMock, body: object) -> None:
    """A token endpoint that answers 200 with something else is a fault, not a token."""
    wiremock.stub("/token", gives(body), method="POST")
    async with opened(by_client_credentials(wiremock.url), SECRETS) as client:
        with pytest.raises(ProviderError, match="token endpoint"):
            await client.get("/vehicles")


async def test_a_resource_that_goes_on_refusing_is_told(wiremock: WireMock) -> None:
    """After one forced renewal a second 401 is a fault of the credentials: no loop."""
    wiremock.stub("/token", gives({"access_token": "t", "expires_in": 60}), method="POST")
    wiremock.stub("/vehicles", {"status": 401})
    async with opened(by_client_credentials(wiremock.url), SECRETS) as client:
        with pytest.raises(CredentialsError, match="401"):
            await client.get("/vehicles")
    assert (len(wiremock.requests("/token")), len(wiremock.requests("/vehicles"))) == (2, 2)
