"""Files that are there whole or not at all, however the process ends."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from schemas.errors import InvalidInputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path`, or of what it is a link to, when the block has ended without an error.

    What is no file but takes bytes, such as a pipe or /dev/stdout, is written to as it stands. InvalidInputError: it can't be.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        with path.open("wb") as file:
            yield file
        return
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InvalidInputError(f"can't write {path}: {error.strerror}") from error
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o666 & ~_umask())  # as any other new file
            yield file
            file.flush()
            os.fsync(descriptor)
        written.replace(target)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """An empty file, for its owner alone, that is known as `path` once the block has ended without an error.

    InvalidInputError: something is known by that name already, or the folder can't be written.
    """
    _refuse_existing(path)
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InvalidInputError(f"can't write {path}: {error.strerror}") from error
    with folder as name:
        written = Path(name, path.name)
        os.close(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield written
        _sync(written)
        _name(written, path)
        _sync(path.parent)


def _name(written: Path, path: Path) -> None:
    """Give a file its name without taking it from another one."""
    try:
        os.link(written, path)
    except FileExistsError:
        _refuse_existing(path)
        raise
    except OSError:  # a file system without hard links
        _refuse_existing(path)
        written.rename(path)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise InvalidInputError(f"{path} exists already, and is not overwritten")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
