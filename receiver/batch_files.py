"""Event batches in files and folders: `.json` (one batch), `.ndjson` (one a line), either also as `.gz`, and standard input."""

import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from schemas.errors import InvalidInputError, at

STANDARD_INPUT = "-"
SUFFIXES = (".json", ".ndjson", ".jsonl")


class BatchFile(NamedTuple):
    """One batch: where it stands (a path, with the line for `.ndjson`) and its bytes as they are."""

    place: str
    body: bytes


class UnreadableError(InvalidInputError):
    """A file that can't be read, or is of a kind that holds no batches."""


def find_files(paths: Iterable[str]) -> list[Path]:
    """The files of all paths, folders gone through by name; `-` stays as it is. UnreadableError: a path that isn't there."""
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if text == STANDARD_INPUT or path.is_file():
            found.append(path)
        elif path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.is_file() and _kind(file))
        else:
            raise UnreadableError(f"{text}: no such file or folder")
    return found


def read_batches(files: Iterable[Path]) -> Iterator[BatchFile]:
    """The batches in files, one after the other, never more than one in memory; blank lines are passed over.

    UnreadableError: a file of another kind, one that is no gzip though its name says so, or one that can't be read.
    """
    for file in files:
        try:
            yield from _read(file)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableError(f"{file}: {error}") from error


def _read(file: Path) -> Iterator[BatchFile]:
    if str(file) == STANDARD_INPUT:
        yield from _lines_or_one("standard input", sys.stdin.buffer)
        return
    kind = _kind(file)
    if kind is None:
        raise at(str(file), f"expected a file that ends in one of {', '.join(SUFFIXES)}, or in one of them and .gz")
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
        if kind == ".json":
            yield BatchFile(str(file), stream.read())
        else:
            yield from _lines(str(file), stream)


def _kind(file: Path) -> str | None:
    suffix = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
    return suffix if suffix in SUFFIXES else None


def _lines(name: str, stream: IO[bytes] | gzip.GzipFile) -> Iterator[BatchFile]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield BatchFile(f"{name}:{number}", line.strip())


def _lines_or_one(name: str, stream: IO[bytes]) -> Iterator[BatchFile]:
    """Standard input has no name that tells: a first line that is a whole object means one batch a line."""
    first = stream.readline()
    if first.strip().endswith(b"}"):
        yield BatchFile(f"{name}:1", first.strip())
        for place, body in _lines(name, stream):
            line = int(place.rpartition(":")[2]) + 1
            yield BatchFile(f"{name}:{line}", body)
    else:
        body = first + stream.read()
        if body.strip():
            yield BatchFile(name, body)
