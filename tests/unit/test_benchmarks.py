"""The measurements at work on tiny sizes: each runs to its end and prints its table; and what they measure with."""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import harness
from benchmarks.fleet import ORGANIZATION, bodies, traffic
from benchmarks.harness import print_table
from benchmarks.into_store import into_store
from handlers.rules.intake import Arrival, take_in

TINY: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "ingest": (("--single", "100", "--large", "0", "--events", "0", "--units", "50"), ("echo", "noop", "drawbar", "naive")),
    "replay": (("--events", "600", "--units", "100", "--batch", "20"), ("drawbar replay", "storage only", "naive", "noop")),
    "queries": (
        ("--units", "120", "--events", "600", "--requests", "160"),
        ("noop", "unit by id", "100 units", "100 pairings"),
    ),
    "growth": (("--first", "200", "--events", "500", "--measured", "40"), ("200", "500")),
    "postgres": (("--requests", "12", "--units", "100"), ("1", "2")),
    "sync": (
        ("--assets", "20", "--rounds", "2", "--history", "400"),
        ("Drawbar", "Drawbar, an asset a request", "naive", "by hand", "by hand, blocking", "by hand, a commit a request"),
    ),
    "vin_lookup": (("--assets", "200", "--matches", "20"), ("whole", "end")),
}


@pytest.mark.parametrize("name", TINY)
def test_a_measurement_prints_a_table_and_the_command_that_repeats_it(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With tiny numbers each measurement ends well, and has a row for each thing that it compares."""
    options, expected = TINY[name]
    assert benchmarks.main([name, *options, "--runs", "1"]) == 0
    said = capfd.readouterr().out
    assert f"python -m benchmarks {name} {' '.join(options[:2])}" in said
    table = said[said.index("  ---") :].splitlines()[1:]
    assert [row for row in expected if any(re.search(rf"(^|  ){re.escape(row)}  ", line) for line in table)] == list(expected)


def test_a_measurement_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown name lists those that there are, and is wrong use."""
    assert benchmarks.main(["speed"]) == 2
    said = capsys.readouterr().out
    assert all(f"  {name}" in said for name in benchmarks.MEASUREMENTS)


def test_traffic_is_what_datahub_sends() -> None:
    """Every event is understood, each unit tells one thing in a round, times rise, and no two batches share an id."""
    told = list(islice(traffic(0, 30), 150))
    intakes = [take_in(Arrival("default", "webhook", 0, body)) for body in bodies(iter(told), 25)]
    batches = [intake.batch for intake in intakes if intake.batch]
    copies = [entry.copy for batch in batches for entry in batch.entries if entry.copy]
    assert len(copies) == len({copy.event_key for copy in copies}) == 150
    assert len({batch.event_batch_id for batch in batches}) == 6
    assert [copy.at_us for copy in copies] == sorted({copy.at_us for copy in copies})
    assert all(copy.at_us < batch.event_batch_time_us for batch in batches for copy in [batch.entries[-1].copy] if copy)
    assert {copy.organization_id for copy in copies} == {ORGANIZATION}
    for start in range(0, 150, 30):
        assert len({copy.unit_id for copy in copies[start : start + 30]}) == 30
    kinds = [copy.kind for copy in copies]
    assert (kinds.count("paired"), kinds.count("unpaired"), kinds.count("failed")) == (90, 30, 30)


def test_traffic_goes_on_where_it_ended() -> None:
    """What is told from a number on is the same whether or not it began before."""
    assert list(islice(traffic(0, 7), 40))[25:] == list(islice(traffic(25, 7), 15))


def test_the_memory_of_a_replay_is_its_own(tmp_path: Path) -> None:
    """The peak of a replay doesn't count what the measurement has that started it."""
    ballast = b"x" * (256 << 20)
    replayed = into_store(tmp_path / "drawbar.db", bodies(islice(traffic(0, 10), 20), 10))
    ours = len(ballast)
    assert 0 < replayed.peak_bytes < ours


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stand to the right with the digits that mean something, text to the left, and nothing where there is none."""
    print_table(("name", "value"), [("a", 12345.6), ("bcdef", 0.0123456), ("g", None)])
    assert capsys.readouterr().out.splitlines() == ["name    value", "-----  ------", "a      12,346", "bcdef  0.0123", "g"]


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--requests", "-1"]])
def test_numbers_that_make_no_sense_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No run at all, and negative numbers, are wrong use."""
    with pytest.raises(SystemExit) as ended:
        harness.options("queries", None, {"requests": (1, "requests")}, arguments)
    assert ended.value.code == 2
    assert "at least one run" in capsys.readouterr().err
