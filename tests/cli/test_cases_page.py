"""docs/cases.md: every command line and every request in it does what it says, in the order of the page."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import uvloop

from handlers.rules.cases import case_id
from handlers.rules.facts import event_key
from schemas.answers import CaseState
from tests.support.api import Api, running_api
from tests.support.batches import digest_in, on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, A, body_of, minute
from tests.support.store import deliver, failure, pairing

PAGE = Path(__file__).parents[2] / "docs" / "cases.md"
UNIT = "tp:355015852137462"
CASE = case_id(ORGANIZATION, UNIT, event_key(ORGANIZATION, UNIT, "failed", minute(0), ("NotFound", "F3A000001")))
EVENT = event_key(ORGANIZATION, "tp:2", "paired", minute(1), A)


def blocks() -> Iterator[tuple[str, str]]:
    """The blocks of the page in their order: what they are, and what is in them."""
    text = PAGE.read_text().replace("CASE_ID", CASE).replace("EVENT_KEY", EVENT)
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def _ask(api: Api, block: str) -> int:
    """Send a request of the page; its status."""
    line, _, body = block.partition("\n")
    method, path = line.split()
    options = {"json": msgspec.json.decode(body)} if body.strip() else {}
    return (await api.ask(path, method=method, **options)).status_code


def _send(database_url: str, block: str) -> int:
    async def send() -> int:
        async with running_api(database_url) as api:
            return await _ask(api, block)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send())


def test_the_page_does_what_it_says(cli: Cli) -> None:
    """From a unit that isn't found to a fleet that is imported; a rebuild finds nothing to mend at the end."""
    url = cli.environment["DRAWBAR_DATABASE"]
    events = [failure(0, UNIT), failure(60, UNIT), pairing(1, A, "tp:2")]
    on_store(url, lambda store: deliver(store, [body_of(events)]))
    told: list[str] = []
    for kind, block in blocks():
        if kind == "csv":
            (cli.folder / "fleet.csv").write_text(block)
        elif kind == "http":
            assert _send(url, block) in {200, 201}, block
        else:
            assert kind == "sh"
            for line in block.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "drawbar"
                told.append(cli(*arguments).out)
    assert CASE in (cli.folder / "cases.csv").read_text()
    case = cli("cases", "show", CASE, "--json").json
    assert (case["state"], case["resolvedBy"], len(case["notes"])) == ("resolved", "paired", 4)
    assert cli("import", "pairings", "fleet.csv", "--organization", ORGANIZATION, "--json").json["added"] == 0
    assert any("2 rows, 3 assertions, 3 of them new; would change" in out for out in told)
    digest_in(url)


def test_the_page_names_every_state_and_column() -> None:
    """States of cases and columns of an import stand in its tables."""
    text = PAGE.read_text()
    states = re.findall(r"^\| `(\w+)` \|", text.partition("| reason |")[0], re.MULTILINE)
    assert sorted(states) == sorted(get_args(CaseState))
    assert all(
        f"`{column}`" in text for column in ("unitId", "assetId", "pairedAt", "unpairedAt", "vin", "organizationId", "note")
    )
