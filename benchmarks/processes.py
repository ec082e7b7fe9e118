"""Starts programs for a measurement, and ends those that it started."""

import os
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.harness import MOST_S, ROOT

_START_S = 60
_STOP_S = 30
_LISTENING = re.compile(rb"listening on http://127\.0\.0\.1:(\d+)\n")


class ProgramError(RuntimeError):
    """A program that was started didn't do what it should."""


def module(name: str, *arguments: object) -> list[str]:
    """The command line of a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


def drawbar(*arguments: object) -> list[str]:
    """The command line of the program itself, as it is installed beside this Python."""
    return [str(Path(sys.executable).with_name("drawbar")), *map(str, arguments)]


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of Drawbar other than those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRAWBAR_")}
    return kept | dict(settings or {})


@contextmanager
def serving(command: Sequence[str], log: Path, settings: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a server until the block ends; the port that it says it listens on. What it logs goes to a file. ProgramError."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, env=environment(settings), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file
        )
    try:
        yield _port(process, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def run(command: Sequence[str], settings: Mapping[str, str] | None = None, *, given: Iterable[bytes] = ()) -> bytes:
    """Run a program to its end with pieces of its standard input; its standard output, which is short. ProgramError."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=environment(settings), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        too_late = threading.Timer(MOST_S, process.kill)
        too_late.start()
        try:
            with suppress(BrokenPipeError):  # it says below why it reads no further
                for piece in given:
                    process.stdin.write(piece) if process.stdin else None
            said, _ = process.communicate()
        finally:
            process.kill()
            process.wait()
            too_late.cancel()
        if process.returncode != 0:
            log.seek(0)
            raise ProgramError(f"{' '.join(command)} ended with {process.returncode}: {log.read().decode()[-2000:]}")
    return said


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Read what the server says until it listens."""
    said = b""
    until = time.monotonic() + _START_S
    while process.stdout and time.monotonic() < until:
        if select.select([process.stdout], [], [], 0.2)[0]:
            piece = os.read(process.stdout.fileno(), 4096)
            said += piece
            if found := _LISTENING.search(said):
                return int(found[1])
            if not piece:
                break
    raise ProgramError(f"the server {process.args!r} doesn't listen: {log.read_text()[-2000:]}")
