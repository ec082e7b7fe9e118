"""Who asks: HTTP Basic with a client's id and secret, or a bearer token.

A secret is checked against its argon2 hash once and then known by a keyed hash of the header; whether its client still stands is
asked of the store every two seconds, so a revocation anywhere takes effect within seconds. Wrong secrets are checked one at a
time, with a pause after each, so that a flood of them can't hold a processor.
"""

import asyncio
import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from typing import TypeVar

import structlog
from msgspec import Struct

from handlers.clients import ALL_ORGANIZATIONS, OPERATOR_ID, find_token_owner
from handlers.credentials import TOKEN, token_hash, verify_secret
from handlers.ports import Store
from handlers.queries.lists import Viewer
from receiver.api.problems import unavailable
from receiver.settings import Settings
from schemas.errors import NotFoundError, StoreUnavailableError
from schemas.service_records import ClientRecord

log = structlog.get_logger()

Value = TypeVar("Value")

# The exact texts of Scan2Evolve's "Authentication errors".
MISSING = "Missing Authorization header"
INVALID = "Invalid token"

SECOND_US = 1_000_000
FRESH_US = 2 * SECOND_US
TOUCH_EVERY_US = 60 * SECOND_US
KNOWN_MAX = 4096
WAITING_MAX = 32
FAILURE_PAUSE_S = 0.1


class Principal(Struct, frozen=True):
    """A client that proved who it is; `organization_id` is None for all, `own` is how it sees unless it names one of them."""

    client_id: str
    organization_id: str | None
    scopes: frozenset[str]
    own: Viewer

    def viewer(self, organization_id: str | None) -> Viewer:
        """Whose things this client sees when it names an organization, or none. NotFoundError for one that isn't its own."""
        if organization_id in {None, self.organization_id}:
            return self.own
        if self.organization_id is None:
            return Viewer(organization_id, operator=True)
        raise NotFoundError(f"there is no organization {organization_id!r}")


class _Known(Struct):
    """A header that was good when it was last looked up."""

    principal: Principal
    secret_hash: str
    checked_at_us: int


class Authenticator:
    """Knows the clients of one application. `clock` is in microseconds."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], int]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._key = os.urandom(32)
        self._known: dict[bytes, _Known] = {}
        self._wrong: dict[bytes, str] = {}
        self._running: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._touching: dict[str, asyncio.Task[None]] = {}
        self._slot = asyncio.Semaphore(1)
        self._waiting = 0

    def find(self, header: bytes) -> Principal | None:
        """The client of a header that was looked up a moment ago, at no cost."""
        known = self._known.get(self._digest(header))
        if known is None or not 0 <= self._clock() - known.checked_at_us < FRESH_US:
            return None
        return known.principal

    async def authenticate(self, header: bytes) -> Principal | None:
        """The client of an Authorization header, or None. Raises ProblemError 503 while too many wait to be checked."""
        principal = self.find(header)
        if principal is not None:
            return principal
        digest = self._digest(header)
        task = self._running.get(digest)
        if task is None:
            task = asyncio.create_task(self._look_up(digest, header))
            self._running[digest] = task
            task.add_done_callback(lambda done: self._ended(digest, done))
        return await asyncio.shield(task)

    def _digest(self, header: bytes) -> bytes:
        return hashlib.blake2b(header, key=self._key, digest_size=32).digest()

    def _ended(self, digest: bytes, task: asyncio.Task[Principal | None]) -> None:
        self._running.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; if all of them went away, nobody needs it

    async def _look_up(self, digest: bytes, header: bytes) -> Principal | None:
        scheme, _, rest = header.partition(b" ")
        client: ClientRecord | None = None
        if scheme.lower() == b"basic":
            client = await self._basic(digest, rest.strip())
        elif scheme.lower() == b"bearer":
            client = await self._bearer(rest.strip().decode("latin-1"))
        if client is None:
            self._known.pop(digest, None)
            return None
        organization_id = None if client.organization_id == ALL_ORGANIZATIONS else client.organization_id
        own = Viewer(organization_id, operator=organization_id is None)
        principal = Principal(client.client_id, organization_id, frozenset(client.scopes.split()), own)
        _put(self._known, digest, _Known(principal, client.secret_hash, self._clock()))
        return principal

    async def _basic(self, digest: bytes, encoded: bytes) -> ClientRecord | None:
        pair = _decode_basic(encoded)
        if pair is None:
            return None
        client_id, secret = pair
        client = await self._store.read(lambda tx: tx.clients.find(client_id), brief=True)
        if client is None or not self._stands(client):
            return None
        known = self._known.get(digest)
        if known and known.secret_hash == client.secret_hash:
            return client
        if self._wrong.get(digest) == client.secret_hash:
            return None
        if await self._verify(client.secret_hash, secret):
            return client
        _put(self._wrong, digest, client.secret_hash)
        return None

    async def _bearer(self, token: str) -> ClientRecord | None:
        if not TOKEN.match(token):
            return None
        hashed = token_hash(token)
        found = await self._store.read(lambda tx: find_token_owner(tx, hashed), brief=True)
        if found is None or not self._stands(found[0]):
            return None
        idle_us = self._clock() - found[1]
        limit_us = self._settings.token_idle_s * SECOND_US
        if idle_us >= limit_us:
            return None
        # A use that isn't written down must not make a token that is short of time any shorter.
        if idle_us >= min(TOUCH_EVERY_US, limit_us // 4) and hashed not in self._touching:
            task = asyncio.create_task(self._touch(hashed))
            self._touching[hashed] = task
            task.add_done_callback(lambda _: self._touching.pop(hashed, None))
        return found[0]

    async def _touch(self, hashed: str) -> None:
        """Beside the request, which needs no write and must not wait for one."""
        now_us = self._clock()
        try:
            await self._store.write(lambda tx: tx.clients.touch_token(hashed, now_us))
        except StoreUnavailableError as error:
            log.warning("token.not_touched", error=error.message)

    def _stands(self, client: ClientRecord) -> bool:
        """Whether a client may ask: not once it is revoked, and the bootstrap client only while the settings have its secret."""
        return client.revoked_at_us is None and (client.client_id != OPERATOR_ID or self._settings.operator_secret is not None)

    async def _verify(self, secret_hash: str, secret: str) -> bool:
        if self._waiting >= WAITING_MAX:
            raise unavailable("too many sign-ins are waiting", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._slot:
                right = await asyncio.to_thread(verify_secret, secret_hash, secret)
                if not right:
                    await asyncio.sleep(FAILURE_PAUSE_S)
                return right
        finally:
            self._waiting -= 1


def basic_header(client_id: str, secret: str) -> bytes | None:
    """The header that carries an id and a secret (RFC 7617); None for an id that it can't carry."""
    if ":" in client_id:
        return None
    return b"Basic " + base64.b64encode(f"{client_id}:{secret}".encode("utf-8", "surrogateescape"))


def _decode_basic(encoded: bytes) -> tuple[str, str] | None:
    try:
        client_id, separator, secret = base64.b64decode(encoded, validate=True).decode("utf-8", "surrogateescape").partition(":")
    except binascii.Error:
        return None
    return (client_id, secret) if separator else None


def _put(values: dict[bytes, Value], key: bytes, value: Value) -> None:
    """Put a value at the end of a dictionary that holds so many; the one put longest ago makes room."""
    values.pop(key, None)
    values[key] = value
    if len(values) > KNOWN_MAX:
        del values[next(iter(values))]
