"""Settings as people read them: the page and the fresh file say what the code does."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from receiver.safety import check_signing
from receiver.settings import Settings
from receiver.settings_file import load_settings
from receiver.settings_keys import NAME, Key, all_keys, find_by_variable, variable
from receiver.settings_text import fresh_config, settings_table

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def _rows() -> dict[str, tuple[str, str, str]]:
    rows = re.findall(r"^\| `([a-z_A-Z.]+)` \| `(DRAWBAR_[A-Z_]+)` \| (.+?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return {key: (name, default, meaning) for key, name, default, meaning in rows}


def test_the_page_is_up_to_date() -> None:
    """The table in docs/settings.md is the one made from the code: `python -m receiver.settings_text docs/settings.md`."""
    assert settings_table() in PAGE.read_text()


@pytest.mark.parametrize("key", all_keys(), ids=lambda key: key.name)
def test_every_setting_is_documented(key: Key) -> None:
    """Every key stands in the page with its variable, its default as in the code, and a meaning."""
    name, default, meaning = _rows()[key.name]
    assert name == variable(key.path)
    assert meaning == key.description
    if key.default in {None, msgspec.NODEFAULT}:
        assert default in {"unset", "needed in its table"}
    else:
        written = tomllib.loads(f"x = {default.strip('`')}")["x"]
        assert written == (list(key.default) if isinstance(key.default, tuple) else key.default)


def test_the_page_documents_nothing_else() -> None:
    """No row of the page names a key that doesn't exist."""
    assert list(_rows()) == [key.name for key in all_keys()]


@pytest.mark.parametrize("key", all_keys(), ids=lambda key: key.name)
def test_every_variable_means_its_key(key: Key) -> None:
    """A variable leads back to the key that it was made from."""
    path = tuple("my_own" if part == NAME else part for part in key.path)
    assert find_by_variable(variable(path)) == (key, "MY_OWN" if NAME in key.path else None)


def test_a_fresh_file_is_ready_to_use(tmp_path: Path) -> None:
    """`drawbar init`'s file sets two long, fresh secrets and nothing else."""
    path = tmp_path / "drawbar.toml"
    first, second = fresh_config(), fresh_config()
    path.write_text(first)
    settings = load_settings(path, {})
    assert settings.operator_secret is not None
    for secret in (*settings.webhook_secret, settings.operator_secret):
        assert len(secret.reveal()) >= 40
        assert secret.reveal() not in second
    check_signing(settings)
    assert settings == Settings(webhook_secret=settings.webhook_secret, operator_secret=settings.operator_secret)


def test_a_fresh_file_shows_every_key(tmp_path: Path) -> None:
    """With its comments taken off, the fresh file is valid, has every key, and changes only what has no default."""
    text = re.sub(r"^# (?=\[|[a-z_.]+ = )", "", fresh_config(), flags=re.MULTILINE)
    text = re.sub(r"^require_bearer = .*$", "", text, flags=re.MULTILINE)
    path = tmp_path / "drawbar.toml"
    path.write_text(text)
    settings = load_settings(path, {})
    assert (settings.limits, settings.log, settings.postgres) == (Settings().limits, Settings().log, Settings().postgres)
    assert settings.unit_meters == {"tp": ("ODOMETER_KM",)}
    assert settings.subscriptions["fleet-eu"].require_header is not None
    for key in all_keys():
        assert re.search(
            rf"^(# )?(require_header\.)?{key.path[-1] if key.path[-1] != NAME else 'tp'} = ", fresh_config(), re.MULTILINE
        )
