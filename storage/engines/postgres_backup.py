"""A dump of a PostgreSQL database by its own programs, of the snapshot that a transaction of ours sees."""

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from storage.engine import BackupError

_MESSAGE_LENGTH_MAX = 1000


def find_programs() -> tuple[str, str]:
    """Where `pg_dump` and `pg_restore` are. BackupError: they aren't on the PATH."""
    dump, restore = shutil.which("pg_dump"), shutil.which("pg_restore")
    if dump is None or restore is None:
        missing = "pg_dump" if dump is None else "pg_restore"
        raise BackupError(f"{missing} is not on the PATH: install PostgreSQL's client programs, of the server's version or later")
    return dump, restore


async def dump_database(url: str, snapshot: str, target: Path) -> None:
    """Dump what an exported snapshot holds, in the custom format of pg_dump, and read the whole archive back as a check.

    BackupError: a program isn't there, or fails; its own words are in the message.
    """
    dump, restore = find_programs()
    plain_url, password = _split_password(url)
    secret = {"PGPASSWORD": password} if password else {}
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}")
    await _run(dump, *options, f"--dbname={plain_url}", environment=secret)
    await _run(restore, f"--file={os.devnull}", str(target), environment={})


def _split_password(url: str) -> tuple[str, str | None]:
    """The URL without its password, which every user of this machine could read in the list of processes."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}")), unquote(parts.password)


async def _run(program: str, *arguments: str, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[:_MESSAGE_LENGTH_MAX]
        raise BackupError(f"{Path(program).name} failed: {words or f'exit status {process.returncode}'}")
