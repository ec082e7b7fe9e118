"""docs/asset-sync.md: every command line and request in it does what it says, in the order of the page."""

import asyncio
import re
import shlex
from pathlib import Path

import msgspec
import pytest
import uvloop

from handlers.queries.registry import AssetFilter
from handlers.rebuild import rebuild
from receiver.api.parameters import wire_name
from receiver.api.registry import OPERATIONS
from receiver.asset_csv import ASSET_COLUMNS, ASSIGNMENT_COLUMNS, HISTORY_COLUMNS, READING_COLUMNS, THRESHOLD_COLUMNS
from receiver.limit_settings import Limits
from schemas.asset_sync import ASSETS_MAX
from tests.support.api import Api, running_api
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION

PAGE = Path(__file__).parents[2] / "docs" / "asset-sync.md"
TEXT = PAGE.read_text()
CSV_NAMES = {"meterCode": "history.csv", "name": "fleet.csv"}


@pytest.fixture(params=["sqlite", "postgres"])
def cli(request: pytest.FixtureRequest, tmp_path: Path) -> Cli:
    """The command line on a fresh database of each engine."""
    return Cli(tmp_path, {"DRAWBAR_DATABASE": request.getfixturevalue(f"{request.param}_url")})


async def _ask(api: Api, block: str) -> None:
    line, _, body = block.partition("\n")
    method, path, status = line.split()
    options = {"json": msgspec.json.decode(body)} if body.strip() else {}
    separator = "&" if "?" in path else "?"
    answer = await api.ask(f"{path}{separator}organizationId={ORGANIZATION}", method=method, **options)
    assert answer.status_code == int(status), answer.text
    if path == "/api/v1/assets/sync" and body.count("externalAssetId") > 1:
        assert [result["status"] for result in answer.json()["results"]] == ["CREATED"]
        assert [error["message"] for error in answer.json()["errors"]] == ["name is required"]
    if method == "GET" and "items" in answer.json() and "telematics" not in path:
        assert answer.json()["items"], path


def _send(database_url: str, block: str) -> None:
    async def send() -> None:
        async with running_api(database_url) as api:
            await _ask(api, block)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(send())


def test_the_page_does_what_it_says(cli: Cli) -> None:
    """From reference data to files; a rebuild finds nothing to mend at the end."""
    url = cli.environment["DRAWBAR_DATABASE"]
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        if kind == "toml":
            (cli.folder / "reference.toml").write_text(block)
        elif kind == "csv":
            header = block.partition("\n")[0].split(",")
            (cli.folder / CSV_NAMES[next(name for name in header if name in CSV_NAMES)]).write_text(block)
        elif kind == "http":
            _send(url, block)
        else:
            for line in block.splitlines():
                cli(*shlex.split(line)[1:])
    done = on_store(url, lambda store: rebuild(store, lambda: 0))
    assert (done.mended, done.registry_mended, done.series) == (0, 0, 3)


def test_what_the_page_names_is_there() -> None:
    """Columns, filters, the limit and every path of the registry stand in it."""
    for column in (*ASSET_COLUMNS, *ASSIGNMENT_COLUMNS, *THRESHOLD_COLUMNS, *READING_COLUMNS, *HISTORY_COLUMNS):
        assert f"`{column}`" in TEXT
    for name in AssetFilter.__struct_fields__:
        assert f"`{wire_name(name)}`" in TEXT
    assert Limits().sync_assets_max == ASSETS_MAX
    assert f"more than {ASSETS_MAX} assets" in TEXT
    for operation in OPERATIONS:
        first = operation.path.removeprefix("/api/v1/").partition("/")[0].partition("{")[0]
        assert f"/api/v1/{first}" in TEXT
