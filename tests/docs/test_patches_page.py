"""docs/patches.md: its requests are answered as it says, and its numbers are those of the code."""

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import msgspec

from handlers.patches import KEY_CHARACTERS_MAX
from handlers.rules.patches import FIELDS, LENGTHS
from receiver.limit_settings import Limits, Retention
from receiver.settings_file import load_settings
from schemas.patches import JobStatus
from storage.store import DatabaseStore
from tests.support.api import running_api
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION
from tests.support.patched_assets import asset, put_assets
from tests.support.patching import JOBS, PATH, finished, undated

PAGE = Path(__file__).parents[2] / "docs" / "patches.md"
TEXT = PAGE.read_text()


def blocks(language: str) -> list[str]:
    """The blocks of the page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading."""
    table = TEXT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


REQUEST, ACCEPTED, FINISHED, REFUSED = map(msgspec.json.decode, blocks("json"))


async def test_the_example(sqlite_url: str) -> None:
    """The request is answered with what stands below it, in the end with the last of it."""
    async with running_api(sqlite_url) as api:
        await put_assets(api.store, asset(111), asset(222))
        client = await api.credentials(ORGANIZATION, "sync", "read")
        answer = await api.ask(PATH, client, "PATCH", json=REQUEST)
        assert (answer.status_code, undated(answer.json())) == (202, undated(ACCEPTED))
        assert undated(await finished(api, answer.json())) == undated(FINISHED)
    shown = (date for job in (ACCEPTED, FINISHED) for name, date in job.items() if name.endswith("Date"))
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z", date) for date in shown)
    assert TEXT.count(f"{JOBS}/1337") == 1
    assert f"http://127.0.0.1:8000{PATH} " in TEXT


async def test_the_refusal(sqlite_url: str) -> None:
    """A request with such faults gets this very answer, beside what every problem carries."""
    body: list[dict[str, Any]] = [{"assetId": 1, "serialNumber": "x" * 31}, {"assetId": 2, "colour": "red"}, {"assetId": 1}]
    async with running_api(sqlite_url) as api:
        problem = await api.refused(400, PATH, method="PATCH", json=body, params={"organizationId": ORGANIZATION})
    assert {name: problem[name] for name in REFUSED} == REFUSED


def test_the_tables() -> None:
    """Every status and every property stands in its table, with its bound."""
    assert [row[0].strip("`") for row in rows("`status`")] == list(get_args(JobStatus))
    properties = {row[0].strip("`"): row[2] for row in rows("property")}
    assert properties.pop(FIELDS)
    assert properties == {name: f"{longest} characters" for name, longest in LENGTHS.items()}


def test_the_numbers() -> None:
    """Limits and defaults are those of the code."""
    assert f"more than {Limits().patch_assets_max:,} assets (`limits.patch_assets_max`)" in TEXT
    assert f"`retention.patches_days` ({Retention().patches_days})" in TEXT
    assert f"up to {KEY_CHARACTERS_MAX} characters" in TEXT


def test_the_command(tmp_path: Path, sqlite_url: str) -> None:
    """The first command line works as it stands."""
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": sqlite_url})
    (tmp_path / "patches.json").write_bytes(msgspec.json.encode(REQUEST))

    async def put(store: DatabaseStore) -> None:
        await put_assets(store, asset(111), asset(222))

    on_store(sqlite_url, put)
    program, *arguments = shlex.split(blocks("sh")[1].splitlines()[0])
    assert program == "drawbar"
    assert cli(*arguments, status=1).out == "bulk patch 1: partiallySuccessful, 2 of 3 assets updated\n"


def test_the_settings(tmp_path: Path) -> None:
    """The names are taken, and the others keep their own."""
    path = tmp_path / "drawbar.toml"
    path.write_text(blocks("toml")[0])
    labels = load_settings(path, {}).display_names.labels()
    assert labels == {
        "location": "Location",
        "locationOfInstallation": "Location of installation",
        "orderNumber": "Order number",
        "costCenter": "Department",
    }
