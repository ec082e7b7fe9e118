"""`drawbar import`: what was before the first event."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from msgspec import Struct

from handlers.rules.plan import ChangeDraft
from handlers.statements import Asserted, Assertion, assert_pairings, try_assertions
from receiver.batch_files import STANDARD_INPUT
from receiver.cli.actor import ByOption, actor_of
from receiver.cli.changes import print_changes
from receiver.cli.common import INTERRUPTED, PROBLEMS, ConfigOption, JsonOption, opened_store, run, settings_of, viewer_of
from receiver.cli.output import print_json, say, warn
from receiver.cli.preview_store import preview_store
from receiver.cli.summary import FAULTS_SHOWN, progress
from receiver.pairing_import import COLUMNS, Fleet, read_fleet
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import InvalidInputError

# Assertions in one transaction; those of one unit stay together.
AT_A_TIME = 500

app = typer.Typer(help="What was before the first event: import pairings.", no_args_is_help=True)


class Imported(Struct, frozen=True):
    """How many rows there are, what they assert, how much of that is new, and what it changes by type."""

    rows: int
    assertions: int
    added: int
    changes: dict[str, int]


class _Total(NamedTuple):
    """What has been done so far; the changes themselves only of a dry run, which prints them."""

    added: list[int]
    counts: Counter[str]
    changes: list[ChangeDraft]

    def add(self, done: Asserted, *, keep: bool) -> None:
        self.added.append(done.added)
        self.counts.update(change.type for change in done.changes)
        if keep:
            self.changes.extend(done.changes)


@app.callback()
def group() -> None:
    """What was before the first event."""


@app.command("pairings", help=f"Assert the pairings of a fleet from a CSV file with the columns {', '.join(COLUMNS)}.")
def pairings(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV file, or - for standard input.")],
    config: ConfigOption = None,
    organization: Annotated[
        str | None, typer.Option(metavar="UUID", help="The organization of rows that don't name one; no row may name another.")
    ] = None,
    by: ByOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Nothing is imported while any row has a fault; what is known already changes nothing, so it can be run again."""
    actor, settings = actor_of(by), settings_of(config)
    fleet = read_fleet(_read(file), viewer_of(organization).organization_id)
    if fleet.faults:
        _refuse(fleet, as_json=as_json)
    total = _Total([], Counter(), [])
    try:
        run(_try(settings, fleet.assertions, actor, total) if dry_run else _apply(settings, fleet.assertions, actor, total))
    except KeyboardInterrupt:
        warn(f"interrupted after {sum(total.added)} new assertions: the same command goes on")
        raise typer.Exit(INTERRUPTED) from None
    if dry_run and not as_json:
        print_changes(total.changes)
    done = Imported(fleet.rows, len(fleet.assertions), sum(total.added), dict(sorted(total.counts.items())))
    if as_json:
        print_json({name: getattr(done, name) for name in done.__struct_fields__} | ({"dryRun": True} if dry_run else {}))
        return
    changes = ", ".join(f"{count} {name}" for name, count in done.changes.items()) or "nothing"
    verb = "would change" if dry_run else "changed"
    say(f"{done.rows} rows, {done.assertions} assertions, {done.added} of them new; {verb}: {changes}")


def _read(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"can't read {file}: {error.strerror}") from error


def _refuse(fleet: Fleet, *, as_json: bool) -> None:
    if as_json:
        print_json({"rows": fleet.rows, "faults": [fault._asdict() for fault in fleet.faults]})
    else:
        for fault in fleet.faults[:FAULTS_SHOWN]:
            warn(str(fault))
        if len(fleet.faults) > FAULTS_SHOWN:
            warn(f"… and {len(fleet.faults) - FAULTS_SHOWN} more")
        warn("nothing was imported")
    raise typer.Exit(PROBLEMS)


async def _apply(settings: Settings, assertions: Sequence[Assertion], actor: str, total: _Total) -> None:
    async with opened_store(settings, make=True) as store:
        with progress("assertions") as report:
            done = 0
            for some in _groups(assertions):
                total.add(await store.write(lambda tx, some=some: assert_pairings(tx, some, actor, now_us())), keep=False)  # type: ignore[misc] # bound early
                done += len(some)
                report(done, done / len(assertions))


async def _try(settings: Settings, assertions: Sequence[Assertion], actor: str, total: _Total) -> None:
    async with preview_store(settings) as store:
        for some in _groups(assertions):
            total.add(await store.read(lambda tx, some=some: try_assertions(tx, some, actor, now_us())), keep=True)  # type: ignore[misc] # bound early


def _groups(assertions: Sequence[Assertion]) -> Iterator[list[Assertion]]:
    """All assertions by unit, so that each unit's are in one transaction, many units in each."""
    group: list[Assertion] = []
    for _, of_unit in groupby(sorted(assertions, key=_unit), key=_unit):
        group.extend(of_unit)
        if len(group) >= AT_A_TIME:
            yield group
            group = []
    if group:
        yield group


def _unit(assertion: Assertion) -> tuple[str, str]:
    return assertion.organization_id, assertion.unit_id
