"""Alerts: targets, notices, and messages that aren't delivered yet."""

from collections.abc import Sequence

from schemas.alerts import MessageRecord, NoticeRecord, Place, TargetCounts, TargetRecord, Told
from storage.engine import Connection, Row
from storage.statements import load

SQL = load("alerts")
CHANGES = load("changes")


class AlertTables:
    """Implements `handlers.alert_ports.Alerts`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_target(self, name: str) -> TargetRecord | None:
        """One target."""
        row = await self._connection.fetch_one(SQL["find_target"], name=name)
        return TargetRecord(*row) if row else None

    async def list_targets(self) -> list[TargetRecord]:
        """All that there ever were."""
        return [TargetRecord(*row) for row in await self._connection.fetch(SQL["list_targets"])]

    async def add_target(self, name: str, address_key: str, place: Place) -> None:
        """A new target, told up to a place, unless there is one of this name."""
        await self._connection.execute(SQL["add_target"], name=name, address_key=address_key, position=place[0], n=place[1])

    async def set_address(self, name: str, address_key: str) -> None:
        """The address of a target; another one than before begins without failures."""
        await self._connection.execute(SQL["set_address"], name=name, address_key=address_key)

    async def move(self, name: str, place: Place) -> None:
        """A target has been told up to a place."""
        await self._connection.execute(SQL["move_target"], name=name, position=place[0], n=place[1])

    async def set_rest(self, row: TargetRecord) -> None:
        """Keep how a target stands."""
        await self._connection.execute(
            SQL["set_rest"],
            name=row.name,
            failures=row.failures,
            paused_until_us=row.paused_until_us,
            disabled_at_us=row.disabled_at_us,
        )

    async def put_notice(self, row: NoticeRecord) -> None:
        """Tell something."""
        await self._connection.execute_many(SQL["insert_notice"], [row])

    async def last_place(self) -> Place:
        """The last place at which anything was told."""
        change = await self._connection.fetch_one(CHANGES["last_change"], organization_id=None)
        notice = await self._connection.fetch_one(SQL["last_notice"])
        return max((row[0], row[1]) for row in (change, notice, (0, 0)) if row)

    async def told_after(self, place: Place, limit: int) -> list[Told]:
        """Changes and notices from after a place, in their order."""
        changes = await self._connection.fetch(
            CHANGES["changes_after"], position=place[0], n=place[1], limit=limit, organization_id=None
        )
        notices = await self._connection.fetch(SQL["notices_after"], position=place[0], n=place[1], limit=limit)
        return _in_order([*changes, *notices])[:limit]

    async def told_at(self, places: Sequence[Place]) -> list[Told]:
        """Changes and notices at these places."""
        values = {"positions": [place[0] for place in places], "ns": [place[1] for place in places]}
        changes = await self._connection.fetch(SQL["changes_at"], **values)
        return _in_order([*changes, *await self._connection.fetch(SQL["notices_at"], **values)])

    async def add(self, rows: Sequence[MessageRecord]) -> None:
        """Add messages."""
        await self._connection.execute_many(SQL["insert_message"], rows)

    async def count_waiting(self, target: str, limit: int) -> int:
        """How many messages of a target wait; counted up to `limit`."""
        row = await self._connection.fetch_one(SQL["count_waiting"], target=target, limit=limit)
        return int(row[0]) if row else 0

    async def first_messages(self, target: str, limit: int) -> list[MessageRecord]:
        """The messages of a target that wait for no other, by the time at which they are due."""
        rows = await self._connection.fetch(SQL["first_messages"], target=target, limit=limit)
        return [MessageRecord(*row) for row in rows]

    async def update(self, rows: Sequence[MessageRecord]) -> None:
        """Keep what came of attempts."""
        await self._connection.execute_many(
            SQL["update_message"],
            [(row.attempts, row.next_at_us, row.error, row.dead_at_us, *_key(row)) for row in rows],
        )

    async def remove(self, rows: Sequence[MessageRecord]) -> None:
        """Remove messages."""
        await self._connection.execute_many(SQL["delete_message"], [_key(row) for row in rows])

    async def remove_waiting(self, target: str) -> int:
        """Give up what waits for a target."""
        return await self._connection.execute(SQL["delete_waiting"], target=target)

    async def counts(self) -> list[TargetCounts]:
        """How many messages of each target wait, and how many are dead."""
        return [TargetCounts(*row) for row in await self._connection.fetch(SQL["count_messages"])]

    async def list_dead(
        self, before: tuple[int, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[MessageRecord]:
        """Dead letters, those of the newest changes first, from before (position, n, target)."""
        position, n, before_target = before
        rows = await self._connection.fetch(
            SQL["list_dead"],
            position=position,
            n=n,
            before_target=before_target,
            limit=limit,
            organization_id=organization_id,
            **filters,
        )
        return [MessageRecord(*row) for row in rows]

    async def revive(self, now_us: int, organization_id: str | None, **filters: object) -> int:
        """Let dead letters wait again as if they hadn't been tried."""
        return await self._connection.execute(SQL["revive"], now_us=now_us, organization_id=organization_id, **filters)

    async def drop_before(self, before_us: int, limit: int) -> int:
        """Forget dead letters and notices from before a time, so many of each at most."""
        dead = await self._connection.fetch(SQL["dead_before"], before_us=before_us, limit=limit)
        notices = await self._connection.fetch(SQL["notices_before"], before_us=before_us, limit=limit)
        await self._connection.execute_many(SQL["delete_message"], dead)
        await self._connection.execute_many(SQL["delete_notice"], notices)
        return len(dead) + len(notices)


def _key(row: MessageRecord) -> tuple[str, str, int, int]:
    return row.organization_id, row.target, row.position, row.n


def _in_order(rows: Sequence[Row]) -> list[Told]:
    return sorted((Told(*row) for row in rows), key=lambda told: told.place)
