"""API clients: who may ask, for which organization, and what."""

import asyncio
import re
from collections.abc import Collection
from typing import Literal, get_args

from msgspec import Struct

from handlers.credentials import hash_secret, new_client_id, new_secret, new_token, token_hash, verify_secret
from handlers.ports import Store, Transaction
from schemas.errors import NotFoundError, at
from schemas.events import UUID_PATTERN
from schemas.service_records import ClientRecord
from schemas.wire import optional_time_text, time_text

Scope = Literal["read", "sync", "ops", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ALL_ORGANIZATIONS = "*"
OPERATOR_ID = "operator"
_NAME_CHARACTERS_MAX = 200


class IssuedClient(Struct, frozen=True, rename="camel"):
    """A fresh client; its secret is known at this moment only."""

    client_id: str
    client_secret: str


class ClientView(Struct, frozen=True, rename="camel"):
    """A client as it is listed."""

    client_id: str
    name: str
    organization_id: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None


async def add_client(store: Store, name: str, organization_id: str, scopes: Collection[str], now_us: int) -> IssuedClient:
    """Add a client of one organization (a UUID) or of all (`*`), with some of the scopes.

    Raises InvalidInputError that names `name`, `organization` or `scopes`.
    """
    if not name.strip() or len(name) > _NAME_CHARACTERS_MAX:
        raise at("name", f"expected 1 to {_NAME_CHARACTERS_MAX} characters")
    organization_id = organization_id.strip().lower()
    if organization_id != ALL_ORGANIZATIONS and not re.match(UUID_PATTERN, organization_id):
        raise at("organization", f"expected a UUID, or * for all organizations, got {organization_id!r}")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise at("scopes", f"expected some of {', '.join(SCOPES)}, got {', '.join(unknown) or 'none'}")
    issued = IssuedClient(new_client_id(), new_secret())
    secret_hash = await asyncio.to_thread(hash_secret, issued.client_secret)
    record = ClientRecord(
        issued.client_id, name.strip(), organization_id, " ".join(sorted(set(scopes))), secret_hash, now_us, None
    )
    await store.write(lambda tx: tx.clients.put(record))
    return issued


async def list_clients(tx: Transaction) -> list[ClientView]:
    """All clients by id, revoked ones too."""
    return [
        ClientView(
            row.client_id,
            row.name,
            row.organization_id,
            tuple(row.scopes.split()),
            time_text(row.created_at_us),
            optional_time_text(row.revoked_at_us),
        )
        for row in await tx.clients.list_all()
    ]


async def revoke_client(tx: Transaction, client_id: str, now_us: int) -> None:
    """End a client and its tokens. NotFoundError if there is none that isn't revoked already."""
    if not await tx.clients.revoke(client_id, now_us):
        raise NotFoundError(f"there is no client {client_id!r} that could be revoked")


async def ensure_operator(store: Store, secret: str, now_us: int) -> None:
    """Make the bootstrap client `operator` (all organizations, all scopes) have this secret; another one ends its tokens."""
    row = await store.read(lambda tx: tx.clients.find(OPERATOR_ID))
    if row and row.revoked_at_us is None and await asyncio.to_thread(verify_secret, row.secret_hash, secret):
        return
    secret_hash = await asyncio.to_thread(hash_secret, secret)
    record = ClientRecord(OPERATOR_ID, OPERATOR_ID, ALL_ORGANIZATIONS, " ".join(sorted(SCOPES)), secret_hash, now_us, None)

    async def work(tx: Transaction) -> None:
        await tx.clients.revoke(OPERATOR_ID, now_us)
        await tx.clients.put(record)

    await store.write(work)


async def issue_token(tx: Transaction, client_id: str, now_us: int) -> str:
    """A bearer token of a client, in use from now."""
    token = new_token()
    await tx.clients.put_token(token_hash(token), client_id, now_us)
    return token


async def find_token_owner(tx: Transaction, hashed: str) -> tuple[ClientRecord, int] | None:
    """The client of a token, given by its hash, and when the token was used last; None if either is gone or revoked."""
    found = await tx.clients.find_token(hashed)
    client = await tx.clients.find(found[0]) if found else None
    if found is None or client is None or client.revoked_at_us is not None:
        return None
    return client, found[1]
