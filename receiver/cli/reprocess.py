"""`drawbar quarantine reprocess`: try again what could not be understood, or was of a type that wasn't known."""

from collections.abc import Callable, Collection
from typing import Annotated, Literal

import typer

from handlers.ignored import RetriedAll, retry_ignored
from handlers.ports import Transaction
from handlers.quarantine import reprocess as reprocess_entry
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.quarantine import find_entry
from handlers.reprocessing import Result, Results, Selection, reprocess_many, result_of
from receiver.cli.common import (
    EVERYTHING,
    INTERRUPTED,
    PROBLEMS,
    ConfigOption,
    FromOption,
    JsonOption,
    OrganizationOption,
    ToOption,
    opened_store,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, say, warn
from receiver.cli.summary import FAULTS_SHOWN, progress
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import ConflictError, NotFoundError

IdsArgument = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of entries, such as qtn_16777218.")]
KindOption = Annotated[
    Literal["event", "body"] | None, typer.Option(help="One event of a batch, or a whole body that was no batch.")
]
SubscriptionOption = Annotated[str | None, typer.Option(help="What came by this subscription.")]
PathOption = Annotated[str | None, typer.Option(help="What is wrong at this place, such as $.eventsData[0].eventData.unitId.")]


def reprocess(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of entries; else filters, or --all.")] = None,
    config: ConfigOption = None,
    kind: KindOption = None,
    subscription: SubscriptionOption = None,
    path: PathOption = None,
    received_from: FromOption = None,
    received_to: ToOption = None,
    organization: OrganizationOption = None,
    *,
    ignored: Annotated[
        bool, typer.Option("--ignored", help="Events whose type or version wasn't known, instead of quarantine entries.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try waiting entries again, each in a transaction of its own, under its subscription's binding of today.

    Exit status 1 when some still wait, with the reason of each.
    """
    selection = Selection(kind=kind, subscription=subscription, path=path, from_us=received_from, to_us=received_to)
    filtered = selection != Selection() or organization is not None
    if ignored and (ids or everything or selection != Selection(subscription=subscription)):
        raise typer.BadParameter("takes --subscription and --organization, and no other filter", param_hint="--ignored")
    if not ignored and sum(map(bool, (ids, filtered, everything))) != 1:
        raise typer.BadParameter("say which: ids, or filters, or --all", param_hint="ID")
    settings, viewer = settings_of(config), viewer_of(organization)
    tried: list[Result] = []
    refused: list[str] = []
    results: Results | RetriedAll | None = None
    try:
        if ignored:
            results = run(_retry_ignored(settings, viewer, subscription))
        else:
            run(_reprocess_each(settings, ids, tried, refused) if ids else _reprocess_many(settings, viewer, selection, tried))
    except KeyboardInterrupt:
        if not ignored:
            _tell(_summed(tried), as_json=as_json)
        warn("interrupted: what was resolved stays so, and the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    results = results or _summed(tried)
    _tell(results, as_json=as_json)
    for line in refused:
        warn(line)
    if results.waiting or refused:
        raise typer.Exit(PROBLEMS)


def binding_of(settings: Settings) -> Callable[[str], Collection[str]]:
    """The organizations that a subscription or a feed may bring events of today; none means any, as for one that is gone."""
    return settings.organizations_of


async def _reprocess_each(settings: Settings, ids: list[str], items: list[Result], refused: list[str]) -> None:
    """Entries by their ids; one that isn't there or doesn't wait is `refused`, and keeps no other from being tried."""
    binding, most = binding_of(settings), settings.limits.delivery_events_max
    async with opened_store(settings) as store:
        for quarantine_id in ids:

            async def work(tx: Transaction, quarantine_id: str = quarantine_id) -> Result:
                record = await find_entry(tx, EVERYTHING, quarantine_id)
                done = await reprocess_entry(tx, record.quarantine_id, binding(record.subscription), now_us(), most)
                return result_of(record.quarantine_id, done)

            try:
                items.append(await store.write(work))
            except (NotFoundError, ConflictError) as error:
                refused.append(f"{quarantine_id}: {error.message}")


async def _reprocess_many(settings: Settings, viewer: Viewer, selection: Selection, items: list[Result]) -> None:
    cursor: str | None = None
    async with opened_store(settings) as store:
        with progress("entries") as report:
            while True:
                one = PageAsked(1, cursor)
                most = settings.limits.delivery_events_max
                results = await reprocess_many(store, viewer, selection, one, binding_of(settings), now_us, most)
                items += results.items
                report(len(items))
                cursor = results.next_cursor
                if cursor is None:
                    return


async def _retry_ignored(settings: Settings, viewer: Viewer, subscription: str | None) -> RetriedAll:
    async with opened_store(settings) as store:
        with progress("events") as report:
            return await retry_ignored(
                store, viewer.organization_id, binding_of(settings), now_us, subscription=subscription, progress=report
            )


def _summed(items: list[Result]) -> Results:
    resolved = sum(item.state == "resolved" for item in items)
    return Results(resolved, len(items) - resolved, tuple(items), None)


def _tell(results: Results | RetriedAll, *, as_json: bool) -> None:
    if as_json:
        print_json(results)
        return
    say(f"{results.resolved} resolved, {results.waiting} still waiting")
    if isinstance(results, RetriedAll):
        for name, number in results.unknown.items():
            warn(f"{number} events of type and version {name}, which is not known")
    waiting = [item for item in results.items if item.state == "waiting"]
    for item in waiting[:FAULTS_SHOWN]:
        name = item.quarantine_id if isinstance(item, Result) else f"{item.batch_id} entry {item.entry}"
        warn(f"{name}: {item.path}: {item.message}")
    if len(waiting) > FAULTS_SHOWN:
        warn(f"… and {len(waiting) - FAULTS_SHOWN} more")
