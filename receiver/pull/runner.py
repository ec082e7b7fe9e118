"""One run of a provider from its start to its record: fetched, stored, tried again what waited, and told how it ended."""

import asyncio
import os
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from handlers.ports import Store, Transaction
from handlers.provider_replay import Replayed, replay_some
from handlers.provider_runs import ProviderKey, end_run, streams_of
from handlers.registry_view import RegistryRules
from receiver.lease import Lease, LeaseLostError
from receiver.metrics import Metrics
from receiver.pull.client import ProviderClient
from receiver.pull.definition import LoadedDefinition
from receiver.pull.limits import StoreCounter
from receiver.pull.mapping import NO_PARENT, Mapped, Mapper, ParentValues, Quarantined, remap
from receiver.pull.redaction import Redactor
from receiver.pull.reports import Batch, RunReport
from receiver.pull.run import ProviderRun
from receiver.pull.secrets import resolve_secrets
from receiver.pull.store_sink import StoreSink, counter_of, given, refused
from receiver.settings import Settings
from schemas.errors import DrawbarError, StoreUnavailableError
from schemas.ids import run_text
from schemas.provider_access import EnvironmentName
from schemas.provider_pages import CounterKnowledge, GivenRecord, RefusedRecord
from schemas.provider_rows import RefusedRow, RunRow, StreamRow
from schemas.providers import Definition

log = structlog.get_logger()

# What others belong to comes first.
ENTITIES = ("assets", "meters", "readings", "consumption")
_decode_parent = msgspec.json.Decoder(ParentValues | None, float_hook=Decimal).decode


class Finished(Struct, frozen=True):
    """How a run ended, stream by stream."""

    run: RunRow
    streams: Sequence[StreamRow] = ()


def rules_of(settings: Settings) -> RegistryRules:
    """What the settings say of the registry."""
    return RegistryRules(settings.missing_unit, settings.unit_meters)


class Runner:
    """Makes runs. `clock` is in microseconds; `on_commit` hears of each page that was stored."""

    def __init__(
        self,
        store: Store,
        rules: RegistryRules,
        metrics: Metrics,
        clock: Callable[[], int],
        *,
        environ: Mapping[str, str] | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._rules, self._metrics, self._clock = store, rules, metrics, clock
        self._environ = os.environ if environ is None else environ
        self._on_commit = on_commit

    async def execute(
        self, loaded: LoadedDefinition, run: RunRow, lease: Lease, progress: Callable[[Batch], None] = lambda _: None
    ) -> Finished:
        """Make a run that has been started, whose lease we have; it is let go of at the end. The run as it was recorded.

        What goes wrong is recorded. CancelledError passes, once the run is recorded as interrupted; so does
        StoreUnavailableError, after which the run is cleared up by whoever has the provider next.
        """
        sink = StoreSink(self._store, lease, run, loaded.definition, self._rules, self._clock)

        def told(batch: Batch) -> None:
            self._on_commit()
            progress(batch)

        async with lease.held():
            try:
                ended, not_before_us = await self._watched(lease, self._fetch(loaded, run, sink, told))
            except LeaseLostError as error:
                log.warning("provider.run.lost", provider=run.provider, run=run_text(run.run_id), error=error.message)
                return Finished(run._replace(status="interrupted", error=error.message), sink.rows)
            except asyncio.CancelledError:
                ended = run._replace(status="interrupted", error="the service ended")
                await asyncio.shield(self._end(lease, ended, in_order=True))
                raise
            except StoreUnavailableError as error:
                log.error("provider.run.not_stored", alert=True, provider=run.provider, error=error.message)  # noqa: TRY400 - says it all
                raise
            await self._end(lease, ended, not_before_us)
        self._tell(ended, sink.rows)
        return Finished(ended, sink.rows)

    async def replay(self, loaded: LoadedDefinition, run: RunRow, lease: Lease, redactor: Redactor | None = None) -> Replayed:
        """Try quarantined records again that may be understood by now; whose lease we have."""
        definition = loaded.definition
        mappers = {name: Mapper(definition, stream, redactor or Redactor()) for name, stream in definition.streams.items()}
        counters: dict[str, CounterKnowledge | None] = {name: counter_of(stream) for name, stream in definition.streams.items()}

        def map_again(row: RefusedRow) -> GivenRecord | RefusedRecord:
            result = remap(mappers[row.stream], _quarantined(row))
            return given(result) if isinstance(result, Mapped) else refused(result)

        sink = StoreSink(self._store, lease, run, definition, self._rules, self._clock)
        resolved = waiting = 0
        for entity in ENTITIES:
            after: int | None = 0
            while after is not None:

                async def work(tx: Transaction, entity: str = entity, after: int = after) -> Replayed:
                    await lease.confirm(tx)
                    return await replay_some(tx, sink.context(), entity, counters, map_again, after)

                part = await self._store.write(work)
                self._on_commit()
                resolved, waiting, after = resolved + part.resolved, waiting + part.waiting, part.last_id
        return Replayed(resolved, waiting)

    async def _fetch(
        self, loaded: LoadedDefinition, run: RunRow, sink: StoreSink, told: Callable[[Batch], None]
    ) -> tuple[RunRow, int | None]:
        """Fetch everything that was asked for; the run as it ended, and when it may go on if it was rescheduled."""
        definition, redactor = loaded.definition, Redactor()
        try:
            only = _known_streams(definition, streams_of(run))
            environment: EnvironmentName = "staging" if run.environment == "staging" else "production"
            secrets = resolve_secrets(definition, environment, self._environ, loaded.folder)
            for secret in secrets.values():
                redactor.add(secret)
            counter = StoreCounter(self._store, ProviderKey(run.organization_id, run.provider, run.environment))
            async with ProviderClient(definition, secrets, environment, counter=counter) as client:
                report = await ProviderRun(definition, client, sink, progress=told, clock=self._clock).run(only)
                replayed = await self.replay(loaded, run, sink.lease, client.redactor)
        except (LeaseLostError, StoreUnavailableError):
            raise
        except DrawbarError as error:
            return run._replace(status="failed", error=redactor.text(error.message)), None
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is recorded, and what it says is without secrets
            trace = redactor.text("".join(traceback.format_exception(error)))
            log.error("provider.run.broke", alert=True, provider=run.provider, trace=trace)  # noqa: TRY400 - as above
            return run._replace(status="failed", error=redactor.text(f"{type(error).__name__}: {error}")), None
        ended = run._replace(status=report.status, error=_first_error(report), replayed=replayed.resolved)
        return ended, report.not_before_us

    @staticmethod
    async def _watched(lease: Lease, fetch: Coroutine[Any, Any, tuple[RunRow, int | None]]) -> tuple[RunRow, int | None]:
        """Fetch as long as the lease is ours. LeaseLostError once it isn't, even in the midst of a long answer."""
        fetching = asyncio.ensure_future(fetch)
        losing = asyncio.ensure_future(lease.lost.wait())
        try:
            await asyncio.wait({fetching, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not fetching.done():
                raise LeaseLostError(f"{lease.name} has been taken over by another process")
            return await fetching
        finally:
            losing.cancel()
            fetching.cancel()
            await asyncio.gather(fetching, losing, return_exceptions=True)

    async def _end(self, lease: Lease, run: RunRow, not_before_us: int | None = None, *, in_order: bool = False) -> None:
        async def work(tx: Transaction) -> None:
            await lease.confirm(tx)
            await end_run(tx, run, self._clock(), not_before_us=not_before_us, in_order=in_order)

        try:
            await self._store.write(work)
        except LeaseLostError as error:
            log.warning("provider.run.not_recorded", provider=run.provider, error=error.message)

    def _tell(self, run: RunRow, streams: Sequence[StreamRow]) -> None:
        """Tell how a run ended in the log and the metrics; alerts to the outside are a part of its record."""
        self._metrics.provider_runs.labels(run.provider, run.status).inc()
        for row in streams:
            for outcome in ("created", "updated", "unchanged", "quarantined", "deactivated"):
                self._metrics.provider_records.labels(run.provider, row.stream, outcome).inc(getattr(row, outcome))
        facts = {"provider": run.provider, "run": run_text(run.run_id), "replayed": run.replayed}
        if run.status == "succeeded":
            self._metrics.provider_last_success.labels(run.provider).set(self._clock() / 1e6)
            log.info("provider.run.succeeded", **facts)
            return
        if run.status == "rescheduled":
            log.warning("provider.run.rescheduled", error=run.error, **facts)
            return
        log.error("provider.run.failed", alert=True, status=run.status, error=run.error, **facts)


def _known_streams(definition: Definition, asked: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked if name not in definition.streams]
    if unknown:
        raise DrawbarError(f"the definition has no stream {', '.join(unknown)}")
    return asked


def _first_error(report: RunReport) -> str | None:
    return next((f"{stream.stream}: {stream.errors[0]}" for stream in report.streams if stream.errors), None)


def _quarantined(row: RefusedRow) -> Quarantined:
    parent = _decode_parent(row.parent) or NO_PARENT
    return Quarantined(row.record_key, row.raw, row.field, row.reason, (), row.external_id, parent)
