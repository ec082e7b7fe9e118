"""`drawbar import reference`, `drawbar asset-types`, `drawbar sites`, `drawbar custom-fields`: what is set up before a sync."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from handlers.ports import Transaction
from handlers.queries.lists import PageAsked
from handlers.queries.references import list_things
from handlers.reference_import import ImportedReference, import_reference
from handlers.references import delete_thing, put_thing
from handlers.registry import Actor
from receiver.batch_files import STANDARD_INPUT, Fault
from receiver.cli.actor import ByOption, actor_of
from receiver.cli.common import (
    PROBLEMS,
    ConfigOption,
    CursorOption,
    JsonOption,
    LimitOption,
    OrganizationOption,
    opened_store,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, print_table, say, warn
from receiver.cli.summary import show_faults
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import InvalidInputError
from schemas.pages import Page
from schemas.reference_file import decode_reference
from schemas.references import CODE_MAX, ReferenceKind
from schemas.registry_records import NamedThing

Result = TypeVar("Result")
CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Its code or name, exactly.")]


def reference(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or - for standard input.")],
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Set up asset types, sites, meters and custom fields from a TOML file. What isn't in it stays; nothing is deleted.

    Nothing is imported if any place in it is wrong. It can be imported again: what is there already changes nothing.
    """
    actor, settings, organization_id = command_actor(by), settings_of(config), organization_of(organization)
    try:
        asked = decode_reference(sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes())
    except InvalidInputError as error:
        show_faults([Fault.of(file, problem) for problem in error.problems])
        raise typer.Exit(PROBLEMS) from None
    done = run(write(settings, lambda tx: import_reference(tx, organization_id, asked, actor, now_us())))
    if as_json:
        print_json(done)
        return
    _show(done)


def _show(done: ImportedReference) -> None:
    kinds = [
        ("asset types", done.asset_types),
        ("sites", done.sites),
        ("meters", done.meters),
        ("custom fields", done.custom_fields),
    ]
    rows = [(name, one.created, one.changed, one.unchanged) for name, one in kinds]
    print_table("Imported", ("what", "new", "changed", "unchanged"), rows)


def command_actor(by: str | None) -> Actor:
    """Who changes something from the command line."""
    return Actor("command", actor_of(by))


def organization_of(organization: str | None) -> str:
    """The organization that a command is for. BadParameter: it isn't named."""
    organization_id = viewer_of(organization).organization_id
    if organization_id is None:
        raise typer.BadParameter("say whose it is", param_hint="--organization")
    return organization_id


async def write(settings: Settings, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Run a use case in a transaction of the store, which is made if there is none."""
    async with opened_store(settings, make=True) as store:
        return await store.write(work)


async def read(settings: Settings, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Run a query on the store."""
    async with opened_store(settings) as store:
        return await store.read(work)


def _group(kind: ReferenceKind, plural: str, *, named: bool = False) -> typer.Typer:
    """The commands for one kind of reference data."""
    app = typer.Typer(help=f"{plural.capitalize()}: list, put, delete.", no_args_is_help=True)

    @app.command("list", help=f"List {plural}.")
    def list_(
        config: ConfigOption = None,
        organization: OrganizationOption = None,
        limit: LimitOption = 100,
        cursor: CursorOption = None,
        *,
        as_json: JsonOption = False,
    ) -> None:
        organization_id, asked = organization_of(organization), PageAsked(limit, cursor)
        page: Page[dict[str, str | None]] = run(
            read(
                settings_of(config),
                lambda tx: list_things(tx, organization_id, kind, asked, lambda one: _shown(one, named=named)),
            )
        )
        if as_json:
            print_json(page)
            return
        print_table(plural.capitalize(), ("code", "name") if named else ("name",), [tuple(one.values()) for one in page.items])
        if page.next_cursor:
            warn(f"there are more: --limit, or --cursor {page.next_cursor}")

    def put(code: str, name: str | None, config: Path | None, organization: str | None) -> None:
        if not 0 < len(code) <= CODE_MAX:
            raise typer.BadParameter(f"expected 1 to {CODE_MAX} characters", param_hint="CODE")
        organization_id, thing = organization_of(organization), NamedThing(code, name)
        created = run(write(settings_of(config), lambda tx: put_thing(tx, organization_id, kind, thing)))
        say(f"{code}: {'created' if created else 'there already'}")

    if named:

        @app.command("put", help=f"Make or rename one of the {plural}.")
        def put_named(
            code: CodeArgument,
            config: ConfigOption = None,
            organization: OrganizationOption = None,
            name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
        ) -> None:
            put(code, name, config, organization)

    else:

        @app.command("put", help=f"Make sure that there is one of the {plural}.")
        def put_unnamed(code: CodeArgument, config: ConfigOption = None, organization: OrganizationOption = None) -> None:
            put(code, None, config, organization)

    @app.command("delete", help=f"Delete one of the {plural}, unless assets have it.")
    def delete(code: CodeArgument, config: ConfigOption = None, organization: OrganizationOption = None) -> None:
        organization_id = organization_of(organization)
        run(write(settings_of(config), lambda tx: delete_thing(tx, organization_id, kind, code)))
        say(f"{code}: deleted")

    return app


def _shown(thing: NamedThing, *, named: bool) -> dict[str, str | None]:
    return {"code": thing.code, "name": thing.name} if named else {"name": thing.code}


asset_types = _group("asset_type", "asset types")
sites = _group("site", "sites", named=True)
custom_fields = _group("custom_field", "custom fields")
