"""Batches in files: every form, whatever the files hold, and never more than one batch in memory."""

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.batch_files import BatchFile, BatchReader, Fault, Source, find_files
from schemas.errors import InvalidInputError

LIMIT = 1000


def read(*paths: Path | str, limit: int = LIMIT) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """What is in files: batches as (name and line, body), and faults as (name and line, message)."""
    reader = BatchReader(find_files(map(str, paths)), limit)
    batches = [(place.rpartition("/")[2], body) for place, body in reader]
    return batches, [(fault.file.rpartition("/")[2], fault.message) for fault in reader.faults]


def pipe_in(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let standard input hold this."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))


def test_a_json_file_is_one_batch_as_it_is(tmp_path: Path) -> None:
    """With its white space, and with nothing in it too: what it means is for the decoder to say."""
    (tmp_path / "a.json").write_bytes(b' {\n"a": 1}\n')
    (tmp_path / "b.json").write_bytes(b"")
    assert read(tmp_path / "a.json", tmp_path / "b.json") == ([("a.json", b' {\n"a": 1}\n'), ("b.json", b"")], [])


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl"])
def test_a_file_of_lines_is_a_batch_a_line(tmp_path: Path, name: str, ending: bytes) -> None:
    """Blank lines are passed over and counted; the last line needs no end."""
    (tmp_path / name).write_bytes(ending.join([b"{}", b"", b"  ", b' {"a": 1} ', b"[2]"]))
    assert read(tmp_path / name) == ([(f"{name}:1", b"{}"), (f"{name}:4", b'{"a": 1}'), (f"{name}:5", b"[2]")], [])


def test_compressed_files_are_read_as_their_name_says(tmp_path: Path) -> None:
    """Several gzip members in one file are one stream; a bare `.gz` is told by what is in it."""
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"a":\n1}', mtime=0))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(b"{}\n[", mtime=0) + gzip.compress(b"1]\n"))
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"{}\n{}\n", mtime=0))
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"{\n}\n", mtime=0))
    assert read(*sorted(tmp_path.iterdir())) == (
        [
            ("a.json.gz", b'{"a":\n1}'),
            ("b.ndjson.gz:1", b"{}"),
            ("b.ndjson.gz:2", b"[1]"),
            ("c.gz:1", b"{}"),
            ("c.gz:2", b"{}"),
            ("d.gz", b"{\n}\n"),
        ],
        [],
    )


def test_a_folder_is_gone_through_by_name(tmp_path: Path) -> None:
    """Files of other kinds are passed over, and so are folders whose name looks like a file's."""
    for name in ("b/2.json", "b/10.json", "a/x.ndjson.gz", "c.json", "README.md", "b/expected.toml", "logs.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.json").mkdir()
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    found = [str(source.path.relative_to(tmp_path)) for source in find_files([str(tmp_path)])]
    assert found == ["c.json", "a/x.ndjson.gz", "b/10.json", "b/2.json"]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json.zip"])
def test_a_file_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    """The message says which names are taken."""
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(InvalidInputError, match=r"expected a name that ends in \.json, \.ndjson, \.jsonl"):
        find_files([str(tmp_path / name)])


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(InvalidInputError, match=r"missing\.json: no such file or folder"):
        find_files([str(tmp_path / "missing.json")])


@pytest.mark.parametrize(
    ("content", "batches"),
    [
        (b"", []),
        (b'{"a": 1}', [("standard input:1", b'{"a": 1}')]),
        (b'{"a": 1}\n\n{}\n', [("standard input:1", b'{"a": 1}'), ("standard input:3", b"{}")]),
        (b'{\n"a": {}}\n', [("standard input", b'{\n"a": {}}\n')]),
        (b'{"a": {}\n}\n', [("standard input", b'{"a": {}\n}\n')]),
        (gzip.compress(b"{}\n{}\n", mtime=0), [("standard input:1", b"{}"), ("standard input:2", b"{}")]),
    ],
)
def test_standard_input_is_told_by_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch, content: bytes, batches: list[tuple[str, bytes]]
) -> None:
    """One batch a line if the first line is JSON by itself, else one batch; compressed or not."""
    pipe_in(monkeypatch, content)
    assert read("-") == (batches, [])


def test_a_named_pipe_is_read_like_standard_input(tmp_path: Path) -> None:
    """So is the file that a shell makes of `<(…)`; how much is in it can't be known."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"{}\n[]\n",))
    writer.start()
    reader = BatchReader(find_files([str(path)]), LIMIT)
    assert reader.bytes_total is None
    assert [body for _, body in reader] == [b"{}", b"[]"]
    writer.join()


def test_what_breaks_off_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    """A truncated or damaged file gives what can be read of it, and doesn't keep the others from being read."""
    lines = b"".join(b'{"number": %d, "rest": "%s"}\n' % (number, os.urandom(20).hex().encode()) for number in range(200))
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(lines, mtime=0)[:-500])
    (tmp_path / "b.json.gz").write_bytes(b"no gzip")
    (tmp_path / "c.json").write_bytes(b"{}")
    batches, faults = read(tmp_path)
    assert 100 < len(batches) < 200
    assert batches[-1] == ("c.json", b"{}")
    assert [name for name, _ in faults] == ["a.ndjson.gz", "b.json.gz"]
    assert all(message for _, message in faults)


def test_a_file_that_goes_away_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    """It was there when the paths were looked at."""
    (tmp_path / "a.json").write_bytes(b"{}")
    sources = find_files([str(tmp_path)])
    (tmp_path / "a.json").unlink()
    reader = BatchReader(sources, LIMIT)
    assert list(reader) == []
    assert reader.faults == [Fault(str(tmp_path / "a.json"), "$", "No such file or directory")]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_batch_beyond_the_limit_is_told_and_passed_over(tmp_path: Path, suffix: str) -> None:
    """Neither a file nor a line can fill the memory; a batch of just the limit is taken."""
    pack = gzip.compress if suffix else bytes
    fits, too_long = b"[%s]" % (b" " * (LIMIT - 2)), b"[%s]" % (b" " * (LIMIT - 1))
    (tmp_path / f"a.json{suffix}").write_bytes(pack(fits))
    (tmp_path / f"b.json{suffix}").write_bytes(pack(too_long))
    lines = [fits, too_long, b"[%s]" % (b"x" * 3_000_000), b"{}", too_long]
    (tmp_path / f"c.ndjson{suffix}").write_bytes(pack(b"\r\n".join(lines)))
    batches, faults = read(tmp_path)
    assert batches == [(f"a.json{suffix}", fits), (f"c.ndjson{suffix}:1", fits), (f"c.ndjson{suffix}:4", b"{}")]
    places = [f"b.json{suffix}", *(f"c.ndjson{suffix}:{line}" for line in (2, 3, 5))]
    assert faults == [(place, "is larger than 1000 bytes") for place in places]


def test_standard_input_beyond_the_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing says whether it is one batch or many."""
    pipe_in(monkeypatch, b"{\n" + b" " * LIMIT)
    assert read("-") == ([], [("standard input", "is larger than 1000 bytes")])


def test_how_far_reading_is_can_be_told(tmp_path: Path) -> None:
    """In bytes of the files as they lie there, compressed ones too; all of them in the end."""
    (tmp_path / "a.ndjson").write_bytes(b"{}\n" * 10_000)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(b"{}\n" * 10_000, mtime=0))
    (tmp_path / "c.json").write_bytes(b"{}")
    reader = BatchReader(find_files([str(tmp_path)]), LIMIT)
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert reader.bytes_total == total
    seen = [reader.bytes_done]
    for _ in reader:
        seen.append(reader.bytes_done)  # noqa: PERF401 - it changes from one to the next
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert reader.bytes_done == total


_lines = st.lists(st.binary(min_size=1, max_size=40).filter(lambda line: b"\n" not in line and line.strip() == line), max_size=20)


@given(lines=_lines, packed=st.booleans(), limit=st.integers(1, 50))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_come_out_as_they_went_in(tmp_path: Path, lines: list[bytes], packed: bool, limit: int) -> None:
    """Whatever their bytes are, those within the limit come with their numbers, and of the others the number is told."""
    path = tmp_path / ("a.ndjson.gz" if packed else "a.ndjson")
    content = b"\n".join(lines)
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    reader = BatchReader([Source(path, "lines")], limit)
    assert list(reader) == [BatchFile(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if len(line) <= limit]
    assert [fault.file for fault in reader.faults] == [
        f"{path}:{number}" for number, line in enumerate(lines, 1) if len(line) > limit
    ]


def test_a_reader_that_is_left_early_closes_its_file(tmp_path: Path) -> None:
    """As where a receiver takes nothing more, or a run is interrupted."""
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"{}\n" * 3)
    reader = BatchReader(find_files([str(path)]), LIMIT)
    batches = iter(reader)
    next(batches)
    batches.close()
    assert reader.bytes_done == len(b"{}\n")
    assert path not in {Path(os.path.realpath(descriptor)) for descriptor in Path("/proc/self/fd").iterdir()}
