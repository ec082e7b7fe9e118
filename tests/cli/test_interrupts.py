"""Ctrl-C while a command works through many things: it ends with 130, says what it has done, and can be given again."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from handlers import rejected as held
from receiver.cli import importing, rejected, reprocess, sync
from tests.cli.test_import import FLEET, write
from tests.cli.test_quarantine import fill
from tests.cli.test_rejected import hold_all
from tests.support.batches import batch, digest_in
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, body_of
from tests.support.signing import datahub_headers
from tests.support.store import OTHER, pairing

Run = Callable[..., Any]


def press_ctrl_c(monkeypatch: pytest.MonkeyPatch, module: object, name: str, call: int) -> None:
    """Press it when a function of a module is called for the so-manieth time."""
    real: Run = getattr(module, name)
    calls = iter(range(1, 1000))

    def pressing(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, pressing)


def first_number(text: str) -> int:
    """The first number that was told."""
    found = re.search(r"\d+", text)
    assert found, text
    return int(found[0])


def test_quarantine_reprocess(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was resolved stays so; the transaction that was under way is whole or not there."""
    fill(cli, [body_of([pairing(minute, organization_id=OTHER) for minute in range(5)])], organizations=[ORGANIZATION])
    with monkeypatch.context() as patched:
        press_ctrl_c(patched, reprocess, "reprocess_many", 3)
        done = cli("quarantine", "reprocess", "--all", status=130)
    assert done.err == "interrupted: what was resolved stays so, and the same command goes on\n"
    told = first_number(done.out)
    assert done.out == f"{told} resolved, 0 still waiting\n"
    left = len(cli("quarantine", "list", "--json").json["items"])
    assert (told, left) in {(2, 3), (2, 2)}
    assert cli("quarantine", "reprocess", "--all").out == f"{left} resolved, 0 still waiting\n"
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_rejected_replay(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken in is held no more, the rest is; JSON is whole as well."""
    cli.environment["DRAWBAR_WEBHOOK_SECRET"] = "s"
    hold_all(cli, [(datahub_headers("s", batch(number)), batch(number)) for number in range(4)])
    monkeypatch.setattr(held, "AT_A_TIME", 1)
    with monkeypatch.context() as patched:
        press_ctrl_c(patched, rejected, "_judged", 2)
        done = cli("rejected", "replay", "--json", status=130)
    assert done.err == "interrupted: the same command goes on\n"
    assert (done.json["taken"], done.json["refused"]) == (2, 0)
    left = cli("status", "--json").json["counts"]["rejected"]["held"]
    assert left in {1, 2}
    assert cli("rejected", "replay").out == f"{left} taken in ({left} accepted), 0 refused still\n"
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_import_pairings(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asserted stays so, unit by unit, and counts no second time when the file is imported again."""
    command = ("import", "pairings", write(cli.folder, FLEET), "--organization", ORGANIZATION, "--by", "anna")
    monkeypatch.setattr(importing, "AT_A_TIME", 1)
    real = importing._groups

    def interrupted(assertions: Any) -> Iterator[Any]:  # noqa: ANN401 - assertions
        groups = real(assertions)
        yield next(groups)
        os.kill(os.getpid(), signal.SIGINT)
        yield from groups

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_groups", interrupted)
        done = cli(*command, status=130)
    told = first_number(done.err)
    assert done.err == f"interrupted after {told} new assertions: the same command goes on\n"
    again = cli(*command, "--json").json
    assert 0 < told <= again["assertions"] - again["added"] <= again["assertions"]
    assert cli(*command, "--json").json["added"] == 0
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_sync(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole requests stay, and the same command brings the others."""
    names = [f"{number}.json" for number in range(3)]
    for name in names:
        body = {"assets": [{"externalAssetId": name, "name": "Pump"}]}
        (cli.folder / name).write_bytes(msgspec.json.encode(body))
    command = ("sync", *names, "--organization", ORGANIZATION)
    with monkeypatch.context() as patched:
        press_ctrl_c(patched, sync, "decode_sync", 2)
        done = cli(*command, status=130)
    assert done.err == "interrupted after 1 requests: what they brought stays, and the same command can be given again\n"
    again = cli(*command, "--json").json["assets"]
    assert again["CREATED"] in {1, 2}
    assert again["CREATED"] + again["UPDATED"] == 3
