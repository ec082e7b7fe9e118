"""`drawbar alerts`: who is told of what happens, what could not be delivered, and what to do about it."""

import os
import secrets
from typing import Annotated

import typer

from handlers.alerts import enable as enable_target
from handlers.queries.alerts import DeadLetterFilter, list_dead_letters
from handlers.queries.lists import PageAsked
from receiver.alert_sender import AlertSender
from receiver.alerts import address_of
from receiver.cli.alert_targets import list_views
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
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.alerts import Attempt, DeadLetter, TargetRecord
from schemas.pages import Page
from schemas.wire import time_text, to_json

app = typer.Typer(help="Who is told of what happens: list, test, dead, resend, enable.", no_args_is_help=True)

TargetOption = Annotated[str | None, typer.Option(metavar="NAME", help="Of this target alone.")]
TargetArgument = Annotated[str, typer.Argument(metavar="NAME", help="The target, as the settings call it.")]


@app.command("list")
def list_targets(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List the targets of the settings, and others that there were, with what waits for them."""
    settings = settings_of(config)
    found = run(list_views(settings))
    if as_json:
        print_json({"items": found})
        return
    rows = [
        (one.name, one.state, one.address, ", ".join(one.events), one.waiting, one.dead, one.failures, one.paused_until)
        for one in found
    ]
    print_table("Alerts", ("target", "state", "address", "events", "waiting", "dead", "failures", "paused until"), rows)


@app.command("test")
def send_test(name: TargetArgument, config: ConfigOption = None) -> None:
    """Send a message of type `test`, signed as all others, and say what was answered. Exit status 1 if it wasn't taken."""
    settings = settings_of(config)
    attempt = run(_test(settings, name))
    if attempt.status is None or attempt.error is not None:
        warn(f"{name}: {attempt.error}")
        raise typer.Exit(PROBLEMS)
    say(f"{name}: answered {attempt.status}")


@app.command("dead")
def dead(
    config: ConfigOption = None,
    target: TargetOption = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List dead letters: messages that were tried as often as may be, those of the newest changes first."""
    settings, viewer = settings_of(config), viewer_of(organization)

    async def work() -> Page[DeadLetter]:
        asked = DeadLetterFilter(target=target)
        async with opened_store(settings) as store:
            return await store.read(lambda tx: list_dead_letters(tx, viewer, asked, PageAsked(limit, cursor)))

    page = run(work())
    if as_json:
        print_json(page)
        return
    rows = [
        (one.message_id, one.target, one.type, one.organization_id, one.subject, one.attempts, one.dead_at, one.error)
        for one in page.items
    ]
    columns = ("id", "target", "type", "organization", "about", "attempts", "given up", "error")
    print_table("Dead letters", columns, rows)
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


@app.command("resend")
def resend(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="Dead letters, as `drawbar alerts dead` lists them.")
    ] = None,
    config: ConfigOption = None,
    target: TargetOption = None,
    organization: OrganizationOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
) -> None:
    """Let dead letters wait again, with all their attempts: the service sends them. Exit status 1 if there are none such."""
    if not ids and target is None and organization is None and not everything:
        raise typer.BadParameter("say which: ids, --target, --organization or --all")
    settings, viewer = settings_of(config), viewer_of(organization)

    async def work() -> int:
        async with opened_store(settings) as store:
            return await store.write(
                lambda tx: tx.alerts.revive(now_us(), viewer.organization_id, target=target, message_ids=ids or None)
            )

    resent = run(work())
    say(f"{resent} to be sent again")
    if not resent:
        raise typer.Exit(PROBLEMS)


@app.command("enable")
def enable(
    name: TargetArgument,
    config: ConfigOption = None,
    *,
    from_now: Annotated[bool, typer.Option("--from-now", help="Give up what waits, and what it wasn't told of.")] = False,
) -> None:
    """Tell a target again that answered 410, or end its pause. It goes on where it was, unless told otherwise."""
    settings = settings_of(config)

    async def work() -> TargetRecord:
        async with opened_store(settings) as store:
            return await store.write(lambda tx: enable_target(tx, name, from_now=from_now))

    run(work())
    say(f"{name} is told again")


async def _test(settings: Settings, name: str) -> Attempt:
    if name not in settings.alerts:
        known = ", ".join(settings.alerts) or "none: [alerts.NAME] in the settings makes one"
        raise typer.BadParameter(f"there is no target {name!r}; known are {known}", param_hint="NAME")
    address = address_of(name, settings.alerts[name], os.environ)
    body = to_json({"type": "test", "timestamp": time_text(now_us()), "data": {"target": name}})
    async with AlertSender(name, address, now_us) as sender:
        return await sender.send(f"msg_test_{secrets.token_hex(8)}", body)
