"""Ctrl-C: a command ends in order, also one that waits for a file or a pipe.

An event loop notes the signal and acts on it when it is run again, which a read from a silent pipe never lets it be.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_command: ContextVar["asyncio.Task[Any] | None"] = ContextVar("command", default=None)


async def as_command(work: Coroutine[Any, Any, Result]) -> Result:
    """The work, as what Ctrl-C cancels."""
    _command.set(asyncio.current_task())
    return await work


def interruptibly(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; KeyboardInterrupt as soon as Ctrl-C comes while the next one is waited for, or if it has come already."""
    while True:
        with _raising():
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


@contextlib.contextmanager
def _raising() -> Iterator[None]:
    """Let SIGINT raise at once, as it does where there is no event loop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command = _command.get()
        if command is not None and command.cancelling():
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, before)
