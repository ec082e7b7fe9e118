"""`/healthz`, `/readyz` and `/metrics`: for those who run the service and the machines that watch it."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.ports import Store
from receiver.api.problems import RETRY_AFTER_S, ProblemError, forbidden
from receiver.duties import Duties
from receiver.metrics import Metrics
from receiver.settings import Settings
from receiver.writer import Writer
from schemas.errors import StoreUnavailableError

READY_TIMEOUT_S = 5
# One of these says that a proxy, which may well be on this host, speaks for somebody else.
PROXIED = ("forwarded", "x-forwarded-for", "via")


class Health:
    """The service as its operators see it. `pending` tells the names of migrations that are not applied."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        writer: Writer,
        duties: Duties,
        metrics: Metrics,
        pending: Callable[[], Awaitable[list[str]]],
    ) -> None:
        self._settings = settings
        self._store = store
        self._writer = writer
        self._duties = duties
        self._metrics = metrics
        self._pending = pending

    def routes(self) -> list[Route]:
        """The routes, none of which asks for credentials."""
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, _: Request) -> Response:
        """The process answers."""
        return _json({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """The store can be written, its migrations are current, and the writer is alive; else 503 with what isn't so."""
        checks = {"writer": self._writer.alive and not self._writer.stalled, "store": False, "migrations": False}
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                checks["migrations"] = not await self._pending()
                await self._store.write(lambda tx: tx.journal.touch())
                checks["store"] = True
        except (StoreUnavailableError, TimeoutError) as error:
            raise _unready(checks, str(error) or "the store does not answer") from error
        if not all(checks.values()):
            raise _unready(checks, "not everything is ready")
        return _json({"status": "ready", "checks": checks})

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format, also while the store is away; for this host alone unless `metrics_public` is set."""
        if not self._settings.metrics_public and not _is_loopback(request):
            raise forbidden("metrics are for this host alone unless metrics_public is set")
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._duties.refresh_gauges()
            self._metrics.store_available.set(1)
        except (StoreUnavailableError, TimeoutError):
            # What is counted here is most wanted just then; the gauges that only the store knows stay as they were.
            self._metrics.store_available.set(0)
        return Response(self._metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _unready(checks: dict[str, bool], message: str) -> ProblemError:
    return ProblemError(503, message, headers={"Retry-After": str(RETRY_AFTER_S)}, members={"checks": checks})


def _is_loopback(request: Request) -> bool:
    if any(name in request.headers for name in PROXIED):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
