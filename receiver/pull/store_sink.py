"""Where a run's records go: into the store, page by page, as long as the run has its provider."""

from collections.abc import Callable, Mapping, Sequence

from handlers.ports import Store, Transaction
from handlers.provider_context import RunContext
from handlers.provider_pages import store_page
from handlers.provider_streams import Ending, finish_stream
from handlers.registry_view import RegistryRules
from receiver.lease import Lease
from receiver.pull.mapping import Mapped, Quarantined
from receiver.pull.reports import Batch, Counts, StreamReport
from schemas.provider_pages import CounterKnowledge, GivenRecord, ProviderPage, RefusedRecord
from schemas.provider_rows import RunRow, StreamRow
from schemas.providers import Definition, Stream
from schemas.wire import to_json_text

_HOUR_US = 3_600_000_000
# Records in one transaction. A provider's page can hold very many, and deliveries of the webhook mustn't wait for all of them.
RECORDS_AT_ONCE = 500


class StoreSink:
    """Implements `receiver.pull.reports.Sink`. Every call raises LeaseLostError once another process has the provider."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        run: RunRow,
        definition: Definition,
        rules: RegistryRules,
        clock: Callable[[], int],
    ) -> None:
        self._store, self.lease, self._run, self._definition = store, lease, run, definition
        self._rules, self._clock = rules, clock
        self._finished: dict[str, StreamReport] = {}
        self.rows: list[StreamRow] = []

    def context(self) -> RunContext:
        """The run, now."""
        return RunContext(
            self._run.organization_id,
            self._run.provider,
            self._run.environment,
            self._run.run_id,
            self._run.definition_hash,
            self._clock(),
            self._definition.time_zone,
            self._rules,
        )

    async def watermarks(self, stream: str) -> Mapping[str, int]:
        """How far each scope of a stream is."""
        names = (self._run.organization_id, self._run.provider, self._run.environment)
        return await self._store.read(lambda tx: tx.providers.runs.watermarks(*names, stream))

    async def commit(self, batch: Batch) -> Counts:
        """Store a page, some records in each transaction, the watermark in the last; durable on return."""
        parts = [batch.records[start : start + RECORDS_AT_ONCE] for start in range(0, len(batch.records), RECORDS_AT_ONCE)]
        *before, last = parts or [()]
        stored = Counts()
        for records in before:
            stored = _added(stored, await self._store_part(batch, records, (), None))
        return _added(stored, await self._store_part(batch, last, batch.quarantined, batch.watermark_us))

    async def _store_part(
        self,
        batch: Batch,
        records: Sequence[Mapped],
        quarantined: Sequence[Quarantined],
        watermark_us: int | None,
    ) -> Counts:
        page = ProviderPage(
            batch.stream,
            batch.entity,
            batch.scope,
            batch.page,
            batch.url,
            tuple(map(given, records)),
            tuple(map(refused, quarantined)),
            watermark_us,
            counter_of(self._definition.streams[batch.stream]),
        )

        async def work(tx: Transaction) -> Counts:
            await self.lease.confirm(tx)
            counts = await store_page(tx, self.context(), page)
            return Counts(counts.created, counts.updated, counts.unchanged, counts.quarantined - len(quarantined))

        return await self._store.write(work)

    async def finish(self, report: StreamReport) -> None:
        """Record a stream, and deactivate what is no longer listed once all streams of its kind have been fetched whole."""
        self._finished[report.stream] = report
        why_not = self._why_not(report)
        ending = Ending(self._row(report), complete=not why_not, whole=report.lists_all, why_not=why_not)

        async def work(tx: Transaction) -> StreamRow:
            await self.lease.confirm(tx)
            return await finish_stream(tx, self.context(), ending, self._definition.deactivation)

        self.rows.append(await self._store.write(work))

    def _why_not(self, report: StreamReport) -> str:
        """Why nothing can be said of what wasn't listed; empty if it can."""
        if report.entity not in ("assets", "meters"):
            return ""
        for name, stream in self._definition.streams.items():
            if stream.entity == report.entity:
                other = self._finished.get(name)
                why_not = f"{name} has not been fetched yet" if other is None else other.why_no_absence
                if why_not:
                    return f"absence wasn't judged: {why_not}"
        return ""

    def _row(self, report: StreamReport) -> StreamRow:
        return StreamRow(
            organization_id=self._run.organization_id,
            run_id=self._run.run_id,
            stream=report.stream,
            place=len(self._finished),
            entity=report.entity,
            status=report.status,
            is_full=int(report.full),
            pages=report.pages,
            fetched=report.fetched,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            quarantined=report.quarantined,
            unidentified=report.unidentified,
            deactivated=0,
            absence="",
            errors=to_json_text(report.errors),
            errors_total=report.errors_total,
            started_at_us=report.started_us,
            ended_at_us=report.ended_us,
        )


def _added(left: Counts, right: Counts) -> Counts:
    return Counts(*(before + now for before, now in zip(left, right, strict=True)))


def given(mapped: Mapped) -> GivenRecord:
    """A mapped record as the store takes it."""
    return GivenRecord(mapped.key, mapped.record, mapped.raw, mapped.parent)


def refused(record: Quarantined) -> RefusedRecord:
    """A record that could not be mapped as the store takes it."""
    return RefusedRecord(record.key, record.raw, record.field, record.reason, record.problems, record.external_id, record.parent)


def counter_of(stream: Stream) -> CounterKnowledge | None:
    """What the definition says of the counters of a stream."""
    known = stream.aggregation
    if known is None:
        return None
    gap_us = None if known.gap_hours_max is None else known.gap_hours_max * _HOUR_US
    return CounterKnowledge(known.rollover, known.reset_to, gap_us, known.granularity)
