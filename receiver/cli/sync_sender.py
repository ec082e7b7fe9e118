"""Asset Sync requests to a running receiver."""

from types import TracebackType
from typing import Self

import httpx2
import msgspec
import stamina

from receiver.cli.send import ATTEMPTS, TIMEOUT_S, WAIT_INITIAL_S, WAIT_MAX_S
from receiver.sync_files import SyncBody
from schemas.asset_sync import AssetSyncAnswer
from schemas.errors import DrawbarError, InvalidInputError

PATH = "/api/v1/assets/sync"
_OK, _BAD_REQUEST, _TOO_LARGE = 200, 400, 413
_AGAIN = frozenset({429, 503})
_TEXT_CHARACTERS_MAX = 500


class RefusedError(DrawbarError):
    """The receiver can't be reached, or takes nothing: what has been sent stays sent."""


class _LaterError(Exception):
    """The receiver asks to try again, after so many seconds where it says."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(f"{answer.status_code} {_text(answer)}")
        text = answer.headers.get("retry-after", "")
        self.wait_s = min(float(text), WAIT_MAX_S) if text.isdecimal() else None


class _Problem(msgspec.Struct):
    error: str


def _when(error: Exception) -> bool | float:
    if isinstance(error, _LaterError):
        return True if error.wait_s is None else error.wait_s
    return isinstance(error, httpx2.TransportError)


class SyncSender:
    """Speaks to one receiver as one client. A sync that is sent again updates what it created, so what fails is sent again."""

    def __init__(self, url: str, client_id: str, secret: str, organization_id: str | None) -> None:
        self._url = url.rstrip("/")
        self._http = httpx2.AsyncClient(base_url=self._url, auth=(client_id, secret), timeout=TIMEOUT_S)
        self._params = {"organizationId": organization_id} if organization_id else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def send(self, sync: SyncBody) -> AssetSyncAnswer:
        """What became of a request. InvalidInputError: its body is refused; RefusedError: nothing is taken, this or another."""
        try:
            answer = await self._post(sync.body)
        except _LaterError as error:
            raise RefusedError(f"{self._url} takes nothing: {error}") from error
        except httpx2.TransportError as error:
            raise RefusedError(f"can't reach {self._url}: {str(error) or type(error).__name__}") from error
        if answer.status_code in {_BAD_REQUEST, _TOO_LARGE}:
            raise InvalidInputError(_text(answer))
        if answer.status_code != _OK:
            raise RefusedError(f"{self._url} refuses: {answer.status_code} {_text(answer)}")
        try:
            return msgspec.json.decode(answer.content, type=AssetSyncAnswer)
        except msgspec.DecodeError as error:
            raise RefusedError(f"{self._url} answers, but not as a receiver does: {_text(answer)}") from error

    async def _post(self, body: bytes) -> httpx2.Response:
        """Ask again while that may help. No function is decorated for it: its arguments, the body among them, would be logged."""
        async for attempt in stamina.retry_context(
            on=_when, attempts=ATTEMPTS, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S
        ):
            with attempt:
                return await self._once(body)
        raise RuntimeError("there is at least one attempt")

    async def _once(self, body: bytes) -> httpx2.Response:
        headers = {"Content-Type": "application/json"}
        answer = await self._http.post(PATH, content=body, params=self._params, headers=headers)
        if answer.status_code in _AGAIN:
            raise _LaterError(answer)
        return answer


def _text(answer: httpx2.Response) -> str:
    """What an answer says, as one line."""
    try:
        text = msgspec.json.decode(answer.content, type=_Problem).error
    except msgspec.DecodeError:
        text = answer.text
    return " ".join(text[:_TEXT_CHARACTERS_MAX].split())
