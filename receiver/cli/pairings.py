"""`drawbar pairings` and `drawbar export`: who was on what."""

import sys
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from handlers.ports import Store
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.pairing_filter import PairingFilter
from handlers.queries.pairings import list_pairings
from receiver.cli.common import (
    AtOption,
    ConfigOption,
    CursorOption,
    JsonOption,
    KnownAtOption,
    LimitOption,
    OrganizationOption,
    SinceOption,
    opened_store,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, print_table, warn
from receiver.cli.parts import every_part, one_page
from receiver.cli.summary import progress
from receiver.new_files import replacing
from receiver.pairing_table import HEADER, csv_row, csv_rows
from receiver.settings import Settings
from schemas.answers import Pairing
from schemas.pages import Page
from schemas.wire import to_json

UnitOption = Annotated[str | None, typer.Option("--unit", metavar="ID", help="Of this unit, such as tp:890123847562332.")]
AssetOption = Annotated[str | None, typer.Option("--asset", metavar="UUID", help="With this asset, by its Datahub UUID.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Of units of this type, such as tp.")]
VinOption = Annotated[str | None, typer.Option(help="With an asset of this VIN, as Datahub told it.")]
StateOption = Annotated[Literal["open", "closed"] | None, typer.Option(help="Without an end, or with one.")]
ReasonOption = Annotated[Literal["ManualPair", "AutoPair", "Asserted"] | None, typer.Option(help="How it came about.")]
PossibleOption = Annotated[
    bool, typer.Option("--possible", help="With --at: intervals of unknown start too, where they may have been in force.")
]


def pairings(
    config: ConfigOption = None,
    unit: UnitOption = None,
    asset: AssetOption = None,
    unit_type: TypeOption = None,
    vin: VinOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    at: AtOption = None,
    known_at: KnownAtOption = None,
    updated_since: SinceOption = None,
    organization: OrganizationOption = None,
    limit: LimitOption = 100,
    cursor: CursorOption = None,
    *,
    possible: PossibleOption = False,
    as_json: JsonOption = False,
) -> None:
    """List pairings, newest first."""
    asked = _filter(unit, asset, unit_type, vin, state, reason, at, known_at, updated_since, possible=possible)
    page = run(_list(settings_of(config), viewer_of(organization), asked, PageAsked(limit, cursor)))
    if as_json:
        print_json(page)
        return
    print_table("Pairings", ("unit", "asset", "vin", "from", "to", "ended by", "reason", "flags"), map(_row, page.items))
    if page.next_cursor:
        warn(f"there are more: --limit, or --cursor {page.next_cursor}")


def export(
    config: ConfigOption = None,
    what: Annotated[Literal["pairings"], typer.Argument(help="What to export.")] = "pairings",
    form: Annotated[Literal["ndjson", "csv"], typer.Option("--format", help="One JSON object a line, or a table.")] = "ndjson",
    output: Annotated[Path | None, typer.Option(help="File to write, at once when it is whole; else standard output.")] = None,
    unit: UnitOption = None,
    asset: AssetOption = None,
    unit_type: TypeOption = None,
    vin: VinOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    at: AtOption = None,
    known_at: KnownAtOption = None,
    updated_since: SinceOption = None,
    organization: OrganizationOption = None,
    *,
    possible: PossibleOption = False,
) -> None:
    """Write all pairings, or those that are asked for, newest first."""
    asked = _filter(unit, asset, unit_type, vin, state, reason, at, known_at, updated_since, possible=possible)
    settings, viewer = settings_of(config), viewer_of(organization)
    if output is None:
        run(_export(settings, viewer, asked, form, sys.stdout.buffer))
        sys.stdout.buffer.flush()
    else:
        with replacing(output) as file:
            number = run(_export(settings, viewer, asked, form, file))
        warn(f"{number} {what} in {output}")


def _filter(
    unit: str | None,
    asset: str | None,
    unit_type: str | None,
    vin: str | None,
    state: Literal["open", "closed"] | None,
    reason: Literal["ManualPair", "AutoPair", "Asserted"] | None,
    at_us: int | None,
    known_at_us: int | None,
    updated_since_us: int | None,
    *,
    possible: bool,
) -> PairingFilter:
    if possible and at_us is None:
        raise typer.BadParameter("asks about a time, and there is no --at", param_hint="--possible")
    return PairingFilter(
        unit_id=unit,
        asset_id=asset,
        unit_type=unit_type,
        vin=vin,
        state=state,
        reason=reason,
        at_us=at_us,
        known_at_us=known_at_us,
        possible=possible,
        updated_since_us=updated_since_us,
    )


async def _list(settings: Settings, viewer: Viewer, asked: PairingFilter, page: PageAsked) -> Page[Pairing]:
    async with opened_store(settings) as store:
        return await one_page(page, lambda part: _read(store, viewer, asked, part))


async def _export(settings: Settings, viewer: Viewer, asked: PairingFilter, form: str, out: BinaryIO) -> int:
    """Write part by part, so that it takes no more memory than one; how many there were."""
    number = 0
    async with opened_store(settings) as store:
        if form == "csv":
            out.write(csv_row(HEADER))
        with progress("pairings") as report:
            async for items in every_part(lambda part: _read(store, viewer, asked, part)):
                out.write(csv_rows(items) if form == "csv" else b"".join(to_json(item) + b"\n" for item in items))
                number += len(items)
                report(number)
    return number


async def _read(store: Store, viewer: Viewer, asked: PairingFilter, page: PageAsked) -> Page[Pairing]:
    return await store.read(lambda tx: list_pairings(tx, viewer, asked, page))


def _row(pairing: Pairing) -> tuple[object, ...]:
    since = pairing.paired_at or (f"after {pairing.paired_after}" if pairing.paired_after else "?")
    flags = " ".join(pairing.flags) or None
    return (
        pairing.unit_id,
        pairing.asset_id,
        pairing.vin,
        since,
        pairing.unpaired_at,
        pairing.ended_by,
        pairing.reason,
        flags,
    )
