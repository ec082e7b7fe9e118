"""Progress and summary of long work: a bar on a terminal, plain lines otherwise, both on standard error."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from receiver.batch_files import Fault
from receiver.cli.output import print_json, print_table, warn

EVERY_S = 5.0
MESSAGES = ("accepted", "duplicate", "conflict", "refused")
COUNTS = ("received", "applied", "duplicates", "quarantined", "ignored")
FAULTS_SHOWN = 20


class Report(Protocol):
    """Told how far the work is."""

    def __call__(self, done: int, share: float | None = None) -> None:
        """`done` things so far; `share` of all the work, 0 to 1, where that is known."""


@contextmanager
def progress(things: str) -> Iterator[Report]:
    """Show how far work on such things is until it ends."""
    if not sys.stderr.isatty():
        yield _lines(things)
        return
    columns = (TextColumn(f"{{task.fields[done]:,}} {things}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(things, total=None, done=0)

        def report(done: int, share: float | None = None) -> None:
            bar.update(task, total=None if share is None else 1.0, completed=share or 0.0, done=done)

        yield report


def _lines(things: str) -> Report:
    last = time.monotonic()

    def report(done: int, share: float | None = None) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_S:
            last = time.monotonic()
            warn(f"{done} {things}" + ("" if share is None else f", {share:.0%}"))

    return report


def batches_in(total: Counter[str]) -> int:
    """How many batches have been answered or refused."""
    return sum(total[name] for name in MESSAGES)


def summary(title: str, total: Counter[str], faults: Sequence[Fault], *, as_json: bool, **more: object) -> None:
    """What became of batches and events, and what could not be read or was refused; `more` goes into the JSON alone."""
    if as_json:
        print_json({**{name: total[name] for name in (*MESSAGES, *COUNTS)}, "faults": list(faults), **more})
        return
    print_table(
        title,
        ("batches", *MESSAGES, "events", *COUNTS[1:]),
        [(batches_in(total), *(total[name] for name in (*MESSAGES, *COUNTS)))],
    )
    show_faults(faults)


def show_faults(faults: Sequence[Fault]) -> None:
    """The first of the faults, one a line."""
    for fault in faults[:FAULTS_SHOWN]:
        warn(str(fault))
    if len(faults) > FAULTS_SHOWN:
        warn(f"… and {len(faults) - FAULTS_SHOWN} more")
