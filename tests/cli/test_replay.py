"""`drawbar replay` into the store: what it applies, what it tells, and that it can be run again whenever it has ended."""

import contextlib
import fcntl
import gzip
import signal
import sqlite3
import struct
import subprocess
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest
from msgspec.structs import replace

from handlers.rules.intake import take_in
from receiver.cli import replay
from schemas.errors import StoreUnavailableError
from tests.support.batches import batch, digest_in, everything_in, on_store, write_lines
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, body_of
from tests.support.store import OTHER, feed, pairing
from tests.support.stories import FIXTURES, load_stories

STORIES = FIXTURES / "stories"


def database_of(cli: Cli) -> str:
    """Where the commands work."""
    return cli.environment["DRAWBAR_DATABASE"]


def test_all_stories_go_in_as_they_stand(cli: Cli) -> None:
    """Counts are those that the stories expect; once more changes nothing but the deliveries."""
    done = cli("replay", STORIES, "--json").json
    stories = load_stories()
    assert done["faults"] == []
    assert done["quarantined"] == sum(story.expected.events.quarantined for story in stories)
    assert done["accepted"] + done["duplicate"] + done["conflict"] == sum(len(story.batches) for story in stories)
    assert done["received"] == done["applied"] + done["duplicates"] + done["quarantined"] + done["ignored"]
    before, digest = everything_in(database_of(cli)), digest_in(database_of(cli))
    again = cli("replay", STORIES, "--json").json
    assert (again["applied"], again["quarantined"], again["ignored"], again["accepted"]) == (0, 0, 0, 0)
    after = everything_in(database_of(cli))
    assert len(after.pop("deliveries")) == 2 * len(before.pop("deliveries"))
    assert len(after.pop("commits")) > len(before.pop("commits"))
    assert after == before
    assert digest_in(database_of(cli)) == digest


def test_what_is_replayed_is_the_same_on_both_engines(folder: Path, sqlite_url: str, postgres_url: str) -> None:
    """The digest doesn't tell which engine it is of."""
    for url in (sqlite_url, postgres_url):
        Cli(folder, {"DRAWBAR_DATABASE": url})("replay", STORIES)
    assert digest_in(sqlite_url) == digest_in(postgres_url)


def test_a_database_is_made_where_there_is_none(fresh: Cli) -> None:
    """So that a first look needs no other command; the table says what happened."""
    done = fresh("replay", STORIES / "swap_of_units")
    assert "│ 3       │ 3        │" in done.out
    assert (fresh.folder / "drawbar.db").exists()


def test_what_cannot_be_read_is_told_and_left(on_sqlite: Cli) -> None:
    """Every fault has its file, line and path; what can be read is applied; the exit status is 1."""
    lines = [batch(0), b"{}", batch(1), b"[1, 2", batch(2)]
    write_lines(on_sqlite.folder / "a.ndjson", lines)
    (on_sqlite.folder / "b.ndjson.gz").write_bytes(gzip.compress(batch(3) + b"\n" + batch(4))[:-9])
    (on_sqlite.folder / "c.json").write_bytes(batch(5))
    done = on_sqlite("replay", ".", status=1)
    assert "│ 5 " in done.out
    assert [line.partition(": $")[0] for line in done.err.splitlines()] == ["a.ndjson:2", "a.ndjson:4", "b.ndjson.gz"]
    assert "Object missing required field `eventBatchId`" in done.err
    quarantine = on_sqlite("quarantine", "list", "--json").json
    assert quarantine["items"] == []


def test_only_the_first_faults_are_printed(on_sqlite: Cli) -> None:
    """The rest is counted; JSON has them all."""
    write_lines(on_sqlite.folder / "a.ndjson", [b"{}"] * 30)
    done = on_sqlite("replay", "a.ndjson", status=1)
    assert len(done.err.splitlines()) == 21
    assert done.err.endswith("… and 10 more\n")
    listed = on_sqlite("replay", "a.ndjson", "--json", status=1).json
    assert [fault["file"] for fault in listed["faults"]] == [f"a.ndjson:{line}" for line in range(1, 31)]


def test_standard_input_is_read(on_sqlite: Cli) -> None:
    """One batch a line, or one batch."""
    lines = b"\n".join(batch(number) for number in range(3))
    assert on_sqlite("replay", "-", "--json", stdin=lines).json["accepted"] == 3
    pretty = msgspec.json.format(batch(3), indent=2)
    assert on_sqlite("replay", "-", "--json", stdin=pretty).json["accepted"] == 1


def test_a_batch_beyond_the_limit_of_the_settings_is_a_fault(on_sqlite: Cli) -> None:
    """As the webhook would refuse it."""
    on_sqlite.environment["DRAWBAR_LIMITS_BODY_BYTES_MAX"] = "1000"
    write_lines(on_sqlite.folder / "a.ndjson", [batch(0), body_of([pairing(0)] * 5)])
    on_sqlite.environment["DRAWBAR_LIMITS_BODY_BYTES_MAX"] = str(len(batch(0)))
    done = on_sqlite("replay", "a.ndjson", status=1)
    assert f"a.ndjson:2: $: is larger than {len(batch(0))} bytes" in done.err


def test_a_subscription_binds_what_is_replayed_as_it(on_sqlite: Cli) -> None:
    """Events of another organization go to quarantine, and a name that isn't configured can't go past the binding."""
    (on_sqlite.folder / "drawbar.toml").write_text(f'[subscriptions.eu]\nsecrets = "x"\norganizations = ["{ORGANIZATION}"]\n')
    (on_sqlite.folder / "a.json").write_bytes(body_of([pairing(0), pairing(0, organization_id=OTHER)]))
    refused = on_sqlite("replay", "a.json", status=2)
    assert "no subscription 'default' is configured, but eu" in " ".join(refused.err.replace("│", " ").split())
    done = on_sqlite("replay", "a.json", "--subscription", "eu", "--json").json
    assert (done["applied"], done["quarantined"]) == (1, 1)
    (entry,) = on_sqlite("quarantine", "list", "--json").json["items"]
    assert (entry["subscription"], entry["organizationId"]) == ("eu", OTHER)


def test_one_delivery_that_cannot_be_applied_keeps_no_other_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events go to quarantine with the reason."""

    def poisoned(arrival: Any, *others: Any) -> Any:  # noqa: ANN401 - as it is called
        intake = take_in(arrival, *others)
        if b"tp:7" in arrival.body and intake.batch:
            copies = [replace(entry.copy, at_us=None) for entry in intake.batch.entries if entry.copy]
            entries = tuple(replace(entry, copy=copy) for entry, copy in zip(intake.batch.entries, copies, strict=True))
            return replace(intake, batch=replace(intake.batch, entries=entries))
        return intake

    monkeypatch.setattr(replay, "take_in", poisoned)
    write_lines(cli.folder / "a.ndjson", [batch(number) for number in range(10)])
    done = cli("replay", "a.ndjson", "--json", status=None)
    assert done.json["accepted"] == 10
    assert (done.json["applied"], done.json["quarantined"]) == (27, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_replay_that_is_stopped_can_be_run_again(folder: Path, sqlite_url: str, tmp_path: Path, number: int) -> None:
    """Whenever it was stopped and however, what has been applied is whole, and the second run ends where one run would have."""
    cli = Cli(folder, {"DRAWBAR_DATABASE": sqlite_url})
    fed: list[bytes] = []

    def feed(stream: IO[bytes]) -> None:
        """Give it something to do for as long as it runs."""
        with contextlib.suppress(BrokenPipeError), contextlib.closing(stream):
            for each in count():
                fed.append(batch(each))
                stream.write(fed[-1] + b"\n")

    with ThreadPoolExecutor(1) as thread, cli.start("replay", "-", stdin=subprocess.PIPE) as running:
        assert running.stdin
        feeding = thread.submit(feed, running.stdin)
        _wait_for_batches(sqlite_url, running)
        running.send_signal(number)
        running.wait(timeout=30)
        feeding.result(timeout=30)
        assert running.stdout
        assert running.stderr
        out, err = running.stdout.read().decode(), running.stderr.read().decode()
    if number == signal.SIGINT:
        assert running.returncode == 130
        assert out.startswith("Replayed before it was interrupted\n")
        assert err == "interrupted: the same command goes on, what is applied already changes nothing\n"
    else:
        assert (running.returncode, out, err) == (-number, "", "")
    stopped = cli("status", "--json").json["counts"]
    assert 0 < stopped["batches"] < len(fed)
    assert stopped["events"]["applied"] == 3 * stopped["batches"]
    digest_in(sqlite_url)
    write_lines(folder / "a.ndjson", fed)
    done = cli("replay", "a.ndjson", "--json").json
    assert (done["duplicate"], done["accepted"]) == (stopped["batches"], len(fed) - stopped["batches"])
    whole = f"sqlite:///{tmp_path / 'whole.db'}"
    Cli(folder, {"DRAWBAR_DATABASE": whole})("replay", "a.ndjson")
    assert digest_in(sqlite_url) == digest_in(whole)


def _wait_for_batches(sqlite_url: str, running: "subprocess.Popen[bytes]") -> None:
    """Wait until some are committed."""
    give_up = time.monotonic() + 30
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as raw:
        while raw.execute("SELECT count(*) FROM batches").fetchone() == (0,):
            assert time.monotonic() < give_up
            assert running.poll() is None
            time.sleep(0.005)


@pytest.mark.parametrize(
    "arguments", [("-",), ("-", "--dry-run"), ("-", "--to", "http://127.0.0.1:9", "--secret", "x")], ids=" ".join
)
def test_ctrl_c_ends_a_wait_for_standard_input(on_sqlite: Cli, arguments: tuple[str, ...]) -> None:
    """At once, although nothing comes in any more."""
    with on_sqlite.start("replay", *arguments, stdin=subprocess.PIPE) as running:
        assert running.stdin
        running.stdin.write(batch(0) + b"\n")
        running.stdin.flush()
        _wait_until_it_reads(running)
        running.send_signal(signal.SIGINT)
        running.wait(timeout=10)
        running.stdin.close()
        assert running.stderr
        assert (b"goes on" in running.stderr.read()) == ("--dry-run" not in arguments)
    assert running.returncode == 130


def _wait_until_it_reads(running: "subprocess.Popen[bytes]") -> None:
    """Wait until the process waits for its standard input: what was written has been taken out of the pipe."""
    give_up = time.monotonic() + 30
    assert running.stdin
    while struct.unpack("i", fcntl.ioctl(running.stdin, termios.FIONREAD, b"\0" * 4))[0]:
        assert time.monotonic() < give_up
        assert running.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)


def test_a_store_that_fails_in_between_is_told_with_what_was_done(on_sqlite: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary comes before the error, the exit status is 1, and the next run goes on."""
    monkeypatch.setattr(replay, "DELIVERIES_AT_A_TIME", 2)
    honest, calls = replay._commit, []

    async def failing(*arguments: Any) -> Any:  # noqa: ANN401 - as it is called
        calls.append(arguments)
        if len(calls) == 3:
            raise StoreUnavailableError("the disk is full")
        return await honest(*arguments)

    monkeypatch.setattr(replay, "_commit", failing)
    write_lines(on_sqlite.folder / "a.ndjson", [batch(number) for number in range(9)])
    done = on_sqlite("replay", "a.ndjson", status=1)
    assert done.err == "drawbar: the disk is full\n"
    assert "Replayed before it failed" in done.out
    assert "│ 4 " in done.out
    assert on_sqlite("replay", "a.ndjson", "--json").json["duplicate"] == 4


def test_a_dry_run_tells_what_the_run_would_do_and_does_nothing(cli: Cli) -> None:
    """Every answer and, unit by unit, every change is what comes after, whatever is in the store already."""
    stories = [STORIES / story.name for story in load_stories()]
    known, coming = stories[::2], [*stories[1::2], *stories[::5]]
    cli("replay", *known)
    before = everything_in(database_of(cli))
    mark = max((row["position"], row["n"]) for row in before["changes"])
    told = cli("replay", *coming, "--dry-run", "--json").json
    assert everything_in(database_of(cli)) == before
    changes = told.pop("changes")
    assert cli("replay", *coming, "--json").json == told
    rows = on_store(database_of(cli), lambda store: feed(store, mark))
    real: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        real.setdefault((row.organization_id, row.unit_id), []).append((row.type, msgspec.json.decode(row.data)))
    foretold: dict[tuple[str, str], list[Any]] = {}
    for change in changes:
        unit = (change["data"]["organizationId"], change["unitId"])
        foretold.setdefault(unit, []).append((change["type"], change["data"]))
    # One run is one transaction here, so that what is told of a unit is told at once.
    assert foretold == real


def test_a_dry_run_says_it_in_words(on_sqlite: Cli) -> None:
    """One line a change, then the summary."""
    done = on_sqlite("replay", STORIES / "swap_of_units", STORIES / "unknown_then_not_found", "--dry-run")
    lines = done.out.splitlines()
    assert any(line.startswith("case.opened tp:") for line in lines)
    assert any(line.startswith("pairing.opened tp:") and " on WK0S" in line and line.endswith("to now") for line in lines)
    assert "What would happen" in lines
    assert on_sqlite("status", "--json").json["counts"]["deliveries"] == 0


def test_a_dry_run_makes_no_database(fresh: Cli) -> None:
    """Where there is none it looks into an empty one of its own; one that isn't current it leaves alone."""
    done = fresh("replay", STORIES / "swap_of_units", "--dry-run", "--json").json
    assert (done["accepted"], len(done["changes"])) == (3, 6)
    assert list(fresh.folder.iterdir()) == []


def test_wrong_combinations_are_wrong_use(on_sqlite: Cli) -> None:
    """Nothing is read before that is said."""
    for arguments, says in (
        (("--dry-run", "--to", "http://x"), "--dry-run looks into the store"),
        (("--secret", "x"), "there is none"),
        (("--to", "localhost:8000", "--secret", "x"), "expected http://HOST:PORT"),
        (("--to", "http://x"), "no secret is configured for the subscription 'default'"),
        (("--to", "http://x", "--secret", "x", "--subscription", "a/b"), "can't be the name of a subscription"),
    ):
        done = on_sqlite("replay", "missing.json", *arguments, status=2)
        assert says in " ".join(done.err.replace("│", " ").split())
