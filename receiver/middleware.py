"""Around every request: its id, its line in the log, and an answer where the application failed.

Pure ASGI, so that what is bound to the log's context stays bound in the handlers.
"""

import os
import re
import time

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from receiver.api.problems import internal_error

log = structlog.get_logger()

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
HEADER = b"x-request-id"
# Asked many times a second by machines; a success of theirs is counted in the metrics and not logged.
QUIET = ("/healthz", "/readyz", "/metrics", "/webhooks/")
_FRESH_BYTES = 16
_ERROR, _FAILURE = 400, 500


class RequestContext:
    """Outermost middleware of the application.

    - A valid `X-Request-Id` is kept, else a fresh one is made; it is in the answer, in `scope["state"]["request_id"]`, and in the
      log as `request_id`.
    - One event `http.request` for each request with method, path (never the query), status and duration in milliseconds.
    - An error that nobody handled is logged with its traceback and answered with 500 and no word about it.
    - A HEAD request ends with its head, also where the answer would be an endless stream.
    """

    def __init__(self, app: ASGIApp, quiet: tuple[str, ...] = QUIET) -> None:
        self._app = app
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the lifespan passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _incoming_id(scope) or fresh_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id.encode(), head_only=scope["method"] == "HEAD")
        started = time.perf_counter()
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            log.info("http.disconnected", method=scope["method"], path=scope["path"])
        except Exception:
            log.exception("http.failed", method=scope["method"], path=scope["path"])
            if answer.status:
                raise  # what has begun can't be taken back: the server cuts the connection
            await internal_error(scope)(scope, receive, answer.send)
        finally:
            self._log(scope, answer.status, started)
            structlog.contextvars.reset_contextvars(**bound)

    def _log(self, scope: Scope, status: int, started: float) -> None:
        if 0 < status < _ERROR and scope["path"].startswith(self._quiet):
            return
        write = log.error if status >= _FAILURE else log.info
        duration_ms = round((time.perf_counter() - started) * 1000, 2)
        write("http.request", method=scope["method"], path=scope["path"], status=status or None, duration_ms=duration_ms)


def fresh_request_id() -> str:
    """An id for a request that brought none."""
    return os.urandom(_FRESH_BYTES).hex()


def _incoming_id(scope: Scope) -> str | None:
    values: list[bytes] = [value for name, value in scope["headers"] if name == HEADER]
    return values[0].decode() if len(values) == 1 and REQUEST_ID.fullmatch(values[0]) else None


class _Answer:
    """Passes an answer on, with the request's id in its head; remembers its status, 0 while it hasn't begun."""

    def __init__(self, send: Send, request_id: bytes, *, head_only: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._head_only = head_only
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() != HEADER]
            await self._send({**message, "headers": [*headers, (HEADER, self._request_id)]})
            if self._head_only:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self._head_only:
            await self._send(message)
