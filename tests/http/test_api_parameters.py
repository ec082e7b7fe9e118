"""Whatever comes as a parameter is answered, never with a fault of the service."""

import asyncio
import base64
from urllib.parse import quote

import msgspec
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.api.openapi import operations_of
from receiver.api.routes import all_routes
from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.settings import Settings
from schemas.wire import encode_cursor
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.facts import UNIT, A, B
from tests.support.store import OTHER, failure, pairing, unpairing

PATHS = sorted({operation.path.replace(":path", "") for operation in operations_of(all_routes()) if operation.method == "GET"})
NAMES = sorted({name for operation in operations_of(all_routes()) for name in operation.reader.parameters} - {"wait", "format"})
_NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**40])
_TIMES = st.sampled_from(
    [
        "2025-05-12T22:20:00Z",
        "2025-05-12T22:20:00+02:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-23:59",
        "2025-05-12T22:20:00",
        "2025-02-30T00:00:00Z",
        "+292277026596-12-04T15:30:08Z",
    ]
)
_CURSORS = st.one_of(
    st.lists(st.one_of(_NUMBERS, st.text(max_size=20), st.none(), st.floats()), max_size=4).map(
        lambda key: base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")
    ),
    st.lists(st.one_of(_NUMBERS, st.text(max_size=5)), max_size=4).map(encode_cursor),
    st.binary(max_size=30).map(lambda raw: base64.urlsafe_b64encode(raw).decode()),
)
TEXTS = st.one_of(
    st.text(max_size=30),
    _NUMBERS.map(str),
    _TIMES,
    _CURSORS,
    st.sampled_from(
        ["true", "open", "waiting", "applied", "%", "\\", "'", "\x00", "\U0010ffff", "é", "a" * 2000, UNIT, A, OTHER]
    ),
)


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"])
def test_no_parameter_is_a_fault_of_the_service(url: str, request: pytest.FixtureRequest) -> None:
    """Any path with any parameters is answered 200, 400 or 404, and a 400 names a parameter that was given."""
    database_url = str(request.getfixturevalue(url))
    no_limit = Settings(operator_secret=Secret(OPERATOR_SECRET), limits=Limits(rate_limit_per_minute=0))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = running_api(database_url, no_limit)
        api = runner.run(context.__aenter__())
        runner.run(api.events(pairing(1), unpairing(2), pairing(3, B, UNIT, OTHER), failure(4), {"eventType": ""}))

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            path=st.sampled_from(PATHS),
            ids=st.lists(TEXTS, min_size=1, max_size=1),
            query=st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=3),
        )
        def ask(path: str, ids: list[str], query: list[tuple[str, str]]) -> None:
            runner.run(_check(api, path, ids[0], query))

        try:
            ask()
        finally:
            runner.run(context.__aexit__(None, None, None))


async def _check(api: Api, path: str, ref: str, query: list[tuple[str, str]]) -> None:
    filled = "".join(quote(ref, safe="") if part.startswith("{") else part for part in _parts(path))
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
    answer = await api.ask(f"{filled}?{text}")
    assert answer.status_code in {200, 400, 404}, (filled, text, answer.text)
    if answer.status_code == 400 and "{batchId}" not in path:
        named = {error["path"] for error in answer.json()["errors"]}
        assert named <= {name for name, _ in query} | {"organizationId"}, answer.text
        assert all(name in answer.json()["error"] for name in named)


def _parts(path: str) -> list[str]:
    """A path, cut before and behind its parameters."""
    return path.replace("{", "\n{").replace("}", "}\n").split("\n")


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/api/v1/units", "limit=0", "limit"),
        ("/api/v1/units", "limit=1001", "limit"),
        ("/api/v1/units", "limit=ten", "limit"),
        ("/api/v1/units", "limit=1.5", "limit"),
        ("/api/v1/units", "limit=", "limit"),
        ("/api/v1/units", "limit=1&limit=2", "limit"),
        ("/api/v1/units", "cursor=x", "cursor"),
        ("/api/v1/units", "cursor=", "cursor"),
        ("/api/v1/units", "cursor=WzFd", "cursor"),
        ("/api/v1/units", "state=open", "state"),
        ("/api/v1/units", "state=", "state"),
        ("/api/v1/units", "q=" + "a" * 257, "q"),
        ("/api/v1/units", "unit=tp", "unit"),
        ("/api/v1/units", "at=today", "at"),
        ("/api/v1/units", "at=2025-05-12T22:20:00", "at"),
        ("/api/v1/units", "possible=yes", "possible"),
        ("/api/v1/units", "organizationId=x", "organizationId"),
        ("/api/v1/pairings", "updatedSince=2025-13-01T00:00:00Z", "updatedSince"),
        ("/api/v1/pairings", "reason=NotFound", "reason"),
        ("/api/v1/events", "outcome=lost", "outcome"),
        ("/api/v1/events", "from=1", "from"),
        ("/api/v1/quarantine", "state=open", "state"),
        ("/api/v1/batches", "state=open", "state"),
        ("/api/v1/pairings/pair_1", "limit=3", "limit"),
    ],
)
async def test_a_bad_parameter_is_named(sqlite_url: str, path: str, query: str, name: str) -> None:
    """A bad limit, cursor, date, enum or switch, an unknown name, and one given twice are 400 and named."""
    async with running_api(sqlite_url) as api:
        problem = await api.refused(400, f"{path}?{query}")
        assert [error["path"] for error in problem["errors"]] == [name]
        assert name in problem["error"]


async def test_too_many_parameters(sqlite_url: str) -> None:
    """A query of very many parameters isn't even read."""
    async with running_api(sqlite_url) as api:
        await api.refused(400, "/api/v1/units?" + "&".join(f"p{n}=1" for n in range(200)))


async def test_times_with_an_offset(sqlite_url: str) -> None:
    """A `+` means itself in a time, escaped or not."""
    async with running_api(sqlite_url) as api:
        await api.events(pairing(1))
        for plus in ("+", "%2B"):
            assert len(await api.items(f"/api/v1/pairings?at=2025-05-13T00:22:00{plus}02:00")) == 1
            assert await api.items(f"/api/v1/pairings?at=2025-05-12T22:22:00{plus}02:00") == []
