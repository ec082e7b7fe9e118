"""A claim in the store on work that one process at a time may do: taken, renewed while it lasts, and let go of."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable

import structlog

from handlers.ports import Store, Transaction
from schemas.errors import DrawbarError, StoreUnavailableError

log = structlog.get_logger()

# As often as this a lease is renewed: two failures in a row are no loss.
_RENEWALS = 3
_SECOND_US = 1_000_000


class LeaseLostError(DrawbarError):
    """Another process has taken over the work: whatever was under way here must end."""


def new_holder() -> str:
    """A name for whoever holds leases in this process, that says where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """One holder's claim on `name`, for `length_s` at a time. `clock` is in microseconds."""

    def __init__(self, store: Store, name: str, clock: Callable[[], int], *, length_s: float, holder: str | None = None) -> None:
        self.name = name
        self.holder = holder or new_holder()
        self.lost = asyncio.Event()
        self._store, self._clock, self._length_s = store, clock, length_s
        self._until_us = 0

    def until_us(self) -> int:
        """Until when a claim that is made now holds."""
        return self._clock() + round(self._length_s * _SECOND_US)

    async def take(self) -> bool:
        """Whether the work is ours from now on. StoreUnavailableError: who knows."""
        now_us, until_us = self._clock(), self.until_us()
        taken = await self._store.write(lambda tx: tx.leases.claim(self.name, self.holder, now_us, until_us))
        if taken:
            self._until_us = until_us
            self.lost.clear()
        return taken

    async def renew(self) -> bool:
        """Whether it is ours still, for another length; else `lost` is set. StoreUnavailableError: who knows."""
        until_us = self.until_us()
        kept = await self._store.write(lambda tx: tx.leases.keep(self.name, self.holder, until_us))
        self._until_us = until_us if kept else 0
        if not kept:
            self._lose()
        return kept

    async def confirm(self, tx: Transaction) -> None:
        """Renew it as a part of work that nobody but its holder may do. LeaseLostError: it is another's."""
        if not await tx.leases.keep(self.name, self.holder, self.until_us()):
            raise LeaseLostError(f"{self.name} has been taken over by another process")

    async def holder_elsewhere(self) -> str | None:
        """Who else has it, if anybody."""
        found = await self._store.read(lambda tx: tx.leases.find(self.name))
        return found[0] if found and found[0] != self.holder and found[1] > self._clock() else None

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Renew it until the block ends, then let go. `lost` is set if it was not to be kept."""
        renewing = asyncio.create_task(self._renew(), name=f"lease {self.name}")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await self.release()

    async def release(self) -> None:
        """Let go of it, as far as the store can be reached; else it ends by itself."""
        try:
            await self._store.write(lambda tx: tx.leases.release(self.name, self.holder))
        except StoreUnavailableError as error:
            log.warning("lease.not_released", lease=self.name, error=error.message)

    async def _renew(self) -> None:
        while not self.lost.is_set():
            await asyncio.sleep(self._length_s / _RENEWALS)
            try:
                await self.renew()
            except StoreUnavailableError as error:
                log.warning("lease.not_renewed", lease=self.name, error=error.message)
                if self._clock() >= self._until_us:
                    self._lose()

    def _lose(self) -> None:
        log.warning("lease.lost", lease=self.name)
        self.lost.set()
