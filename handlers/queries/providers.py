"""Providers as they are shown: their latest run, all runs, and their quarantine."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from handlers.ports import Transaction
from handlers.provider_runs import ProviderKey, streams_of
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, cursor_key, part_of
from schemas.errors import NotFoundError
from schemas.ids import number, refused_text, run_text
from schemas.pages import Page
from schemas.provider_rows import RefusedRow, RefusedState, RunRow, StreamRow
from schemas.provider_views import FieldProblem, ProviderView, RefusedView, RunView, StreamRunView, StreamView
from schemas.wire import optional_time_text, time_text

_decode_errors = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_problems = msgspec.json.Decoder(tuple[FieldProblem, ...]).decode
_RUN, _ENTRY = "run_", "prq_"


class ProviderFacts(Struct, frozen=True):
    """What a definition says of its provider, as far as it is shown."""

    key: ProviderKey
    definition_hash: str
    schedule: str | None
    time_zone: str | None
    next_run_us: int | None
    streams: Mapping[str, str]


class RefusedFilter(Filter, frozen=True, kw_only=True):
    """Filters of a provider's quarantine."""

    state: RefusedState | None = None
    stream: Annotated[str, Meta(description="Of this stream.")] | None = None


async def show_provider(tx: Transaction, facts: ProviderFacts) -> ProviderView:
    """A provider as it stands."""
    key = facts.key
    runs = await tx.providers.runs.list_runs(key.organization_id, key.provider, NEWEST, 1)
    return ProviderView(
        name=key.provider,
        organization_id=key.organization_id,
        environment=key.environment,
        definition_hash=facts.definition_hash,
        schedule=facts.schedule,
        time_zone=facts.time_zone,
        next_run_at=optional_time_text(facts.next_run_us),
        streams=tuple(StreamView(name, entity) for name, entity in facts.streams.items()),
        last_run=(await show_runs(tx, key, runs))[0] if runs else None,
        quarantine_waiting=await tx.providers.refused.count_waiting(key.organization_id, key.provider),
    )


async def list_runs(tx: Transaction, key: ProviderKey, page: PageAsked) -> Page[RunView]:
    """Runs of a provider, newest first."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    rows = await tx.providers.runs.list_runs(key.organization_id, key.provider, before, page.limit + 1)
    shown, more = part_of(rows, page.limit, lambda row: (row.run_id,))
    items = tuple(await show_runs(tx, key, shown))
    return Page(items, more)


async def get_run(tx: Transaction, key: ProviderKey, ref: str) -> RunView:
    """One run of a provider. NotFoundError: it has none of this id."""
    row = await tx.providers.runs.find(number(ref, _RUN), key.organization_id)
    if row is None or row.provider != key.provider:
        raise NotFoundError(f"there is no run {ref!r}")
    return (await show_runs(tx, key, [row]))[0]


async def list_refused(tx: Transaction, key: ProviderKey, asked: RefusedFilter, page: PageAsked) -> Page[RefusedView]:
    """A provider's quarantine, newest first."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    rows = await tx.providers.refused.list_entries(
        key.organization_id, key.provider, before, page.limit + 1, state=asked.state, stream=asked.stream
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.entry_id,))
    return Page(tuple(map(show_refused, shown)), more)


async def show_runs(tx: Transaction, key: ProviderKey, rows: Sequence[RunRow]) -> list[RunView]:
    """Runs with their streams."""
    results: dict[int, list[StreamRow]] = {}
    for row in await tx.providers.runs.streams_of(key.organization_id, [row.run_id for row in rows]) if rows else ():
        results.setdefault(row.run_id, []).append(row)
    return [_run(row, results.get(row.run_id, [])) for row in rows]


def refused_number(ref: str) -> int:
    """The number of an entry's id. NotFoundError for a text that is none."""
    return number(ref, _ENTRY)


def _run(row: RunRow, results: Sequence[StreamRow]) -> RunView:
    return RunView(
        run_id=run_text(row.run_id),
        provider=row.provider,
        environment=row.environment,
        trigger=row.trigger_kind,  # type: ignore[arg-type] # as it was written
        status=row.status,  # type: ignore[arg-type] # as it was written
        requested_by=row.actor,
        requested_at=time_text(row.requested_at_us),
        scheduled_at=optional_time_text(row.scheduled_at_us),
        not_before=time_text(row.not_before_us) if row.status == "queued" else None,
        started_at=optional_time_text(row.started_at_us),
        ended_at=optional_time_text(row.ended_at_us),
        streams=streams_of(row),
        results=tuple(map(_stream, results)),
        replayed=row.replayed,
        error=row.error,
    )


def _stream(row: StreamRow) -> StreamRunView:
    return StreamRunView(
        stream=row.stream,
        entity=row.entity,
        status=row.status,
        full=bool(row.is_full),
        pages=row.pages,
        fetched=row.fetched,
        created=row.created,
        updated=row.updated,
        unchanged=row.unchanged,
        quarantined=row.quarantined,
        deactivated=row.deactivated,
        absence=row.absence,
        errors=_decode_errors(row.errors),
        errors_total=row.errors_total,
        started_at=time_text(row.started_at_us),
        ended_at=time_text(row.ended_at_us),
    )


def show_refused(row: RefusedRow) -> RefusedView:
    """An entry with the record as it came."""
    return RefusedView(
        entry_id=refused_text(row.entry_id),
        state=row.state,  # type: ignore[arg-type] # as it was written
        stream=row.stream,
        entity=row.entity,  # type: ignore[arg-type] # as it was written
        page=row.page,
        url=row.url,
        key=row.record_key,
        field=row.field,
        reason=row.reason,
        problems=_decode_problems(row.problems),
        external_id=row.external_id,
        waits_for=row.waits_for,
        definition_hash=row.definition_hash,
        first_seen_at=time_text(row.first_seen_us),
        last_seen_at=time_text(row.last_seen_us),
        times_seen=row.times_seen,
        raw=msgspec.Raw(row.raw.encode()),
    )
