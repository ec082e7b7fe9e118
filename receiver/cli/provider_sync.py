"""`drawbar providers sync`: one run of a provider, here and now, with bars for its streams."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from handlers.ports import Transaction
from handlers.provider_replay import Replayed
from handlers.provider_runs import Claim, start_now
from handlers.queries.providers import get_run
from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.lease import Lease
from receiver.metrics import Metrics
from receiver.pull.catalog import open_catalog
from receiver.pull.reports import Batch
from receiver.pull.runner import Runner, rules_of
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.errors import ConflictError
from schemas.ids import run_text
from schemas.provider_rows import RunRow
from schemas.provider_views import RunView


def sync(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider's name in its definition.")],
    config: ConfigOption = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream, with those that it needs; repeatable.")] = None,
    *,
    replay: Annotated[bool, typer.Option("--replay", help="Fetch nothing; only try quarantined records again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pull from a provider into the store. One process at a time does: while a service has a run under way this is refused.

    Exit status 1 when a stream failed, or something went to quarantine.
    """
    settings = settings_of(config)
    if replay:
        done = run(_replay(settings, name))
        if as_json:
            print_json({"resolved": done.resolved, "waiting": done.waiting})
        else:
            say(f"{done.resolved} stored, {done.waiting} still waiting")
        return
    view = run(_sync(settings, name, tuple(stream or ())))
    if as_json:
        print_json(view)
    else:
        columns = ("stream", "result", "pages", "fetched", "created", "updated", "unchanged", "quarantined", "deactivated")
        rows = [tuple(getattr(one, "status" if column == "result" else column) for column in columns) for one in view.results]
        print_table(f"{view.run_id}: {view.status}", columns, rows)
    for one in view.results:
        for line in filter(None, (*one.errors, one.absence)):
            warn(f"{one.stream}: {line}")
    quarantined = sum(one.quarantined for one in view.results)
    if quarantined:
        warn(f"{quarantined} in quarantine: `drawbar providers quarantine {name}`")
    if view.error and not view.results:
        warn(view.error)
    if view.status != "succeeded" or quarantined:
        raise typer.Exit(PROBLEMS)


async def _sync(settings: Settings, name: str, streams: tuple[str, ...]) -> RunView:
    catalog = open_catalog(settings)
    loaded = catalog.get(name)
    unknown = [stream for stream in streams if stream not in loaded.definition.streams]
    if unknown:
        known = ", ".join(loaded.definition.streams)
        raise typer.BadParameter(f"the provider has no stream {', '.join(unknown)}, but {known}", param_hint="--stream")
    key = catalog.key(loaded)
    async with opened_store(settings, make=True) as store:
        lease = Lease(store, key.lease, now_us, length_s=settings.limits.lease_s)
        claim = Claim(lease.holder, lease.until_us(), loaded.digest)

        async def work(tx: Transaction) -> RunRow | None:
            return await start_now(tx, key, claim, "command line", streams, now_us())

        started = await store.write(work)
        if started is None:
            raise ConflictError(f"{name} is being run by {await lease.holder_elsewhere() or 'another process'}")
        runner = Runner(store, rules_of(settings), Metrics(), now_us)
        with bars() as report:
            finished = await runner.execute(loaded, started, lease, report)
        return await store.read(lambda tx: get_run(tx, key, run_text(finished.run.run_id)))


async def _replay(settings: Settings, name: str) -> Replayed:
    catalog = open_catalog(settings)
    loaded = catalog.get(name)
    key = catalog.key(loaded)
    async with opened_store(settings) as store:
        lease = Lease(store, key.lease, now_us, length_s=settings.limits.lease_s)
        if not await lease.take():
            raise ConflictError(f"{name} is being run by {await lease.holder_elsewhere() or 'another process'}")
        runner = Runner(store, rules_of(settings), Metrics(), now_us)
        async with lease.held():
            nothing: dict[str, Any] = dict.fromkeys(RunRow._fields, 0)
            names = {"organization_id": key.organization_id, "provider": key.provider, "environment": key.environment}
            return await runner.replay(loaded, RunRow(**(nothing | names | {"definition_hash": loaded.digest})), lease)


@contextmanager
def bars() -> Iterator[Callable[[Batch], None]]:
    """A bar for each stream on a terminal, a plain line for each page with records otherwise, both on standard error."""
    counts: dict[str, int] = {}
    if not sys.stderr.isatty():

        def line(batch: Batch) -> None:
            count = len(batch.records) + len(batch.quarantined)
            counts[batch.stream] = counts.get(batch.stream, 0) + count
            if count:
                warn(f"{batch.stream}: {counts[batch.stream]} records")

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]:,} records"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def report(batch: Batch) -> None:
            counts[batch.stream] = counts.get(batch.stream, 0) + len(batch.records) + len(batch.quarantined)
            if batch.stream not in tasks:
                # What was fetched before is complete, and nobody knows how much of this one there is.
                for task in tasks.values():
                    progress.update(task, total=1, completed=1)
                tasks[batch.stream] = progress.add_task(batch.stream, total=None, done=0)
            progress.update(tasks[batch.stream], done=counts[batch.stream])

        yield report
