"""Whatever is done to the registry, in whatever order, it agrees with the model, and a rebuild finds nothing to mend."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from handlers import series
from handlers.rebuild import rebuild
from schemas.assets import Meter
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.postgres import PostgresServer
from tests.support.registry_store import Beside
from tests.support.store import wipe
from tests.support.sync_draws import CONTRADICTIONS, ENTRIES

HOURS = st.integers(0, 30)
# Instants that coincide, are neighbours within a second, or lie days apart; values that bounds tell apart.
LATE = st.builds(
    lambda value, second, day: {
        "meterCode": "ODOMETER_KM",
        "unit": "KM",
        "recordedAt": f"2024-11-{day}T08:00:0{second}Z",
        **({"value": value} if value is not None else {"status": "NOT_EQUIPPED"}),
    },
    st.sampled_from([1, 2.5, 3, 100, 100, None]),
    st.sampled_from(["0", "0.5", "1", "2"]),
    st.sampled_from([10, 14, 17, 18]),
)


class RegistryMachine(RuleBasedStateMachine):
    """Syncs, retries, contradictions, new meters and replays, into the store and into the model."""

    store: DatabaseStore
    runner: asyncio.Runner
    bodies = Bundle("bodies")

    def __init__(self) -> None:
        super().__init__()
        self.runner.run(wipe(self.store))
        self.patch = pytest.MonkeyPatch()
        # So few readings are read at once that even these few take several pages.
        self.patch.setattr(series, "FIRST_PAGE", 1)
        self.patch.setattr(series, "PAGE", 2)
        self.both = Beside(self.store, self.runner, self.patch)
        self.number = 0

    @rule(target=bodies, assets=st.one_of(ENTRIES, CONTRADICTIONS), named=st.booleans())
    def sync(self, assets: list[dict[str, Any]], named: bool) -> dict[str, Any]:
        """A new sync."""
        self.number += 1
        body = {"syncBatchId": f"b{self.number}" if named else None, "assets": assets}
        self.both.sync(body)
        return body

    @rule(body=bodies)
    def sync_again(self, body: dict[str, Any]) -> None:
        """One that came before."""
        self.both.sync(body)

    @rule(identity=st.sampled_from("AB"), thresholds=st.sampled_from([{"max": 50}, {"max": 2}, {"monotonic": True}, None]))
    def judge_otherwise(self, identity: str, thresholds: object) -> None:
        """Other thresholds for whatever readings there are."""
        meter = {"meterCode": "ODOMETER_KM", "validationThresholds": thresholds}
        self.both.sync({"assets": [{"externalAssetId": identity, "name": "n", "meters": [meter]}]})

    @rule(identity=st.sampled_from("AB"), readings=st.lists(LATE, min_size=1, max_size=4))
    def bring_history(self, identity: str, readings: list[dict[str, Any]]) -> None:
        """Readings of one meter in its unit, in any order of time."""
        self.both.sync({"assets": [{"externalAssetId": identity, "name": "n", "meterReadings": readings}]})

    @rule(hour=HOURS)
    def go_on(self, hour: int) -> None:
        """Time passes, or turns back a little, as clocks do."""
        day, hour = divmod(hour, 24)
        self.both.model.clock = f"2024-11-{18 + day}T{hour:02}:30:00Z"

    @rule(unit=st.sampled_from(["KM", "HOURS"]))
    def create_the_missing_meter(self, unit: str) -> None:
        """The meter that nobody set up exists at last, for good."""
        if "UNKNOWN" not in self.both.model.index.meters:
            self.both.create_meter(Meter("UNKNOWN", unit))

    @rule()
    def replay(self) -> None:
        """What was held back for it is applied."""
        if "UNKNOWN" in self.both.model.index.meters:
            self.both.replay("UNKNOWN")

    @invariant()
    def both_agree(self) -> None:
        """Assets, assignments, counters, readings with their marks, latest values."""
        self.both.check()

    def teardown(self) -> None:
        """Derived state is what follows from what is recorded."""
        self.patch.undo()
        done = self.runner.run(rebuild(self.store, lambda: 0))
        assert (done.registry_mended, done.digest_before) == (0, done.digest_after)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for a test that is no coroutine."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


def _run(url: str, runner: asyncio.Runner, examples: int) -> None:
    engine = open_engine(url)
    machine = type("Machine", (RegistryMachine,), {"store": DatabaseStore(engine), "runner": runner})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        runner.run(engine.close())


def test_on_sqlite(
    sqlite_template: Path,
    tmp_path: Path,
    runner: asyncio.Runner,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> None:
    """SQLite and the model agree."""
    _run(str(shutil.copy(sqlite_template, tmp_path / "drawbar.db")), runner, examples=60)


def test_on_postgres(postgres_server: PostgresServer, postgres_template: str, runner: asyncio.Runner) -> None:
    """PostgreSQL and the model agree."""
    _run(postgres_server.url(postgres_server.create(postgres_template)), runner, examples=6)
