"""Reads the configured feeds: each by one process at a time, each answer through the writer as deliveries of a webhook are."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from handlers.ports import Store
from handlers.rules.intake import Arrival, take_in_feed
from handlers.rules.recording import Answer
from receiver.feed_tokens import StoredToken
from receiver.lease import Lease
from receiver.lookups import look_up_each
from receiver.metrics import Metrics
from receiver.pull.errors import ProviderError
from receiver.pull.feed import FeedAnswer, FeedClient, FeedSubscription
from receiver.pull.secrets import is_reference, resolve_reference
from receiver.secret import Secret
from receiver.settings import Settings
from receiver.source_settings import Feed
from receiver.writer import Writer
from schemas.errors import StoreUnavailableError

log = structlog.get_logger()

# After a fault that no waiting helps against somebody has to do something; until then the feed is looked at this often.
REST_S = 300.0
# How often a process that doesn't read a feed looks whether it should.
LOOK_EVERY_S = 15.0
Told = Callable[[str, FeedAnswer, Answer | None], None]


def feed_subscriptions(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, FeedSubscription]:
    """What to ask of each feed, secrets looked up; relative files lie in the working folder.

    SettingsError names each key whose variable or file is missing.
    """
    given = os.environ if environ is None else environ
    return look_up_each(settings.feeds, lambda name, feed: _subscription(name, feed, given))


def _subscription(name: str, feed: Feed, environ: Mapping[str, str]) -> FeedSubscription:
    def look_up(key: str, text: str) -> Secret:
        return resolve_reference(text, f"feeds.{name}.{key}", environ, Path())

    client_id = look_up("client_id", feed.client_id).reveal() if is_reference(feed.client_id) else feed.client_id
    return FeedSubscription(
        feed_id=feed.feed_id,
        audience=feed.audience,
        client_id=client_id,
        client_secret=look_up("client_secret", feed.client_secret),
        base_url=feed.base_url,
        token_url=feed.token_url,
        limit=feed.limit,
        scopes=feed.scopes,
    )


class Feeds:
    """The feeds of one process. `clock` is in microseconds, `stop` is set when it begins to end, `told` hears of each answer.

    SettingsError: a secret is missing.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        writer: Writer,
        metrics: Metrics,
        clock: Callable[[], int],
        stop: asyncio.Event,
        told: Told = lambda _name, _answer, _became: None,
    ) -> None:
        self._store, self._settings, self._writer, self._metrics = store, settings, writer, metrics
        self._clock, self._stop, self._told = clock, stop, told
        self.subscriptions = feed_subscriptions(settings)
        self._tasks: list[asyncio.Task[None]] = []
        for name in self.subscriptions:
            metrics.feed_polling.labels(name).set(0)

    def start(self) -> None:
        """Begin to read."""
        self._tasks = [asyncio.create_task(self._tend(name), name=f"feed {name}") for name in self.subscriptions]

    async def stop(self, timeout_s: float) -> None:
        """Ask for nothing more, and store what has been asked for; a request that takes longer than the timeout is given up.

        Call it while the writer still takes deliveries.
        """
        self._stop.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def lease(self, name: str) -> Lease:
        """The claim on reading a feed."""
        return Lease(self._store, f"feed:{name}", self._clock, length_s=self._settings.limits.lease_s)

    def client(self, name: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> FeedClient:
        """A client of a feed, whose token outlives it."""
        wanted = self.subscriptions[name]
        token = StoredToken(
            self._store,
            wanted.client_secret,
            token_url=wanted.token_url,
            client_id=wanted.client_id,
            audience=wanted.audience,
        )
        return FeedClient(wanted, tokens=token, sleep=sleep, clock=self._clock)

    async def may_ask(self, lease: Lease) -> bool:
        """Whether the feed may be asked: not by who is about to end, nor while the store can't take what would be read.

        StoreUnavailableError: it can't; reading consumes, so this is found out by writing to it before each request.
        """
        return not self._stop.is_set() and not lease.lost.is_set() and await lease.renew()

    async def keep(self, name: str, answer: FeedAnswer) -> None:
        """Commit an answer; it is durable on return. An empty one is none to keep. StoreUnavailableError: not kept."""
        became: Answer | None = None
        if answer.items or answer.problem is not None:
            feed = self._settings.feeds[name]
            arrival = Arrival(name, "feed", answer.received_at_us, answer.body, remote=feed.feed_id)
            most = self._settings.limits.delivery_events_max
            became = await self._writer.deliver(take_in_feed(arrival, feed.feed_id, feed.organizations, most))
            self._metrics.count(name, became)
        how = "unreadable" if answer.problem is not None else "empty" if became is None else "stored"
        self._metrics.feed_answers.labels(name, how).inc()
        self._told(name, answer, became)

    async def _tend(self, name: str) -> None:
        """Read a feed whenever it is ours to read; whatever goes wrong, look at it again later."""
        while not self._stop.is_set():
            try:
                pause_s = await self._read(name)
            except StoreUnavailableError as error:
                log.warning("feed.postponed", feed=name, error=error.message)
                pause_s = LOOK_EVERY_S
            except Exception:
                log.exception("feed.failed_unexpectedly", alert=True, feed=name)
                pause_s = REST_S
            await self._pause(pause_s)

    async def _read(self, name: str) -> float:
        """Read a feed as long as it is ours; how long to leave it alone then."""
        lease = self.lease(name)
        if not await lease.take():
            return LOOK_EVERY_S
        gauge = self._metrics.feed_polling.labels(name)
        try:
            async with lease.held(), self.client(name, lambda seconds: self._pause(seconds, lease)) as client:
                gauge.set(1)
                log.info("feed.reading", feed=name)
                await client.poll(
                    lambda answer: self.keep(name, answer),
                    lambda: self.may_ask(lease),
                    lambda _: self._metrics.feed_failures.labels(name).inc(),
                )
        except ProviderError as error:
            log.error("feed.stopped", alert=True, feed=name, error=error.message, again_in_s=REST_S)  # noqa: TRY400 - says it all
            return REST_S
        finally:
            gauge.set(0)
        return 0.0

    async def _pause(self, seconds: float, lease: Lease | None = None) -> None:
        """Wait, unless it is time to end: then only for as long as whoever tries again should."""
        events = [self._stop] if lease is None else [self._stop, lease.lost]
        if any(event.is_set() for event in events):
            await asyncio.sleep(min(seconds, 0.2))
            return
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
