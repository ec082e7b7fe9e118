"""`drawbar rebuild`, `drawbar backup` and `drawbar migrate`: the care of a database."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from handlers.ports import Transaction
from handlers.rebuild import Rebuilt, digest_of
from handlers.rebuild import rebuild as rebuild_all
from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, missing_database, opened, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.cli.summary import progress
from receiver.new_files import appearing
from receiver.secret import shown_database
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import DrawbarError


class Saved(Struct, frozen=True, rename="camel"):
    """A backup: `digest` is that of what is in it, null while migrations are pending; `verified` says how it was checked."""

    file: str
    bytes: int
    digest: str | None
    verified: str


class Migrated(Struct, frozen=True):
    """The names of what was applied, and of what is left."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def rebuild(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Compute all that is derived afresh from what is recorded, and set right what differs. Deliveries can come in meanwhile.

    Exit status 1 when anything had to be set right.
    """
    done = run(_rebuild(settings_of(config)))
    if as_json:
        print_json(done)
    else:
        rows = [(done.units, done.mended, done.series, done.registry_mended, done.digest_before, done.digest_after)]
        print_table("Rebuilt", ("units", "set right", "series", "set right", "digest before", "digest after"), rows)
    if done.mended:
        warn(f"{done.mended} units were stored wrongly; the change feed tells what changed")
    if done.registry_mended:
        warn(f"{done.registry_mended} rows and series of the registry were stored wrongly")
    if done.mended or done.registry_mended:
        raise typer.Exit(PROBLEMS)


def backup(
    file: Annotated[Path, typer.Argument(help="File to make; it must not be there yet.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Copy the database to a file while the service goes on, and check the copy before it gets its name.

    Of SQLite it is a database to put in the place of the old one; of PostgreSQL an archive for pg_restore.
    """
    settings = settings_of(config)
    with appearing(file) as written:
        digest, how = run(_backup(settings, written))
        saved = Saved(str(file), written.stat().st_size, digest, how)
    if as_json:
        print_json(saved)
    else:
        say(f"{saved.file}: {saved.bytes} bytes, {saved.verified}")
        say(f"digest {saved.digest or 'not computed: migrations are pending'}")


def migrate(
    config: ConfigOption = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only tell what is pending; exit status 1 if anything is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to the schema of this version; make it if there is none."""
    settings = settings_of(config)
    done = run(_migrate(settings, check=check))
    if as_json:
        print_json(done)
    else:
        for name in done.applied:
            say(f"applied {name}")
        for name in done.pending:
            say(f"pending {name}")
        if not (done.applied or done.pending):
            say(f"{shown_database(settings.database)} is current")
    if done.pending:
        raise typer.Exit(PROBLEMS)


async def _rebuild(settings: Settings) -> Rebuilt:
    async with opened_store(settings) as store:
        units = sum((await store.read(lambda tx: tx.overview.count(now_us()))).units.values())
        with progress("units") as report:
            return await rebuild_all(
                store, now_us, lambda done: report(done, min(1.0, done / units) if units else None), settings.unit_meters
            )


async def _backup(settings: Settings, written: Path) -> tuple[str | None, str]:
    """Make the copy; the digest of what is in it, and how it was checked."""
    async with opened(settings) as (database, store):
        if not await database.applied_migrations():
            raise missing_database(settings)
        # Before a migration is when a backup is wanted most; then there may be no code to read all of it.
        pending = await database.pending_migrations()
        seen, copied = await store.backup(written, _nothing if pending else digest_of)
    if copied is not None and copied != seen:
        raise DrawbarError(f"the copy has the digest {copied}, and not {seen} as the database: it is thrown away")
    how = "integrity and references checked" if database.dialect == "sqlite" else "archive read back"
    if copied is not None:
        how += ", digest compared"
    return seen, how


async def _nothing(_: Transaction) -> None:
    return None


async def _migrate(settings: Settings, *, check: bool) -> Migrated:
    async with opened(settings) as (database, _):
        if check:
            return Migrated((), tuple(await database.pending_migrations()))
        return Migrated(tuple(await database.migrate()), ())
