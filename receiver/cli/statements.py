"""`drawbar assert`, `void` and `restore`: what an operator says of pairings and events."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from handlers.ports import Transaction
from handlers.statements import Assertion, Stated, assert_pairing, judge
from receiver.cli.actor import ByOption, actor_of, check_length
from receiver.cli.changes import print_changes
from receiver.cli.common import (
    ConfigOption,
    JsonOption,
    OrganizationOption,
    opened_store,
    run,
    settings_of,
    time_of,
    viewer_of,
)
from receiver.cli.output import print_json, say
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.events import UUID_PATTERN, clean_vin
from schemas.statements import NOTE_CHARACTERS_MAX, UNIT_ID_CHARACTERS_MAX, VIN_CHARACTERS_MAX

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The eventKey of an event or an assertion.")]
NoteOption = Annotated[str, typer.Option(help="Why; it is kept with what is said.")]


def assert_(
    kind: Annotated[Literal["paired", "unpaired"], typer.Argument(help="The unit was put on the asset, or taken off it.")],
    unit: Annotated[str, typer.Option("--unit", metavar="ID", help="The unit, such as tp:890123847562332.")],
    asset: Annotated[str, typer.Option("--asset", metavar="UUID", help="The asset, by its Datahub UUID.")],
    at: Annotated[int, typer.Option("--at", parser=time_of, metavar="TIME", help="When that was.")],
    organization: Annotated[str, typer.Option(metavar="UUID", help="The organization that the unit belongs to.")],
    config: ConfigOption = None,
    vin: Annotated[str | None, typer.Option(help="The asset's VIN.")] = None,
    note: NoteOption = "",
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Assert that a unit was paired or unpaired. It folds like an event; saying it again changes nothing."""
    if not unit:
        raise typer.BadParameter("is empty", param_hint="--unit")
    check_length(unit, UNIT_ID_CHARACTERS_MAX, "--unit")
    if not re.match(UUID_PATTERN, asset):
        raise typer.BadParameter(f"expected a UUID, got {asset!r}", param_hint="--asset")
    check_length(vin or "", VIN_CHARACTERS_MAX, "--vin")
    check_length(note, NOTE_CHARACTERS_MAX, "--note")
    organization_id = viewer_of(organization).organization_id or ""
    assertion = Assertion(kind, organization_id, unit, asset.lower(), at, clean_vin(vin), note)
    actor = actor_of(by)
    _print(run(_say(settings_of(config), lambda tx: assert_pairing(tx, assertion, actor, now_us()))), as_json=as_json)


def void(
    event_key: KeyArgument,
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    note: NoteOption = "",
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make an event or an assertion void: it takes no part in anything any more, also when it comes again."""
    _judge(config, "void", event_key, organization, note, by, as_json=as_json)


def restore(
    event_key: KeyArgument,
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    note: NoteOption = "",
    by: ByOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Let a void event or assertion count again."""
    _judge(config, "restore", event_key, organization, note, by, as_json=as_json)


def _judge(
    config: Path | None,
    kind: Literal["void", "restore"],
    event_key: str,
    organization: str | None,
    note: str,
    by: str | None,
    *,
    as_json: bool,
) -> None:
    check_length(note, NOTE_CHARACTERS_MAX, "--note")
    key, organization_id, actor = event_key.lower(), viewer_of(organization).organization_id, actor_of(by)
    stated = run(_say(settings_of(config), lambda tx: judge(tx, kind, key, organization_id, actor, note, now_us())))
    _print(stated, as_json=as_json)


async def _say(settings: Settings, work: Callable[[Transaction], Awaitable[Stated]]) -> Stated:
    async with opened_store(settings) as store:
        return await store.write(work)


def _print(stated: Stated, *, as_json: bool) -> None:
    if as_json:
        print_json(stated)
        return
    print_changes(stated.changes)
    say(f"{stated.event_key}" + ("" if stated.changes else ": nothing changes"))
