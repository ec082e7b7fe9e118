"""The rate limit: in every answer of the API, and a refusal beyond it."""

import pytest

from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.settings import Settings
from tests.support.api import OPERATOR_SECRET, running_api
from tests.support.facts import ORGANIZATION

UNITS = "/api/v1/units"


def limited(per_minute: int) -> Settings:
    """Settings with so many requests a minute."""
    return Settings(operator_secret=Secret(OPERATOR_SECRET), limits=Limits(rate_limit_per_minute=per_minute))


async def test_a_client_has_so_many_requests_a_minute(sqlite_url: str) -> None:
    """Every answer says what is left; beyond it comes 429 with Retry-After, until the next minute."""
    async with running_api(sqlite_url, limited(3)) as api:
        api.clock.now_us = 60_000_000 * 1000 + 15_000_000
        for remaining, path in (("2", UNITS), ("1", "/api/v1/no/such/path"), ("0", f"{UNITS}?limit=0")):
            answer = await api.ask(path)
            limit = [answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
            assert limit == ["3", remaining, str(60 * 1001)]
        refused = await api.ask(UNITS)
        assert (refused.status_code, refused.headers["retry-after"], refused.headers["x-ratelimit-remaining"]) == (429, "45", "0")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await api.ask(UNITS, await api.credentials(ORGANIZATION))).status_code == 200
        api.clock.move(45)
        assert (await api.ask(UNITS)).headers["x-ratelimit-remaining"] == "2"


async def test_who_proves_nothing_has_the_allowance_of_its_address(sqlite_url: str) -> None:
    """Refusals are counted by address; once that is used up nobody new is let in from there, but known clients are."""
    async with running_api(sqlite_url, limited(3)) as api:
        known = await api.credentials(ORGANIZATION)
        fresh = await api.credentials(ORGANIZATION)
        assert (await api.ask(UNITS, known)).status_code == 200
        left = [(await api.ask(UNITS, headers)).headers["x-ratelimit-remaining"] for headers in ({}, {"Authorization": "x"}, {})]
        assert left == ["2", "1", "0"]
        for headers in ({}, fresh):
            assert (await api.ask(UNITS, headers)).status_code == 429
        credentials = {"client_id": "a", "client_secret": "b", "grant_type": "client_credentials"}
        assert (await api.ask("/api/v1/auth/token", {}, "POST", json=credentials)).status_code == 429
        assert (await api.ask(UNITS, known)).status_code == 200


async def test_tokens_are_counted_with_their_client(sqlite_url: str) -> None:
    """A client has one allowance, whichever credentials it shows; asking for a token takes from it too."""
    async with running_api(sqlite_url, limited(2)) as api:
        credentials = {"client_id": "operator", "client_secret": OPERATOR_SECRET, "grant_type": "client_credentials"}
        answer = await api.ask("/api/v1/auth/token", {}, "POST", json=credentials)
        assert answer.headers["x-ratelimit-remaining"] == "1"
        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await api.ask(UNITS, token)).headers["x-ratelimit-remaining"] == "0"
        assert (await api.ask(UNITS)).status_code == 429


@pytest.mark.parametrize(("method", "status"), [("POST", 400), ("GET", 405)])
async def test_a_token_that_was_not_asked_for_rightly_tells_the_limit_too(sqlite_url: str, method: str, status: int) -> None:
    """What is no request for a token says what is left to its address, as every answer of the API does."""
    async with running_api(sqlite_url, limited(3)) as api:
        answer = await api.ask("/api/v1/auth/token", {}, method, json={"grant_type": "password"})
        assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (status, "3")


async def test_no_limit_says_nothing(sqlite_url: str) -> None:
    """A limit of 0 is none, and there is nothing to tell."""
    async with running_api(sqlite_url, limited(0)) as api:
        answer = await api.ask(UNITS)
        assert answer.status_code == 200
        assert not any(name.startswith("x-ratelimit") for name in answer.headers)
