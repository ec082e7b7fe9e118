"""Quarantined records tried again: under a definition that has been mended, or once what they name is known."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from handlers.ports import Transaction
from handlers.provider_context import RunContext
from handlers.provider_pages import problems_text, store_each
from handlers.registry import Writing, begin
from schemas.errors import Problem
from schemas.provider_pages import CounterKnowledge, GivenRecord, Refusal, RefusedRecord
from schemas.provider_rows import RefusedRow

AT_ONCE = 100


class Replayed(Struct, frozen=True):
    """What became of some entries: how many were stored, how many still wait, and the id of the last one (None at the end)."""

    resolved: int = 0
    waiting: int = 0
    last_id: int | None = None


Remap = Callable[[RefusedRow], GivenRecord | RefusedRecord]


async def replay_some(
    tx: Transaction, run: RunContext, entity: str, counters: dict[str, CounterKnowledge | None], remap: Remap, after: int
) -> Replayed:
    """Try the next entries of a kind again, from after an id. `remap` maps one under the definition of today.

    `counters` has the streams of today; an entry of another stream waits on. What is tried counts for no stream of a run.
    """
    refused = tx.providers.refused
    rows = await refused.to_try(run.organization_id, run.provider, entity, run.definition_hash, after, AT_ONCE)
    if not rows:
        return Replayed()
    writing = await begin(tx, run.organization_id, run.actor, run.now_us)
    resolved: list[int] = []
    for stream in sorted({row.stream for row in rows} & counters.keys()):
        mine: list[tuple[RefusedRow, GivenRecord]] = []
        for row in rows:
            if row.stream != stream:
                continue
            mapped = remap(row)
            if isinstance(mapped, RefusedRecord):
                await refused.set_problem(_with(row, run, mapped.problems, None, mapped.external_id))
            else:
                mine.append((row, mapped))
        resolved += await _store(tx, writing, run, stream, entity, mine, counters[stream])
    await refused.set_state(run.organization_id, resolved, "resolved", run.now_us)
    return Replayed(len(resolved), len(rows) - len(resolved), rows[-1].entry_id)


async def _store(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    stream: str,
    entity: str,
    mine: Sequence[tuple[RefusedRow, GivenRecord]],
    counter: CounterKnowledge | None,
) -> list[int]:
    """Store what could be mapped; the entries that are resolved with that."""
    given = [record for _, record in mine]
    known_until = [row.last_seen_us for row, _ in mine]
    resolved: list[int] = []
    outcomes = await store_each(tx, writing, run, stream, entity, given, counter, known_until)
    for (row, _), outcome in zip(mine, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            problems = (Problem(outcome.field, outcome.reason),)
            await tx.providers.refused.set_problem(_with(row, run, problems, outcome.waits_for, row.external_id))
        else:
            resolved.append(row.entry_id)
    return resolved


def _with(
    row: RefusedRow, run: RunContext, problems: Sequence[Problem], waits_for: str | None, external_id: str | None
) -> RefusedRow:
    first = problems[0]
    return row._replace(
        field=first.path,
        reason=first.message,
        problems=problems_text(problems),
        external_id=external_id,
        waits_for=waits_for,
        definition_hash=run.definition_hash,
    )
