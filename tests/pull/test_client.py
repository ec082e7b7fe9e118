"""One provider's HTTP against httpbin and WireMock: credentials, retries, and what is never followed or shown."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import structlog

from receiver.pull.client import now_us
from receiver.pull.errors import CredentialsError, ProviderError, RescheduleError, TransientError
from receiver.pull.limits import MemoryCounter
from schemas.provider_access import Rates
from tests.pull.support import definition, opened
from tests.pull.wiremock import WireMock, gives

SECRET = "s3cr%t/with&signs+and ümlaut"


async def test_basic_credentials_open_the_door(httpbin: str) -> None:
    """HTTP Basic is sent on the first request, and a wrong password is a fault of the credentials."""
    auth = {"type": "basic", "username": "fleet", "password": "env:PASSWORD"}
    made = definition(httpbin, auth=auth)
    async with opened(made, {"PASSWORD": "right"}) as client:
        answer = await client.get("/basic-auth/fleet/right")
        assert isinstance(answer.document, dict)
        assert (answer.document["authenticated"], answer.document["user"]) == (True, "fleet")
    async with opened(made, {"PASSWORD": "wrong"}) as client:
        with pytest.raises(CredentialsError, match="401"):
            await client.get("/basic-auth/fleet/right")


async def test_a_bearer_token_opens_the_door(httpbin: str) -> None:
    """A static bearer token stands in the Authorization header, with the scheme that the definition states."""
    async with opened(definition(httpbin, auth={"type": "bearer", "token": "env:TOKEN"}), {"TOKEN": "abc"}) as client:
        answer = await client.get("/bearer")
        assert isinstance(answer.document, dict)
        assert answer.document["token"] == "abc"
    other = definition(httpbin, auth={"type": "bearer", "token": "env:TOKEN", "header": "X-Auth", "scheme": ""})
    async with opened(other, {"TOKEN": "abc"}) as client:
        answer = await client.get("/headers")
        assert isinstance(answer.document, dict)
        assert answer.document["headers"]["X-Auth"] == "abc"
        with pytest.raises(CredentialsError):
            await client.get("/bearer")


async def test_xml_is_read(httpbin: str) -> None:
    """A definition of the format xml gives documents in which attributes carry @ and elements their names."""
    async with opened(definition(httpbin, format="xml")) as client:
        answer = await client.get("/xml")
        assert isinstance(answer.document, dict)
        assert answer.document["slideshow"]["@author"] == "Yours Truly"
        assert [slide["title"] for slide in answer.document["slideshow"]["slide"]] == ["Wake up to WonderWidgets!", "Overview"]
        with pytest.raises(ProviderError, match="no XML"):
            await client.get("/json")
    async with opened(definition(httpbin)) as client:
        with pytest.raises(ProviderError, match="no JSON"):
            await client.get("/xml")


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/brotli"])
async def test_compressed_answers_are_read(httpbin: str, path: str) -> None:
    """Whatever compression the client offers, it understands; what it doesn't offer isn't used."""
    async with opened(definition(httpbin)) as client:
        if path == "/brotli":
            with pytest.raises(ProviderError):
                await client.get(path)  # sent although it was not asked for
        else:
            assert isinstance((await client.get(path)).document, dict)


@pytest.mark.parametrize("place", ["header", "query"])
async def test_an_api_key_is_sent_where_the_api_wants_it(wiremock: WireMock, place: str) -> None:
    """An API key goes into a header or a query parameter, beside the request's own parameters."""
    secret = SECRET if place == "query" else "plain-key"  # WireMock reads headers as ASCII
    where: dict[str, object] = {"X-Key": {"equalTo": secret}}
    if place == "query":
        wiremock.stub("/v2/vehicles", gives([{"id": 1}]), queryParameters=where)
    else:
        wiremock.stub("/v2/vehicles", gives([{"id": 1}]), headers=where)
    auth = {"type": "api_key", "place": place, "name": "X-Key", "value": "env:KEY"}
    async with opened(definition(f"{wiremock.url}/v2/", auth=auth), {"KEY": secret}) as client:
        assert (await client.get("/vehicles", {"limit": "2"})).document == [{"id": 1}]
    [request] = wiremock.requests("/v2/vehicles")
    assert request["queryParams"]["limit"]["values"] == ["2"]


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_never_undercut(wiremock: WireMock, form: str, status: int) -> None:
    """The second try comes no earlier than Retry-After says, in seconds or as a date; the client's own waits are shorter."""
    until = datetime.now(UTC) + timedelta(seconds=2)
    value = "1" if form == "seconds" else format_datetime(until, usegmt=True)
    wiremock.stub("/vehicles", {"status": status, "headers": {"Retry-After": value}}, gives([]))
    async with opened(definition(wiremock.url)) as client:
        assert (await client.get("/vehicles")).document == []
    first, second = wiremock.requests("/vehicles")
    if form == "seconds":
        assert second["loggedDate"] - first["loggedDate"] >= 1000
    else:
        assert second["loggedDate"] / 1000 >= until.replace(microsecond=0).timestamp()


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_wait_above_the_cap_reschedules(wiremock: WireMock, form: str) -> None:
    """Asked to wait longer than a run may, the client doesn't wait less: it says when the run may go on."""
    value = "600" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    wiremock.stub("/vehicles", {"status": 429, "headers": {"Retry-After": value}}, gives([]))
    before = now_us()
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(RescheduleError) as caught:
            await client.get("/vehicles")
    assert 598_000_000 <= caught.value.not_before_us - before <= 610_000_000
    assert len(wiremock.requests("/vehicles")) == 1


@pytest.mark.parametrize(
    ("more", "body"),
    [("Content-Length: 100", b"cut short"), ("Content-Encoding: gzip\r\nContent-Length: 4", b"none")],
    ids=["cut short", "another encoding"],
)
async def test_retry_after_counts_though_the_refusal_cannot_be_read(more: str, body: bytes) -> None:
    """What a refusal says beside its status may be cut short or unreadable: the wait that it asks for is kept to all the same."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 600\r\n{more}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with opened(definition(f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(RescheduleError, match="answered 429"):
                await client.get("/vehicles")


async def test_server_errors_are_tried_again_until_the_attempts_are_used_up(wiremock: WireMock) -> None:
    """5xx is tried as often as the definition says, then given up; 4xx isn't tried again."""
    wiremock.stub("/flaky", {"status": 500}, {"status": 502}, gives([1]))
    wiremock.stub("/broken", {"status": 500, "body": "out of\n order"})
    wiremock.stub("/missing", {"status": 404})
    async with opened(definition(wiremock.url)) as client:
        assert (await client.get("/flaky")).document == [1]
        with pytest.raises(TransientError, match="answered 500 out of order"):
            await client.get("/broken")
        with pytest.raises(ProviderError, match="404"):
            await client.get("/missing")
        assert (await client.get("/missing", not_found=True)).document is None
    assert [len(wiremock.requests(path)) for path in ("/flaky", "/broken", "/missing")] == [3, 3, 2]


@pytest.mark.parametrize(
    "fault", ["CONNECTION_RESET_BY_PEER", "EMPTY_RESPONSE", "RANDOM_DATA_THEN_CLOSE", "MALFORMED_RESPONSE_CHUNK"]
)
async def test_broken_connections_are_tried_again(wiremock: WireMock, fault: str) -> None:
    """A transport that fails, before or within the answer, is tried again."""
    wiremock.stub("/vehicles", {"fault": fault}, gives([1]))
    async with opened(definition(wiremock.url)) as client:
        assert (await client.get("/vehicles")).document == [1]


async def test_slow_answers_are_given_up(wiremock: WireMock) -> None:
    """An answer that doesn't begin in time is tried again, and so is one that trickles without end."""
    wiremock.stub("/silent", gives([1], fixedDelayMilliseconds=3000), gives([2]))
    wiremock.stub(
        "/trickling", gives(["x" * 2000], chunkedDribbleDelay={"numberOfChunks": 200, "totalDuration": 20_000}), gives([2])
    )
    limits = {"read_timeout_s": 0.5, "answer_timeout_s": 1.5}
    started = time.monotonic()
    async with opened(definition(wiremock.url, limits=limits)) as client:
        assert (await client.get("/silent")).document == [2]
        assert (await client.get("/trickling")).document == [2]
    assert time.monotonic() - started < 8


async def test_redirects_are_not_followed(wiremock: WireMock) -> None:
    """Where an answer points elsewhere, the credentials don't go along."""
    wiremock.stub("/vehicles", {"status": 302, "headers": {"Location": f"{wiremock.url}/elsewhere"}})
    wiremock.stub("/elsewhere", gives([]))
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(ProviderError, match="redirects are not followed"):
            await client.get("/vehicles")
    assert wiremock.requests("/elsewhere") == []


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:1/v",
        "http://evil.example/v",
        "//evil.example/v",
        "http://user:pw@{host}/v",
        "ftp://{host}/v",
        "http://[::1/v",
    ],
)
async def test_only_the_same_origin_is_asked(wiremock: WireMock, address: str) -> None:
    """An address with another scheme, host or port, or with credentials of its own, is refused before anything is sent."""
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(ProviderError):
            await client.get(address.format(host=wiremock.url.removeprefix("http://")))


async def test_answers_have_a_largest_size(wiremock: WireMock) -> None:
    """An answer above the limit is refused while it is being read."""
    wiremock.stub("/vehicles", gives(["x" * 5000]))
    async with opened(definition(wiremock.url, limits={"response_bytes_max": 4000})) as client:
        with pytest.raises(ProviderError, match="more than 4000 bytes"):
            await client.get("/vehicles")


class NotingCounter(MemoryCounter):
    """Notes when a request was let through."""

    def __init__(self) -> None:
        super().__init__()
        self.times_us: list[int] = []

    async def count(self, stated: Mapping[str, Rates], now_us: int) -> int:
        """Count, and note."""
        wait_us = await super().count(stated, now_us)
        self.times_us += [] if wait_us else [now_us]
        return wait_us


async def test_requests_keep_to_the_stated_rate(wiremock: WireMock) -> None:
    """With three requests a second, the fourth waits for the second to pass; a wait above the cap ends the run."""
    wiremock.stub("/vehicles", gives([]))
    made, counter = definition(wiremock.url, limits={"requests": {"per_second": 3}, "concurrency": 4}), NotingCounter()
    async with opened(made, counter=counter) as client:
        await asyncio.gather(*(client.get("/vehicles") for _ in range(7)))
    assert len(counter.times_us) == len(wiremock.requests("/vehicles")) == 7
    assert all(after - before >= 1_000_000 for before, after in zip(counter.times_us, counter.times_us[3:], strict=False))
    async with opened(definition(wiremock.url, limits={"requests": {"per_hour": 2}})) as client:
        await client.get("/vehicles")
        await client.get("/vehicles")
        with pytest.raises(RescheduleError, match="cap on requests"):
            await client.get("/vehicles")


async def test_a_request_that_is_sent_once_more_counts_twice(wiremock: WireMock) -> None:
    """A token that is refused costs a request, which the cap knows of."""
    auth = {"type": "client_credentials", "token_url": "/token", "client_id": "hub", "client_secret": "env:SECRET"}
    wiremock.stub("/token", gives({"access_token": "t1"}), gives({"access_token": "t2"}), method="POST")
    wiremock.stub("/vehicles", {"status": 401}, gives([]))
    made = definition(wiremock.url, auth=auth, limits={"requests": {"per_hour": 3}})
    async with opened(made, {"SECRET": SECRET}) as client:
        await client.get("/vehicles")
        await client.get("/vehicles")
        with pytest.raises(RescheduleError, match="cap on requests"):
            await client.get("/vehicles")
    assert len(wiremock.requests("/vehicles")) == 3


async def test_no_more_requests_at_once_than_stated(wiremock: WireMock) -> None:
    """With two at a time, six requests to a server that takes 0.2 seconds take three rounds."""
    wiremock.stub("/vehicles", gives([], fixedDelayMilliseconds=200))
    async with opened(definition(wiremock.url, limits={"concurrency": 2})) as client:
        started = time.monotonic()
        await asyncio.gather(*(client.get("/vehicles") for _ in range(6)))
    assert time.monotonic() - started >= 0.6


AUTHS = {
    "key in the query": {"type": "api_key", "place": "query", "name": "api_key", "value": "env:SECRET"},
    "basic": {"type": "basic", "username": "fleet", "password": "env:SECRET"},
    "password grant": {"type": "password", "token_url": "/token", "username": "u", "password": "env:SECRET", "client_id": "hub"},
    "client credentials": {
        "type": "client_credentials",
        "token_url": "/token",
        "client_id": "hub",
        "client_secret": "env:SECRET",
    },
}


@pytest.mark.parametrize("name", sorted(AUTHS))
async def test_secrets_are_shown_nowhere(wiremock: WireMock, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """No log line, ours or the HTTP library's, and no error in a chain shows a secret, even where the provider repeats it."""
    token = "access-token-0815" if "token_url" in AUTHS[name] else SECRET
    for library in (None, "httpx2", "httpcore2"):
        caplog.set_level(logging.DEBUG, library)
    echo = "{{request.url}} {{request.headers.Authorization}} {{request.body}}"
    wiremock.stub(
        "/token", gives({"access_token": token, "refresh_token": "refresh-token-0816", "expires_in": 3600}), method="POST"
    )
    wiremock.stub("/vehicles", {"status": 500, "body": echo, "transformers": ["response-template"]})
    wiremock.stub("/cut", {"fault": "CONNECTION_RESET_BY_PEER"})
    shown = []
    with structlog.testing.capture_logs() as lines:
        async with opened(definition(wiremock.url, auth=AUTHS[name]), {"SECRET": SECRET}) as client:
            for path in ("/vehicles", "/cut"):
                with pytest.raises(TransientError) as caught:
                    await client.get(path)
                error: BaseException | None = caught.value
                while error is not None:
                    shown += [str(error), repr(error)]
                    error = error.__cause__ or error.__context__
            client.log.warning("told", text=f"{SECRET} {token}", thing=[SECRET], number=1)
    shown += [repr(line) for line in lines] + [record.getMessage() for record in caplog.records]
    assert lines[-1]["number"] == 1
    assert any("HTTP Request" in text for text in shown)
    encoded = [SECRET, "s3cr%25t", token, "refresh-token-0816", *(["ZmxlZXQ6czNjciV0"] if name == "basic" else [])]
    assert [text for text in shown for secret in encoded if secret in text] == []


async def test_what_is_on_this_machine_is_asked_without_a_proxy(wiremock: WireMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names has no part in it; an address elsewhere is asked through it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    wiremock.stub("/vehicles", gives([{"id": "V1"}]))
    async with opened(definition(wiremock.url)) as client:
        assert (await client.get("/vehicles")).document == [{"id": "V1"}]
    elsewhere = {"production": {"base_url": "http://provider.invalid", "allow_http": True}}
    async with opened(definition(wiremock.url, environments=elsewhere)) as client:
        with pytest.raises(TransientError, match="ConnectError"):
            await client.get("/vehicles")
    assert len(wiremock.requests("/vehicles")) == 1
