"""Long work says how far it is: a bar on a terminal, plain lines elsewhere, on standard error in both cases."""

import os
import re
import time

import pytest

from receiver.cli import replay, summary
from receiver.cli.summary import progress
from tests.support.batches import batch, write_lines
from tests.support.cli import Cli


def test_plain_lines_off_a_terminal(on_sqlite: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time, with the share of all that is known: that of the bytes of the files."""
    monkeypatch.setattr(summary, "EVERY_S", 0.0)
    monkeypatch.setattr(replay, "DELIVERIES_AT_A_TIME", 10)
    for name in ("a.ndjson", "b.ndjson"):
        write_lines(on_sqlite.folder / name, [batch(number) for number in range(500)])
    done = on_sqlite("replay", ".")
    told = [re.fullmatch(r"([0-9]+) batches, ([0-9]+)%", line) for line in done.err.splitlines()]
    numbers = [int(match[1]) for match in told if match]
    shares = [int(match[2]) for match in told if match]
    assert all(told)
    assert numbers == list(range(10, 1001, 10))
    assert shares == sorted(shares)
    assert len(set(shares)) > 10
    assert shares[-1] == 100


def test_where_the_whole_is_not_known_no_share_is_told(on_sqlite: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with standard input."""
    monkeypatch.setattr(summary, "EVERY_S", 0.0)
    assert on_sqlite("replay", "-", stdin=batch(0)).err == "1 batches\n"


def test_lines_come_every_few_seconds_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the work tells how far it is."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress("units") as report:
        for number in range(1, 101):
            now[0] += 0.3
            report(number)
    assert capsys.readouterr().err == "".join(f"{number} units\n" for number in (17, 34, 51, 68, 85))


def test_a_bar_on_a_terminal(on_sqlite: Cli) -> None:
    """With the number of things so far, and nothing of it on standard output."""
    write_lines(on_sqlite.folder / "a.ndjson", [batch(number) for number in range(1200)])
    terminal, slave = os.openpty()
    with on_sqlite.start("replay", "a.ndjson", stderr=slave) as running:
        os.close(slave)
        out, _ = running.communicate(timeout=60)
    shown = b""
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # the other side is closed
        os.close(terminal)
    assert running.returncode == 0
    assert "1,200 batches" in shown.decode()
    assert "━" in shown.decode()
    assert out.decode().startswith("Replayed\n")
    assert "\x1b" not in out.decode()
