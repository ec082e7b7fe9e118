"""What every command needs: the settings, a store that is current, and tables or JSON to print."""

import contextlib
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from handlers.ports import Store
from receiver.logs import configure_logging
from receiver.safety import secret_values
from receiver.settings import Settings
from receiver.settings_file import load_settings
from receiver.wiring import open_database, open_store
from schemas.wire import to_json

Result = TypeVar("Result")

DONE, PROBLEMS, WRONG_USE = 0, 1, 2

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file; else DRAWBAR_CONFIG, else ./drawbar.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def settings_of(config: Path | None) -> Settings:
    """The settings, with logging set up as they say."""
    settings = load_settings(config)
    configure_logging(settings.log, secret_values(settings))
    return settings


@contextlib.asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The store of the configured database, brought to the current schema."""
    engine = open_database(settings)
    try:
        await engine.migrate()
        yield open_store(engine)
    finally:
        await engine.close()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end."""
    return uvloop.run(work)


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    sys.stdout.write(to_json(value).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for a person; None is shown as a dash. Off a terminal nothing is cut to a width."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table, markup=False)
