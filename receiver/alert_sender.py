"""Sends messages to one address, signed by Standard Webhooks, and follows nothing that leads elsewhere.

Source: the Standard Webhooks specification 1.0: `webhook-id`, `webhook-timestamp` (of the attempt) and `webhook-signature`, one
signature for each active secret.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self

import httpx2
from msgspec import Struct
from standardwebhooks import Webhook

from receiver.pull.answers import retry_after_s
from receiver.pull.redaction import RedactedLog, Redactor, clean_library_logs
from receiver.secret import Secret, webhook_key
from receiver.short_bodies import beginning
from schemas.alerts import Attempt

# As much of an answer is read: enough to keep the connection in use, and to show what a refusal says.
_ANSWER_BYTES_MAX = 65_536
# What it says beyond its status is waited for no longer.
_ANSWER_BODY_S = 1.0
_SHOWN_CHARACTERS = 200


class AlertAddress(Struct, frozen=True):
    """Where messages go, and the secrets that they are signed with. Only its origin may be shown."""

    url: str
    secrets: tuple[Secret, ...]
    timeout_s: int
    parallel: int


class AlertSender:
    """Sends to one target. Use it as an async context manager; safe for concurrent messages. `clock` is in microseconds."""

    def __init__(self, name: str, address: AlertAddress, clock: Callable[[], int]) -> None:
        self._address, self._clock = address, clock
        self._redactor = Redactor()
        for secret in address.secrets:
            self._redactor.add(secret.reveal())
            self._redactor.add(secret.reveal().removeprefix("whsec_"))
        self._add_path()
        self.log = RedactedLog(self._redactor, target=name)
        self._signers = [Webhook(webhook_key(secret)) for secret in address.secrets]
        self._http = httpx2.AsyncClient(
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"drawbar/{version('drawbar')}",
                # Nobody's answer is worth what a few compressed bytes can become.
                "Accept-Encoding": "identity",
            },
            timeout=httpx2.Timeout(address.timeout_s, pool=None),
            limits=httpx2.Limits(max_connections=address.parallel, max_keepalive_connections=address.parallel),
            follow_redirects=False,
        )
        self._open = AsyncExitStack()

    def _add_path(self) -> None:
        """An address can hold a secret in its path or its query."""
        url = httpx2.URL(self._address.url)
        for part in (url.raw_path.decode("ascii"), url.path, url.query.decode("ascii")):
            if part not in {"", "/"}:
                self._redactor.add(part)

    async def __aenter__(self) -> Self:
        """Open the connections, and clean the HTTP library's log lines for as long as they are open."""
        self._open.enter_context(clean_library_logs(self._redactor))
        await self._open.enter_async_context(self._http)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        await self._open.aclose()

    async def send(self, message_id: str, body: bytes) -> Attempt:
        """Send a message once. Whatever comes of it is an answer; its text is without secrets."""
        request = self._http.build_request("POST", self._address.url, content=body, headers=self._signed(message_id, body))
        try:
            async with asyncio.timeout(self._address.timeout_s):
                response = await self._http.send(request, stream=True)
            try:
                return await self._read(response)
            finally:
                await response.aclose()
        except TimeoutError:
            return Attempt(None, f"no answer within {self._address.timeout_s} s")
        except Exception as error:  # noqa: BLE001 - whatever it is, the other messages go on
            self._redactor.error(error)
            if not isinstance(error, httpx2.RequestError):
                self.log.error("alert.not_sent", alert=True, message=message_id, error=repr(error))  # noqa: TRY400 - redacted
            return Attempt(None, self._redactor.text(f"{type(error).__name__} {error}".rstrip()))

    def _signed(self, message_id: str, body: bytes) -> dict[str, str]:
        now = datetime.fromtimestamp(self._clock() // 1_000_000, UTC)
        text = body.decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message_id, now, text) for signer in self._signers),
        }

    async def _read(self, response: httpx2.Response) -> Attempt:
        """What the status says counts, also where the rest of the answer never comes or can't be read."""
        body = await beginning(response.aiter_raw(), _ANSWER_BYTES_MAX, _ANSWER_BODY_S)
        if response.is_success:
            return Attempt(response.status_code)
        # Clean before anything is cut: half a secret is one that nobody recognizes.
        said = " ".join(self._redactor.text(body.decode("utf-8", "replace")).split())[:_SHOWN_CHARACTERS]
        followed = ": redirects are not followed" if response.is_redirect else ""
        error = f"answered {response.status_code} {said}".rstrip() + followed
        return Attempt(response.status_code, error, retry_after_s(response.headers, self._clock()))
