"""The Feed client against WireMock: reading consumes, so nothing that was read may be lost, and no request comes too soon."""

import json
import logging

import msgspec
import pytest
import structlog

from receiver.pull.client import now_us
from receiver.pull.errors import CredentialsError, RescheduleError, TransientError
from receiver.pull.feed import FeedAnswer, FeedClient, FeedInactiveError, FeedSubscription
from receiver.pull.feed_token import FeedToken, MemoryTokenStore
from receiver.secret import Secret
from schemas.errors import StoreUnavailableError
from tests.pull.wiremock import WireMock, gives

SECRET = "feed-client-secret"
FEED, TOKEN = "/v1/feed/feed%2F1", "/v1/integrators/token"
EVENT = {"eventType": "unit.paired", "eventVersion": 2, "eventData": {"unitId": "tp:1"}}


class Reader:
    """A sink and a clockwork: keeps answers and waits, counts requests at each, and ends after so many waits."""

    def __init__(self, wiremock: WireMock, waits_max: int = 1_000) -> None:
        self._wiremock, self._waits_max = wiremock, waits_max
        self.answers: list[FeedAnswer] = []
        self.waits: list[float] = []
        self.asked_when_stored: list[int] = []
        self.failures = 0

    async def sink(self, answer: FeedAnswer) -> None:
        """Keep an answer, after as many failures as were ordered."""
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the disk is full")
        self.answers.append(answer)
        self.asked_when_stored.append(len(self._wiremock.requests(FEED)))

    async def sleep(self, seconds: float) -> None:
        """Note a wait instead of waiting."""
        self.waits.append(seconds)

    async def may_ask(self) -> bool:
        """Until as many waits as wanted have been."""
        return len(self.waits) < self._waits_max

    def client(self, tokens: MemoryTokenStore | None = None, **changed: object) -> FeedClient:
        """A client of the feed whose spreads are the middle."""
        subscription = FeedSubscription(
            feed_id="feed/1",
            audience="datahub",
            client_id="integrator",
            client_secret=Secret(SECRET),
            base_url=self._wiremock.url,
            token_url=self._wiremock.url + TOKEN,
            **changed,  # type: ignore[arg-type]
        )
        return FeedClient(subscription, tokens=tokens, sleep=self.sleep, spread=lambda low, high: (low + high) / 2)


def tokens(wiremock: WireMock, *names: str, **more: object) -> None:
    """Let the token endpoint give these tokens one after the other."""
    body = {"clientId": "integrator", "clientSecret": SECRET, "audience": "datahub"}
    answers = [gives({"access_token": name, "expires_in": 3600}) for name in names]
    wiremock.stub(TOKEN, *answers, method="POST", bodyPatterns=[{"equalToJson": json.dumps(body | more)}])


def page(count: int) -> dict[str, object]:
    """An answer with so many events, after which there is no more for now."""
    return gives({"items": [EVENT] * count, "hasNext": False})


def more(count: int) -> dict[str, object]:
    """An answer with so many events, after which there is more."""
    return gives({"items": [EVENT] * count, "hasNext": True})


async def test_the_feed_is_read_as_its_answers_say(wiremock: WireMock) -> None:
    """More to come is asked for at once; without it the client waits 5 to 10 seconds, after three empty answers 10 to 15."""
    tokens(wiremock, "t1")
    answers = [more(250), page(3), page(0), page(0), page(0), page(0), page(1)]
    wiremock.stub(
        FEED,
        *answers,
        page(0),
        headers={"Authorization": {"equalTo": "Bearer t1"}},
        queryParameters={"limit": {"equalTo": "250"}},
    )
    reader = Reader(wiremock, 7)
    async with reader.client() as client:
        await client.poll(reader.sink, reader.may_ask)
    assert reader.waits == [7.5, 7.5, 7.5, 12.5, 12.5, 7.5, 7.5]
    assert [len(answer.items) for answer in reader.answers] == [250, 3, 0, 0, 0, 0, 1, 0]
    assert reader.asked_when_stored == list(range(1, 9))
    assert msgspec.json.decode(reader.answers[1].items[0]) == EVENT
    assert (reader.answers[0].feed_id, json.loads(reader.answers[1].body)["hasNext"]) == ("feed/1", False)
    assert len(wiremock.requests(TOKEN)) == 1


async def test_waits_are_spread_between_their_bounds(wiremock: WireMock) -> None:
    """The pause of one client isn't that of the next, and lies between 5 and 10 seconds."""
    tokens(wiremock, "t1")
    wiremock.stub(FEED, page(1))
    reader = Reader(wiremock, 20)
    spreading = FeedClient(reader.client()._subscription, sleep=reader.sleep)
    async with spreading:
        await spreading.poll(reader.sink, reader.may_ask)
    assert all(5 <= wait <= 10 for wait in reader.waits)
    assert len(set(reader.waits)) > 1


async def test_an_answer_that_cannot_be_stored_is_offered_again(wiremock: WireMock) -> None:
    """While the store takes nothing, nothing more is asked for, and the same answer is kept until it is stored.

    Until then the log has it too: a process that is killed meanwhile takes what it read with it.
    """
    tokens(wiremock, "t1")
    wiremock.stub(FEED, more(1), page(2))
    reader = Reader(wiremock, 5)
    reader.failures = 4
    with structlog.testing.capture_logs() as lines:
        async with reader.client() as client:
            await client.poll(reader.sink, reader.may_ask)
    told = [line for line in lines if line["event"] == "feed.not_stored"]
    assert [(line["tries"], "body" in line) for line in told] == [(1, True), (2, False), (3, False), (4, False)]
    assert json.loads(told[0]["body"])["items"] == [EVENT]
    assert reader.asked_when_stored == [1, 2]
    assert [len(answer.items) for answer in reader.answers] == [1, 2]
    assert reader.waits == [1.5, 3.0, 4.5, 6.0, 7.5]


async def test_what_cannot_be_read_is_kept_all_the_same(wiremock: WireMock) -> None:
    """Reading consumed it: a body of another shape goes to the sink as it came, with the reason."""
    tokens(wiremock, "t1")
    wiremock.stub(FEED, gives({"events": []}), {"status": 200, "body": "<html>"}, page(1))
    reader = Reader(wiremock, 3)
    async with reader.client() as client:
        await client.poll(reader.sink, reader.may_ask)
    assert [(answer.problem is None, len(answer.items)) for answer in reader.answers] == [(False, 0), (False, 0), (True, 1)]
    assert reader.answers[1].body == b"<html>"


async def test_a_refused_token_is_replaced_once(wiremock: WireMock) -> None:
    """401 brings a new token at once; a second 401 with the new one is a fault of the credentials."""
    tokens(wiremock, "t1", "t2", "t3")
    wiremock.stub(FEED, {"status": 401}, headers={"Authorization": {"equalTo": "Bearer t1"}})
    wiremock.stub(FEED, page(1), headers={"Authorization": {"equalTo": "Bearer t2"}})
    reader = Reader(wiremock)
    async with reader.client() as client:
        assert await client.pull_once(reader.sink, reader.may_ask) == 1
        assert len(wiremock.requests(TOKEN)) == 2
        wiremock.stub(FEED, {"status": 401})
        with pytest.raises(CredentialsError):
            await client.poll(reader.sink, reader.may_ask)
    assert len(wiremock.requests(TOKEN)) == 3


async def test_a_token_lives_its_whole_life_and_across_restarts(wiremock: WireMock) -> None:
    """A kept token is used by the next process until a minute before its end; then a new one is asked for."""
    tokens(wiremock, "t2")
    wiremock.stub(FEED, page(1))
    kept = MemoryTokenStore()
    await kept.save(FeedToken("t1", now_us() + 120_000_000))
    reader = Reader(wiremock)
    async with reader.client(kept) as client:
        await client.pull_once(reader.sink, reader.may_ask)
    assert wiremock.requests(TOKEN) == []
    await kept.save(FeedToken("t1", now_us() + 50_000_000))
    async with reader.client(kept) as client:
        await client.pull_once(reader.sink, reader.may_ask)
    saved = await kept.load()
    assert saved is not None
    assert (saved.access_token, len(saved.requested_at_us)) == ("t2", 1)
    assert abs(saved.expires_at_us - now_us() - 3_600_000_000) < 60_000_000
    assert "t2" not in repr(saved)


async def test_no_more_than_three_tokens_are_asked_for_in_an_hour(wiremock: WireMock) -> None:
    """The endpoint's limit holds across restarts, and counts requests that failed: the client waits for the hour to pass."""
    tokens(wiremock, "t9")
    wiremock.stub(FEED, page(1))
    kept = MemoryTokenStore()
    ago = now_us() - 1_800_000_000
    await kept.save(FeedToken("t1", 0, (ago, ago + 1, ago + 2)))
    reader = Reader(wiremock, 1)
    async with reader.client(kept) as client:
        with pytest.raises(RescheduleError) as caught:
            await client.pull_once(reader.sink, reader.may_ask)
        assert caught.value.not_before_us == ago + 3_600_000_000
        await client.poll(reader.sink, reader.may_ask)
    assert 1_790 <= reader.waits[0] <= 1_800
    assert wiremock.requests(TOKEN) == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_feed_is_asked_again_later(wiremock: WireMock, status: int) -> None:
    """After 429 and 5xx the client waits, longer with each failure in a row, and never less than was asked for."""
    tokens(wiremock, "t1")
    busy = {"status": status}
    wiremock.stub(FEED, busy, busy, {"status": status, "headers": {"Retry-After": "400"}}, page(1), busy, page(1))
    reader = Reader(wiremock, 6)
    async with reader.client() as client:
        await client.poll(reader.sink, reader.may_ask)
    assert reader.waits == [7.5, 15.0, 400.0, 7.5, 7.5, 7.5]
    assert len(reader.answers) == 2


async def test_a_busy_feed_counts_though_its_answer_cannot_be_read(wiremock: WireMock) -> None:
    """What a refusal says beside its status may be unreadable: the wait that it asks for is kept to all the same."""
    tokens(wiremock, "t1")
    headers = {"Retry-After": "400", "Content-Encoding": "gzip"}
    wiremock.stub(FEED, {"status": 429, "headers": headers, "body": "not compressed"}, page(1))
    reader = Reader(wiremock, 2)
    async with reader.client() as client:
        await client.poll(reader.sink, reader.may_ask)
    assert reader.waits == [400.0, 7.5]
    assert len(reader.answers) == 1


async def test_waits_after_failures_have_a_longest(wiremock: WireMock) -> None:
    """However long the Feed is away, it is asked again every five minutes."""
    tokens(wiremock, "t1")
    wiremock.stub(FEED, {"fault": "CONNECTION_RESET_BY_PEER"})
    reader = Reader(wiremock, 9)
    async with reader.client() as client:
        await client.poll(reader.sink, reader.may_ask)
    assert reader.waits == [7.5, 15.0, 30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0]


async def test_one_pull_tells_failures_instead_of_waiting(wiremock: WireMock) -> None:
    """Asked for once, the client reads to the end of what is there, or says what kept it from doing so."""
    tokens(wiremock, "t1")
    wiremock.stub(FEED, more(250), more(250), page(7), {"status": 503})
    reader = Reader(wiremock)
    async with reader.client() as client:
        assert await client.pull_once(reader.sink, reader.may_ask) == 3
        with pytest.raises(TransientError, match="503"):
            await client.pull_once(reader.sink, reader.may_ask)
    assert reader.waits == []


async def test_an_inactive_feed_is_told(wiremock: WireMock) -> None:
    """404 says that the feed is inactive: the client stops."""
    tokens(wiremock, "t1")
    wiremock.stub(FEED, {"status": 404})
    reader = Reader(wiremock)
    async with reader.client() as client:
        with pytest.raises(FeedInactiveError, match="feed/1 is inactive"):
            await client.poll(reader.sink, reader.may_ask)
    assert reader.answers == []


@pytest.mark.parametrize("names", [("accessToken", "expiresIn"), ("access_token", "expires_in")])
async def test_the_token_answer_is_read_in_both_spellings(wiremock: WireMock, names: tuple[str, str]) -> None:
    """The answer's field names aren't documented: camel case and the OAuth spelling are both read; scopes are sent if given."""
    tokens(wiremock, "t1", scopes=["feed.read"])
    wiremock.controls.delete("/__admin/mappings").raise_for_status()
    wiremock.stub(
        TOKEN,
        gives({names[0]: "t1", names[1]: 60}),
        method="POST",
        bodyPatterns=[{"matchesJsonPath": "$.scopes[?(@ == 'feed.read')]"}],
    )
    wiremock.stub(FEED, page(0), headers={"Authorization": {"equalTo": "Bearer t1"}})
    reader = Reader(wiremock)
    async with reader.client(scopes=("feed.read",)) as client:
        assert await client.pull_once(reader.sink, reader.may_ask) == 1


async def test_the_feed_shows_no_secret(wiremock: WireMock, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the client secret nor a token stands in a log line or an error."""
    caplog.set_level(logging.DEBUG)
    echo = {"status": 500, "body": "{{request.body}} {{request.headers.Authorization}}", "transformers": ["response-template"]}
    wiremock.stub(TOKEN, echo, gives({"access_token": "token-0815"}), method="POST")
    wiremock.stub(FEED, echo)
    reader = Reader(wiremock, 3)
    with structlog.testing.capture_logs() as lines:
        async with reader.client() as client:
            await client.poll(reader.sink, reader.may_ask)
    shown = [repr(line) for line in lines] + [record.getMessage() for record in caplog.records]
    assert sum("feed.failed" in text for text in shown) == 3
    assert [text for text in shown if SECRET in text or "token-0815" in text] == []
