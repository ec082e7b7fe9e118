"""Batches to a running receiver, signed as its subscription asks for."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import msgspec
import stamina

from receiver.batch_files import BatchFile, Fault
from receiver.cli.summary import COUNTS, MESSAGES
from receiver.secret import Secret
from receiver.signing import signed_headers
from receiver.source_settings import Subscription
from receiver.wiring import now_us
from schemas.errors import DrawbarError

AT_ONCE = 16
ATTEMPTS = 8
TIMEOUT_S = 30
WAIT_INITIAL_S = 0.2
WAIT_MAX_S = 10.0
OK = 200
# What one batch is answered with all others would be answered with too.
HOPELESS = frozenset({401, 403, 404, 405})
UNAVAILABLE = 503
_ANSWER_LENGTH_MAX = 500


class Target(NamedTuple):
    """Where to, as which subscription, what that asks for, and the secret to sign with."""

    url: str
    name: str
    subscription: Subscription
    secret: Secret


class SendError(DrawbarError):
    """The receiver can't be reached, or takes nothing: what has been sent stays sent."""


class _AskedToWaitError(Exception):
    """503: the receiver can't take it now, and says when to try again."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(f"503 {_text(answer)}")
        seconds = answer.headers.get("retry-after", "")
        self.wait_s = min(float(seconds), WAIT_MAX_S) if seconds.isdecimal() else None


class _Reply(msgspec.Struct):
    message: str
    received: int = 0
    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    ignored: int = 0


_decode = msgspec.json.Decoder(_Reply).decode


def is_http(url: str) -> bool:
    """Whether a URL is one to send to."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _wait(error: Exception) -> bool | float:
    if isinstance(error, _AskedToWaitError):
        return True if error.wait_s is None else error.wait_s
    return isinstance(error, httpx2.TransportError)


class Sender:
    """POSTs batches, some at once. What each answer says is summed up in `total`; a batch that is refused is in `faults`.

    A connection that fails and a 503 are tried again some times, waiting longer each time.
    """

    def __init__(self, target: Target, total: Counter[str], faults: list[Fault]) -> None:
        self._target = target
        self._url = f"{target.url.rstrip('/')}/webhooks/datahub/{target.name}"
        self._total = total
        self._faults = faults
        self._stopped: str | None = None

    async def send(self, batches: Iterator[BatchFile], report: Callable[[], None]) -> None:
        """Send all of them. SendError: sending went no further; what was on its way has been answered or given up."""
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:

            async def work() -> None:
                for batch in batches:
                    await self._send_one(client, batch)
                    report()
                    if self._stopped:
                        return

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        if self._stopped:
            raise SendError(self._stopped)

    async def _send_one(self, client: httpx2.AsyncClient, batch: BatchFile) -> None:
        try:
            answer = await self._post(client, batch.body)
        except _AskedToWaitError as error:
            self._stop(f"{self._url} takes nothing: {error}")
        except httpx2.TransportError as error:
            self._stop(f"can't reach {self._url}: {str(error) or type(error).__name__}")
        else:
            self._count(batch, answer)

    @stamina.retry(on=_wait, attempts=ATTEMPTS, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S)
    async def _post(self, client: httpx2.AsyncClient, body: bytes) -> httpx2.Response:
        headers = signed_headers(self._target.subscription, self._target.secret, body, now_us())
        answer = await client.post(self._url, content=body, headers=headers)
        if answer.status_code == UNAVAILABLE:
            raise _AskedToWaitError(answer)
        return answer

    def _count(self, batch: BatchFile, answer: httpx2.Response) -> None:
        reply = None
        if answer.status_code == OK:
            try:
                reply = _decode(answer.content)
            except msgspec.DecodeError:
                self._stop(f"{self._url} answers, but not as a receiver does: {_text(answer)}")
        if reply is None or reply.message not in MESSAGES:
            self._total["refused"] += 1
            self._faults.append(Fault(batch.place, "$", f"refused: {answer.status_code} {_text(answer)}"))
            if answer.status_code in HOPELESS:
                self._stop(f"{self._url} refuses everything: {answer.status_code} {_text(answer)}")
            return
        self._total[reply.message] += 1
        for count in COUNTS:
            self._total[count] += getattr(reply, count)

    def _stop(self, why: str) -> None:
        self._stopped = self._stopped or why


def _text(answer: httpx2.Response) -> str:
    """What an answer says, as one line: the problem's message, or the beginning of its text."""
    try:
        problem = answer.json()
        text = str(problem["error"])
    except (ValueError, KeyError, TypeError):
        text = answer.text
    return " ".join(text[:_ANSWER_LENGTH_MAX].split())
