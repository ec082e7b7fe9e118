"""API clients and their tokens."""

from schemas.service_records import ClientRecord
from storage.engine import Connection
from storage.statements import load

SQL = load("clients")


class ClientTables:
    """Implements `handlers.service_ports.Clients`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, row: ClientRecord) -> None:
        """Add a client, or replace the one of its id."""
        await self._connection.execute_many(SQL["put_client"], [row])

    async def find(self, client_id: str) -> ClientRecord | None:
        """One client, revoked or not."""
        row = await self._connection.fetch_one(SQL["find_client"], client_id=client_id)
        return ClientRecord(*row) if row else None

    async def list_all(self) -> list[ClientRecord]:
        """All clients by id."""
        return [ClientRecord(*row) for row in await self._connection.fetch(SQL["list_clients"])]

    async def revoke(self, client_id: str, now_us: int) -> bool:
        """Revoke a client and end its tokens; False if there is none that isn't revoked."""
        revoked = await self._connection.execute(SQL["revoke_client"], client_id=client_id, revoked_at_us=now_us)
        await self._connection.execute(SQL["delete_tokens_of"], client_id=client_id)
        return bool(revoked)

    async def put_token(self, token_hash: str, client_id: str, now_us: int) -> None:
        """Add a token."""
        await self._connection.execute(SQL["insert_token"], token_hash=token_hash, client_id=client_id, used_at_us=now_us)

    async def find_token(self, token_hash: str) -> tuple[str, int] | None:
        """The client of a token, and when it was used last."""
        row = await self._connection.fetch_one(SQL["find_token"], token_hash=token_hash)
        return (row[0], row[1]) if row else None

    async def touch_token(self, token_hash: str, now_us: int) -> None:
        """A token is in use."""
        await self._connection.execute(SQL["touch_token"], token_hash=token_hash, used_at_us=now_us)

    async def drop_idle_tokens(self, before_us: int) -> None:
        """Forget tokens that nobody has used since a time."""
        await self._connection.execute(SQL["delete_idle_tokens"], before_us=before_us)
