"""`drawbar validate`: what a receiver would say of batches, without one."""

import gzip

import pytest

from tests.support.batches import batch, write_lines
from tests.support.cli import Cli
from tests.support.facts import body_of
from tests.support.store import pairing
from tests.support.stories import FIXTURES, load_stories


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_documented_payloads_have_no_fault(fresh: Cli, version: str) -> None:
    """Every one of them is what a receiver takes; nothing is made."""
    done = fresh("validate", FIXTURES / "datahub" / version, "--json").json
    assert done["faults"] == []
    assert done["unknown"] == 0
    assert done["events"] >= done["batches"] > 5
    assert list(fresh.folder.iterdir()) == []


def test_faults_have_their_file_line_path_and_reason(fresh: Cli) -> None:
    """Of batches and of single events; the rest is counted, and the exit status is 1."""
    broken = pairing(3)
    broken["eventData"] = broken["eventData"] | {"assetId": "none"}
    lines = [batch(0), body_of([pairing(0), broken, 7]), b"no JSON", b"[]"]
    write_lines(fresh.folder / "a.ndjson", lines)
    done = fresh("validate", "a.ndjson", status=1)
    told = [line.split(": ")[:2] for line in done.out.splitlines()]
    assert told[:-1] == [
        ["a.ndjson:2", "$.eventsData[1].eventData.assetId"],
        ["a.ndjson:2", "$.eventsData[2]"],
        ["a.ndjson:3", "$"],
        ["a.ndjson:4", "$"],
    ]
    assert done.out.endswith("2 batches, 6 events (0 of a type or version that isn't known), 4 faults\n")
    listed = fresh("validate", "a.ndjson", "--json", status=1).json
    assert [fault["path"] for fault in listed["faults"]] == [path for _, path in told[:-1]]


def test_it_finds_what_quarantine_would(fresh: Cli) -> None:
    """Over all stories as many faults as events that their stories expect in quarantine, where no batch comes twice."""
    stories = [story for story in load_stories() if not story.expected.batches.duplicate]
    done = fresh("validate", *(FIXTURES / "stories" / story.name for story in stories), "--json", status=1).json
    assert len(done["faults"]) == sum(story.expected.events.quarantined for story in stories)
    assert done["unknown"] == sum(story.expected.events.ignored for story in stories)
    assert done["batches"] == sum(len(story.batches) for story in stories)


def test_what_cannot_be_read_is_a_fault(fresh: Cli) -> None:
    """As in a replay: the rest is looked at."""
    (fresh.folder / "a.json.gz").write_bytes(gzip.compress(batch(0))[:-8])
    (fresh.folder / "b.json").write_bytes(batch(1))
    done = fresh("validate", ".", "--json", status=1).json
    assert [fault["file"] for fault in done["faults"]] == ["a.json.gz"]
    assert done["batches"] == 1


def test_standard_input(fresh: Cli) -> None:
    """Like a file."""
    assert fresh("validate", "-", stdin=batch(0)).out.startswith("1 batches, 3 events ")
