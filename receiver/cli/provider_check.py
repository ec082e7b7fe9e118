"""`drawbar providers check`: a definition, its secrets, and one page of each of its streams; nothing is written."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.pull.catalog import open_catalog
from receiver.pull.check import StreamCheck, check_streams
from receiver.pull.checklist import ChecklistAnswer, answer_checklist
from receiver.pull.client import ProviderClient
from receiver.pull.definition import LoadedDefinition, load_definition
from receiver.pull.secrets import resolve_secrets
from receiver.settings import Settings
from schemas.errors import InvalidInputError
from schemas.provider_access import EnvironmentName
from schemas.wire import to_json_text


class Checked(Struct, frozen=True, rename="camel"):
    """What a check found: each stream, and the pre-onboarding checklist as far as it could be answered."""

    provider: str
    environment: str
    streams: Sequence[StreamCheck]
    checklist: Sequence[ChecklistAnswer]


def check(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A provider of the settings' folder, or a definition file.")],
    config: ConfigOption = None,
    environment: Annotated[EnvironmentName, typer.Option(help="Which of its environments to ask.")] = "production",
    *,
    as_json: JsonOption = False,
) -> None:
    """Check a definition, look up its secrets, fetch one page of each stream and show what it is mapped to. Nothing is written.

    The provider's pre-onboarding checklist is answered with what the definition states and what the check could verify.
    Exit status 1 when a stream can't be fetched, or a record on its page can't be mapped.
    """
    loaded = _definition(settings_of(config), name)
    found = run(_check(loaded, environment))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if any(stream.error or stream.failing for stream in found.streams):
        raise typer.Exit(PROBLEMS)


def _definition(settings: Settings, name: str) -> LoadedDefinition:
    path = Path(name)
    if path.suffix == ".toml":
        return load_definition(path)
    catalog = open_catalog(settings)
    broken = next((entry for entry in catalog.entries() if entry.problem and Path(entry.file).stem == name), None)
    if broken is not None and name not in catalog.all():
        raise InvalidInputError(broken.problem)
    return catalog.get(name)


async def _check(loaded: LoadedDefinition, environment: EnvironmentName) -> Checked:
    definition = loaded.definition
    secrets = resolve_secrets(definition, environment, os.environ, loaded.folder)
    async with ProviderClient(definition, secrets, environment) as client:
        streams = await check_streams(definition, client)
    return Checked(definition.name, environment, streams, answer_checklist(definition, environment, streams))


def _print(found: Checked) -> None:
    say(f"{found.provider}, {found.environment}")
    print_table(
        "One page of each stream",
        ("stream", "entity", "records", "usable", "mapped", "unmapped", "failing"),
        [
            (
                one.stream,
                one.entity,
                one.records,
                one.usable,
                ", ".join(one.mapped) or None,
                ", ".join(one.unmapped) or None,
                "; ".join(f"{field.field}: {field.reason} ({field.records})" for field in one.failing) or None,
            )
            for one in found.streams
        ],
    )
    for one in found.streams:
        if one.error:
            warn(f"{one.stream}: {one.error}")
        elif one.example is not None:
            say(f"{one.stream}: {to_json_text(one.example)}")
        for hint in one.hints:
            warn(f"{one.stream}: {hint}")
    rows = [
        (number, one.item, one.answer, "verified" if one.verified else "stated") for number, one in enumerate(found.checklist, 1)
    ]
    print_table("Pre-onboarding checklist", ("", "item", "answer", ""), rows)
