"""`POST /webhooks/datahub/{subscription}`: from the raw bytes of a delivery to its answer.

Datahub never sends again what was answered 4xx, so a 4xx is only for what can't be its own well-formed delivery; whatever stands
in the way here is 503 (ZF SCALAR, "Error handling and retry logic").
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.rejected import Rejection
from handlers.rules.intake import Arrival, Intake, take_in
from handlers.rules.recording import Answer
from receiver.api.problems import ProblemError, unauthorized, unsupported_media_type
from receiver.body import read_body
from receiver.kept_headers import headers_text, is_json_type
from receiver.metrics import Metrics
from receiver.settings import Settings
from receiver.signature import verify
from receiver.source_settings import Subscription
from receiver.writer import Writer
from schemas.errors import StoreUnavailableError
from schemas.ids import quarantine_text

log = structlog.get_logger()

# Decoding more than this would keep the event loop from its other work for too long.
LARGE_BYTES = 256 * 1024
CHALLENGE = 'Signature realm="drawbar"'

_Result = TypeVar("_Result")

_json = msgspec.json.Encoder()


class Webhook:
    """The webhook of one service. `clock` is in microseconds."""

    def __init__(self, settings: Settings, writer: Writer, metrics: Metrics, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._writer = writer
        self._metrics = metrics
        self._clock = clock

    def routes(self) -> list[Route]:
        """The one route of it."""
        return [Route("/webhooks/datahub/{subscription}", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """Verify, decode, commit, answer; what is refused is counted like what is taken."""
        name = request.path_params["subscription"]
        counted = "500"
        try:
            response = await self._receive(request, name)
            counted = str(response.status_code)
        except ClientDisconnect:
            counted = "disconnected"
            raise
        except HTTPException as error:
            counted = str(error.status_code)
            raise
        except StoreUnavailableError:
            counted = "503"
            raise
        finally:
            known = name if name in self._settings.subscriptions else ""
            self._metrics.deliveries.labels(known, counted).inc()
        return response

    async def _receive(self, request: Request, name: str) -> Response:
        subscription = self._settings.subscriptions.get(name)
        if subscription is None:
            raise ProblemError(404, f"no subscription is configured as {name!r}")
        limits = self._settings.limits
        body = await read_body(request, limits.body_bytes_max, limits.body_timeout_s)
        received_at_us = self._clock()
        headers = request.scope["headers"]
        remote = request.client.host if request.client else None
        verdict = verify(subscription, headers, body, received_at_us, allow_unsigned=self._settings.allow_unsigned)
        if not verdict.accepted:
            self._metrics.signature_failures.labels(name, verdict.reason).inc()
            log.warning("delivery.rejected", subscription=name, reason=verdict.reason, remote=remote)
            kept = headers_text(headers, everything=True)
            await self._committed(self._writer.reject(Rejection(name, received_at_us, remote, verdict.reason, kept, body)))
            raise unauthorized(verdict.message, challenge=CHALLENGE)
        arrival = Arrival(
            name,
            "webhook",
            received_at_us,
            body,
            remote,
            headers_text(headers),
            is_json_type(request.headers.get("content-type")),
        )
        intake = await _decode(arrival, subscription, limits.delivery_events_max)
        answer = await self._committed(self._writer.deliver(intake))
        self._metrics.count(name, answer)
        if not arrival.content_type_is_json:
            raise unsupported_media_type(members=_quarantined(answer))
        if not answer.is_json:
            why = intake.problem.message if intake.problem else "no JSON"
            raise ProblemError(400, f"the body can't be read: {why}", members=_quarantined(answer))
        if answer.message == "conflict":
            log.warning("batch.conflict", subscription=name, event_batch_id=answer.event_batch_id)
        return Response(_json.encode(answer_body(answer)), media_type="application/json")

    async def _committed(self, waiting: Awaitable[_Result]) -> _Result:
        """What the writer says. StoreUnavailableError after the time; what is kept all the same is known when sent again."""
        timeout_s = self._settings.limits.commit_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            raise StoreUnavailableError(f"the store did not answer within {timeout_s} s") from None


async def _decode(arrival: Arrival, subscription: Subscription, events_max: int) -> Intake:
    if len(arrival.body) > LARGE_BYTES:
        return await asyncio.to_thread(take_in, arrival, subscription.organizations, events_max)
    return take_in(arrival, subscription.organizations, events_max)


def answer_body(answer: Answer) -> dict[str, object]:
    """The body that Datahub expects (`statusCode`, `message`), with what became of the events."""
    body: dict[str, object] = {"statusCode": 200, "message": answer.message}
    if answer.quarantine_id is not None:
        return body | {"quarantineId": quarantine_text(answer.quarantine_id)}
    return body | {
        "eventBatchId": answer.event_batch_id,
        "received": answer.received,
        "applied": answer.applied,
        "duplicates": answer.duplicates,
        "quarantined": answer.quarantined,
        "ignored": answer.ignored,
    }


def _quarantined(answer: Answer) -> dict[str, str]:
    return {"quarantineId": quarantine_text(answer.quarantine_id or 0)}
