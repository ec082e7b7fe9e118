"""Work that one process at a time may do, and the Feed's tokens, which all processes share."""

from schemas.service_records import FeedTokenRecord
from storage.engine import Connection
from storage.statements import load

SQL = load("leases")


class LeaseTables:
    """Implements `handlers.service_ports.Leases`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, name: str, holder: str, now_us: int, until_us: int) -> bool:
        """Whether the work is the holder's from now on."""
        taken = await self._connection.execute(SQL["claim"], name=name, holder=holder, now_us=now_us, until_us=until_us)
        return taken == 1

    async def keep(self, name: str, holder: str, until_us: int) -> bool:
        """Whether it is the holder's still; nobody else can take it before this transaction has ended."""
        return await self._connection.execute(SQL["keep"], name=name, holder=holder, until_us=until_us) == 1

    async def release(self, name: str, holder: str) -> None:
        """Let go of it."""
        await self._connection.execute(SQL["release"], name=name, holder=holder)

    async def find(self, name: str) -> tuple[str, int] | None:
        """Who has it, and until when."""
        row = await self._connection.fetch_one(SQL["find"], name=name)
        return (row[0], row[1]) if row else None

    async def find_token(self, token_key: str) -> FeedTokenRecord | None:
        """A token of the Feed, as it is kept."""
        row = await self._connection.fetch_one(SQL["find_token"], token_key=token_key)
        return FeedTokenRecord(*row) if row else None

    async def put_token(self, row: FeedTokenRecord) -> None:
        """Keep a token in place of the one before."""
        await self._connection.execute_many(SQL["put_token"], [row])
