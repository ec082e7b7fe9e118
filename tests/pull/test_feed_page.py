"""docs/feed.md: what it shows is so."""

import re
from pathlib import Path

from receiver.metrics import Metrics
from receiver.settings_file import load_settings
from receiver.source_settings import Feed
from tests.support.cli import Cli

PAGE = (Path(__file__).parents[2] / "docs/feed.md").read_text("utf-8")


def test_the_settings_that_it_shows_can_be_used(tmp_path: Path) -> None:
    """The example is a feed as it stands there."""
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "drawbar.toml"
    file.write_text(example)
    feed = load_settings(file, {}).feeds["datahub"]
    assert isinstance(feed, Feed)
    assert (feed.client_secret, feed.silent_after_s, len(feed.organizations)) == ("env:FEED_CLIENT_SECRET", 86400, 1)


def test_the_commands_that_it_shows_exist(tmp_path: Path) -> None:
    """Each is taken by the program; without a feed in the settings there is nothing to read."""
    [example] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    commands = [line.partition("#")[0].split() for line in example.splitlines()]
    assert len(commands) == 2
    for command in commands:
        assert "there is no feed" in Cli(tmp_path)(*command[1:], status=2).err


def test_the_metrics_that_it_names_exist() -> None:
    """Every metric of the table is one of the service, with these labels."""
    named = dict(re.findall(r"^\| `(drawbar_\w+)\{([a-z,]+)\}`", PAGE, re.MULTILINE))
    assert len(named) == 5
    known = {
        name: set(collector._labelnames)  # type: ignore[attr-defined] # the registry has no public way to them
        for collector, names in Metrics().registry._collector_to_names.items()
        for name in names
    }
    for name, labels in named.items():
        assert known[name] == set(labels.split(","))
