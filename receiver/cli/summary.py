"""Progress and summary of long work on batches: a bar on a terminal, plain lines otherwise."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from receiver.cli.common import print_json, print_table

EVERY_S = 5.0
MESSAGES = ("accepted", "duplicate", "conflict", "refused")
COUNTS = ("received", "applied", "duplicates", "quarantined", "ignored")
PROBLEMS_SHOWN = 20


class Report(Protocol):
    """Told how far the work is."""

    def __call__(self, done: int) -> None:
        """`done` of all."""


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Report]:
    """Show how far work on `total` things is, or on an unknown number of them, until it ends; on standard error."""
    if not sys.stderr.isatty():
        yield _lines(what, total)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)

        def report(done: int) -> None:
            bar.update(task, completed=done)

        yield report


def _lines(what: str, total: int | None) -> Report:
    last = time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_S:
            last = time.monotonic()
            typer.echo(f"{what}: {done}" + (f" of {total}" if total else ""), err=True)

    return report


def batches_in(total: Counter[str]) -> int:
    """How many batches have been answered or refused."""
    return sum(total[name] for name in MESSAGES)


def summary(title: str, total: Counter[str], bad: Sequence[str], *, as_json: bool) -> None:
    """What became of batches and events; `bad` are files that hold no batch, with the reason."""
    if as_json:
        print_json({**{name: total[name] for name in (*MESSAGES, *COUNTS)}, "unreadable": list(bad)})
        return
    print_table(
        title,
        ("batches", *MESSAGES, "events", *COUNTS[1:]),
        [(batches_in(total), *(total[name] for name in (*MESSAGES, *COUNTS)))],
    )
    for line in bad[:PROBLEMS_SHOWN]:
        typer.echo(line, err=True)
    if len(bad) > PROBLEMS_SHOWN:
        typer.echo(f"… and {len(bad) - PROBLEMS_SHOWN} more", err=True)
