"""The Datahub Feed: events for those who can't be reached by a webhook.

Source: ZF SCALAR developer documentation, Feed API: reading consumes, so every answer is durable before the next request.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Annotated, Self
from urllib.parse import quote

import httpx2
from msgspec import Meta, Raw, Struct

from receiver.pull.answers import check_status, text_of
from receiver.pull.client import now_us
from receiver.pull.errors import ProviderError, RescheduleError, TransientError
from receiver.pull.feed_token import FeedTokens, MemoryTokenStore, TokenStore
from receiver.pull.redaction import RedactedLog, Redactor, clean_library_logs
from receiver.secret import Secret
from receiver.setting_types import is_local_address
from receiver.source_settings import FEED_TOKEN_URL, FEED_URL
from schemas.errors import InvalidInputError, StoreUnavailableError
from schemas.event_decoding import decode_feed_body

_CONNECT_S, _READ_S = 30.0, 45.0
_NOT_FOUND, _UNAUTHORIZED = 404, 401
# Seconds between answers without more to come; the second pair after so many empty answers in a row.
_WAIT_S, _LONG_WAIT_S = (5.0, 10.0), (10.0, 15.0)
_EMPTIES = 3
# The longest wait after failures in a row, each of which doubles it.
_FAILURE_WAIT_S_MAX = 300.0


class FeedInactiveError(ProviderError):
    """The feed doesn't exist or is inactive: asking on is pointless until somebody activates it."""


class FeedSubscription(Struct, frozen=True):
    """One feed and the credentials for it. `limit` is the number of events that an answer may hold."""

    feed_id: Annotated[str, Meta(min_length=1)]
    audience: str
    client_id: str
    client_secret: Secret
    base_url: str = FEED_URL
    token_url: str = FEED_TOKEN_URL
    limit: Annotated[int, Meta(ge=100, le=250)] = 250
    scopes: tuple[str, ...] = ()


class FeedAnswer(Struct, frozen=True):
    """One answer as received; each item is an event. `problem` says why there are none where the body can't be read."""

    feed_id: str
    received_at_us: int
    body: bytes
    items: tuple[Raw, ...] = ()
    has_next: bool = False
    problem: str | None = None


FeedSink = Callable[[FeedAnswer], Awaitable[None]]
MayAsk = Callable[[], Awaitable[bool]]
Sleep = Callable[[float], Awaitable[None]]


class FeedClient:
    """Polls one feed. Use it as an async context manager.

    `sleep` and `spread` (a number between two) are given by tests; `tokens` keeps the access token across restarts.
    """

    def __init__(
        self,
        subscription: FeedSubscription,
        *,
        tokens: TokenStore | None = None,
        sleep: Sleep = asyncio.sleep,
        spread: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._subscription, self._sleep, self._spread, self._clock = subscription, sleep, spread, clock
        self._redactor = Redactor()
        self._redactor.add(subscription.client_secret.reveal())
        self.log = RedactedLog(self._redactor, feed=subscription.feed_id)
        local = is_local_address(subscription.base_url) and is_local_address(subscription.token_url)
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(_READ_S, connect=_CONNECT_S), follow_redirects=False, trust_env=not local
        )
        self._tokens = FeedTokens(
            self._http,
            MemoryTokenStore() if tokens is None else tokens,
            self._redactor,
            clock,
            url=subscription.token_url,
            client_id=subscription.client_id,
            client_secret=subscription.client_secret,
            audience=subscription.audience,
            scopes=subscription.scopes,
        )
        self._address = f"{subscription.base_url.rstrip('/')}/v1/feed/{quote(subscription.feed_id, safe='')}"
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connection, which is used for all requests."""
        self._open.enter_context(clean_library_logs(self._redactor))
        await self._open.enter_async_context(self._http)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connection."""
        await self._open.aclose()

    async def poll(self, sink: FeedSink, may_ask: MayAsk, failed: Callable[[ProviderError], None] = lambda _: None) -> None:
        """Read on for as long as `may_ask()`, which is called before each request, or until the feed can't be read any more.

        `sink` returns when an answer is durable, and nothing is asked before. While it raises StoreUnavailableError the same
        answer is offered again: the Feed won't give it a second time. `failed` is told of each fault that is waited out. Raises
        FeedInactiveError, CredentialsError, or another ProviderError that no waiting helps against, and what `may_ask` raises.
        """
        empties = failures = 0
        while await may_ask():
            try:
                answer = await self._read()
            except (TransientError, RescheduleError) as error:
                failures += 1
                failed(error)
                wait_s = self._failure_wait_s(error, failures)
                self.log.warning("feed.failed", error=error.message, failures=failures, wait_s=round(wait_s, 1))
                await self._sleep(wait_s)
                continue
            failures = 0
            await self._keep(sink, answer)
            empties = empties + 1 if not answer.items and answer.problem is None else 0
            if empties >= _EMPTIES:
                await self._sleep(self._spread(*_LONG_WAIT_S))
            elif not answer.has_next:
                await self._sleep(self._spread(*_WAIT_S))

    async def pull_once(self, sink: FeedSink, may_ask: MayAsk) -> int:
        """Read until an answer says that there is no more, or until not `may_ask()`; the number of answers.

        Raises as `poll`, and TransientError and RescheduleError instead of waiting.
        """
        answers = 0
        has_next = True
        while has_next and await may_ask():
            answer = await self._read()
            await self._keep(sink, answer)
            answers += 1
            has_next = answer.has_next and bool(answer.items)
        return answers

    async def _keep(self, sink: FeedSink, answer: FeedAnswer) -> None:
        """Offer an answer until it is taken. Until then the log is the only other place that has it."""
        tries = 0
        body = answer.body.decode("utf-8", "backslashreplace")
        while True:
            try:
                await sink(answer)
            except StoreUnavailableError as error:
                tries += 1
                told = {"body": body} if tries == 1 else {}
                self.log.warning("feed.not_stored", error=error.message, items=len(answer.items), tries=tries, **told)
                try:
                    await self._sleep(min(self._spread(1.0, 2.0) * tries, _LONG_WAIT_S[1]))
                except asyncio.CancelledError:
                    self.log.error("feed.answer_lost", alert=True, items=len(answer.items), body=body)  # noqa: TRY400 - says it all
                    raise
            else:
                return

    async def _read(self) -> FeedAnswer:
        """One answer, with one new token if the current one is refused."""
        token = await self._tokens.get()
        response = await self._ask(token)
        if response.status_code == _UNAUTHORIZED:
            response = await self._ask(await self._tokens.get(refused=token))
        if response.status_code == _NOT_FOUND:
            raise FeedInactiveError(f"the feed {self._subscription.feed_id} is inactive")
        check_status(response, self._redactor.text, self._clock(), text_of(response))
        try:
            body = decode_feed_body(response.content)
        except InvalidInputError as error:
            # What was read is gone from the Feed: the body is kept for a person to look at.
            self.log.warning("feed.unreadable", error=error.message, bytes=len(response.content))
            return FeedAnswer(self._subscription.feed_id, self._clock(), response.content, problem=error.message)
        return FeedAnswer(self._subscription.feed_id, self._clock(), response.content, tuple(body.items), body.has_next)

    async def _ask(self, token: str) -> httpx2.Response:
        """One answer, read to its end; of a refusal as much as can be: its status and the wait that it asks for count without."""
        parameters, headers = {"limit": str(self._subscription.limit)}, {"Authorization": f"Bearer {token}"}
        try:
            async with self._http.stream("GET", self._address, params=parameters, headers=headers) as response:
                try:
                    await response.aread()
                except httpx2.RequestError:
                    if response.is_success:
                        raise
                return response
        except httpx2.RequestError as error:
            self._redactor.error(error)
            raise TransientError(self._redactor.text(f"the Feed failed: {type(error).__name__} {error}".rstrip())) from error

    def _failure_wait_s(self, error: TransientError | RescheduleError, failures: int) -> float:
        """What was asked for, or a wait that doubles with each failure; never shorter than the Feed's own pause."""
        own_s = min(self._spread(*_WAIT_S) * (1 << min(failures - 1, 10)), _FAILURE_WAIT_S_MAX)
        if isinstance(error, RescheduleError):
            return max(own_s, (error.not_before_us - self._clock()) / 1e6)
        return max(own_s, error.retry_after_s or 0.0)
