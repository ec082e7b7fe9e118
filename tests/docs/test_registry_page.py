"""docs/registry.md: every command and request in it is answered as it says, in the order of the page."""

import asyncio
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from receiver.secret import Secret
from receiver.settings import Settings
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION
from tests.support.stories import FIXTURES

TEXT = (FIXTURES.parent / "docs" / "registry.md").read_text()
(SETTINGS,) = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
UNIT_METERS = {unit_type: tuple(codes) for unit_type, codes in tomllib.loads(SETTINGS)["unit_meters"].items()}


@pytest.fixture(params=["sqlite", "postgres"])
def cli(request: pytest.FixtureRequest, tmp_path: Path) -> Cli:
    """The command line on a fresh database of each engine."""
    return Cli(tmp_path, {"DRAWBAR_DATABASE": request.getfixturevalue(f"{request.param}_url")})


async def _ask(api: Api, block: str) -> Any:  # noqa: ANN401 - JSON
    line, _, body = block.partition("\n")
    method, path, status = line.split()
    options = {"json": msgspec.json.decode(body)} if body.strip() else {}
    answer = await api.ask(f"{path}?organizationId={ORGANIZATION}", method=method, **options)
    assert answer.status_code == int(status), answer.text
    return answer.json() if answer.content else None


def _send(database_url: str, block: str) -> Any:  # noqa: ANN401 - JSON
    async def send() -> Any:  # noqa: ANN401 - JSON
        settings = Settings(operator_secret=Secret(OPERATOR_SECRET), unit_meters=UNIT_METERS)
        async with running_api(database_url, settings) as api:
            return await _ask(api, block)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send())


def holds(answer: Any, told: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether an answer says all that the page says of it: of objects the fields named, lists whole."""
    if isinstance(told, dict):
        return all(name in answer and holds(answer[name], value) for name, value in told.items())
    if isinstance(told, list):
        return len(answer) == len(told) and all(map(holds, answer, told))
    return bool(answer == told)


def test_the_page_does_what_it_says(cli: Cli) -> None:
    """From a pairing to a provisional asset, to the trailer that takes it over, and to what is expected of that."""
    url = cli.environment["DRAWBAR_DATABASE"]
    answer: Any = None
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        if kind == "sh":
            command = block.replace("fixtures/", f"{FIXTURES}/")
            assert cli(*shlex.split(command)[1:]).status == 0
        elif kind == "http":
            answer = _send(url, block)
        elif kind == "json":
            assert holds(answer, msgspec.json.decode(block)), answer
