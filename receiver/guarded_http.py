"""The HTTP protocol of uvicorn with what it lacks: bounded heads, requests to upgrade declined, connections ended gently."""

import asyncio
import re
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from receiver.api.problems import bad_request, problem_response
from receiver.limit_settings import Limits
from receiver.lingering import LingeringTransport
from receiver.middleware import HEADER, fresh_request_id

log = structlog.get_logger()

# Between the bytes of a header's name and value stand ": " and a line end.
_HEADER_EXTRA = 4
_NO_BODY = re.compile(rb"0*")


class _BadHeadError(Exception):
    """Raised inside the parser's callbacks; the parser turns it into an error of its own, and that is a 400."""


class _RestOfBody:
    """What a parser calls that reads a body and nothing else."""

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete


class GuardedHttp(HttpToolsProtocol):
    """Refuses heads that are too large, too slow or without Host; make one with `guarded_http`.

    The time for a head runs from the moment when nothing else bounds the connection: its beginning, or the first byte after an
    answer. A request to upgrade the protocol (RFC 9110, section 7.8) is answered as if it had not asked, and its body is read:
    clients that would like HTTP/2 send one with their first request.
    """

    head_bytes_max: int
    head_timeout_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._unanswered = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        self._lingering = LingeringTransport(transport, self.loop)
        super().connection_made(self._lingering)
        self._deadline = self.loop.call_later(self.head_timeout_s, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client is gone."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, of a body, or of what nobody asked for."""
        if self._lingering.is_closing():
            return
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse("this is no valid HTTP request")
            return
        if self._in_head:
            # Counted after parsing: a header that hasn't ended is known to the parser alone.
            self._head_bytes += len(data)
            if self._head_bytes > self.head_bytes_max:
                self._refuse("the request line and headers are too large")
                return
        if not self._unanswered and self._deadline is None and self.timeout_keep_alive_task is None:
            self._deadline = self.loop.call_later(self.head_timeout_s, self._lingering.close_now)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])

    def _refuse(self, message: str) -> None:
        self._lingering.unread = True
        self.send_400_response(message)

    def send_400_response(self, msg: str) -> None:
        """A problem as the application answers them; it has no path, for there is no request that could be read."""
        request_id = fresh_request_id()
        log.info("http.refused", error=msg, request_id=request_id)
        response = problem_response({"path": "", "state": {"request_id": request_id}}, bad_request(msg))
        own = [(HEADER, request_id.encode()), (b"connection", b"close")]
        headers = [*self.server_state.default_headers, *response.raw_headers, *own]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%s\r\n%s" % (head, response.body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self._in_head, self._head_bytes = True, 0
        self._lingering.unread = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The end of a head: what the parser took in one piece is measured here."""
        self._in_head = False
        self._disarm()
        size = len(self.url) + sum(len(name) + len(value) + _HEADER_EXTRA for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        # RFC 9112, section 3.2: one Host header, which only HTTP/1.0 can leave out.
        if size > self.head_bytes_max or hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise _BadHeadError
        self._unanswered += 1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The end of a body; for a request to upgrade the parser says so before it has read one."""
        if self.parser.should_upgrade() and self._framing():
            return
        self._lingering.unread = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The end of an answer."""
        self._unanswered -= 1
        super().on_response_complete()

    def _framing(self) -> list[tuple[bytes, bytes]]:
        """The headers that say how long the body is; empty if there is none."""
        return [
            (name, value)
            for name, value in self.headers
            if name == b"transfer-encoding" or (name == b"content-length" and not _NO_BODY.fullmatch(value))
        ]

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the body that the parser leaves out of a request for another protocol; after its answer the connection ends."""
        self.cycle.keep_alive = False
        self.parser = httptools.HttpRequestParser(_RestOfBody(self))
        framing = b"".join(b"%s: %s\r\n" % header for header in self._framing())
        if framing:
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % framing)
        self.parser.feed_data(rest)

    def _disarm(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


def guarded_http(limits: Limits) -> type[GuardedHttp]:
    """The protocol with these limits."""
    return type("LimitedHttp", (GuardedHttp,), {"head_bytes_max": limits.head_bytes_max, "head_timeout_s": limits.head_timeout_s})
