"""`drawbar quarantine`: what could not be understood, and what to do about it."""

from typing import Annotated, Literal

import typer

from handlers.ports import Transaction
from handlers.quarantine import discard as discard_entry
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.quarantine import QuarantineFilter, find_entry, get_entry, list_quarantine
from receiver.cli.common import (
    EVERYTHING,
    PROBLEMS,
    ConfigOption,
    CursorOption,
    FromOption,
    JsonOption,
    LimitOption,
    OrganizationOption,
    ToOption,
    opened_store,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, print_table, say, warn
from receiver.cli.parts import one_page
from receiver.cli.reprocess import IdsArgument, KindOption, PathOption, SubscriptionOption, reprocess
from receiver.settings import Settings
from schemas.answers import QuarantineEntry
from schemas.errors import ConflictError, NotFoundError
from schemas.pages import Page

app = typer.Typer(help="What could not be understood: list, show, reprocess, discard.", no_args_is_help=True)
app.command("reprocess")(reprocess)


@app.command("list")
def list_entries(
    config: ConfigOption = None,
    state: Annotated[Literal["waiting", "resolved", "discarded", "all"], typer.Option(help="In this state.")] = "waiting",
    kind: KindOption = None,
    subscription: SubscriptionOption = None,
    path: PathOption = None,
    received_from: FromOption = None,
    received_to: ToOption = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List entries, newest first; with --json each with what was received."""
    asked = QuarantineFilter(
        state=None if state == "all" else state,
        kind=kind,
        subscription=subscription,
        path=path,
        from_us=received_from,
        to_us=received_to,
    )
    page = run(_list(settings_of(config), viewer_of(organization), asked, PageAsked(limit, cursor)))
    if as_json:
        print_json(page)
        return
    rows = [
        (one.quarantine_id, one.state, one.kind, one.subscription, one.received_at, one.path, one.message) for one in page.items
    ]
    print_table("Quarantine", ("id", "state", "kind", "subscription", "received", "path", "message"), rows)
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


@app.command("show")
def show(
    quarantine_id: Annotated[str, typer.Argument(metavar="ID", help="The entry's id, such as qtn_16777218.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show an entry with what was received."""
    entry = run(_show(settings_of(config), quarantine_id))
    if as_json:
        print_json(entry)
        return
    for name in entry.__struct_fields__:
        if name != "raw":
            value = getattr(entry, name)
            say(f"{name.replace('_', ' '):16}{'-' if value is None else value}")
    say(f"\n{entry.raw}")


@app.command("discard")
def discard(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Say that entries need no more looking at. They stay, and what they are stays with them."""
    refused = run(_discard(settings_of(config), ids))
    say(f"{len(ids) - len(refused)} discarded")
    for line in refused:
        warn(line)
    if refused:
        raise typer.Exit(PROBLEMS)


async def _list(settings: Settings, viewer: Viewer, asked: QuarantineFilter, page: PageAsked) -> Page[QuarantineEntry]:
    async with opened_store(settings) as store:

        async def read(part: PageAsked) -> Page[QuarantineEntry]:
            return await store.read(lambda tx: list_quarantine(tx, viewer, asked, part))

        return await one_page(page, read)


async def _show(settings: Settings, quarantine_id: str) -> QuarantineEntry:
    async with opened_store(settings) as store:
        return await store.read(lambda tx: get_entry(tx, EVERYTHING, quarantine_id))


async def _discard(settings: Settings, ids: list[str]) -> list[str]:
    """Discard one by one; what was refused, and why."""
    refused: list[str] = []
    async with opened_store(settings) as store:
        for quarantine_id in ids:

            async def work(tx: Transaction, quarantine_id: str = quarantine_id) -> None:
                record = await find_entry(tx, EVERYTHING, quarantine_id)
                await discard_entry(tx, record.quarantine_id)

            try:
                await store.write(work)
            except (NotFoundError, ConflictError) as error:
                refused.append(f"{quarantine_id}: {error.message}")
    return refused
