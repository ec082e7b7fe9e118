"""What the measurements share: their options, a folder that is thrown away, the facts of the machine, and tables."""

import argparse
import gc
import os
import platform
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
# Nothing that is started here may take longer.
MOST_S = 3600


def options(
    name: str, doc: str | None, numbers: dict[str, tuple[int, str]], arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The options of a measurement: `numbers` are its whole-number options, with default and meaning; all have `--runs`."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=doc)
    for option, (default, meaning) in {**numbers, "runs": (3, "runs of which the median counts")}.items():
        parser.add_argument(f"--{option}", type=int, default=default, help=f"{meaning} (default {default:,})")
    given = parser.parse_args(arguments)
    if given.runs < 1 or any(value < 0 for value in vars(given).values()):
        parser.error("expected at least one run, and no number below 0")
    return given


def repeated(name: str, given: argparse.Namespace) -> str:
    """The command that measures the same again."""
    return " ".join(["python -m benchmarks", name, *(f"--{option} {value}" for option, value in vars(given).items())])


def begin(name: str, given: argparse.Namespace) -> None:
    """Say what is measured, and on what."""
    gc.collect()
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{repeated(name, given)}")
    print(
        f"{os.cpu_count()} CPUs, {platform.machine()} {platform.system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load before {load}; medians of {given.runs}"
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for databases and files, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="drawbar-bench-") as folder:
        yield Path(folder)


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns, text to the left and numbers to the right."""
    cells = [list(columns), *([_text(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    right = [any(isinstance(row[column], int | float) for row in rows) for column in range(len(columns))]
    for number, row in enumerate(cells):
        aligned = (
            cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        print("  ".join(aligned).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value < 1 else f"{value:.2f}"  # noqa: PLR2004 - digits that mean something
    return f"{value:,}" if isinstance(value, int) else str(value)
