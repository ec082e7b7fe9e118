"""Files that are there whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from receiver.new_files import appearing, replacing
from schemas.errors import InvalidInputError


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    """Until then the old one stands; the new one has the mode of any new file, and nothing else is left."""
    path = tmp_path / "export.csv"
    path.write_text("old")
    mask = os.umask(0o027)
    try:
        with replacing(path) as file:
            file.write(b"new")
            file.flush()
            assert path.read_text() == "old"
    finally:
        os.umask(mask)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["export.csv"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing of the new one."""
    path = tmp_path / "export.csv"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["export.csv"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is replaced."""
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "latest.csv"
    link.symlink_to("real.csv")
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
    assert names(tmp_path) == ["latest.csv", "real.csv"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A pipe, and so a device, is written to, and stays what it is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with replacing(pipe) as file:
            file.write(b"new")
        assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize(("name", "reason"), [("", "Is a directory"), ("nowhere/export.csv", "No such file or directory")])
def test_what_cannot_be_written_is_told_by_its_name(tmp_path: Path, name: str, reason: str) -> None:
    """Not by that of a file that nobody asked for."""
    with pytest.raises(InvalidInputError, match=rf"^can't write {tmp_path / name}: {reason}$"), replacing(tmp_path / name):
        pass
    assert names(tmp_path) == []


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    """It is for its owner alone from the beginning on, and nothing else is left."""
    path = tmp_path / "copy.db"
    with appearing(path) as written:
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700
        written.write_text("whole")
        (written.parent / "copy.db-wal").write_text("what a database puts beside it")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["copy.db"]


def test_a_file_whose_making_fails_never_appears(tmp_path: Path) -> None:
    """Nothing is left of it."""

    def fail() -> None:
        with appearing(tmp_path / "copy.db") as written:
            written.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not what is there before, a link to nowhere included, and not what comes in between."""
    path = tmp_path / "copy.db"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="exists already"), appearing(path):
        raise AssertionError
    path.unlink()
    with pytest.raises(InvalidInputError, match="exists already"), appearing(path):
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"
    assert names(tmp_path) == ["copy.db"]


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There too nothing is overwritten that is there."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with appearing(tmp_path / "copy.db") as written:
        written.write_text("whole")
    assert (tmp_path / "copy.db").read_text() == "whole"
    with pytest.raises(InvalidInputError, match="exists already"), appearing(tmp_path / "other.db"):
        (tmp_path / "other.db").write_text("somebody else's")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The file that can't be written is named."""
    missing = appearing(tmp_path / "missing" / "copy.db")
    with pytest.raises(InvalidInputError, match=r"can't write .*missing/copy\.db: No such file"), missing:
        raise AssertionError
