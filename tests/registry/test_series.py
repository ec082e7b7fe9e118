"""Series in the store: whatever comes, goes or is judged otherwise, they are what all their readings come to."""

import asyncio
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers import series
from handlers.ports import Transaction
from handlers.rules.series_change import SeriesChange
from handlers.rules.series_rows import Arrival, series_row
from handlers.series import change_series
from schemas.readings import NO_THRESHOLDS, Reading, Thresholds
from schemas.registry_records import Place, SeriesRow
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.readings import MOMENTS, THRESHOLDS, VALUES, at, mark_series
from tests.support.store import execute

KEY = ("asset_1", "M")
ARRIVALS = st.lists(st.builds(at, MOMENTS, VALUES), min_size=1, max_size=5)
# What a transaction does: readings that come, places of readings that go, or other thresholds.
STEPS = st.lists(
    st.one_of(ARRIVALS, st.lists(st.integers(0, 20), min_size=1, max_size=3).map(tuple), THRESHOLDS), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for tests that are no coroutines."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="module")
def store(
    runner: asyncio.Runner,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> Iterator[DatabaseStore]:
    """A store for many examples, from which few readings are read at once."""
    engine = open_engine(str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("series") / "drawbar.db")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "FIRST_PAGE", 1)
        patch.setattr(series, "PAGE", 3)
        yield DatabaseStore(engine)
    runner.run(engine.close())


class Log:
    """All that is in one series of a store, kept twice."""

    def __init__(self, store: DatabaseStore, runner: asyncio.Runner) -> None:
        self._store, self._runner = store, runner
        self._runner.run(execute(store, "DELETE FROM readings", "DELETE FROM series"))
        self._readings: list[Reading] = []
        self._thresholds: Thresholds = NO_THRESHOLDS
        self._number = 0

    def do(self, step: list[Reading] | tuple[int, ...] | Thresholds) -> None:
        """One step, in one transaction."""
        change, removed = SeriesChange(self._thresholds), []
        if isinstance(step, Thresholds):
            self._thresholds = step
            change = SeriesChange(step, anew=True)
        elif isinstance(step, tuple):
            removed = [self._readings[place] for place in sorted(set(step)) if place < len(self._readings)]
            self._readings = [one for one in self._readings if one not in removed]
            change.removed_us = [one.at_us for one in removed]
            if not removed:
                return
        else:
            for reading in step:
                self._number += 1
                self._readings.append(replace(reading, seq=self._number, unit_id="tp:1"))
                change.arrivals.append(Arrival(self._readings[-1], 0))

        async def work(tx: Transaction) -> None:
            await tx.registry.readings.remove(ORGANIZATION, [(*KEY, one.at_us, one.seq) for one in removed])
            await change_series(tx, ORGANIZATION, {KEY: change})

        self._runner.run(self._store.write(work))

    def check(self) -> None:
        """What is stored is what the whole series comes to."""
        marked, tail = mark_series(self._readings, self._thresholds)
        expected = series_row(KEY, max(one.at_us for one in self._readings), tail) if self._readings else None

        async def work(tx: Transaction) -> tuple[list[Any], SeriesRow | None]:
            found = await tx.registry.readings.after(ORGANIZATION, [(KEY, Place(-(2**63), 0))], 1000)
            rows = [(one.at_us, one.reading_no, one.value, one.mark, bool(one.shown), one.reason) for one in found.get(KEY, ())]
            return rows, (await tx.registry.readings.series(ORGANIZATION, [KEY])).get(KEY)

        rows, row = self._runner.run(self._store.read(work))
        assert rows == [(one.at_us, one.seq, one.value, mark.status, mark.shown, mark.reason) for one, mark in marked]
        assert row == expected


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_a_series_is_what_its_readings_come_to(
    store: DatabaseStore, runner: asyncio.Runner, steps: list[list[Reading] | tuple[int, ...] | Thresholds]
) -> None:
    """After any steps, marks, latest, newest and last are those of the whole series judged at once."""
    log = Log(store, runner)
    for step in steps:
        log.do(step)
        log.check()


@pytest.mark.parametrize(
    "steps",
    [
        [Thresholds(max=Decimal(10)), [at(0, None)], [at(0.5, "1000")]],
        [[at(10, "5"), at(20, None)], [at(19.5, "5")], (0, 1)],
        [[at(0, "1"), at(5, "2"), at(9, "3")], Thresholds(monotonic=True), [at(4, "7")], (3,)],
    ],
    ids=["suspect behind the newest", "all but the last go", "what made others suspect goes"],
)
def test_named_sequences(store: DatabaseStore, runner: asyncio.Runner, steps: list[Any]) -> None:
    """Sequences in which what lies before the change decides."""
    log = Log(store, runner)
    for step in steps:
        log.do(step)
        log.check()


def test_a_reading_that_came_before_changes_nothing(store: DatabaseStore, runner: asyncio.Runner) -> None:
    """The very same readings again leave the series as it is, and give the marks that they have."""
    log = Log(store, runner)
    readings = [at(0, "1"), at(0.5, "1"), at(90_000, "1000")]
    log.do(Thresholds(max_delta_per_day=Decimal(1)))
    log.do(readings)
    log.check()
    again = [Arrival(replace(reading, seq=number), 0) for number, reading in enumerate(readings, 1)]
    change = SeriesChange(Thresholds(max_delta_per_day=Decimal(1)), again)
    marks = runner.run(store.write(lambda tx: change_series(tx, ORGANIZATION, {KEY: change})))
    assert [(marks[number].status, marks[number].shown) for number in (1, 2, 3)] == [
        ("NORMAL", True),
        ("NORMAL", False),
        ("SUSPECT", True),
    ]
    log.check()
