"""One provider's HTTP: credentials, retries, caps, and nothing followed that leads elsewhere."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self

import httpx2
import stamina
from msgspec import Struct

from receiver.pull.answers import check_status, decode_document
from receiver.pull.auth import build_auth
from receiver.pull.definition import environment_of
from receiver.pull.errors import ProviderError, RescheduleError, TransientError
from receiver.pull.expressions import Document
from receiver.pull.limits import MemoryCounter, RateGate, RequestCounter
from receiver.pull.oauth import BEFORE_AGAIN, TokenAuth, TokenSource
from receiver.pull.redaction import RedactedLog, Redactor, clean_library_logs
from receiver.pull.secrets import Secrets
from receiver.setting_types import is_local_address
from receiver.short_bodies import beginning
from schemas.provider_access import EnvironmentName, Rates
from schemas.providers import Definition

_NO_CONTENT = 204
_NOT_FOUND = 404
_SECOND_US = 1_000_000
# As much of a refusal as is read for its message, and how long that may take.
_REFUSAL_BYTES_MAX = 65_536
_REFUSAL_S = 5.0


def now_us() -> int:
    """The time, in microseconds since the epoch."""
    return time.time_ns() // 1_000


class Answer(Struct, frozen=True):
    """A usable answer; `document` is None where it had no content. `links` holds the addresses of its Link header by relation.

    `url` is for people, without secrets; `address` is what relative links start from, without a query.
    """

    url: str
    address: str
    document: Document
    headers: Mapping[str, str]
    links: Mapping[str, str]


class ProviderClient:
    """Asks one environment of one provider. Use it as an async context manager; safe for concurrent requests.

    `counter` knows what was sent by others; without one the caps are held to by this client alone.
    `get` raises ProviderError and its kinds; every message is without secrets.
    """

    def __init__(
        self,
        definition: Definition,
        secrets: Secrets,
        environment: EnvironmentName = "production",
        clock: Callable[[], int] = now_us,
        counter: RequestCounter | None = None,
    ) -> None:
        self.base_url, auth = environment_of(definition, environment)
        self.redactor = Redactor()
        for value in secrets.values():
            self.redactor.add(value)
        self.log = RedactedLog(self.redactor, provider=definition.name, environment=environment)
        self._definition, self._clock = definition, clock
        self.reveal = secrets.reveal
        built = build_auth(auth, self.base_url, secrets, self.redactor, clock)
        self._tokens = built if isinstance(built, TokenSource) else None
        limits, retry = definition.limits, definition.retry
        headers = {"Accept": f"application/{definition.format}"}
        headers |= {name: secrets.reveal(text) for name, text in definition.headers.items()}
        self._http = httpx2.AsyncClient(
            auth=TokenAuth(built) if isinstance(built, TokenSource) else built,
            headers={name.encode(): value.encode() for name, value in headers.items()},
            timeout=httpx2.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s, pool=None),
            limits=httpx2.Limits(max_connections=limits.concurrency, max_keepalive_connections=limits.concurrency),
            follow_redirects=False,
            trust_env=not is_local_address(self.base_url),
        )
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._gate = RateGate(MemoryCounter() if counter is None else counter, retry.retry_after_s_max, clock)
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=retry.attempts,
            timeout=None,
            wait_initial=retry.wait_initial_s,
            wait_max=retry.wait_s_max,
            wait_jitter=min(1.0, retry.wait_initial_s),
        )
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connections, and clean the HTTP library's log lines for as long as they are open."""
        self._open.enter_context(clean_library_logs(self.redactor))
        if self._tokens is not None:
            self._open.push_async_callback(self._tokens.aclose)
        await self._open.enter_async_context(self._http)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        await self._open.aclose()

    async def get(
        self, address: str, parameters: Mapping[str, str] | None = None, *, stream: str = "", not_found: bool = False
    ) -> Answer:
        """Ask for a path below the base URL, or for an absolute address of the same origin as it is.

        Tries again as the definition says. `stream` says whose caps hold too. With `not_found`, 404 is an answer without content.
        Raises TransientError when all tries failed, RescheduleError for a wait above `retry_after_s_max`.
        """
        url = self._address(address)
        return await self._retrying(self._wait, self._once, url, parameters, self._stated(stream), not_found)

    def _stated(self, stream: str) -> dict[str, Rates]:
        """The caps that hold for a request."""
        stated = {"": self._definition.limits.requests}
        if stream:
            stated[stream] = self._definition.streams[stream].requests
        return {scope: rates for scope, rates in stated.items() if rates != Rates()}

    def _address(self, address: str) -> httpx2.URL:
        if address.startswith("/") and not address.startswith("//"):
            return httpx2.URL(self.base_url + address)
        try:
            base = httpx2.URL(self.base_url + "/")
            url = base.join(address)
        except httpx2.InvalidURL as error:
            self.redactor.error(error)
            raise ProviderError(self.redactor.text(f"{address!r} is no address")) from error
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port) or url.userinfo:
            raise ProviderError(self.redactor.text(f"{address} leads away from {self.base_url}: not followed"))
        return url

    def _wait(self, error: Exception) -> bool | float:
        """Whether stamina tries again, and after how many seconds where the provider said so: those it never shortens."""
        if not isinstance(error, TransientError):
            return False
        return error.retry_after_s or True

    async def _once(
        self, url: httpx2.URL, parameters: Mapping[str, str] | None, stated: Mapping[str, Rates], not_found: bool
    ) -> Answer:
        async with self._slots:
            await self._gate.take(stated)
            extensions = {BEFORE_AGAIN: partial(self._gate.take, stated)}
            try:
                async with (
                    asyncio.timeout(self._definition.limits.answer_timeout_s),
                    self._http.stream("GET", url, params=parameters, extensions=extensions) as response,
                ):
                    return await self._read(response, not_found)
            except TransientError as error:
                wait_s = error.retry_after_s
                if wait_s is not None and wait_s > self._definition.retry.retry_after_s_max:
                    message = f"{error.message}: it asks for {math.ceil(wait_s)} seconds of rest"
                    raise RescheduleError(message, self._clock() + int(wait_s * _SECOND_US)) from error
                raise
            except (httpx2.RequestError, TimeoutError) as error:
                self.redactor.error(error)
                shown = self.redactor.text(f"GET {url} failed: {type(error).__name__} {error}".rstrip())
                raise TransientError(shown) from error

    async def _read(self, response: httpx2.Response, not_found: bool) -> Answer:
        if not response.is_success and not (not_found and response.status_code == _NOT_FOUND):
            # Its status, and the wait that it asks for, count also where what it says can't be read.
            refusal = await beginning(response.aiter_bytes(), _REFUSAL_BYTES_MAX, _REFUSAL_S)
            check_status(response, self.redactor.text, self._clock(), refusal.decode("utf-8", "replace"))
        document: Document = None
        if response.status_code not in (_NO_CONTENT, _NOT_FOUND):
            body = await self._body(response, self._definition.limits.response_bytes_max)
            try:
                document = decode_document(body, self._definition.format)
            except ProviderError as error:
                self.redactor.error(error)
                raise ProviderError(self.redactor.text(f"GET {response.request.url}: {error.message}")) from error
        url = response.request.url
        links = {relation: link["url"] for relation, link in response.links.items() if relation and "url" in link}
        return Answer(self.redactor.text(str(url)), str(url.copy_with(query=None)), document, response.headers, links)

    async def _body(self, response: httpx2.Response, bytes_max: int) -> bytes:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > bytes_max:
                raise ProviderError(self.redactor.text(f"GET {response.request.url} answered more than {bytes_max} bytes"))
        return bytes(body)
