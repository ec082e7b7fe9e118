"""What every command needs: its settings, a store that is current, and a way to run to its end."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar

import typer
import uvloop

from handlers.ports import Store
from handlers.queries.lists import Viewer
from receiver.cli.interrupts import as_command
from receiver.logs import configure_logging
from receiver.safety import secret_values
from receiver.secret import shown_database
from receiver.settings import Settings, SettingsError
from receiver.settings_file import load_settings
from receiver.wiring import open_database, open_store
from schemas.errors import DrawbarError, InvalidInputError, Problem
from schemas.events import UUID_PATTERN
from schemas.wire import parse_time

Result = TypeVar("Result")

DONE, PROBLEMS, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
# Whoever can run commands on the database sees all of it.
EVERYTHING = Viewer(None, operator=True)


def time_of(text: str) -> int:
    """A time as an option takes it, in microseconds. BadParameter: it is none."""
    try:
        return parse_time(text, "it")
    except InvalidInputError:
        raise typer.BadParameter(f"expected an ISO 8601 time with a zone, such as 2025-05-12T22:20:00Z, got {text!r}") from None


ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file; else DRAWBAR_CONFIG, else ./drawbar.toml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1_000_000, help="Most rows to list.")]
CursorOption = Annotated[str | None, typer.Option(help="Go on behind a list that ended with this cursor.")]
FromOption = Annotated[int | None, typer.Option("--from", parser=time_of, metavar="TIME", help="Received at or after this time.")]
ToOption = Annotated[int | None, typer.Option("--to", parser=time_of, metavar="TIME", help="Received before this time.")]
AtOption = Annotated[int | None, typer.Option("--at", parser=time_of, metavar="TIME", help="What was in force at this time.")]
SinceOption = Annotated[
    int | None, typer.Option("--updated-since", parser=time_of, metavar="TIME", help="Written at or after this time.")
]
KnownAtOption = Annotated[
    int | None, typer.Option("--known-at", parser=time_of, metavar="TIME", help="What would have been answered at this time.")
]
OrganizationOption = Annotated[str | None, typer.Option(metavar="UUID", help="Of this organization alone.")]


class Database(Protocol):
    """A database as commands see it, whatever engine it is of."""

    @property
    def dialect(self) -> str:
        """Which engine this is."""
        ...

    async def migrate(self) -> list[str]:
        """Make the database if there is none, and apply what is pending; the names of that."""
        ...

    async def applied_migrations(self) -> list[str]:
        """The names of what was applied; none where there is no database."""
        ...

    async def pending_migrations(self) -> list[str]:
        """The names of what `migrate` would apply."""
        ...


class Opened(NamedTuple):
    """A database, and the store on it."""

    database: Database
    store: Store


def settings_of(config: Path | None) -> Settings:
    """The settings, with logging set up as they say."""
    settings = load_settings(config)
    configure_logging(settings.log, secret_values(settings))
    return settings


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """The configured database as it is; nothing is made, and nothing is migrated."""
    engine = open_database(settings)
    try:
        yield Opened(engine, open_store(engine))
    finally:
        await engine.close()


@contextlib.asynccontextmanager
async def opened_store(settings: Settings, *, make: bool = False) -> AsyncIterator[Store]:
    """The store of the configured database, at the current schema; with `make` it is brought there, and made if there is none.

    Without it, SettingsError: there is no database. DrawbarError: it isn't current.
    """
    async with opened(settings) as (database, store):
        if make:
            await database.migrate()
        else:
            await check_current(database, settings)
        yield store


async def check_current(database: Database, settings: Settings) -> None:
    """Refuse a database that isn't there or isn't at the current schema. Errors as for `opened_store`."""
    if not await database.applied_migrations():
        raise missing_database(settings)
    if pending := await database.pending_migrations():
        raise DrawbarError(f"the database lacks {', '.join(pending)}: run `drawbar migrate`")


def missing_database(settings: Settings) -> SettingsError:
    """That there is no database where the settings say."""
    message = f"there is no database {shown_database(settings.database)} yet: `drawbar init` or `drawbar serve` makes it"
    return SettingsError(message, (Problem("database", message),))


def viewer_of(organization: str | None) -> Viewer:
    """Everything, or what is of one organization. BadParameter: not a UUID."""
    if organization is not None and not re.match(UUID_PATTERN, organization):
        raise typer.BadParameter(f"expected a UUID, got {organization!r}", param_hint="--organization")
    return Viewer(organization.lower() if organization else None, operator=True)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end. KeyboardInterrupt: Ctrl-C, once what was under way has been undone or committed."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(as_command(work))
    finally:
        work.close()  # it never began if Ctrl-C came first
