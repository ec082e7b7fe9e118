"""A bulk patch to a running receiver, and the wait for its end."""

import asyncio
from types import TracebackType
from typing import Self

import httpx2
import msgspec
import stamina

from receiver.cli.send import ATTEMPTS, TIMEOUT_S, WAIT_INITIAL_S, WAIT_MAX_S
from receiver.cli.summary import Report
from schemas.errors import DrawbarError, InvalidInputError, Problem
from schemas.patches import BulkPatch

PATH = "/api/v1/leases/assets"
_ACCEPTED, _OK, _BAD_REQUEST = 202, 200, 400
_AGAIN = frozenset({429, 503})
_TEXT_CHARACTERS_MAX = 500


class RefusedError(DrawbarError):
    """The receiver can't be reached, or doesn't take the patch."""


class _LaterError(Exception):
    """The receiver asks to try again, after so many seconds where it says."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(f"{answer.status_code} {_text(answer)}")
        self.wait_s = _seconds(answer)


class _Problem(msgspec.Struct):
    error: str
    errors: tuple[Problem, ...] = ()


def _when(error: Exception) -> bool | float:
    if isinstance(error, _LaterError):
        return True if error.wait_s is None else min(error.wait_s, WAIT_MAX_S)
    return isinstance(error, httpx2.TransportError)


class PatchSender:
    """Speaks to one receiver as one client. A repeat under one key is the same job, so what fails on the way is sent again."""

    def __init__(self, url: str, client_id: str, secret: str, organization_id: str | None) -> None:
        self._url = url.rstrip("/")
        self._http = httpx2.AsyncClient(base_url=self._url, auth=(client_id, secret), timeout=TIMEOUT_S)
        self._params = {"organizationId": organization_id} if organization_id else {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def send(self, body: bytes, key: str) -> BulkPatch:
        """The job that a patch became. InvalidInputError with all places that are wrong, or RefusedError."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer = await self._ask("PATCH", PATH, content=body, headers=headers)
        if answer.status_code == _BAD_REQUEST:
            problem = msgspec.json.decode(answer.content, type=_Problem)
            raise InvalidInputError(problem.error, problem.errors)
        return self._job(answer, _ACCEPTED)

    async def wait(self, job: BulkPatch, report: Report) -> BulkPatch:
        """The job when it has ended; `report` is told how far it is. RefusedError."""
        while True:
            answer = await self._ask("GET", f"{PATH}/bulkpatches/{job.id}")
            job = self._job(answer, _OK)
            done = (job.assets_successfully_updated or 0) + len(job.errors)
            report(done, done / job.assets_total)
            pause_s = _seconds(answer)
            if pause_s is None:
                return job
            await asyncio.sleep(pause_s)

    async def _ask(self, method: str, path: str, **options: object) -> httpx2.Response:
        try:
            return await self._request(method, path, **options)
        except _LaterError as error:
            raise RefusedError(f"{self._url} takes nothing: {error}") from error
        except httpx2.TransportError as error:
            raise RefusedError(f"can't reach {self._url}: {str(error) or type(error).__name__}") from error

    @stamina.retry(on=_when, attempts=ATTEMPTS, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S)
    async def _request(self, method: str, path: str, **options: object) -> httpx2.Response:
        answer = await self._http.request(method, path, params=self._params, **options)  # type: ignore[arg-type] # of httpx2
        if answer.status_code in _AGAIN:
            raise _LaterError(answer)
        return answer

    def _job(self, answer: httpx2.Response, status: int) -> BulkPatch:
        if answer.status_code != status:
            raise RefusedError(f"{self._url} refuses: {answer.status_code} {_text(answer)}")
        try:
            return msgspec.json.decode(answer.content, type=BulkPatch)
        except msgspec.DecodeError as error:
            raise RefusedError(f"{self._url} answers, but not as a receiver does: {_text(answer)}") from error


def _seconds(answer: httpx2.Response) -> float | None:
    """What `Retry-After` says."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _text(answer: httpx2.Response) -> str:
    """What an answer says, as one line."""
    try:
        text = msgspec.json.decode(answer.content, type=_Problem).error
    except msgspec.DecodeError:
        text = answer.text
    return " ".join(text[:_TEXT_CHARACTERS_MAX].split())
