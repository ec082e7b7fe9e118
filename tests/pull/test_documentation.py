"""docs/providers.md against the example that it walks through: every table it shows is read, and every list is complete."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from handlers.rules.provider_mapping import OPTIONAL, REQUIRED
from receiver.api.routes import OPERATIONS
from receiver.metrics import Metrics
from receiver.pull.definition import check_definition
from receiver.settings_keys import all_keys
from schemas.provider_access import Auth
from schemas.provider_pagination import Pagination
from schemas.provider_schedule import Schedule
from schemas.providers import Definition
from tests.support.cli import Cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/providers.md").read_text("utf-8")
EXAMPLE = tomllib.loads((ROOT / "fixtures/providers/fleetwatt.toml").read_text("utf-8"))
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def leaves(tree: dict[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value of nested tables, with its path."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def merged(left: dict[str, object], right: dict[str, object]) -> dict[str, object]:
    """Nested tables put together."""
    both = dict(left)
    for name, value in right.items():
        before = both.get(name)
        both[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both


@pytest.mark.parametrize("block", BLOCKS)
def test_every_table_that_is_shown_holds(block: str) -> None:
    """Put into the example's definition, each block of the page gives a definition that is sound."""
    shown = tomllib.loads(block)
    assert check_definition(msgspec.convert(merged(EXAMPLE, shown), Definition)) == []


def test_what_is_shown_of_the_example_is_the_example() -> None:
    """But for the two streams that the example doesn't have, every value on the page is that of the file."""
    example = dict(leaves(EXAMPLE))
    for block in BLOCKS:
        for path, value in leaves(tomllib.loads(block)):
            if path[:2] not in {("streams", "sites"), ("streams", "sessions")}:
                assert example[path] == value, path


def test_the_lists_are_complete() -> None:
    """Every kind of credentials, pagination and schedule, and every field of each entity, stands on the page."""
    for kind in (*get_args(Auth), *get_args(Pagination), *get_args(Schedule)):
        assert f"`{kind.__struct_config__.tag}`" in PAGE
        for field in kind.__struct_fields__:
            assert f"`{field}`" in PAGE or f"{field} = " in PAGE or f"`{field} = " in PAGE, field
    for entity in ("assets", "meters", "readings", "consumption"):
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{entity}`"))
        optional = [] if entity == "consumption" else OPTIONAL[entity]
        assert re.findall(r"`(\w+)`", row) == [entity, *REQUIRED[entity], *optional]


def test_the_settings_metrics_and_paths_exist() -> None:
    """What the page names outside a definition is there: settings, metrics with their labels, and operations of the API."""
    named = re.findall(r"^\| `(providers_\w+)` \|", PAGE, re.MULTILINE)
    assert named == [key.name for key in all_keys() if key.name.startswith("providers_")]
    known = {
        name: collector._labelnames  # type: ignore[attr-defined] # the registry has no public way to them
        for collector, names in Metrics().registry._collector_to_names.items()
        for name in names
    }
    metrics = dict(re.findall(r"^\| `(drawbar_\w+)\{([a-z,]+)\}`", PAGE, re.MULTILINE))
    assert len(metrics) == 3
    for name, labels in metrics.items():
        assert known[name] == tuple(labels.split(","))
    paths = {(operation.method, re.sub(r"\{\w+(:path)?\}", "X", operation.path)) for operation in OPERATIONS}
    for method, path in re.findall(r"`(GET|POST) (/api/[\w/-]+)`", PAGE):
        assert (method, re.sub(r"/(NAME|ID|REF|CODE)\b", "/X", path)) in paths


def test_the_commands_exist(tmp_path: Path) -> None:
    """Every command that the page names is taken by the program."""
    commands = {command.split()[0] for command in re.findall(r"drawbar providers ([\w -]+)", PAGE)}
    assert commands == {"check", "sync", "list", "runs", "quarantine"}
    for command in commands:
        assert "Usage: drawbar providers" in Cli(tmp_path)("providers", command, "--help").out
