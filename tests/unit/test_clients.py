"""API clients: how they are added, listed, revoked, and how their secrets are kept."""

import pytest

from handlers.clients import SCOPES, add_client, ensure_operator, issue_token, list_clients, revoke_client
from handlers.credentials import TOKEN, hash_secret, new_token, token_hash, verify_secret
from schemas.errors import InvalidInputError, NotFoundError
from storage.engine import Engine
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION


@pytest.mark.parametrize(
    ("name", "organization", "scopes", "path"),
    [
        (" ", ORGANIZATION, ["read"], "name"),
        ("n" * 201, ORGANIZATION, ["read"], "name"),
        ("n", "", ["read"], "organization"),
        ("n", "**", ["read"], "organization"),
        ("n", ORGANIZATION[:-1], ["read"], "organization"),
        ("n", ORGANIZATION, [], "scopes"),
        ("n", ORGANIZATION, ["read", "write"], "scopes"),
    ],
)
async def test_a_client_that_cannot_be(engine: Engine, name: str, organization: str, scopes: list[str], path: str) -> None:
    """A client needs a name, one organization or all, and scopes that exist; the error names what is wrong."""
    with pytest.raises(InvalidInputError) as refused:
        await add_client(DatabaseStore(engine), name, organization, scopes, 1)
    assert [problem.path for problem in refused.value.problems] == [path]


async def test_clients_are_listed_and_revoked(engine: Engine) -> None:
    """A list has every client without its secret; revoking works once."""
    store = DatabaseStore(engine)
    first = await add_client(store, " one ", ORGANIZATION.upper(), ["sync", "read", "read"], 1)
    second = await add_client(store, "two", "*", SCOPES, 2)
    assert first.client_secret != second.client_secret
    await store.write(lambda tx: revoke_client(tx, second.client_id, 1_000_000))
    listed = {client.client_id: client for client in await store.read(list_clients)}
    one, two = listed[first.client_id], listed[second.client_id]
    assert (one.name, one.organization_id, one.scopes, one.revoked_at) == ("one", ORGANIZATION, ("read", "sync"), None)
    assert (two.organization_id, two.scopes, two.revoked_at) == ("*", ("admin", "ops", "read", "sync"), "1970-01-01T00:00:01Z")
    for client_id in (second.client_id, "cl_unknown"):
        with pytest.raises(NotFoundError):
            await store.write(lambda tx, client_id=client_id: revoke_client(tx, client_id, 2))  # type: ignore[misc] # bound early


async def test_the_operator_keeps_its_tokens_while_its_secret_stays(engine: Engine) -> None:
    """Starting again with the same secret changes nothing; with another one, the tokens made under the old one end."""
    store = DatabaseStore(engine)
    await ensure_operator(store, "secret", 1)
    token = await store.write(lambda tx: issue_token(tx, "operator", 2))
    before = await store.read(lambda tx: tx.clients.find("operator"))
    await ensure_operator(store, "secret", 3)
    assert await store.read(lambda tx: tx.clients.find("operator")) == before
    assert await store.read(lambda tx: tx.clients.find_token(token_hash(token))) == ("operator", 2)
    await ensure_operator(store, "another", 4)
    after = await store.read(lambda tx: tx.clients.find("operator"))
    assert after is not None
    assert verify_secret(after.secret_hash, "another")
    assert await store.read(lambda tx: tx.clients.find_token(token_hash(token))) is None
    await store.write(lambda tx: revoke_client(tx, "operator", 5))
    await ensure_operator(store, "another", 6)
    restored = await store.read(lambda tx: tx.clients.find("operator"))
    assert restored is not None
    assert restored.revoked_at_us is None


def test_secrets_and_their_hashes() -> None:
    """A hash holds for its secret alone, whatever bytes that has; what is no hash holds for none."""
    for secret in ("s3cret", "", "é\udcff", "x" * 10_000):
        hashed = hash_secret(secret)
        assert hashed.startswith("$argon2id$")
        assert verify_secret(hashed, secret)
        assert not verify_secret(hashed, f"{secret} ")
    assert not verify_secret("", "")
    assert not verify_secret("$argon2id$nonsense", "s")
    assert hash_secret("a") != hash_secret("a")


def test_tokens_look_as_documented() -> None:
    """`se_` and 64 hex digits, never twice the same; nothing else passes for one."""
    token = new_token()
    assert TOKEN.match(token)
    assert token != new_token()
    assert not any(TOKEN.match(other) for other in (token + "0", token[:-1], token.upper(), f" {token}", token + "\n"))
