"""`drawbar replay --to`: over a real socket, signed as its subscription asks for, and what it does when nothing is taken."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stamina

from receiver.app import create_app
from receiver.cli import send
from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.server import serve
from receiver.settings import Settings
from receiver.source_settings import RequiredHeader, Subscription
from receiver.stopping import stop_event
from tests.support.batches import batch, digest_in, write_lines
from tests.support.cli import Cli
from tests.support.stories import FIXTURES

STORIES = FIXTURES / "stories"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIMEOUT_S = 30


@pytest.fixture(autouse=True)
def _without_backoff() -> Iterator[None]:
    """Retries don't wait."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@contextlib.contextmanager
def receiving(settings: Settings) -> Iterator[str]:
    """A receiver on a thread of its own; the URL of it."""
    urls: list[str] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()

    def announce(url: str) -> None:
        urls.append(url)
        ready.set()

    async def run() -> None:
        await serve(create_app(settings), settings, on_ready=announce)

    async def stop() -> None:
        stop_event().set()

    with ThreadPoolExecutor(1) as thread:
        service = thread.submit(loop.run_until_complete, run())
        service.add_done_callback(lambda _: ready.set())
        assert ready.wait(TIMEOUT_S)
        if service.done():
            service.result()  # it says why there is nothing to speak to
        try:
            yield urls[0]
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(TIMEOUT_S)
            service.result(TIMEOUT_S)
    loop.close()


def settings_for(database_url: str, **subscriptions: Subscription) -> Settings:
    """Settings of a receiver with these subscriptions."""
    return Settings(database=database_url, port=0, subscriptions=subscriptions, limits=Limits(graceful_timeout_s=2))


@contextlib.contextmanager
def answering(answer: Callable[[int], tuple[int, bytes, dict[str, str]]]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers the n-th request as the test says; its URL, and the bodies that came."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            status, body, headers = answer(len(bodies))
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - of the base class
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join(TIMEOUT_S)
        server.server_close()


def test_sent_is_the_same_as_applied(cli: Cli, tmp_path: Path) -> None:
    """The digest is that of the store that the same files went into straight; sent again they are duplicates."""
    url = cli.environment["DRAWBAR_DATABASE"]
    straight = f"sqlite:///{tmp_path / 'straight.db'}"
    expected = Cli(cli.folder, {"DRAWBAR_DATABASE": straight})("replay", STORIES, "--json").json
    with receiving(settings_for(url, default=Subscription(secrets=(Secret("geheim"),)))) as target:
        sender = Cli(cli.folder)  # it has no database of its own
        done = sender("replay", STORIES, "--to", target, "--secret", "geheim", "--json").json
        again = sender("replay", STORIES, "--to", f"{target}/", "--secret", "geheim", "--json").json
    assert done["faults"] == []
    assert done["received"] == expected["received"]
    assert (done["quarantined"], done["ignored"]) == (expected["quarantined"], expected["ignored"])
    assert (again["applied"], again["accepted"]) == (0, 0)
    assert digest_in(url) == digest_in(straight)
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize(
    "subscription",
    [
        Subscription(secrets=(Secret("new"), Secret("old"))),
        Subscription(secrets=(Secret(STANDARD_SECRET),), scheme="standard-webhooks"),
        Subscription(
            secrets=(Secret("s"),), require_basic=Secret("user:passwort"), require_header=RequiredHeader("X-A", Secret("ä"))
        ),
        Subscription(secrets=(Secret("s"),), require_bearer=Secret("tok")),
    ],
    ids=["datahub", "standard-webhooks", "basic and header", "bearer"],
)
def test_what_is_sent_is_signed_as_its_subscription_asks_for(on_sqlite: Cli, subscription: Subscription) -> None:
    """The secret, the scheme and what is asked for on top come from the settings of the sender."""
    lines = [
        "[subscriptions.eu]",
        f"secrets = {[secret.reveal() for secret in subscription.secrets]}",
        f'scheme = "{subscription.scheme}"',
    ]
    if header := subscription.require_header:
        lines.append(f'require_header = {{ name = "{header.name}", value = "{header.value.reveal()}" }}')
    on_top = {"require_basic": subscription.require_basic, "require_bearer": subscription.require_bearer}
    lines += [f'{name} = "{secret.reveal()}"' for name, secret in on_top.items() if secret]
    (on_sqlite.folder / "drawbar.toml").write_text("\n".join(lines))
    write_lines(on_sqlite.folder / "a.ndjson", [batch(number) for number in range(40)])
    with receiving(settings_for(on_sqlite.environment["DRAWBAR_DATABASE"], eu=subscription)) as url:
        done = on_sqlite("replay", "a.ndjson", "--to", url, "--subscription", "eu", "--json").json
    assert (done["accepted"], done["faults"]) == (40, [])


def test_a_wrong_secret_stops_at_once(on_sqlite: Cli) -> None:
    """A whole archive of refused deliveries would push out of the ring what somebody may need."""
    write_lines(on_sqlite.folder / "a.ndjson", [batch(number) for number in range(500)])
    with receiving(
        settings_for(on_sqlite.environment["DRAWBAR_DATABASE"], default=Subscription(secrets=(Secret("right"),)))
    ) as url:
        done = on_sqlite("replay", "a.ndjson", "--to", url, "--secret", "wrong", status=1)
    assert "Replayed before it failed" in done.out
    assert f"drawbar: {url}/webhooks/datahub/default refuses everything: 401 the signature matches no active secret" in done.err
    assert 0 < on_sqlite("status", "--json").json["counts"]["rejected"]["held"] <= send.AT_ONCE


def test_an_unknown_subscription_stops_at_once(on_sqlite: Cli) -> None:
    """The receiver's own words are passed on."""
    write_lines(on_sqlite.folder / "a.ndjson", [batch(number) for number in range(50)])
    with receiving(settings_for(on_sqlite.environment["DRAWBAR_DATABASE"], default=Subscription(secrets=(Secret("x"),)))) as url:
        done = on_sqlite("replay", "a.ndjson", "--to", url, "--secret", "x", "--subscription", "us", status=1)
    assert "refuses everything: 404 no subscription is configured as 'us'" in done.err


def test_a_batch_that_is_refused_by_itself_is_a_fault(fresh: Cli) -> None:
    """The others are sent."""
    write_lines(fresh.folder / "a.ndjson", [batch(number) for number in range(5)])
    accepted = b'{"statusCode":200,"message":"accepted","received":3,"applied":3}'

    def answer(number: int) -> tuple[int, bytes, dict[str, str]]:
        return (413, b'{"error":"too large"}', {}) if number == 2 else (200, accepted, {})

    with answering(answer) as (url, bodies):
        done = fresh("replay", "a.ndjson", "--to", url, "--secret", "x", "--json", status=1).json
    assert len(bodies) == 5
    assert (done["accepted"], done["refused"], done["applied"]) == (4, 1, 12)
    (fault,) = done["faults"]
    assert fault["message"] == "refused: 413 too large"
    assert fault["file"].startswith("a.ndjson:")


def test_a_receiver_that_asks_to_wait_is_tried_again(fresh: Cli) -> None:
    """503 and a connection that breaks lose nothing."""
    (fresh.folder / "a.json").write_bytes(batch(0))
    accepted = b'{"statusCode":200,"message":"accepted","received":3,"applied":3}'

    def answer(number: int) -> tuple[int, bytes, dict[str, str]]:
        if number == 1:
            return 503, b'{"error":"shutting down"}', {"retry-after": "0"}
        if number == 2:
            raise ConnectionAbortedError
        return 200, accepted, {}

    with answering(answer) as (url, bodies), contextlib.redirect_stderr(None):
        done = fresh("replay", "a.json", "--to", url, "--secret", "x", "--json").json
    assert done["accepted"] == 1
    assert bodies == [batch(0)] * 3


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, b'{"error":"too many deliveries are waiting"}', "takes nothing: 503 too many deliveries"),
        (200, b"<html>", "but not as a receiver does: <html>"),
    ],
)
def test_a_target_that_takes_nothing_stops_the_run(fresh: Cli, status: int, body: bytes, says: str) -> None:
    """After some tries, not after some tries for each of all the batches."""
    write_lines(fresh.folder / "a.ndjson", [batch(number) for number in range(300)])
    with answering(lambda _: (status, body, {})) as (url, bodies):
        done = fresh("replay", "a.ndjson", "--to", url, "--secret", "x", status=1)
    assert says in done.err
    assert len(bodies) <= 3 * send.AT_ONCE


def test_a_target_that_is_not_there_stops_the_run(fresh: Cli) -> None:
    """What isn't sent can be sent by running it again."""
    write_lines(fresh.folder / "a.ndjson", [batch(number) for number in range(300)])
    with answering(lambda _: (200, b"", {})) as (url, _):
        pass
    done = fresh("replay", "a.ndjson", "--to", url, "--secret", "x", status=1)
    assert f"can't reach {url}/webhooks/datahub/default" in done.err
    assert "│ 0 " in done.out


def test_a_broken_file_does_not_break_what_is_on_its_way(fresh: Cli) -> None:
    """It is told like any other fault."""
    write_lines(fresh.folder / "a.ndjson", [batch(0), b"{}"])
    (fresh.folder / "b.json.gz").write_bytes(b"no gzip")
    with answering(lambda _: (200, b'{"message":"accepted"}', {})) as (url, bodies):
        done = fresh("replay", ".", "--to", url, "--secret", "x", "--json", status=1).json
    assert bodies == [batch(0)]
    assert [fault["file"] for fault in done["faults"]] == ["a.ndjson:2", "b.json.gz"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("3", 3.0), ("9999", send.WAIT_MAX_S), ("soon", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)],
)
def test_how_long_a_receiver_asks_to_wait(text: str, seconds: float | None) -> None:
    """Seconds are kept to, up to a bound; anything else means to wait as usual."""
    import httpx2  # noqa: PLC0415 - for this test alone

    answer = httpx2.Response(503, headers={"retry-after": text})
    error = send._AskedToWaitError(answer)
    assert error.wait_s == seconds
    assert send._wait(error) == (True if seconds is None else seconds)
