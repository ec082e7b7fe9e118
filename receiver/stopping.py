"""Tells whoever waits long, a stream or a long poll, that the service is ending."""

import asyncio
from weakref import WeakKeyDictionary

_events: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def stop_event() -> asyncio.Event:
    """The event of the running loop that is set when the service begins to end. Setting it ends the service too."""
    return _events.setdefault(asyncio.get_running_loop(), asyncio.Event())
