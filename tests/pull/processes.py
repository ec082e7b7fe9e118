"""Server processes of a test session: started on a free port of loopback, ended by their own id."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_START_S = 60
_STOP_S = 10


@contextmanager
def serving(
    command: list[str], tells_port: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[str]:
    """The base URL of a server that prints its port in a line which matches `tells_port`, until the block ends."""
    with (
        tempfile.TemporaryFile() as output,  # a file never fills up, whatever the server says
        subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{_port(process, output.fileno(), re.compile(tells_port.encode()))}"
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(process: subprocess.Popen[bytes], output: int, pattern: re.Pattern[bytes]) -> int:
    """The port in the server's output so far, as soon as it is there."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        ended = process.poll() is not None
        said = os.pread(output, 65_536, 0)
        found = pattern.search(said)
        if found is not None:
            return int(found[1])
        if ended:
            break
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} told no port: {os.pread(output, 65_536, 0).decode(errors='replace')[-2000:]}")
