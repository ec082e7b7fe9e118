"""`drawbar providers`: what is pulled from, checks that write nothing, runs by hand, and what could not be stored."""

from typing import Annotated, Literal

import typer

from handlers.ports import Transaction
from handlers.queries.lists import PageAsked
from handlers.queries.providers import RefusedFilter, list_refused, list_runs, refused_number, show_provider
from receiver.cli.common import PROBLEMS, ConfigOption, CursorOption, JsonOption, LimitOption, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, warn
from receiver.cli.provider_check import check
from receiver.cli.provider_sync import sync
from receiver.provider_facts import facts_of
from receiver.pull.catalog import Catalog, Entry, open_catalog
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import NotFoundError
from schemas.pages import Page
from schemas.provider_views import ProviderView, RefusedView, RunView

app = typer.Typer(help="Providers: list, check, sync, runs, quarantine.", no_args_is_help=True)
app.command("check")(check)
app.command("sync")(sync)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name in its definition.")]


@app.command("list")
def list_providers(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List providers with their latest run. Exit status 1 when a definition can't be used, which is told."""
    settings = settings_of(config)
    catalog = open_catalog(settings)
    found = run(_list(settings, catalog))
    broken = [entry for entry in catalog.entries() if entry.problem]
    if as_json:
        problems = {entry.file: entry.problem for entry in broken}
        print_json({"items": found, "problems": problems})
    else:
        columns = ("provider", "organization", "schedule", "next run", "last run", "status", "in quarantine")
        print_table("Providers", columns, [_listed(each) for each in found])
        if not settings.providers_folder:
            warn("no folder of definitions: providers_folder in the settings names one")
    _tell(broken)


@app.command("runs")
def runs(
    name: NameArgument,
    config: ConfigOption = None,
    limit: LimitOption = 20,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a provider, newest first, with what became of the records of each stream."""
    page = run(_runs(settings_of(config), name, PageAsked(limit, cursor)))
    if as_json:
        print_json(page)
        return
    print_table(f"Runs of {name}", RUN_COLUMNS, [row for each in page.items for row in run_rows(each)])
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


@app.command("quarantine")
def quarantine(
    name: NameArgument,
    config: ConfigOption = None,
    state: Annotated[Literal["waiting", "resolved", "discarded", "all"], typer.Option(help="In this state.")] = "waiting",
    stream: Annotated[str | None, typer.Option(help="Of this stream.")] = None,
    discard: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Say of an entry that it needs no more looking at.")
    ] = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List records of a provider that could not be stored, newest first; with --json each as it came.

    Every run tries those again that another definition, or what has come since, may help; `sync --replay` does nothing else.
    """
    settings = settings_of(config)
    if discard:
        refused = run(_discard(settings, name, discard))
        for line in refused:
            warn(line)
        if refused:
            raise typer.Exit(PROBLEMS)
    asked = RefusedFilter(state=None if state == "all" else state, stream=stream)
    page = run(_quarantine(settings, name, asked, PageAsked(limit, cursor)))
    if as_json:
        print_json(page)
        return
    rows = [
        (one.entry_id, one.state, one.stream, one.page, one.key, one.field, one.reason, one.first_seen_at, one.last_seen_at)
        for one in page.items
    ]
    columns = ("id", "state", "stream", "page", "key", "field", "reason", "first seen", "last seen")
    print_table(f"Quarantine of {name}", columns, rows)
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


RUN_COLUMNS = (
    *("run", "status", "started", "stream", "result", "pages", "fetched", "created", "updated", "unchanged", "quarantined"),
    *("deactivated", "told"),
)


def run_rows(each: RunView) -> list[tuple[object, ...]]:
    """A row for each stream of a run, or one for a run that had none."""
    head = (each.run_id, each.status, each.started_at)
    if not each.results:
        return [(*head, *(None,) * 9, each.error)]
    return [
        (
            *head,
            one.stream,
            one.status,
            one.pages,
            one.fetched,
            one.created,
            one.updated,
            one.unchanged,
            one.quarantined,
            one.deactivated,
            "; ".join(filter(None, (*one.errors[:1], one.absence))) or None,
        )
        for one in each.results
    ]


def _listed(each: ProviderView) -> tuple[object, ...]:
    last = each.last_run
    return (
        each.name,
        each.organization_id,
        each.schedule,
        each.next_run_at,
        last and (last.ended_at or last.started_at),
        last and last.status,
        each.quarantine_waiting,
    )


def _tell(broken: list[Entry]) -> None:
    for entry in broken:
        warn(entry.problem)
    if broken:
        raise typer.Exit(PROBLEMS)


async def _list(settings: Settings, catalog: Catalog) -> list[ProviderView]:
    facts = [facts_of(catalog, loaded, now_us()) for _, loaded in sorted(catalog.all().items())]

    async def work(tx: Transaction) -> list[ProviderView]:
        return [await show_provider(tx, each) for each in facts]

    async with opened_store(settings) as store:
        return await store.read(work)


async def _runs(settings: Settings, name: str, page: PageAsked) -> Page[RunView]:
    catalog = open_catalog(settings)
    key = catalog.key(catalog.get(name))
    async with opened_store(settings) as store:
        return await store.read(lambda tx: list_runs(tx, key, page))


async def _quarantine(settings: Settings, name: str, asked: RefusedFilter, page: PageAsked) -> Page[RefusedView]:
    catalog = open_catalog(settings)
    key = catalog.key(catalog.get(name))
    async with opened_store(settings) as store:
        return await store.read(lambda tx: list_refused(tx, key, asked, page))


async def _discard(settings: Settings, name: str, ids: list[str]) -> list[str]:
    """Discard entries; what was refused, and why."""
    catalog = open_catalog(settings)
    key = catalog.key(catalog.get(name))
    refused: list[str] = []

    async def work(tx: Transaction) -> None:
        numbers = []
        for ref in ids:
            try:
                found = await tx.providers.refused.find(key.organization_id, key.provider, refused_number(ref))
            except NotFoundError:
                found = None
            if found is None or found.state != "waiting":
                refused.append(f"{ref}: " + ("there is no such entry" if found is None else f"is {found.state} already"))
            else:
                numbers.append(found.entry_id)
        await tx.providers.refused.set_state(key.organization_id, numbers, "discarded", now_us())

    async with opened_store(settings) as store:
        await store.write(work)
    return list(dict.fromkeys(refused))
