"""The Feed's access token: kept for its whole life, since the endpoint allows three requests in an hour for an audience.

Source: ZF SCALAR developer documentation, "Authorization": `POST /v1/integrators/token` with clientId, clientSecret and audience.
"""

from collections.abc import Callable
from typing import Protocol

import httpx2
import msgspec
from msgspec import Struct

from receiver.pull.answers import check_status
from receiver.pull.errors import ProviderError, RescheduleError, TransientError
from receiver.pull.redaction import Redactor
from receiver.secret import Secret

REQUESTS_PER_HOUR = 3
HOUR_US = 3_600_000_000
_LIFE_S = 3_600
# Renewed this long before its end, so that no request starts with a token that ends on the way.
_LEEWAY_US = 60_000_000


class FeedToken(Struct, frozen=True):
    """A token with its end, and when tokens were requested within the last hour: both outlive a restart if they are kept."""

    access_token: str
    expires_at_us: int
    requested_at_us: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"FeedToken([secret], expires_at_us={self.expires_at_us})"


class TokenStore(Protocol):
    """Where a token is kept across restarts; the place must be as well guarded as the client secret."""

    async def load(self) -> FeedToken | None:
        """The token that was saved last."""
        ...

    async def save(self, token: FeedToken) -> None:
        """Keep a token in place of the one before."""
        ...


class MemoryTokenStore:
    """Keeps the token for as long as the process lives."""

    def __init__(self) -> None:
        self._token: FeedToken | None = None

    async def load(self) -> FeedToken | None:
        """The token of this process."""
        return self._token

    async def save(self, token: FeedToken) -> None:
        """Keep it."""
        self._token = token


class _Answer(Struct, frozen=True):
    """The token endpoint's answer; its field names are documented nowhere, so both usual spellings are read."""

    access_token: str | None = None
    accessToken: str | None = None  # noqa: N815 - the wire's spelling
    expires_in: float | None = None
    expiresIn: float | None = None  # noqa: N815 - the wire's spelling


class FeedTokens:
    """Gives the current token, and asks for a new one where there is none or it was refused."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        store: TokenStore,
        redactor: Redactor,
        clock: Callable[[], int],
        *,
        url: str,
        client_id: str,
        client_secret: Secret,
        audience: str,
        scopes: tuple[str, ...] = (),
    ) -> None:
        self._http, self._store, self._redactor, self._clock, self._url = http, store, redactor, clock, url
        self._request = {"clientId": client_id, "clientSecret": client_secret.reveal(), "audience": audience}
        self._scopes = {"scopes": list(scopes)} if scopes else {}

    async def get(self, refused: str | None = None) -> str:
        """A token other than `refused`.

        Raises RescheduleError where the three requests of the hour are used up, TransientError where the endpoint is busy or
        can't be reached, and other ProviderErrors where it refuses.
        """
        known = await self._store.load()
        if known is not None:
            self._redactor.add_token(known.access_token)
            if known.access_token != refused and known.expires_at_us - _LEEWAY_US > self._clock():
                return known.access_token
        now_us = self._clock()
        requested = tuple(at_us for at_us in (known.requested_at_us if known else ()) if at_us > now_us - HOUR_US)
        if len(requested) >= REQUESTS_PER_HOUR:
            raise RescheduleError("the token requests of this hour are used up", requested[-REQUESTS_PER_HOUR] + HOUR_US)
        requested = (*requested, now_us)
        # Counted before it is sent: an answer that never comes counts for the endpoint all the same.
        await self._store.save(FeedToken("" if known is None else known.access_token, 0, requested))
        token, life_s = await self._fetch()
        self._redactor.add_token(token)
        await self._store.save(FeedToken(token, now_us + int(life_s * 1e6), requested))
        return token

    async def _fetch(self) -> tuple[str, float]:
        try:
            response = await self._http.post(self._url, json=self._request | self._scopes)
        except httpx2.RequestError as error:
            self._redactor.error(error)
            raise TransientError(
                self._redactor.text(f"the token endpoint failed: {type(error).__name__} {error}".rstrip())
            ) from error
        check_status(response, self._redactor.text, self._clock(), response.text)
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError as error:
            self._redactor.error(error)
            raise ProviderError(self._redactor.text(f"the token endpoint's answer can't be read: {error}")) from error
        token = answer.access_token or answer.accessToken
        if not token:
            raise ProviderError("the token endpoint's answer has no token")
        return token, answer.expires_in or answer.expiresIn or _LIFE_S
