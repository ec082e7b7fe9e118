"""Tells the configured targets of what happens: each by one process at a time, which goes on where the last one ended."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from handlers.alerts import adopt
from handlers.ports import Store
from receiver.alert_courier import Courier, Terms
from receiver.alert_sender import AlertAddress, AlertSender
from receiver.alert_settings import AlertTarget
from receiver.change_signal import ChangeSignal
from receiver.lease import Lease, LeaseLostError
from receiver.lookups import look_up_each
from receiver.metrics import Metrics
from receiver.pull.secrets import is_reference, resolve_reference
from receiver.secret import webhook_key
from receiver.setting_types import is_safe_address
from receiver.settings import Settings
from schemas.alerts import Retries, Wanted
from schemas.errors import InvalidInputError, StoreUnavailableError, at

log = structlog.get_logger()

# A process that died is followed by another one after so long.
LEASE_S = 15.0
# How often a process that doesn't send to a target looks whether it should.
LOOK_EVERY_S = 5.0
# After a fault that nobody foresaw.
REST_S = 60.0


def alert_addresses(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, AlertAddress]:
    """Where the messages of each target go, secrets looked up; relative files lie in the working folder.

    SettingsError names each key whose variable or file is missing or can't be used.
    """
    given = os.environ if environ is None else environ
    return look_up_each(settings.alerts, lambda name, target: address_of(name, target, given))


def address_of(name: str, target: AlertTarget, environ: Mapping[str, str]) -> AlertAddress:
    """The same for one target. InvalidInputError."""
    path, url = f"alerts.{name}", target.url
    if is_reference(url):
        url = resolve_reference(url, f"{path}.url", environ, Path()).reveal()
    _check_url(f"{path}.url", url, allow_http=target.allow_http)
    secrets = tuple(resolve_reference(text, f"{path}.secrets", environ, Path()) for text in target.secrets)
    for secret in secrets:
        try:
            webhook_key(secret)
        except InvalidInputError as error:
            raise at(f"{path}.secrets", "a secret is base64 after whsec_") from error
    return AlertAddress(url, secrets, target.timeout_s, target.parallel)


def _check_url(path: str, url: str, *, allow_http: bool) -> None:
    """Never shows the address, which can hold a secret."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"http", "https"} and url.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise at(path, "expected an address such as https://ops.example/hooks/drawbar")
    if parts.username is not None or parts.password is not None:
        raise at(path, "an address holds no user and no password: messages are signed")
    if not is_safe_address(url) and not allow_http:
        raise at(path, "expected an https address; http is for this machine alone, unless allow_http is set")


def origin(url: str) -> str:
    """What may be shown of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def lease_name(name: str) -> str:
    """The claim on sending to a target."""
    return f"alerts:{name}"


class Alerts:
    """The targets of one process. `clock` is in microseconds, `stop` is set when it begins to end.

    SettingsError: a secret is missing, or an address can't be used.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], int],
        signal: ChangeSignal,
        stop: asyncio.Event,
    ) -> None:
        self._store, self._settings, self._metrics = store, settings, metrics
        self._clock, self._signal, self._stop = clock, signal, stop
        self.addresses = alert_addresses(settings)
        self._tasks: list[asyncio.Task[None]] = []
        for name in self.addresses:
            metrics.alerts_sending.labels(name).set(0)

    async def start(self) -> None:
        """Begin to send. A new target is told of what happens once this has returned."""
        for name in self.addresses:
            terms = self._terms(name)
            try:
                await self._store.write(lambda tx, terms=terms: adopt(tx, terms.name, terms.address_key))  # type: ignore[misc] # bound early
            except StoreUnavailableError as error:
                log.warning("alerts.postponed", target=name, error=error.message)
        self._tasks = [asyncio.create_task(self._tend(name), name=f"alerts {name}") for name in self.addresses]

    async def stop(self, timeout_s: float) -> None:
        """Send nothing more, and wait for what is under way; what takes longer than the timeout is sent again later."""
        self._stop.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tend(self, name: str) -> None:
        """Send to a target whenever it is ours to do; whatever goes wrong, look at it again later."""
        while not self._stop.is_set():
            pause_s = LOOK_EVERY_S
            try:
                await self._send(name)
            except LeaseLostError as error:
                log.warning("alerts.taken_over", target=name, error=error.message)
            except StoreUnavailableError as error:
                log.warning("alerts.postponed", target=name, error=error.message)
            except Exception:
                log.exception("alerts.failed_unexpectedly", alert=True, target=name)
                pause_s = REST_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause_s)

    async def _send(self, name: str) -> None:
        """Send as long as it is ours to do."""
        lease = Lease(self._store, lease_name(name), self._clock, length_s=LEASE_S)
        if not await lease.take():
            return
        address, gauge = self.addresses[name], self._metrics.alerts_sending.labels(name)
        try:
            async with lease.held(), AlertSender(name, address, self._clock) as sender:
                gauge.set(1)
                sender.log.info("alerts.sending")
                await Courier(
                    self._terms(name), sender, lease, self._store, self._signal, self._stop, self._metrics, self._clock
                ).run()
        finally:
            gauge.set(0)

    def _terms(self, name: str) -> Terms:
        target = self._settings.alerts[name]
        return Terms(
            name=name,
            address_key=hashlib.sha256(self.addresses[name].url.encode()).hexdigest()[:16],
            wanted=Wanted(target.events, target.organizations),
            retries=Retries(target.attempts, target.retry_first_s, target.retry_longest_s),
            parallel=target.parallel,
        )
