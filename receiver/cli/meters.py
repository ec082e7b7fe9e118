"""`drawbar meters`: the meters of an organization, and what came for meters that didn't exist."""

from typing import Annotated, Literal

import typer

from handlers.missing_meters import replay, replay_meter, resolve
from handlers.ports import Transaction
from handlers.queries.lists import PageAsked
from handlers.queries.missing_meters import MissingMeterFilter, list_missing_meters
from handlers.queries.references import list_meters
from handlers.references import delete_meter, put_meter
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from receiver.cli.actor import ByOption
from receiver.cli.common import (
    EVERYTHING,
    PROBLEMS,
    ConfigOption,
    CursorOption,
    JsonOption,
    LimitOption,
    OrganizationOption,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, print_table, say, warn
from receiver.cli.reference import command_actor, organization_of, read, write
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.assets import Meter
from schemas.missing_meters import MissingMeter, Replayed, ReplayRequest
from schemas.references import CODE_MAX

app = typer.Typer(help="Meters: list, put, delete; missing ones: missing, resolve, replay.", no_args_is_help=True)

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Its code, exactly.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of a missing meter, such as mis_123.")]
State = Literal["open", "resolved", "all"]
ReplayArgument = Annotated[str | None, typer.Argument(metavar="ID", help="The id of one missing meter; else --meter.")]


@app.command("list")
def list_(
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List meters by code."""
    organization_id, asked = organization_of(organization), PageAsked(limit, cursor)
    page = run(read(settings_of(config), lambda tx: list_meters(tx, organization_id, asked)))
    if as_json:
        print_json(page)
        return
    rows = [(one.code, one.unit, one.name, one.type, one.subtype) for one in page.items]
    print_table("Meters", ("code", "unit", "name", "type", "subtype"), rows)
    _more(page.next_cursor)


@app.command("put")
def put(
    code: CodeArgument,
    unit: Annotated[str, typer.Option(help="The unit that readings must have, exactly.")],
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Such as Energy.")] = None,
    subtype: Annotated[str | None, typer.Option(help="Such as Diesel.")] = None,
    by: ByOption = None,
) -> None:
    """Make or change a meter. A new one resolves what was sent for it in vain; `drawbar meters replay` applies that."""
    if not (0 < len(code) <= CODE_MAX and 0 < len(unit) <= CODE_MAX):
        raise typer.BadParameter(f"code and unit have 1 to {CODE_MAX} characters")
    organization_id, actor, meter = organization_of(organization), command_actor(by), Meter(code, unit, name, type_, subtype)
    created = run(write(settings_of(config), lambda tx: put_meter(tx, organization_id, meter, actor, now_us())))
    say(f"{code}: {'created' if created else 'there already, and as said now'}")


@app.command("delete")
def delete(code: CodeArgument, config: ConfigOption = None, organization: OrganizationOption = None, by: ByOption = None) -> None:
    """Delete a meter, unless it is assigned or has readings."""
    organization_id, actor = organization_of(organization), command_actor(by)
    run(write(settings_of(config), lambda tx: delete_meter(tx, organization_id, code, actor, now_us())))
    say(f"{code}: deleted")


@app.command("missing")
def missing(
    config: ConfigOption = None,
    state: Annotated[State, typer.Option(help="In this state.")] = "open",
    meter: Annotated[str | None, typer.Option(metavar="CODE", help="On a meter with exactly this code.")] = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List what came for meters that didn't exist, newest first, behind the meters that pairings would imply."""
    settings, viewer = settings_of(config), viewer_of(organization)
    asked = MissingMeterFilter(state=None if state == "all" else state, meter_code=meter)
    page = run(read(settings, lambda tx: list_missing_meters(tx, viewer, asked, settings.unit_meters, PageAsked(limit, cursor))))
    if as_json:
        print_json(page)
        return
    columns = ("id", "meter", "kind", "state", "asset", "unit", "readings", "received", "replayed")
    print_table("Missing meters", columns, map(_row, page.items))
    _more(page.next_cursor)


@app.command("resolve")
def resolve_one(missing_meter_id: IdArgument, config: ConfigOption = None, by: ByOption = None) -> None:
    """Say that an attempt needs no more looking at; what it held back is kept."""
    actor = command_actor(by)
    run(write(settings_of(config), lambda tx: resolve(tx, EVERYTHING, missing_meter_id, actor, now_us())))
    say(f"{missing_meter_id}: resolved")


@app.command("replay")
def replay_some(
    missing_meter_id: ReplayArgument = None,
    config: ConfigOption = None,
    meter: Annotated[
        str | None, typer.Option(metavar="CODE", help="All attempts on this meter that weren't applied yet.")
    ] = None,
    organization: OrganizationOption = None,
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Apply what was held back for a meter, now that it exists. The status is 1 where something stays held back."""
    if (missing_meter_id is None) == (meter is None):
        raise typer.BadParameter("give the id of a missing meter, or --meter CODE")
    settings, actor = settings_of(config), command_actor(by)
    if missing_meter_id is not None:
        done = run(_replay_one(settings, missing_meter_id, actor))
    else:
        done = run(_replay_all(settings, organization_of(organization), meter or "", actor))
    if as_json:
        print_json(done)
    else:
        rows = [(one.missing_meter_id, one.replayed, one.registry_asset_id, one.readings) for one in done]
        print_table("Replayed", ("id", "replayed", "asset", "readings"), rows)
        for one in done:
            for text in one.warnings:
                warn(f"{one.missing_meter_id}: {text}")
    if not all(one.replayed for one in done):
        raise typer.Exit(PROBLEMS)


async def _replay_one(settings: Settings, missing_meter_id: str, actor: Actor) -> list[Replayed]:
    rules = RegistryRules(settings.missing_unit, settings.unit_meters)
    return [await write(settings, lambda tx: replay(tx, EVERYTHING, missing_meter_id, actor, rules, now_us()))]


async def _replay_all(settings: Settings, organization_id: str, code: str, actor: Actor) -> list[Replayed]:
    rules = RegistryRules(settings.missing_unit, settings.unit_meters)
    done: list[Replayed] = []
    asked: ReplayRequest | None = ReplayRequest(meter_code=code)
    while asked is not None:

        async def work(tx: Transaction, asked: ReplayRequest = asked) -> tuple[list[Replayed], str | None]:
            answer = await replay_meter(tx, organization_id, asked, actor, rules, now_us())
            return list(answer.items), answer.next_cursor

        items, cursor = await write(settings, work)
        done += items
        asked = None if cursor is None else ReplayRequest(meter_code=code, cursor=cursor)
    return done


def _row(one: MissingMeter) -> tuple[object, ...]:
    asset = one.external_asset_id or (f"{one.units} units on assets" if one.sync_type == "PAIRING" else None)
    return (
        one.missing_meter_id,
        one.meter_code,
        one.sync_type,
        one.state,
        asset,
        one.unit_id,
        len(one.readings),
        one.received_at,
        one.replayed_at,
    )


def _more(cursor: str | None) -> None:
    if cursor:
        warn(f"there are more: --limit, or --cursor {cursor}")
