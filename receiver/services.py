"""What the handlers of requests work with, built once for each application."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from handlers.ports import Store
from receiver.change_signal import ChangeSignal
from receiver.pull.catalog import Catalog
from receiver.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """`clock` is in microseconds since 1970 UTC, `stop` is set when the service begins to end, `changed` tells of each commit.

    `patched` is set when a bulk patch was taken, `pull_wanted` when a provider's run was asked for.
    """

    store: Store
    settings: Settings
    clock: Callable[[], int]
    stop: asyncio.Event
    changed: ChangeSignal = field(default_factory=ChangeSignal)
    patched: asyncio.Event = field(default_factory=asyncio.Event)
    catalog: Catalog = field(default_factory=Catalog)
    pull_wanted: asyncio.Event = field(default_factory=asyncio.Event)
