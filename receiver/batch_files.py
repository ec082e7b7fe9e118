"""Event batches in files and folders: `.json` (one batch), `.ndjson` (one a line), either also as `.gz`, and standard input.

Files come from anywhere, so none is trusted: a batch has a largest size, and what can't be read is told and passed over.
"""

import gzip
import os
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from io import BufferedIOBase, BufferedReader
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, cast

from msgspec import Struct

from schemas.errors import InvalidInputError, Problem
from schemas.json_faults import is_json

STANDARD_INPUT = "-"
Form = Literal["one", "lines", "either"]
FORMS: dict[str, Form] = {".json": "one", ".ndjson": "lines", ".jsonl": "lines"}
_GZIP_MAGIC = b"\x1f\x8b"
_SKIPPED_AT_A_TIME = 1 << 20
_READ_ERRORS = (OSError, EOFError, zlib.error)


class BatchFile(NamedTuple):
    """One batch: where it stands (a file, with the line for `.ndjson`) and its bytes as they are."""

    place: str
    body: bytes


class Fault(Struct, frozen=True):
    """What can't be read or isn't a batch: where, the JSON path in it, and why."""

    file: str
    path: str
    message: str

    @classmethod
    def of(cls, place: str, problem: Problem | None) -> "Fault":
        """What is wrong with the batch that stands at `place`."""
        return cls(place, problem.path if problem else "$", problem.message if problem else "can't be read")

    def __str__(self) -> str:
        return f"{self.file}: {self.path}: {self.message}"


class Source(NamedTuple):
    """A file to read; `form` is `either` where its name doesn't tell."""

    path: Path
    form: Form


def find_files(paths: Iterable[str]) -> list[Source]:
    """The files of all paths; a folder gives those in it that a name marks as batches, in the order of their names.

    InvalidInputError: a path that isn't there, or a file whose name says that it holds something else.
    """
    found: list[Source] = []
    for text in paths:
        path = Path(text)
        if text == STANDARD_INPUT:
            found.append(Source(path, "either"))
        elif path.is_dir():
            found += _in_folder(path)
        elif not path.exists():
            raise InvalidInputError(f"{text}: no such file or folder")
        else:
            form = _form(path) or ("either" if path.suffix == ".gz" or not path.is_file() else None)
            if form is None:
                raise InvalidInputError(f"{text}: expected a name that ends in {', '.join(FORMS)}, or in one of them and .gz")
            found.append(Source(path, form))
    return found


def _in_folder(folder: Path) -> Iterator[Source]:
    def refuse(error: OSError) -> NoReturn:
        raise InvalidInputError(f"{error.filename}: {error.strerror}") from error

    for above, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(above, name)
            if (form := _form(path)) and path.is_file():
                yield Source(path, form)


def _form(path: Path) -> Form | None:
    return FORMS.get(path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix)


class BatchReader:
    """Reads the batches of files one after the other, never more than one in memory; can be gone through once.

    What can't be read is added to `faults`: a file, the rest of one that breaks off, a batch of more than `bytes_max`. Close the
    iterator if it isn't gone through to its end: it has a file open.
    """

    def __init__(self, sources: Sequence[Source], bytes_max: int) -> None:
        self._sources = sources
        self._bytes_max = bytes_max
        self._raw: BufferedReader | None = None
        self._bytes_before = 0
        self.faults: list[Fault] = []

    @property
    def bytes_total(self) -> int | None:
        """How much there is to read; None where that can't be known."""
        if not all(source.path.is_file() for source in self._sources):
            return None
        return sum(source.path.stat().st_size for source in self._sources)

    @property
    def bytes_done(self) -> int:
        """How much of it has been read."""
        return self._bytes_before + (self._raw.tell() if self._raw and self._raw.seekable() else 0)

    def __iter__(self) -> Generator[BatchFile, None, None]:
        for path, form in self._sources:
            name = "standard input" if str(path) == STANDARD_INPUT else str(path)
            try:
                if str(path) == STANDARD_INPUT:
                    yield from self._read(name, cast("BufferedReader", sys.stdin.buffer), form)
                else:
                    with path.open("rb") as file:
                        yield from self._read(name, file, form)
            except _READ_ERRORS as error:
                self.faults.append(Fault(name, "$", getattr(error, "strerror", None) or str(error)))

    def _read(self, name: str, raw: BufferedReader, form: Form) -> Iterator[BatchFile]:
        self._raw = raw
        try:
            stream = gzip.GzipFile(fileobj=raw) if _is_packed(name, raw, form) else raw
            if form == "one":
                yield from self._whole(name, stream.read(self._bytes_max + 1))
            elif form == "lines":
                yield from self._lines(name, stream, 1)
            else:
                yield from self._either(name, stream)
        finally:
            self._bytes_before, self._raw = self.bytes_done, None

    def _whole(self, place: str, body: bytes) -> Iterator[BatchFile]:
        if len(body) > self._bytes_max:
            self.faults.append(Fault(place, "$", f"is larger than {self._bytes_max} bytes"))
        else:
            yield BatchFile(place, body)

    def _lines(self, name: str, stream: BufferedIOBase, first: int) -> Iterator[BatchFile]:
        longest = self._bytes_max + len(b"\r\n")
        for number in count(first):
            line = stream.readline(longest)
            if not line:
                return
            if body := line.strip():
                yield from self._whole(f"{name}:{number}", body)
            while line and not line.endswith(b"\n"):
                line = stream.readline(_SKIPPED_AT_A_TIME)

    def _either(self, name: str, stream: BufferedIOBase) -> Iterator[BatchFile]:
        """Without a name that tells: a first line that is JSON by itself means one batch a line."""
        first = stream.readline(self._bytes_max + 1)
        if is_json(first):
            yield BatchFile(f"{name}:1", first.strip())
            yield from self._lines(name, stream, 2)
        elif body := first + stream.read(max(0, self._bytes_max + 1 - len(first))):
            yield from self._whole(name, body)


def _is_packed(name: str, raw: BufferedReader, form: Form) -> bool:
    return name.endswith(".gz") or (form == "either" and raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC))
