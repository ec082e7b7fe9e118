"""docs/alerts.md: what it shows is so."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from handlers.alerts import WAITING_MAX
from handlers.rules.alerts import RETRY_AFTER_MAX_S, Outcome, judge, new_message
from receiver.alert_settings import AlertTarget
from receiver.alerts import LEASE_S
from receiver.limit_settings import Retention
from receiver.metrics import Metrics
from receiver.settings_file import load_settings
from schemas.alerts import GROUPS, TYPES, Alert, Attempt, Retries, Told
from tests.support.alert_receiver import ALERT_SECRET, AlertReceiver
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, UNIT

PAGE = (Path(__file__).parents[2] / "docs/alerts.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """What the page shows in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_that_it_shows_can_be_used(tmp_path: Path) -> None:
    """The example is a target as it stands there."""
    file = tmp_path / "drawbar.toml"
    file.write_text(blocks("toml")[0])
    target = load_settings(file, {}).alerts["ops"]
    assert isinstance(target, AlertTarget)
    assert (target.secrets, target.events) == (("env:ALERT_SECRET",), ("case.opened", "case.escalated"))


def test_every_type_stands_on_the_page() -> None:
    """And no other."""
    named = re.findall(r"^\| (`[a-z.*`, ]+) \| ", PAGE, re.MULTILINE)
    assert {name for cell in named for name in re.findall(r"`([a-z]+\.[a-z*]+)`", cell)} == {*TYPES, *GROUPS}


def test_the_receiver_that_it_shows_works() -> None:
    """It takes a message that was signed with its secret, and no other; what it is shown has the fields of a message."""
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102 - what the page shows
    take: Callable[[str, dict[str, str], bytes], str] = names["take"]
    body = blocks("json")[0].encode()
    assert set(json.loads(body)) == set(Alert.__struct_encode_fields__)
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(ALERT_SECRET).sign("msg_1", now, body.decode()),
    }
    assert take(ALERT_SECRET, headers, body) == "case.opened"
    with pytest.raises(WebhookVerificationError):
        take(ALERT_SECRET, headers, body + b" ")


def test_the_pauses_that_it_names_are_the_default() -> None:
    """5, 10 and 20 seconds, up to 6 hours; 20 attempts reach over two days."""
    target = AlertTarget(url="https://ops.example/", secrets=("env:X",))
    retries = Retries(target.attempts, target.retry_first_s, target.retry_longest_s)
    message = new_message("ops", Told(ORGANIZATION, 1, 0, "case.opened", UNIT, 0, "{}"), 0)
    pauses = []
    while True:
        before_us = message.next_at_us
        judged = judge(message, Attempt(500), retries, before_us, 1.0)
        if judged.outcome == "dead":
            break
        message = judged.message
        pauses.append((message.next_at_us - before_us) / 1_250_000)
    assert (len(pauses), pauses[:3], max(pauses)) == (19, [5, 10, 20], 6 * 3600)
    assert 1.9 < sum(pauses) / 86_400 < 2.5
    assert (RETRY_AFTER_MAX_S, WAITING_MAX, LEASE_S, Retention().alerts_days) == (86_400, 1000, 15, 90)


def test_the_commands_that_it_shows_work(sqlite_url: str, tmp_path: Path) -> None:
    """Each is taken by the program, or says what there isn't."""
    receiver = AlertReceiver()
    receiver.url = "http://127.0.0.1:9/"
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": sqlite_url, **receiver.settings()})
    [shown] = [block for block in blocks("sh") if "drawbar" in block]
    commands = [line.partition("#")[0].split()[1:] for line in shown.splitlines()]
    assert [command[1] for command in commands] == ["list", "test", "dead", "resend", "enable", "enable"]
    for command in commands:
        done = cli(*command, status=None)
        assert done.status == (0 if command[1] in {"list", "dead"} else 1)
        assert done.status == 0 or re.search(r"ConnectError|0 to be sent again|nothing has been told", done.out + done.err)


def test_the_metrics_that_it_names_exist() -> None:
    """Every metric of alerts is on the page, with its labels and outcomes."""
    named = dict(re.findall(r"^\| `(drawbar_\w+)\{([a-z,]+)\}`", PAGE, re.MULTILINE))
    known = {
        name: set(collector._labelnames)  # type: ignore[attr-defined] # the registry has no public way to them
        for collector, names in Metrics().registry._collector_to_names.items()
        for name in names
        if name.startswith("drawbar_alerts") and not name.endswith(("_created", "alerts"))
    }
    assert {name: set(labels.split(",")) for name, labels in named.items()} == known
    assert all(f"`{outcome}`" in PAGE for outcome in get_args(Outcome))
