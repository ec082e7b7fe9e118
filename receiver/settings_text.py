"""The settings as people read them: the table in docs/settings.md, and the commented file that `drawbar init` writes."""

import secrets
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec

from receiver import settings_keys as keys

BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
FRESH_SECRET_BYTES = 32
# The names that stand for NAME in the fresh file.
EXAMPLES = {"subscriptions": "fleet-eu", "feeds": "datahub", "alerts": "ops", "unit_meters": "tp"}
_HEAD = """\
# The settings of drawbar. Each key can be set by an environment variable too, which wins: limits.page_max is
# DRAWBAR_LIMITS_PAGE_MAX. What is commented out shows the default, or an example where there is none.
"""


def toml(value: Any) -> str:  # noqa: ANN401 - any default
    """A default as TOML writes it: text, numbers, booleans and lists of them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    return msgspec.json.encode(value).decode()


def settings_table() -> str:
    """A row for each key: its variable, its default and its meaning, in Markdown."""
    rows = ["| key | variable | default | meaning |", "| --- | --- | --- | --- |"]
    for key in keys.all_keys():
        if key.default is None:
            default = "unset"
        else:
            default = "needed in its table" if key.default is msgspec.NODEFAULT else f"`{toml(key.default)}`"
        rows.append(f"| `{key.name}` | `{keys.variable(key.path)}` | {default} | {key.description} |")
    return "\n".join(rows)


def with_table(page: str) -> str:
    """A page whose table is made anew between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{settings_table()}\n\n{END}{after}"


def fresh_config() -> str:
    """A settings file with fresh secrets for the webhook and the operator; everything else is commented out at its default."""
    lines = [_HEAD]
    table: keys.KeyPath = ()
    for key in keys.all_keys():
        path = tuple(EXAMPLES[key.path[0]] if part == keys.NAME else part for part in key.path)
        active = key.name in {"webhook_secret", "operator_secret"}
        # A table of its own begins where the path above the key changes; require_header stays inline below its subscription.
        above = path[:2] if key.path[0] == "subscriptions" else path[:-1]
        if above != table:
            table = above
            lines.append(f"# [{'.'.join(table)}]" if table[0] in EXAMPLES else f"[{'.'.join(table)}]")
        lines += textwrap.wrap(key.description, 110, initial_indent="# ", subsequent_indent="# ")
        value = toml(secrets.token_urlsafe(FRESH_SECRET_BYTES) if active else key.example)
        lines.append(f"{'' if active else '# '}{'.'.join(path[len(above) :])} = {value}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text()))
