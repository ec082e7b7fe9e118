"""`drawbar vin`: what can be said of a VIN, and the assets that it could mean."""

from typing import Annotated

import typer

from handlers.queries.vin import match_vin
from handlers.rules.vin import read, report
from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, opened_store, run, settings_of, viewer_of
from receiver.cli.output import print_json, print_table, say
from receiver.settings import Settings
from schemas.vin import VinMatch, VinMatchRequest, VinReport

app = typer.Typer(help="VINs: check, match.", no_args_is_help=True)

VinArgument = Annotated[str, typer.Argument(metavar="VIN", help="A VIN as a sensor or a list has it, whole or only its end.")]


@app.command()
def check(
    vins: Annotated[
        list[str], typer.Argument(metavar="VIN…", help="VINs as sensors or lists have them, whole or only their ends.")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Say what VINs are: verdict, parts, check digit, and what was mended in them. Exit status 1 if one of them is invalid.

    The check digit is advisory: European VINs need not have one.
    """
    reports = [(vin, report(read(vin))) for vin in vins]
    if as_json:
        print_json({"items": [found for _, found in reports]})
    else:
        columns = ("VIN", "normalized", "verdict", "WMI", "VDS", "VIS", "check digit", "notes")
        print_table("VINs", columns, [(vin, *_row(found)) for vin, found in reports])
    if any(found.verdict == "invalid" for _, found in reports):
        raise typer.Exit(PROBLEMS)


@app.command()
def match(
    vin: VinArgument,
    organization: Annotated[str, typer.Option(metavar="UUID", help="Whose assets to look among.")],
    unit_type: Annotated[
        str | None, typer.Option(help="Type of the unit, such as tp: another one of it on an asset speaks against that asset.")
    ] = None,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the assets of an organization that a sensor's VIN could mean, best first, and why. Nothing is paired by it."""
    settings = settings_of(config)
    found = run(_match(settings, viewer_of(organization).organization_id or "", VinMatchRequest(vin, unit_type)))
    if as_json:
        print_json(found)
    else:
        notes = f": {'; '.join(found.problems)}" if found.problems else ""
        say(f"{found.normalized} is {found.verdict}{notes}")
        rows = [
            (one.registry_asset_id, one.asset_id, one.vin, f"{one.score:.2f}", one.tier, one.advice, one.explanation)
            for one in found.candidates
        ]
        print_table("Candidates", ("asset", "Datahub asset", "VIN", "score", "tier", "advice", "why"), rows)


async def _match(settings: Settings, organization_id: str, asked: VinMatchRequest) -> VinMatch:
    async with opened_store(settings) as store:
        return await store.read(lambda tx: match_vin(tx, organization_id, asked, settings.limits.candidates_max))


def _row(found: VinReport) -> tuple[object, ...]:
    return (
        found.normalized,
        found.verdict,
        found.wmi,
        found.vds,
        found.vis,
        found.check_digit,
        "; ".join(found.problems),
    )
