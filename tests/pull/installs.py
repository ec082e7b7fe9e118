"""Bringing in the servers of other projects: once, whichever worker comes first, and told clearly where it can't be done."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
_INSTALL_S = 300


def need(program: str) -> str:
    """The path of a program; skips the test where it is missing."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: the servers of this test need it")
    return found


def install_node_modules(folder: Path) -> Path:
    """The node_modules of package-lock.json. `folder` is one that all workers share, for the lock."""
    npm = need("npm")
    need("node")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".installed"
    with _locked(folder / "npm.lock"):
        if not stamp.exists() or stamp.read_text() != wanted:
            _install([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], HERE)
            stamp.write_text(wanted)
    return MODULES


def install_httpbin(folder: Path) -> Path:
    """A folder with httpbin and what it imports, inside `folder`, which all workers share."""
    wanted = hashlib.sha256((HERE / "httpbin.txt").read_bytes()).hexdigest()[:16]
    target = folder / f"httpbin-{wanted}-{sys.version_info.major}.{sys.version_info.minor}"
    stamp = target / ".installed"
    with _locked(folder / "pip.lock"):
        if not stamp.exists():
            shutil.rmtree(target, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
            _install([*pip, "--no-deps", "--require-hashes", "--target", str(target), "-r", str(HERE / "httpbin.txt")], HERE)
            stamp.touch()
    return target


def _install(command: list[str], folder: Path) -> None:
    """Run an installer. Where a developer is offline the tests are skipped; in CI they must run."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if done.returncode != 0:
        told = f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
