"""The targets of alerts as they are listed: what the settings say of each, and what is stored."""

import os

from msgspec import Struct

from receiver.alerts import address_of, lease_name, origin
from receiver.cli.common import opened_store
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.alerts import TargetCounts, TargetRecord
from schemas.errors import InvalidInputError
from schemas.wire import optional_time_text, time_text


class TargetView(Struct, frozen=True, rename="camel"):
    """A target as it is listed. `address` is without its path, which can hold a secret; `sender` is the process that sends."""

    name: str
    state: str
    address: str | None
    events: tuple[str, ...]
    waiting: int
    dead: int
    failures: int
    paused_until: str | None
    disabled_at: str | None
    sender: str | None


async def list_views(settings: Settings) -> list[TargetView]:
    """The targets of the settings, then others that there were."""
    async with opened_store(settings) as store:
        records = {one.name: one for one in await store.read(lambda tx: tx.alerts.list_targets())}
        counts = {one.target: one for one in await store.read(lambda tx: tx.alerts.counts())}
        names = [*settings.alerts, *(name for name in records if name not in settings.alerts)]
        leases = {name: await store.read(lambda tx, name=name: tx.leases.find(lease_name(name))) for name in names}  # type: ignore[misc] # bound early
    now = now_us()
    return [_view(settings, name, records.get(name), counts.get(name), leases[name], now) for name in names]


def _view(
    settings: Settings,
    name: str,
    record: TargetRecord | None,
    counts: TargetCounts | None,
    lease: tuple[str, int] | None,
    now: int,
) -> TargetView:
    target = settings.alerts.get(name)
    paused = record is not None and record.paused_until_us > now
    return TargetView(
        name=name,
        state=_state(record, configured=target is not None, paused=paused),
        address=_address(settings, name),
        events=target.events if target else (),
        waiting=counts.waiting if counts else 0,
        dead=counts.dead if counts else 0,
        failures=record.failures if record else 0,
        paused_until=time_text(record.paused_until_us) if record and paused else None,
        disabled_at=optional_time_text(record.disabled_at_us) if record else None,
        sender=lease[0] if lease and lease[1] > now else None,
    )


def _state(record: TargetRecord | None, *, configured: bool, paused: bool) -> str:
    if not configured:
        return "not in the settings"
    if record is None:
        return "new"
    if record.disabled_at_us is not None:
        return "disabled: answered 410"
    return "paused" if paused else "told"


def _address(settings: Settings, name: str) -> str | None:
    """The origin, or None where the address is looked up in something that isn't here."""
    try:
        return origin(address_of(name, settings.alerts[name], os.environ).url)
    except (InvalidInputError, KeyError):
        return None
