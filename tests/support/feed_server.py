"""A Datahub Feed on a real socket: reading consumes, tokens are counted, and a test says what there is to read."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FEED_ID, CLIENT_ID, CLIENT_SECRET, AUDIENCE = "feed-7", "integrator", "a feed's client secret", "datahub"


class FeedServer:
    """What the server has to give, and what it was asked. `answers` are bodies that come before the items of the queue."""

    def __init__(self) -> None:
        self.url = ""
        self.page = 250
        self.pause_s = 0.0
        self.items: list[Any] = []
        self.answers: list[bytes] = []
        self.given: list[list[Any]] = []
        self.tokens: list[str] = []
        self.empty = 0
        self.busy = threading.Lock()
        self.most_at_once = 0
        self._at_once = 0

    def settings(self, name: str = "datahub") -> dict[str, str]:
        """The environment of a receiver that reads this feed."""
        prefix = f"DRAWBAR_FEEDS_{name.upper()}_"
        return {
            f"{prefix}FEED_ID": FEED_ID,
            f"{prefix}AUDIENCE": AUDIENCE,
            f"{prefix}CLIENT_ID": CLIENT_ID,
            f"{prefix}CLIENT_SECRET": "env:TEST_FEED_SECRET",
            f"{prefix}BASE_URL": self.url,
            f"{prefix}TOKEN_URL": f"{self.url}/v1/integrators/token",
            "TEST_FEED_SECRET": CLIENT_SECRET,
        }

    def token(self, body: bytes) -> tuple[int, bytes]:
        """A fresh token for the right credentials."""
        if json.loads(body) != {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "audience": AUDIENCE}:
            return 401, b"{}"
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return 200, json.dumps({"access_token": self.tokens[-1], "expires_in": 3600}).encode()

    def read(self, limit: int, token: str) -> tuple[int, bytes]:
        """The next events, which are gone from the feed with that."""
        if token not in self.tokens:
            return 401, b"{}"
        with self.busy:
            if self.answers:
                return 200, self.answers.pop(0)
            count = min(limit, self.page)
            items, self.items = self.items[:count], self.items[count:]
            if items:
                self.given.append(items)
            else:
                self.empty += 1
            return 200, json.dumps({"items": items, "hasNext": bool(self.items)}).encode()

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """While a request is being answered."""
        with self.busy:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self.busy:
                self._at_once -= 1


@contextlib.contextmanager
def feed_server(items: Sequence[Any] = ()) -> Iterator[FeedServer]:
    """A feed until the block ends."""
    feed = FeedServer()
    feed.items = list(items)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path != f"/v1/feed/{FEED_ID}":
                self._answer(404, b"{}")
                return
            with feed.counted():
                threading.Event().wait(feed.pause_s)
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self._answer(*feed.read(int(parse_qs(address.query)["limit"][0]), token))

        def do_POST(self) -> None:
            self._answer(*feed.token(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, status: int, body: bytes) -> None:
            with contextlib.suppress(OSError):  # a client that was killed
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    feed.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield feed
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
