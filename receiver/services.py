"""What the handlers of requests work with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from handlers.ports import Store
from receiver.settings import Settings


class Notifier:
    """Wakes whoever waits for a commit of this process."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Something was committed."""
        self._event.set()
        self._event = asyncio.Event()

    @property
    def next_commit(self) -> asyncio.Event:
        """The event of the next commit: take it before looking, wait for it after having found nothing."""
        return self._event


@dataclass(frozen=True)
class Services:
    """The store, the settings, the clock (microseconds since 1970 UTC), and the signals that end a wait."""

    store: Store
    settings: Settings
    clock: Callable[[], int]
    stop: asyncio.Event
    changed: Notifier = field(default_factory=Notifier)
