"""`drawbar feed pull`: read the configured feeds without the service."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated

import typer
from msgspec.structs import replace

from handlers.rules.recording import Answer
from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, opened_store, run, settings_of
from receiver.cli.output import print_json, print_table, warn
from receiver.cli.summary import progress
from receiver.feeds import Feeds
from receiver.metrics import Metrics
from receiver.pull.errors import ProviderError
from receiver.pull.feed import FeedAnswer
from receiver.settings import Settings
from receiver.stopping import stop_event
from receiver.wiring import now_us
from receiver.writer import Writer

COLUMNS = ("answers", "events", "applied", "duplicates", "quarantined", "ignored")

app = typer.Typer(help="Datahub Feeds: pull.", no_args_is_help=True)


@app.callback()
def feed() -> None:
    """Datahub Feeds: events for those who can't be reached by a webhook."""


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Feeds as the settings call them; else all.")
    ] = None,
    config: ConfigOption = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when there is nothing more to read, instead of reading on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read feeds into the store until interrupted. `drawbar serve` does so by itself; one process at a time reads a feed.

    Exit status 1 when a feed couldn't be read, or something in it went to quarantine.
    """
    settings = settings_of(config)
    wanted = _wanted(settings, names)
    totals: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    problems = run(_pull(settings, wanted, totals, once=once))
    if as_json:
        feeds = {name: {column: total[column] for column in COLUMNS} for name, total in totals.items()}
        print_json({"feeds": feeds, "problems": problems})
    else:
        rows = [(name, *(total[column] for column in COLUMNS)) for name, total in totals.items()]
        print_table("Read", ("feed", *COLUMNS), rows)
    for name, problem in problems.items():
        warn(f"{name}: {problem}")
    quarantined = sum(total["quarantined"] for total in totals.values())
    if quarantined:
        warn(f"{quarantined} in quarantine: `drawbar quarantine list`")
    if problems or quarantined:
        raise typer.Exit(PROBLEMS)


def _wanted(settings: Settings, names: Sequence[str] | None) -> list[str]:
    unknown = [name for name in names or () if name not in settings.feeds]
    if unknown or not settings.feeds:
        known = ", ".join(settings.feeds) or "none: [feeds.NAME] in the settings makes one"
        raise typer.BadParameter(f"there is no feed {', '.join(unknown) or 'to read'}; known are {known}", param_hint="NAME")
    return list(names or settings.feeds)


async def _pull(settings: Settings, names: Sequence[str], totals: dict[str, Counter[str]], *, once: bool) -> dict[str, str]:
    """Read; what kept feeds from being read, by name."""
    chosen = replace(settings, feeds={name: settings.feeds[name] for name in names})
    async with opened_store(settings, make=True) as store:
        metrics = Metrics()
        writer = Writer(store, settings.limits, metrics, now_us, lambda: None)
        with progress("events") as report:

            def told(name: str, answer: FeedAnswer, became: Answer | None) -> None:
                totals[name].update(_counts(answer, became))
                report(sum(total["events"] for total in totals.values()))

            feeds = Feeds(store, chosen, writer, metrics, now_us, stop_event(), told)
            writer.start()
            try:
                if once:
                    return {name: problem for name in names if (problem := await _once(feeds, name))}
                async with _until_interrupted():
                    feeds.start()
                    await stop_event().wait()
                await feeds.stop(settings.limits.graceful_timeout_s)
            finally:
                await writer.stop()
    return {}


def _counts(answer: FeedAnswer, became: Answer | None) -> dict[str, int]:
    counts = {"answers": 1, "events": len(answer.items)}
    if became is not None:
        counts |= {
            "applied": became.applied,
            "duplicates": became.duplicates,
            "quarantined": became.quarantined,
            "ignored": became.ignored,
        }
    return counts


async def _once(feeds: Feeds, name: str) -> str | None:
    """Read one feed to the end of what is there; what went wrong."""
    lease = feeds.lease(name)
    if not await lease.take():
        return f"is being read by {await lease.holder_elsewhere() or 'another process'}"
    try:
        async with lease.held(), feeds.client(name) as client:
            await client.pull_once(lambda answer: feeds.keep(name, answer), lambda: feeds.may_ask(lease))
    except ProviderError as error:
        return error.message
    return "was taken over by another process" if lease.lost.is_set() else None


@contextlib.asynccontextmanager
async def _until_interrupted() -> AsyncIterator[None]:
    """SIGINT and SIGTERM set the stop event instead of ending what is under way."""
    loop = asyncio.get_running_loop()
    end: Callable[[], None] = stop_event().set
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
