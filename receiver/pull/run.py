"""One run of a provider: its streams in order, page by page into a sink, chunk by chunk past the watermark."""

import asyncio
from collections.abc import Callable, Collection, Iterator

from receiver.pull.client import ProviderClient, now_us
from receiver.pull.errors import CredentialsError, ProviderError, RescheduleError, TransientError
from receiver.pull.mapping import Mapped, Mapper, ParentValues, Quarantined
from receiver.pull.pages import Page
from receiver.pull.parents import Parents
from receiver.pull.plan import derived_from, stream_order
from receiver.pull.reports import Batch, RunReport, Sink, Status, StreamReport, Tally
from receiver.pull.requests import StreamRequests
from schemas.providers import Definition
from schemas.wire import canonical_json

# Faults after which asking on is pointless: for now, or with these credentials.
_ENDING = (CredentialsError, TransientError, RescheduleError)


class ProviderRun:
    """Fetches everything that a definition names and hands it to a sink."""

    def __init__(
        self,
        definition: Definition,
        client: ProviderClient,
        sink: Sink,
        *,
        progress: Callable[[Batch], None] = lambda _: None,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._definition, self._client, self._sink, self._progress, self._clock = definition, client, sink, progress, clock
        self._mappers = {name: Mapper(definition, stream, client.redactor) for name, stream in definition.streams.items()}
        self._parents = Parents(definition)
        self._derived: dict[str, dict[str, bytes]] = {name: {} for name in definition.streams}
        self._turn = asyncio.Lock()

    async def run(self, only: Collection[str] = ()) -> RunReport:
        """All streams, or those named and what they need. A stream that fails doesn't keep the others from running.

        What the sink raises ends the run and is passed on; so does an account that doesn't add up (DrawbarError).
        """
        started_us = self._clock()
        reports: dict[str, StreamReport] = {}
        ended: ProviderError | None = None
        for name in stream_order(self._definition, only):
            tallies = {each: self._tally(each) for each in (*derived_from(self._definition, name), name)}
            parent = self._definition.streams[name].parent
            if ended is not None or (parent is not None and reports[parent.stream].status != "succeeded"):
                why = (
                    "the run had ended" if ended is not None or parent is None else f"its parent {parent.stream} did not succeed"
                )
                for tally in tallies.values():
                    tally.fault(f"not asked: {why}")
                status: Status | None = "skipped"
            else:
                ended, status = await self._stream(name, tallies)
            for each, tally in tallies.items():
                reports[each] = await self._finish(tally.report(self._clock(), status))
        return self._account(reports, ended, started_us)

    async def _stream(self, name: str, tallies: dict[str, Tally]) -> tuple[ProviderError | None, Status | None]:
        """Fetch one stream with those derived from it; what ended the run, and the status that this gives the stream."""
        try:
            await self._scopes(name, tallies)
        except _ENDING as error:
            for tally in tallies.values():
                tally.fault(error.message)
            return error, "rescheduled" if isinstance(error, RescheduleError) else "failed"
        return None, None

    async def _scopes(self, name: str, tallies: dict[str, Tally]) -> None:
        """Once, or once for each record of the parent; as many at a time as the definition allows."""
        scopes = self._parents.scopes(name)
        for each in tallies.values():
            each.unasked = self._parents.unasked(name)
        orphans = self._parents.orphans(name)
        if orphans:
            batch = Batch(name, self._definition.streams[name].entity, "", 0, "", quarantined=orphans)
            await self._commit(batch, tallies[name])
        requests = StreamRequests(self._definition, name, self._client, await self._sink.watermarks(name), self._clock())
        todo: Iterator[ParentValues] = iter(scopes)
        tally = tallies[name]

        async def work() -> None:
            for values in todo:
                try:
                    await self._scope(name, values, requests, tallies)
                except _ENDING:
                    raise
                except ProviderError as error:
                    # One parent's fault isn't its siblings'; the stream fails all the same.
                    tally.fault(error.message)

        failed: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._definition.limits.concurrency, len(scopes))):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            failed = errors.exceptions[0]
        if failed is not None:
            raise failed

    async def _scope(self, name: str, values: ParentValues, requests: StreamRequests, tallies: dict[str, Tally]) -> None:
        """Every chunk of one scope. Raises ProviderError on the first that can't be fetched to its end."""
        for chunk in requests.chunks(values.scope):
            walk = requests.walk(values, chunk)
            moved = chunk.watermark_us is None
            number = 0
            async for page in walk.pages():
                number = page.number
                last = walk.end is not None and walk.end.complete
                moved = moved or last
                await self._page(name, values, page, chunk.watermark_us if last else None, tallies)
            if walk.end is None or not walk.end.complete:
                raise ProviderError(f"stream {name}: the answers ended before the total that they state")
            if not moved:
                batch = Batch(
                    name, self._definition.streams[name].entity, values.scope, number, "", watermark_us=chunk.watermark_us
                )
                await self._commit(batch, tallies[name])

    async def _page(
        self, name: str, values: ParentValues, page: Page, watermark_us: int | None, tallies: dict[str, Tally]
    ) -> None:
        for derived in derived_from(self._definition, name):
            results = [self._mappers[derived].map(raw, values) for raw in page.records]
            news = [found for result in results if (found := self._first_seen(derived, result)) is not None]
            await self._commit(self._batch(derived, values, page, news, None), tallies[derived])
        mapped = [self._mappers[name].map(raw, values) for raw in page.records]
        self._parents.note(name, page.records, mapped)
        await self._commit(self._batch(name, values, page, mapped, watermark_us), tallies[name])

    def _first_seen(self, derived: str, result: Mapped | Quarantined) -> Mapped | Quarantined | None:
        """A derived record repeats with each record it is derived from: the same again is nothing new, another one is a fault."""
        content = canonical_json(result.record if isinstance(result, Mapped) else result.raw)
        known = self._derived[derived]
        if result.key not in known:
            known[result.key] = content
            return result
        if known[result.key] == content or isinstance(result, Quarantined):
            return None
        return self._mappers[derived].contradiction(result)

    def _batch(
        self, name: str, values: ParentValues, page: Page, results: list[Mapped | Quarantined], watermark_us: int | None
    ) -> Batch:
        records = tuple(result for result in results if isinstance(result, Mapped))
        refused = tuple(result for result in results if isinstance(result, Quarantined))
        entity = self._definition.streams[name].entity
        return Batch(name, entity, values.scope, page.number, page.url, records, refused, watermark_us)

    async def _commit(self, batch: Batch, tally: Tally) -> None:
        async with self._turn:
            tally.add(batch, await self._sink.commit(batch))
        self._progress(batch)

    def _tally(self, name: str) -> Tally:
        stream = self._definition.streams[name]
        source = stream if stream.derive_from is None else self._definition.streams[stream.derive_from]
        return Tally(name, stream.entity, full=source.updated_since is None, started_us=self._clock())

    async def _finish(self, report: StreamReport) -> StreamReport:
        async with self._turn:
            await self._sink.finish(report)
        log = self._client.log.info if report.status == "succeeded" else self._client.log.warning
        log(
            "provider.stream.finished",
            stream=report.stream,
            status=report.status,
            fetched=report.fetched,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            quarantined=report.quarantined,
            errors=report.errors,
        )
        return report

    def _account(self, reports: dict[str, StreamReport], ended: ProviderError | None, started_us: int) -> RunReport:
        failed = any(report.status != "succeeded" for report in reports.values())
        status: Status = "failed" if failed else "succeeded"
        not_before_us = None
        if isinstance(ended, RescheduleError):
            status, not_before_us = "rescheduled", ended.not_before_us
        return RunReport(self._definition.name, status, tuple(reports.values()), started_us, self._clock(), not_before_us)
