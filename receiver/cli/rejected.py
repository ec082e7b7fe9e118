"""`drawbar rejected`: deliveries that could not prove who they are, and are held in case the fault was ours."""

from collections import Counter
from contextlib import aclosing
from typing import Annotated

import typer
from msgspec import Struct

from handlers.ports import Transaction
from handlers.rejected import Replayed
from handlers.rejected import replay as replay_held
from receiver.cli.common import INTERRUPTED, PROBLEMS, ConfigOption, JsonOption, LimitOption, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.rejudge import Rejudge
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.ids import rejected_text
from schemas.journal_records import RejectedRecord
from schemas.wire import time_text

# Each can be as large as a body.
ROWS_AT_ONCE = 20

app = typer.Typer(help="Held deliveries that could not prove who they are: list, replay.", no_args_is_help=True)

SubscriptionOption = Annotated[str | None, typer.Option(help="What came to this subscription.")]


class Held(Struct, frozen=True, rename="camel"):
    """A held delivery as it is listed: its headers hold credentials, and are not shown."""

    rejected_id: str
    subscription: str
    received_at: str
    remote: str | None
    reason: str
    bytes: int


class Judged(Struct, frozen=True, rename="camel"):
    """A held delivery judged again: `message` is its answer now, or null where it is refused still, for the `reason`."""

    rejected_id: str
    subscription: str
    received_at: str
    message: str | None
    reason: str | None


@app.command("list")
def list_held(
    config: ConfigOption = None, subscription: SubscriptionOption = None, limit: LimitOption = 100, *, as_json: JsonOption = False
) -> None:
    """List held deliveries, oldest first."""
    items, more = run(_list(settings_of(config), subscription, limit))
    if as_json:
        print_json({"items": items, "more": more})
        return
    rows = [(one.rejected_id, one.subscription, one.received_at, one.remote, one.reason, one.bytes) for one in items]
    print_table("Held deliveries", ("id", "subscription", "received", "from", "reason", "bytes"), rows)
    if more:
        warn("there are more: --limit")


@app.command("replay")
def replay(config: ConfigOption = None, subscription: SubscriptionOption = None, *, as_json: JsonOption = False) -> None:
    """Judge held deliveries again under today's secrets, and take in those that are genuine after all.

    A timestamp is judged at the time of receipt. What is refused still stays held; then the exit status is 1.
    """
    judged: list[Judged] = []
    try:
        run(_replay(settings_of(config), subscription, judged))
    except KeyboardInterrupt:
        _tell(judged, as_json=as_json)
        warn("interrupted: the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    if _tell(judged, as_json=as_json):
        raise typer.Exit(PROBLEMS)


def _tell(judged: list[Judged], *, as_json: bool) -> int:
    """Print what became of deliveries; how many are refused still."""
    refused = sum(one.message is None for one in judged)
    if as_json:
        print_json({"taken": len(judged) - refused, "refused": refused, "items": judged})
    else:
        messages = Counter(one.message for one in judged if one.message)
        told = f" ({', '.join(f'{number} {message}' for message, number in messages.items())})" if messages else ""
        say(f"{len(judged) - refused} taken in{told}, {refused} refused still")
        for (name, reason), number in Counter((one.subscription, one.reason) for one in judged if one.reason).items():
            warn(f"{number} to {name}: {reason}")
    return refused


async def _list(settings: Settings, subscription: str | None, limit: int) -> tuple[list[Held], bool]:
    async with opened_store(settings) as store:

        async def work(tx: Transaction) -> tuple[list[Held], bool]:
            found: list[Held] = []
            after = -1
            while page := await tx.rejected.list_entries(after, ROWS_AT_ONCE, subscription):
                found += map(_held, page)
                after = page[-1].rejected_id
                if len(found) > limit:
                    break
            return found[:limit], len(found) > limit

        return await store.read(work)


async def _replay(settings: Settings, subscription: str | None, judged: list[Judged]) -> None:
    judge = Rejudge(settings)
    async with opened_store(settings) as store, aclosing(replay_held(store, judge, now_us, subscription)) as pages:
        async for page in pages:
            judged.extend(_judged(one, judge) for one in page)


def _held(record: RejectedRecord) -> Held:
    name = rejected_text(record.rejected_id)
    return Held(name, record.subscription, time_text(record.received_at_us), record.remote, record.reason, record.body_bytes)


def _judged(one: Replayed, judge: Rejudge) -> Judged:
    record = one.record
    return Judged(
        rejected_text(record.rejected_id),
        record.subscription,
        time_text(record.received_at_us),
        one.answer.message if one.answer else None,
        None if one.answer else judge.verdicts.get(record.rejected_id),
    )
