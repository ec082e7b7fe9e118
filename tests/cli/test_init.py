"""`drawbar init`: a file of secrets for its owner alone, a database, and the operator; all of it or nothing."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from handlers.credentials import verify_secret
from receiver.settings_file import load_settings
from tests.support.batches import on_store
from tests.support.cli import Cli


def secrets_in(path: Path) -> tuple[str, str]:
    """The two secrets of a settings file."""
    values: dict[str, Any] = tomllib.loads(path.read_text())
    return values["webhook_secret"], values["operator_secret"]


def operator_has(database_url: str, secret: str) -> bool:
    """Whether the client `operator` of a database has this secret."""
    client = on_store(database_url, lambda store: store.read(lambda tx: tx.clients.find("operator")))
    return client is not None and client.organization_id == "*" and verify_secret(client.secret_hash, secret)


def test_a_process_makes_all_of_it(fresh: Cli) -> None:
    """The file is for its owner alone whatever the umask is, and loads; the operator has the secret that stands in it."""
    done = fresh.process("init", umask=0)
    path = fresh.folder / "drawbar.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    webhook, operator = secrets_in(path)
    assert len(webhook) > 40
    assert len(operator) > 40
    assert load_settings(path, {}).subscriptions["default"].secrets[0].reveal() == webhook
    assert operator_has(str(fresh.folder / "drawbar.db"), operator)
    assert not operator_has(str(fresh.folder / "drawbar.db"), webhook)
    assert "drawbar serve\n" in done.out
    assert "https://YOUR-HOST/webhooks/datahub/default" in done.out
    assert done.err == ""
    assert sorted(file.name for file in fresh.folder.iterdir()) == ["drawbar.db", "drawbar.toml"]


def test_no_secret_is_printed(fresh: Cli) -> None:
    """They stand in the file, and nowhere in a terminal's history."""
    done = fresh("init")
    for secret in secrets_in(fresh.folder / "drawbar.toml"):
        assert secret not in done.out + done.err


def test_secrets_are_fresh_each_time(fresh: Cli, tmp_path: Path) -> None:
    """Four secrets of two files are four."""
    fresh("init")
    fresh("init", "--config", tmp_path / "other.toml")
    both = {*secrets_in(fresh.folder / "drawbar.toml"), *secrets_in(tmp_path / "other.toml")}
    assert len(both) == 4


def test_a_file_that_is_there_is_never_touched(fresh: Cli) -> None:
    """Not even one that is empty; the database isn't touched either."""
    path = fresh.folder / "drawbar.toml"
    path.write_text("")
    done = fresh("init", status=2)
    assert done.err == "drawbar: drawbar.toml exists already, and is not touched\n"
    assert path.read_text() == ""
    assert list(fresh.folder.iterdir()) == [path]


def test_a_link_to_nowhere_is_not_followed(fresh: Cli) -> None:
    """A file of secrets must not appear where somebody else points to."""
    (fresh.folder / "drawbar.toml").symlink_to(fresh.folder / "elsewhere")
    assert "exists already" in fresh("init", status=2).err
    assert not (fresh.folder / "elsewhere").exists()


@pytest.mark.parametrize("by_variable", [True, False])
def test_the_file_can_stand_elsewhere(fresh: Cli, tmp_path: Path, by_variable: bool) -> None:
    """By option or variable; what to do next names it."""
    path = tmp_path / "etc" / "drawbar.toml"
    path.parent.mkdir()
    if by_variable:
        fresh.environment["DRAWBAR_CONFIG"] = str(path)
        done = fresh("init")
        assert "1. drawbar serve\n" in done.out
    else:
        done = fresh("init", "--config", path)
        assert f"1. drawbar serve --config {path}\n" in done.out
    assert f"wrote {path} " in done.out
    assert path.exists()


def test_a_folder_that_is_not_there_is_said(fresh: Cli) -> None:
    """The file that can't be written is named."""
    done = fresh("init", "--config", "etc/drawbar.toml", status=2)
    assert done.err == "drawbar: can't write etc/drawbar.toml: No such file or directory\n"


def test_a_database_that_cannot_be_had_leaves_nothing(fresh: Cli) -> None:
    """So that the same command can be given again once its trouble is over."""
    (fresh.folder / "drawbar.db").mkdir()
    done = fresh("init", status=1)
    assert done.err == "drawbar: can't open the database drawbar.db: unable to open database file\n"
    assert [path.name for path in fresh.folder.iterdir()] == ["drawbar.db"]
    (fresh.folder / "drawbar.db").rmdir()
    fresh("init")


def test_the_environment_wins_and_that_is_said(cli: Cli) -> None:
    """The database is the one that it names, on either engine, and the operator has the secret that it gives."""
    cli.environment["DRAWBAR_OPERATOR_SECRET"] = "from the environment"
    done = cli("init")
    assert done.err == "DRAWBAR_OPERATOR_SECRET is set, and wins over what stands in drawbar.toml\n"
    assert operator_has(cli.environment["DRAWBAR_DATABASE"], "from the environment")
    assert os.listdir(cli.folder) == ["drawbar.toml"]  # noqa: PTH208 - names alone


def test_a_password_in_the_address_of_a_database_is_not_shown(fresh: Cli, postgres_url: str) -> None:
    """It is known to whoever gave it."""
    fresh.environment["DRAWBAR_DATABASE"] = postgres_url.replace("postgres@", "postgres:hunter22@")
    done = fresh("init")
    assert "hunter22" not in done.out + done.err
    assert "postgres:[secret]@" in done.out
