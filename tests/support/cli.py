"""The command line in a folder of its own: most commands inside the process of the tests, some as processes of their own."""

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest import mock

import msgspec
import structlog

from receiver.cli.main import main

DRAWBAR = Path(sys.executable).with_name("drawbar")
TIMEOUT_S = 60


class Done(NamedTuple):
    """A command that has ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The one JSON value that was printed."""
        return msgspec.json.decode(self.out)


class Cli:
    """Runs commands in `folder`, with `environment` in place of every DRAWBAR_ variable there may be."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = dict(environment or {})

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", status: int | None = 0) -> Done:
        """Run `drawbar` with these arguments, here and now; its exit status must be `status`, None: whatever it is."""
        out, err = _Captured(), _Captured()
        with self._as_process(["drawbar", *map(str, arguments)], stdin), redirect_stdout(out), redirect_stderr(err):
            try:
                main()
                code: Any = 0
            except SystemExit as end:
                code = end.code
        done = Done(code or 0, out.text, err.text)
        assert status in {None, done.status}, f"exit status {done.status}\n{done.out}\n{done.err}"
        return done

    def start(self, *arguments: str | Path, **options: Any) -> "subprocess.Popen[bytes]":  # noqa: ANN401 - options of Popen
        """Start `drawbar` as a process of its own."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [DRAWBAR, *arguments]
        started: Any = subprocess.Popen(command, cwd=self.folder, env=self._all_variables(), **(pipes | options))
        return cast("subprocess.Popen[bytes]", started)

    def process(self, *arguments: str | Path, status: int | None = 0, **options: Any) -> Done:  # noqa: ANN401 - options of Popen
        """Run `drawbar` as a process of its own to its end."""
        with self.start(*arguments, **options) as running:
            out, err = running.communicate(timeout=TIMEOUT_S)
        done = Done(running.returncode, out.decode(), err.decode())
        assert status in {None, done.status}, f"exit status {done.status}\n{done.out}\n{done.err}"
        return done

    def _all_variables(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("DRAWBAR_")} | self.environment

    @contextmanager
    def _as_process(self, arguments: list[str], stdin: bytes) -> Iterator[None]:
        """Make this process look like a fresh one, and leave it as it was."""
        root, before = logging.getLogger(), Path.cwd()
        handlers, level = root.handlers[:], root.level
        interrupted = signal.getsignal(signal.SIGINT)
        patches = (
            mock.patch.object(sys, "argv", arguments),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))),
            mock.patch.dict(os.environ, self._all_variables(), clear=True),
        )
        os.chdir(self.folder)
        try:
            with patches[0], patches[1], patches[2]:
                yield
        finally:
            os.chdir(before)
            signal.signal(signal.SIGINT, interrupted)
            logging.captureWarnings(capture=False)
            root.handlers, root.level = handlers, level
            structlog.reset_defaults()


class _Captured(io.TextIOWrapper):
    """A standard stream that is no terminal, and what was written to it as text or as bytes."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode()
