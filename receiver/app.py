"""The application: every route, and what begins and ends with the service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from starlette.applications import Starlette

from handlers.clients import ensure_operator
from receiver.alerts import Alerts
from receiver.api import api_routes
from receiver.api.problems import exception_handlers
from receiver.duties import Duties
from receiver.feeds import Feeds
from receiver.health import Health
from receiver.metrics import Metrics
from receiver.middleware import RequestContext
from receiver.patch_worker import PatchWorker
from receiver.providers import Providers
from receiver.pull.catalog import open_catalog
from receiver.pull.runner import Runner, rules_of
from receiver.services import Services
from receiver.settings import Settings
from receiver.stopping import stop_event
from receiver.webhook import Webhook
from receiver.wiring import now_us, open_database, open_store
from receiver.writer import Writer

log = structlog.get_logger()


def create_app(settings: Settings) -> Starlette:
    """The ASGI application; must be called, and run, on one event loop. Nothing is opened before its lifespan begins.

    The lifespan brings the database to the current schema, and takes care at its end that what was taken is committed.
    """
    engine = open_database(settings)
    store = open_store(engine)
    catalog = open_catalog(settings)
    services = Services(store, settings, now_us, stop_event(), catalog=catalog)
    metrics = Metrics()
    writer = Writer(store, settings.limits, metrics, now_us, services.changed.notify)
    patches = PatchWorker(store, now_us, services.patched, lambda _: services.changed.notify())
    duties = Duties(store, settings, metrics, now_us, services.changed.notify)
    health = Health(settings, store, writer, duties, metrics, engine.pending_migrations)
    feeds = Feeds(store, settings, writer, metrics, now_us, services.stop)
    alerts = Alerts(store, settings, metrics, now_us, services.changed, services.stop)
    runner = Runner(store, rules_of(settings), metrics, now_us, on_commit=services.changed.notify)
    providers = Providers(store, catalog, runner, now_us, services.pull_wanted, services.stop, settings.limits.lease_s)
    webhook = Webhook(settings, writer, metrics, now_us)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for name in await engine.migrate():
            log.info("migration.applied", name=name)
        if settings.operator_secret:
            await ensure_operator(store, settings.operator_secret.reveal(), now_us())
        writer.start()
        patches.start()
        feeds.start()
        await alerts.start()
        providers.start()
        routine = asyncio.create_task(duties.run(), name="duties")
        try:
            yield
        finally:
            await providers.stop()
            await asyncio.gather(feeds.stop(settings.limits.graceful_timeout_s), alerts.stop(settings.limits.graceful_timeout_s))
            await writer.stop()
            await patches.stop()
            routine.cancel()
            await asyncio.gather(routine, return_exceptions=True)
            await engine.close()

    app = Starlette(
        routes=[*webhook.routes(), *health.routes(), *api_routes()],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.state.services = services
    app.add_middleware(RequestContext)
    return app
