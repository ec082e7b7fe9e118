"""The program `drawbar`: its commands, and what its exit status means."""

import sys

import typer

from receiver.cli import demo, replay, serve
from receiver.cli.common import PROBLEMS, WRONG_USE
from receiver.settings import SettingsError
from schemas.errors import DrawbarError, InvalidInputError

app = typer.Typer(
    name="drawbar",
    help="Receives ZF SCALAR Datahub asset-pairing webhooks and keeps who was on what, when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(serve.serve)
app.command()(replay.replay)
app.command()(replay.validate)


def main() -> None:
    """Run a command. Exit status: 0 done, 1 done with problems (which are printed), 2 wrong use."""
    try:
        app()
    except (SettingsError, InvalidInputError) as error:
        sys.stderr.write(f"drawbar: {error.message}\n")
        sys.exit(WRONG_USE)
    except DrawbarError as error:
        sys.stderr.write(f"drawbar: {error.message}\n")
        sys.exit(PROBLEMS)
