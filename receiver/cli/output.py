"""What commands print: tables for people, JSON for programs, and nothing that could steer a terminal."""

import sys
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table

from receiver.printable import printable, printable_lines
from schemas.wire import to_json

# Off a terminal there is no width to fold rows to.
_ANY_WIDTH = 100_000


def say(text: str) -> None:
    """A line for the reader on standard output; line breaks stay."""
    typer.echo(printable_lines(text))


def warn(text: str) -> None:
    """The same on standard error, where it is in nobody's way who reads the output."""
    typer.echo(printable_lines(text), err=True)


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    sys.stdout.write(to_json(value).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for a person; None is shown as a dash. Off a terminal every row is one line, however long."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console = Console(width=None if sys.stdout.isatty() else _ANY_WIDTH, markup=False, emoji=False, highlight=False)
    console.print(printable(title))
    console.print(table)
