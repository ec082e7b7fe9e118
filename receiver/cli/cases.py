"""`drawbar cases`: units that could not be matched, and what operators say of them."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from handlers.cases import Remarked, add_note, dismiss_case, reopen_case
from handlers.ports import Transaction
from handlers.queries.cases import CaseFilter, get_case, show_cases
from handlers.queries.lists import PageAsked
from receiver.cli.actor import ByOption, actor_of, check_length
from receiver.cli.case_pages import export_cases, list_page
from receiver.cli.common import (
    EVERYTHING,
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
from receiver.new_files import replacing
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.answers import Case
from schemas.statements import NOTE_CHARACTERS_MAX
from schemas.unit_rows import CaseRow

app = typer.Typer(help="Units that could not be matched: list, show, dismiss, reopen, note, export.", no_args_is_help=True)

State = Literal["unresolved", "open", "escalated", "resolved", "dismissed", "all"]
Reason = Literal["InvalidData", "NotFound", "MultipleMatchFound", "Unknown", "VinMismatch"]
StateOption = Annotated[State, typer.Option(help="In this state; unresolved is open or escalated.")]
ReasonOption = Annotated[Reason | None, typer.Option(help="Whose latest failure has this reason.")]
UnitOption = Annotated[str | None, typer.Option("--unit", metavar="ID", help="Of this unit, such as tp:890123847562332.")]
CaseArgument = Annotated[str, typer.Argument(metavar="ID", help="The case's id, or one that another failure in it gives.")]
TextOption = Annotated[str, typer.Option("--note", help="Why; it becomes a note on the case.")]
Decide = Callable[[Transaction, Remarked, int], Awaitable[CaseRow]]


@app.command("list")
def list_(
    config: ConfigOption = None,
    state: StateOption = "unresolved",
    reason: ReasonOption = None,
    unit: UnitOption = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List cases, newest first."""
    page = run(list_page(settings_of(config), viewer_of(organization), _filter(state, reason, unit), PageAsked(limit, cursor)))
    if as_json:
        print_json(page)
        return
    columns = ("case", "unit", "state", "reason", "sensor VIN", "attempts", "first seen", "deadline", "best candidate", "advice")
    print_table("Cases", columns, map(_row, page.items))
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


@app.command("show")
def show(case_id: CaseArgument, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show a case with its candidates and notes."""
    case = run(_show(settings_of(config), case_id))
    if as_json:
        print_json(case)
        return
    for name in case.__struct_fields__:
        if name not in {"candidates", "notes", "merged_into"}:
            value = getattr(case, name)
            say(f"{name.replace('_', ' '):18}{'-' if value is None else value}")
    for note in case.notes:
        say(f"\n{note.at} {note.author}: {note.text}")
    if case.candidates:
        rows = [
            (one.asset_id, one.registry_asset_id, one.vin, f"{one.score:.2f}", one.advice, one.explanation)
            for one in case.candidates
        ]
        print_table("Candidates", ("asset", "registry asset", "VIN", "score", "advice", "explanation"), rows)


@app.command("dismiss")
def dismiss(
    case_id: CaseArgument, config: ConfigOption = None, note: TextOption = "", by: ByOption = None, *, as_json: JsonOption = False
) -> None:
    """Say that a case needs no more looking at, until it fails in another way."""
    _decide(config, dismiss_case, case_id, note, by, as_json=as_json)


@app.command("reopen")
def reopen(
    case_id: CaseArgument, config: ConfigOption = None, note: TextOption = "", by: ByOption = None, *, as_json: JsonOption = False
) -> None:
    """Say that a dismissed case needs looking at again."""
    _decide(config, reopen_case, case_id, note, by, as_json=as_json)


@app.command("note")
def note_(
    case_id: CaseArgument,
    text: Annotated[str, typer.Argument(help="The note.")],
    config: ConfigOption = None,
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Write a note on a case."""
    if not text:
        raise typer.BadParameter("is empty", param_hint="TEXT")
    _decide(config, add_note, case_id, text, by, as_json=as_json)


@app.command("export")
def export(
    config: ConfigOption = None,
    output: Annotated[Path | None, typer.Option(help="File to write, at once when it is whole; else standard output.")] = None,
    state: StateOption = "unresolved",
    reason: ReasonOption = None,
    unit: UnitOption = None,
    organization: OrganizationOption = None,
) -> None:
    """Write cases as CSV, newest first, each with its best candidate: what it takes to pair the units in SCALAR."""
    asked, settings, viewer = _filter(state, reason, unit), settings_of(config), viewer_of(organization)
    if output is None:
        run(export_cases(settings, viewer, asked, sys.stdout.buffer))
        sys.stdout.buffer.flush()
    else:
        with replacing(output) as file:
            number = run(export_cases(settings, viewer, asked, file))
        warn(f"{number} cases in {output}")


def _filter(state: State, reason: Reason | None, unit: str | None) -> CaseFilter:
    return CaseFilter(state=None if state == "all" else state, reason=reason, unit_id=unit)


def _decide(config: Path | None, act: Decide, case_id: str, text: str, by: str | None, *, as_json: bool) -> None:
    check_length(text, NOTE_CHARACTERS_MAX, "--note")
    case = run(_say(settings_of(config), act, Remarked(case_id, None, actor_of(by), text)))
    if as_json:
        print_json(case)
    else:
        say(f"{case.case_id} is {case.state}")


async def _say(settings: Settings, act: Decide, said: Remarked) -> Case:
    async def work(tx: Transaction) -> Case:
        time_us = now_us()
        (case,) = await show_cases(tx, [await act(tx, said, time_us)], time_us, settings.limits.candidates_max)
        return case

    async with opened_store(settings) as store:
        return await store.write(work)


async def _show(settings: Settings, case_id: str) -> Case:
    async with opened_store(settings) as store:
        return await store.read(lambda tx: get_case(tx, EVERYTHING, case_id, now_us(), settings.limits.candidates_max))


def _row(case: Case) -> tuple[object, ...]:
    best = case.candidates[0] if case.candidates else None
    return (
        case.case_id,
        case.unit_id,
        case.state,
        case.reason,
        case.sensor_vin,
        case.attempts,
        case.first_seen_at,
        case.deadline,
        (best.vin or best.asset_id) if best else None,
        best.advice if best else None,
    )
