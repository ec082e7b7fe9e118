"""What operators say in stories and tests, said through the use cases."""

from collections.abc import Sequence

from handlers.cases import Remarked, add_note, dismiss_case, reopen_case
from handlers.ports import Transaction
from handlers.rules.cases import case_id
from handlers.rules.facts import event_key
from handlers.rules.statements import asserted_key
from handlers.statements import Assertion, assert_pairing, judge, record
from schemas.statements import Statement
from schemas.wire import parse_time
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.stories import About, Said

_ON_CASES = {"dismiss": dismiss_case, "reopen": reopen_case, "note": add_note}


def key_of(about: About) -> str:
    """The event key of a fact that a story names."""
    at_us = parse_time(about.registered_on, "$")
    if about.asserted:
        return asserted_key(ORGANIZATION, about.unit_id, about.kind, at_us, about.asset_id or "")
    what = (about.reason, about.sensor_vin) if about.kind == "failed" else about.asset_id
    return event_key(ORGANIZATION, about.unit_id, about.kind, at_us, what)


async def say(store: DatabaseStore, said: Said) -> None:
    """Say it, at the time at which the story says that it was said."""
    now_us = parse_time(said.at, "$")

    async def work(tx: Transaction) -> None:
        about = said.about
        match said.kind:
            case "paired" | "unpaired" as kind:
                at_us = parse_time(about.registered_on, "$")
                assertion = Assertion(kind, ORGANIZATION, about.unit_id, about.asset_id or "", at_us, said.asset_vin, said.note)
                await assert_pairing(tx, assertion, said.actor, now_us)
            case "void" | "restore" as kind:
                await judge(tx, kind, key_of(about), ORGANIZATION, said.actor, said.note, now_us)
            case kind:
                case = case_id(ORGANIZATION, about.unit_id, key_of(about))
                await _ON_CASES[kind](tx, Remarked(case, ORGANIZATION, said.actor, said.note), now_us)

    await store.write(work)


async def all_statements(store: DatabaseStore) -> list[Statement]:
    """Everything that was said, in the order of the journal."""

    async def work(tx: Transaction) -> list[Statement]:
        units = await tx.histories.all_units(("", ""), 10_000)
        by_unit = await tx.statements.of_units(units)
        return sorted((each for rows in by_unit.values() for each in rows), key=lambda each: each.seq)

    return await store.read(work)


async def repeat(store: DatabaseStore, statements: Sequence[Statement], now_us: int) -> None:
    """Say again what was said elsewhere, word for word, in one transaction."""

    async def work(tx: Transaction) -> None:
        await tx.histories.hold(sorted({(each.organization_id, each.unit_id) for each in statements}))
        await record(tx, statements, now_us)

    await store.write(work)
