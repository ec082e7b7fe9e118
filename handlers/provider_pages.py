"""Pages of a provider's records into the store: each in one transaction with what is refused, and with how far the stream is."""

from collections.abc import Sequence
from typing import cast

import msgspec

from handlers.ports import Transaction
from handlers.provider_assets import store_assets
from handlers.provider_context import RunContext
from handlers.provider_meters import store_meters
from handlers.provider_usage import UsageRecord, store_usage
from handlers.registry import Writing, begin
from handlers.rules.facts import digest_id
from schemas.errors import DrawbarError, Problem, StoreUnavailableError
from schemas.provider_pages import CounterKnowledge, GivenRecord, Outcome, PageCounts, ProviderPage, Refusal, RefusedRecord
from schemas.provider_records import ProviderAsset, ProviderMeter, ProviderRecord
from schemas.provider_rows import RefusedRow
from schemas.wire import to_json_text

# A key of an index must not grow without bound.
_KEY_CHARACTERS_MAX = 200
_ENTITIES = ("assets", "meters")


async def store_page(tx: Transaction, run: RunContext, page: ProviderPage) -> PageCounts:
    """Store what can be stored, quarantine the rest, and move the watermark; all counts together are the page's records.

    If a page can't be stored as a whole, for a reason that isn't the database, its records are tried one by one.
    """
    writing = await begin(tx, run.organization_id, run.actor, run.now_us)
    outcomes = await store_each(tx, writing, run, page.stream, page.entity, page.records, page.counter)
    refused = [*page.refused]
    waits: dict[str, str | None] = {}
    kept: list[str] = []
    for given, outcome in zip(page.records, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            refused.append(_refused(given, outcome))
            waits[given.key] = outcome.waits_for
        else:
            kept.append(short_key(given.key))
    rows = [_row(writing, run, page, record, waits.get(record.key)) for record in refused]
    # The same key twice in a page is one entry, of which the last is kept.
    await tx.providers.refused.put(list({row.record_key: row for row in rows}.values()))
    if page.entity in _ENTITIES:
        seen = [record.external_id for record in refused if record.external_id is not None]
        await tx.providers.entities.see(run.organization_id, run.provider, page.entity, seen, run.run_id, run.now_us)
    await tx.providers.refused.resolve(run.organization_id, run.provider, page.stream, page.scope, sorted(set(kept)), run.now_us)
    if page.watermark_us is not None:
        names = (run.organization_id, run.provider, run.environment)
        await tx.providers.runs.set_watermark(*names, page.stream, page.scope, page.watermark_us)
    return PageCounts(outcomes.count("created"), outcomes.count("updated"), outcomes.count("unchanged"), len(refused))


async def store_each(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    stream: str,
    entity: str,
    records: Sequence[GivenRecord],
    counter: CounterKnowledge | None,
    known_until_us: Sequence[int] | None = None,
) -> list[Outcome]:
    """What became of each record, in their order."""
    if not records:
        return []
    try:
        async with tx.savepoint():
            return await _store(tx, writing, run, stream, entity, records, counter, known_until_us)
    except StoreUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one record did, its siblings must not wait for it
        if len(records) == 1:
            return [Refusal("record", f"could not be stored: {type(error).__name__}: {error}")]
    outcomes: list[Outcome] = []
    for number, given in enumerate(records):
        known = None if known_until_us is None else known_until_us[number : number + 1]
        outcomes += await store_each(tx, writing, run, stream, entity, [given], counter, known)
    return outcomes


async def _store(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    stream: str,
    entity: str,
    records: Sequence[GivenRecord],
    counter: CounterKnowledge | None,
    known_until_us: Sequence[int] | None,
) -> list[Outcome]:
    plain: list[ProviderRecord] = [given.record for given in records]
    match entity:
        case "assets":
            return await store_assets(tx, writing, run, stream, cast("list[ProviderAsset]", plain))
        case "meters":
            return await store_meters(tx, writing, run, stream, cast("list[ProviderMeter]", plain))
        case "readings":
            usage = cast("list[UsageRecord]", plain)
            return await store_usage(tx, writing, run, "reading", usage, counter, known_until_us)
        case "consumption":
            usage = cast("list[UsageRecord]", plain)
            return await store_usage(tx, writing, run, "consumption", usage, counter, known_until_us)
    raise DrawbarError(f"no provider delivers {entity}")


def short_key(text: str) -> str:
    """A key as the quarantine keeps it."""
    return text if len(text) <= _KEY_CHARACTERS_MAX else digest_id("", (text,), 32)


def _refused(given: GivenRecord, refusal: Refusal) -> RefusedRecord:
    record = given.record
    external_id = record.external_id if isinstance(record, (ProviderAsset, ProviderMeter)) else None
    problem = Problem(refusal.field, refusal.reason)
    return RefusedRecord(given.key, to_json_text(given.raw), refusal.field, refusal.reason, (problem,), external_id, given.parent)


def _row(writing: Writing, run: RunContext, page: ProviderPage, record: RefusedRecord, waits_for: str | None) -> RefusedRow:
    return RefusedRow(
        run.organization_id,
        writing.new_number(),
        run.provider,
        page.stream,
        short_key(page.scope),
        short_key(record.key),
        "waiting",
        page.entity,
        page.page,
        page.url,
        record.field,
        record.reason,
        problems_text(record.problems),
        record.external_id,
        waits_for,
        run.definition_hash,
        run.now_us,
        run.now_us,
        1,
        run.run_id,
        record.raw,
        to_json_text(record.parent),
    )


def problems_text(problems: Sequence[Problem]) -> str:
    """All that is wrong with a record, as JSON."""
    return msgspec.json.encode([{"field": problem.path, "reason": problem.message} for problem in problems]).decode()
