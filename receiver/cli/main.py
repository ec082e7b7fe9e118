"""The program `drawbar`: its commands, and what its exit status means."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from receiver.cli import (
    alerts,
    cases,
    clients,
    demo,
    feed,
    importing,
    init,
    maintenance,
    meters,
    pairings,
    patch,
    providers,
    quarantine,
    reference,
    rejected,
    replay,
    serve,
    statements,
    status,
    sync,
    validate,
    vin,
)
from receiver.cli.common import PROBLEMS, WRONG_USE
from receiver.cli.output import warn
from schemas.errors import DrawbarError, InvalidInputError

app = typer.Typer(
    name="drawbar",
    help="Receives ZF SCALAR Datahub asset-pairing webhooks and keeps who was on what, when.",
    epilog="Exit status: 0 done, 1 done with problems (which are printed), 2 wrong use, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(init.init)
app.command()(serve.serve)
app.command()(replay.replay)
app.command()(validate.validate)
app.command()(status.status)
app.command()(pairings.pairings)
app.command()(pairings.export)
app.command("assert")(statements.assert_)
app.command()(statements.void)
app.command()(statements.restore)
app.command()(sync.sync)
app.command()(patch.patch)
app.add_typer(cases.app, name="cases")
importing.app.command("reference")(reference.reference)
app.add_typer(importing.app, name="import")
app.add_typer(reference.asset_types, name="asset-types")
app.add_typer(reference.sites, name="sites")
app.add_typer(reference.custom_fields, name="custom-fields")
app.add_typer(meters.app, name="meters")
app.add_typer(vin.app, name="vin")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(rejected.app, name="rejected")
app.add_typer(clients.app, name="clients")
app.add_typer(providers.app, name="providers")
app.add_typer(feed.app, name="feed")
app.add_typer(alerts.app, name="alerts")
app.command()(maintenance.rebuild)
app.command()(maintenance.backup)
app.command()(maintenance.migrate)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"drawbar {version('drawbar')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Receives ZF SCALAR Datahub asset-pairing webhooks and keeps who was on what, when."""


def main() -> None:
    """Run a command. Exit status: 0 done, 1 done with problems (which are printed), 2 wrong use, 130 interrupted."""
    try:
        app()
    except InvalidInputError as error:
        warn(f"drawbar: {error.message}")
        sys.exit(WRONG_USE)
    except (DrawbarError, OSError) as error:
        warn(f"drawbar: {error.message if isinstance(error, DrawbarError) else error}")
        sys.exit(PROBLEMS)
