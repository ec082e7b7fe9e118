"""Runs of providers into a store, one after the other, at times that the test says."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from handlers.ports import Transaction
from handlers.provider_runs import Claim, ProviderKey, start_now
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.providers import RefusedFilter, get_run, list_refused
from handlers.queries.registry import get_asset
from handlers.registry_view import RegistryRules
from receiver.lease import Lease, LeaseLostError
from receiver.metrics import Metrics
from receiver.pull.definition import LoadedDefinition
from receiver.pull.runner import Runner
from schemas.assets import AssetView
from schemas.ids import run_text
from schemas.provider_rows import RunRow
from schemas.provider_views import RefusedView, RunView, StreamRunView
from schemas.providers import Definition
from schemas.wire import parse_time, to_json
from storage.store import DatabaseStore

START = parse_time("2024-01-21T12:00:00Z", "now")
EVERYTHING = Viewer(None, operator=True)
NOTHING: Mapping[str, str] = {}


class Pulling:
    """A provider and a store. `now_us` is the clock; every run is checked to have accounted for all its records."""

    def __init__(self, store: DatabaseStore, definition: Definition, environ: Mapping[str, str] = NOTHING) -> None:
        self.store = store
        self.now_us = START
        self.environ = environ
        self.rules = RegistryRules()
        self.loaded = loaded(definition)
        self.key = ProviderKey(definition.organization.lower(), definition.name)

    def mend(self, **changed: Any) -> None:  # noqa: ANN401 - fields of Definition
        """Change the definition."""
        self.loaded = loaded(replace(self.loaded.definition, **changed))

    def runner(self) -> Runner:
        """Makes runs."""
        return Runner(self.store, self.rules, Metrics(), lambda: self.now_us, environ=self.environ)

    async def run(self, *streams: str, ahead_s: float = 60) -> RunView:
        """Go on by some seconds, and make a run; it as it is shown afterwards."""
        self.now_us += round(ahead_s * 1_000_000)
        lease = Lease(self.store, self.key.lease, lambda: self.now_us, length_s=60)
        claim = Claim(lease.holder, lease.until_us(), self.loaded.digest)
        run = await self.store.write(lambda tx: start_now(tx, self.key, claim, "a test", streams, self.now_us))
        assert run is not None
        finished = await self.runner().execute(self.loaded, run, lease)
        view = await self.store.read(lambda tx: get_run(tx, self.key, run_text(finished.run.run_id)))
        assert all(one.fetched == one.created + one.updated + one.unchanged + one.quarantined for one in view.results)
        return view

    async def cut_off(self, commits: int) -> RunRow:
        """Make a run that loses its provider after so many pages; it as its process leaves it."""
        self.now_us += 120_000_000
        lease = Lease(self.store, self.key.lease, lambda: self.now_us, length_s=60)
        claim = Claim(lease.holder, lease.until_us(), self.loaded.digest)
        run = await self.store.write(lambda tx: start_now(tx, self.key, claim, "a test", (), self.now_us))
        assert run is not None
        confirm, done = lease.confirm, 0

        async def lose(tx: Transaction) -> None:
            nonlocal done
            if done == commits:
                raise LeaseLostError("taken over")
            done += 1
            await confirm(tx)

        lease.confirm = lose  # type: ignore[method-assign] # what another process does to it
        finished = await self.runner().execute(self.loaded, run, lease)
        return finished.run

    async def waiting(self) -> list[RefusedView]:
        """What waits in quarantine, oldest first."""
        page = await self.store.read(lambda tx: list_refused(tx, self.key, RefusedFilter(state="waiting"), PageAsked(1000, None)))
        return list(reversed(page.items))

    async def asset(self, external_id: str) -> AssetView:
        """An asset of the provider as the API shows it."""
        return await self.store.read(lambda tx: get_asset(tx, EVERYTHING, f"{self.key.provider}:{external_id}"))

    async def statuses(self, *external_ids: str) -> list[str]:
        """The statuses of assets."""
        return [(await self.asset(external_id)).status for external_id in external_ids]

    async def write(self, work: Any) -> Any:  # noqa: ANN401 - any work
        """Do something else to the store."""

        async def do(tx: Transaction) -> Any:  # noqa: ANN401 - any work
            return await work(tx)

        return await self.store.write(do)


def loaded(definition: Definition) -> LoadedDefinition:
    """A definition as if it had been read from a file."""
    return LoadedDefinition(definition, hashlib.sha256(to_json(definition)).hexdigest()[:32], Path())


def of(view: RunView, stream: str) -> StreamRunView:
    """How one stream went."""
    return next(one for one in view.results if one.stream == stream)


def counts(view: RunView, stream: str) -> tuple[int, int, int, int]:
    """What became of the records of a stream: created, updated, unchanged, quarantined."""
    one = of(view, stream)
    return one.created, one.updated, one.unchanged, one.quarantined
