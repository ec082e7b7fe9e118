"""How the service begins and ends, as a process and inside one."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
import structlog

from receiver.limit_settings import Limits
from receiver.server import ServeError, listen, serve, url_of
from receiver.settings import Settings
from tests.support.serving import serving
from tests.support.small_app import small_app

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 20
Start = Callable[..., "Service"]


class Service:
    """The small application in a process of its own."""

    def __init__(self, **options: str | int) -> None:
        command = [sys.executable, "-m", "tests.support.small_app", json.dumps(options)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self._closing = contextlib.ExitStack()
        self.url = self.line.removeprefix("listening on ").rstrip("\n")

    def get(self, path: str) -> HTTPConnection:
        """Send a request on a connection of its own, which `close` closes."""
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=TIMEOUT_S)
        self._closing.callback(connection.close)
        connection.request("GET", path)
        return connection

    def begin(self, path: str) -> HTTPConnection:
        """Send a request and don't wait for its answer, but for its beginning to stand in the log."""
        connection = self.get(path)
        assert self.process.stderr is not None
        while f"{path[1:]}.begun" not in self.process.stderr.readline():
            pass
        return connection

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; what the process says afterwards, and its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Exit status, and the rest of both outputs."""
        output, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, output, errors

    def close(self) -> None:
        """End what is left."""
        self._closing.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts services, and ends those that a test has left running."""
    started: list[Service] = []

    def start(**options: str | int) -> Service:
        started.append(Service(**options))
        return started[-1]

    yield start
    for service in started:
        service.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_with_status_0(start: Start, number: signal.Signals) -> None:
    """The service prints one line when it is ready and nothing more, and a signal ends it in order."""
    service = start()
    assert re.fullmatch(r"listening on http://127\.0\.0\.1:[1-9][0-9]*\n", service.line)
    status, output, errors = service.end(number)
    assert (status, output) == (0, "")
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events == ["service.listening", "service.stopping", "lifespan.ended", "service.stopped"]


def test_what_was_begun_is_answered_before_the_end(start: Start) -> None:
    """A request under way at SIGTERM gets its answer, a new connection is refused, and the status is 0."""
    service = start()
    connection = service.begin("/slow")
    service.process.send_signal(signal.SIGTERM)
    answer = connection.getresponse()
    assert (answer.status, answer.read(), answer.headers["Connection"]) == (200, b"done", "close")
    assert service.wait()[0] == 0
    with pytest.raises(ConnectionRefusedError):
        service.get("/slow")


def test_an_open_stream_ends_at_once(start: Start) -> None:
    """A stream that watches the stop event doesn't hold up the end."""
    service = start()
    answer = service.get("/stream").getresponse()
    assert answer.readline() == b"begin\n"
    started = time.monotonic()
    assert service.end()[0] == 0
    assert answer.read() == b"end\n"
    assert time.monotonic() - started < 1.5


def test_a_request_that_never_ends_is_cut_off(start: Start) -> None:
    """After the graceful timeout the service ends in order without the request that it waited for."""
    service = start()
    service.begin("/stuck")
    started = time.monotonic()
    status, _, errors = service.end()
    assert status == 0
    assert 2 <= time.monotonic() - started < 5
    assert "lifespan.ended" in errors


def test_a_second_interrupt_does_not_wait(start: Start) -> None:
    """Who presses Ctrl+C again doesn't want to wait for what is under way."""
    service = start()
    service.begin("/stuck")
    service.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    started = time.monotonic()
    assert service.end(signal.SIGINT)[0] == 0
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("fail", "message"),
    [("start", "the service could not start; the log says why\n"), ("end", "the service did not end in order")],
)
def test_a_failing_application_is_a_failing_service(start: Start, fail: str, message: str) -> None:
    """An application that doesn't start or doesn't end in order gives status 1, and the log says why."""
    service = start(fail=fail)
    assert bool(service.line) == (fail == "end")
    status, output, errors = service.end() if fail == "end" else service.wait()
    assert (status, output) == (1, "")
    assert message in errors
    assert f"no {fail}" in errors


def test_a_port_in_use_is_named(start: Start) -> None:
    """A port that another has taken is an error that names it, and nothing is printed as if all were well."""
    first = start()
    port = int(first.url.rpartition(":")[2])
    second = start(port=port)
    status, _, errors = second.wait()
    assert (status, second.line) == (1, "")
    assert f"can't listen on 127.0.0.1 port {port}: Address already in use" in errors


def _has_ipv6() -> bool:
    try:
        listen("::1", 0).close()
    except ServeError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this host has no IPv6")


@needs_ipv6
def test_an_ipv6_address_stands_in_brackets(start: Start) -> None:
    """The printed URL can be used as it stands, with IPv6 too."""
    service = start(host="::1")
    assert re.fullmatch(r"listening on http://\[::1\]:[0-9]+\n", service.line)
    assert service.get("/slow").getresponse().status == 200
    assert service.end()[0] == 0


@needs_ipv6
def test_the_ipv6_wildcard_takes_ipv4_too() -> None:
    """Listening on `::` serves both families."""
    with listen("::", 0) as sock:
        socket.create_connection(("127.0.0.1", sock.getsockname()[1]), timeout=5).close()
        assert url_of(sock).startswith("http://[::]:")


def test_a_name_is_looked_up() -> None:
    """A host name listens on its IPv4 address where it has one."""
    with listen("localhost", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["host.invalid", "192.0.2.1", "a" * 300])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    """A host that doesn't exist, or isn't this one, is an error that names it."""
    with pytest.raises(ServeError, match=re.escape(f"can't listen on {host} port 0")):
        listen(host, 0)


async def test_ready_is_said_once_with_the_url(capsys: pytest.CaptureFixture[str]) -> None:
    """Inside a process the ready callback gets the URL, and standard output one line; the stop event ends the service."""
    with structlog.testing.capture_logs():
        async with serving(small_app()) as address:
            assert capsys.readouterr().out == f"listening on {address.url}\n"
    assert capsys.readouterr().out == ""


async def test_serving_twice_in_one_process() -> None:
    """A service that has ended doesn't keep the next one from running."""
    for _ in range(2):
        async with serving(small_app()) as address:
            assert (await address.ask(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200


async def test_no_start_raises() -> None:
    """Inside a process a start that failed is an error, not the end of the process."""
    with pytest.raises(ServeError, match="could not start"):
        await serve(small_app(fail="start"), Settings(port=0))


async def test_the_sender_is_who_connected() -> None:
    """X-Forwarded-For is no proof of who sent something; the answer names neither server nor version."""
    async with serving(small_app(), Limits(graceful_timeout_s=1)) as address:
        answer = await address.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 0\r\n\r\n")
        assert b'"client":"127.0.0.1"' in answer.body
        assert "server" not in answer.headers
