"""A receiver of alerts on a real socket: it verifies each message with the library of Standard Webhooks, and answers as told."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

ALERT_SECRET = "whsec_" + "YW4gYWxlcnQgc2VjcmV0IG9mIHRoZSB0ZXN0cyE="
OTHER_SECRET = "whsec_" + "YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzISE="
PATH = "/hooks/a-hidden-path?token=hidden"


class Received(NamedTuple):
    """One genuine message, and the status with which it was answered."""

    message_id: str
    alert: Any
    status: int
    headers: dict[str, str]


class Answer(NamedTuple):
    """How to answer a message; so many bytes of the body are promised and never sent."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pause_s: float = 0.0
    missing: int = 0


class AlertReceiver:
    """What came, and what is to be answered: first `answers` in their order, then `usual`; what `fails` gets 500."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.forged = 0
        self.answers: deque[Answer] = deque()
        self.usual = Answer()
        self.fails: Callable[[Any], bool] = lambda _: False
        self.secret = ALERT_SECRET
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def settings(self, name: str = "ops") -> dict[str, str]:
        """The environment of a service that tells this receiver."""
        prefix = f"DRAWBAR_ALERTS_{name.upper()}_"
        return {
            f"{prefix}URL": self.url,
            f"{prefix}SECRETS": "env:TEST_ALERT_SECRET",
            f"{prefix}RETRY_FIRST_S": "1",
            "TEST_ALERT_SECRET": ALERT_SECRET,
        }

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    @property
    def taken(self) -> list[Received]:
        """What was answered with success."""
        return [one for one in self.received if one.status < 300]

    def types(self) -> list[str]:
        """The types of what was answered with success, in their order."""
        return [one.alert["type"] for one in self.taken]

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Judge a message, remember it, and say how it is to be answered."""
        with self._lock:
            try:
                alert = Webhook(self.secret).verify(body, headers)
            except WebhookVerificationError:
                self.forged += 1
                return Answer(401, body=f"not genuine: {headers.get('webhook-signature')}".encode())
            found = self.answers.popleft() if self.answers else self.usual
            if self.fails(alert):
                found = Answer(500)
            self.received.append(Received(headers["webhook-id"], alert, found.status, headers))
            return found

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """While a message is being answered."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


@contextlib.contextmanager
def alert_receiver(port: int = 0, receiver: AlertReceiver | None = None) -> Iterator[AlertReceiver]:
    """A receiver until the block ends; a given one goes on where it was."""
    running = receiver or AlertReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with running.counted():
                answer = running.answer(body, {name.lower(): value for name, value in self.headers.items()})
                threading.Event().wait(answer.pause_s)
                self._send(answer)

        def do_GET(self) -> None:
            running.forged += 1  # nobody asks for anything here: a redirect was followed
            self._send(Answer(200))

        def _send(self, answer: Answer) -> None:
            with contextlib.suppress(OSError):  # a sender that has given up or was killed
                self.send_response(answer.status)
                for header in answer.headers:
                    self.send_header(*header)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body) + answer.missing))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = answer.missing > 0

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    running.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
