"""What alerts ask of a store: part of `handlers.ports.Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from schemas.alerts import MessageRecord, NoticeRecord, Place, TargetCounts, TargetRecord, Told


class Alerts(Protocol):
    """Targets, what is told beside the change feed, and the messages that aren't delivered yet."""

    async def find_target(self, name: str) -> TargetRecord | None: ...

    async def list_targets(self) -> list[TargetRecord]: ...

    async def add_target(self, name: str, address_key: str, place: Place) -> None:
        """A new target, told up to a place, unless there is one of this name."""
        ...

    async def set_address(self, name: str, address_key: str) -> None:
        """The address of a target; another one than before begins without failures."""
        ...

    async def move(self, name: str, place: Place) -> None:
        """A target has been told up to a place; it never goes back."""
        ...

    async def set_rest(self, row: TargetRecord) -> None:
        """Keep how a target stands, but not how far it is."""
        ...

    async def put_notice(self, row: NoticeRecord) -> None: ...

    async def last_place(self) -> Place:
        """The last place at which anything was told; (0, 0) while there is nothing."""
        ...

    async def told_after(self, place: Place, limit: int) -> list[Told]:
        """Changes and notices from after a place, in their order."""
        ...

    async def told_at(self, places: Sequence[Place]) -> list[Told]:
        """Changes and notices at these places, as far as they are still there."""
        ...

    async def add(self, rows: Sequence[MessageRecord]) -> None: ...

    async def count_waiting(self, target: str, limit: int) -> int:
        """How many messages of a target wait; counted up to `limit`."""
        ...

    async def first_messages(self, target: str, limit: int) -> list[MessageRecord]:
        """The messages of a target that wait for no other, by the time at which they are due: of each subject the first."""
        ...

    async def update(self, rows: Sequence[MessageRecord]) -> None:
        """Keep what came of attempts; a message that is gone stays gone."""
        ...

    async def remove(self, rows: Sequence[MessageRecord]) -> None: ...

    async def remove_waiting(self, target: str) -> int:
        """Give up what waits for a target; how many messages that was."""
        ...

    async def counts(self) -> list[TargetCounts]: ...

    async def list_dead(
        self, before: tuple[int, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[MessageRecord]:
        """Dead letters, those of the newest changes first, from before (position, n, target)."""
        ...

    async def revive(self, now_us: int, organization_id: str | None, **filters: object) -> int:
        """Let dead letters wait again as if they hadn't been tried; how many. Filters are `target` and `message_ids`."""
        ...

    async def drop_before(self, before_us: int, limit: int) -> int:
        """Forget dead letters that died before a time, and notices told before it, so many of each at most; how many."""
        ...
