"""Ctrl-C while a command waits for a file or a pipe.

An event loop notes the signal and acts on it when it is run again, which a read from a silent pipe never lets it be.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


def interruptibly(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; KeyboardInterrupt as soon as Ctrl-C comes while the next one is waited for."""
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
        yield
    finally:
        signal.signal(signal.SIGINT, before)
