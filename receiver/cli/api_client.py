"""A command as an API client of a running receiver: its options, its credentials, and what is asked again."""

from types import TracebackType
from typing import Annotated, Self, TypeVar

import httpx2
import msgspec
import stamina
import typer

from receiver.cli.common import viewer_of
from receiver.cli.send import ATTEMPTS, TIMEOUT_S, WAIT_INITIAL_S, WAIT_MAX_S, is_http
from receiver.settings import Settings
from schemas.errors import DrawbarError, Problem

Answer = TypeVar("Answer")

UrlOption = Annotated[str | None, typer.Option("--to", metavar="URL", help="Send it to this receiver instead of the store.")]
ClientOption = Annotated[str, typer.Option("--client", help="With --to: the id of the API client.")]
SecretOption = Annotated[
    str | None,
    typer.Option("--secret", help="With --to: the client's secret, instead of the configured one of the operator."),
]

_AGAIN = frozenset({429, 503})
_TEXT_CHARACTERS_MAX = 500


class RefusedError(DrawbarError):
    """The receiver can't be reached, or takes nothing: what has been sent stays sent."""


class ProblemBody(msgspec.Struct):
    """What of a problem's body commands show."""

    error: str
    errors: tuple[Problem, ...] = ()


class _LaterError(Exception):
    """The receiver asks to try again, after so many seconds where it says."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(f"{answer.status_code} {text_of(answer)}")
        self.wait_s = seconds_of(answer)


class ApiClient:
    """Speaks to one receiver as one client. Only what may be asked twice can be asked, since whatever fails is asked again."""

    def __init__(self, url: str, client_id: str, secret: str, organization_id: str | None) -> None:
        self._url = url.rstrip("/")
        self._http = httpx2.AsyncClient(base_url=self._url, auth=(client_id, secret), timeout=TIMEOUT_S)
        self._params = {"organizationId": organization_id} if organization_id else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """The answer to a request with this JSON body. RefusedError: there is none, however often it is asked for."""
        sent = ({} if body is None else {"Content-Type": "application/json"}) | (headers or {})
        try:
            async for attempt in stamina.retry_context(
                on=_when, attempts=ATTEMPTS, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S
            ):
                with attempt:
                    answer = await self._once(method, path, body, sent)
        except _LaterError as error:
            raise RefusedError(f"{self._url} takes nothing: {error}") from error
        except httpx2.TransportError as error:
            raise RefusedError(f"can't reach {self._url}: {str(error) or type(error).__name__}") from error
        return answer

    async def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> httpx2.Response:
        answer = await self._http.request(method, path, params=self._params, content=body, headers=headers)
        if answer.status_code in _AGAIN:
            raise _LaterError(answer)
        return answer

    def read(self, answer: httpx2.Response, status: int, shape: type[Answer]) -> Answer:
        """What an answer of this status says. RefusedError: it has another one, or says something else."""
        if answer.status_code != status:
            raise RefusedError(f"{self._url} refuses: {answer.status_code} {text_of(answer)}")
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.DecodeError as error:
            raise RefusedError(f"{self._url} answers, but not as a receiver does: {text_of(answer)}") from error


def api_client(settings: Settings, url: str, client: str, secret: str | None, organization: str | None) -> ApiClient:
    """The client that a command's options name. BadParameter names the option that can't be."""
    if not is_http(url):
        raise typer.BadParameter(f"expected http://HOST:PORT or https://HOST, got {url!r}", param_hint="--to")
    if secret is None and client == "operator" and settings.operator_secret is not None:
        secret = settings.operator_secret.reveal()
    if secret is None:
        raise typer.BadParameter(f"the secret of the client {client!r} is needed", param_hint="--secret")
    return ApiClient(url, client, secret, viewer_of(organization).organization_id)


def seconds_of(answer: httpx2.Response) -> float | None:
    """What `Retry-After` says."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def text_of(answer: httpx2.Response) -> str:
    """What an answer says, as one line."""
    try:
        text = msgspec.json.decode(answer.content, type=ProblemBody).error
    except msgspec.DecodeError:
        text = answer.text
    return " ".join(text[:_TEXT_CHARACTERS_MAX].split())


def _when(error: Exception) -> bool | float:
    if isinstance(error, _LaterError):
        return True if error.wait_s is None else min(error.wait_s, WAIT_MAX_S)
    return isinstance(error, httpx2.TransportError)
