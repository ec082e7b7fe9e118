"""The parameters with which a query asks about another time than now."""

from typing import Annotated

from msgspec import Meta

from handlers.queries.lists import Filter


class AsOf(Filter, frozen=True, kw_only=True):
    """`at` asks what was in force then, `knownAt` what we would have answered then."""

    at_us: Annotated[int | None, Meta(description="What was in force at this time.")] = None
    known_at_us: Annotated[int | None, Meta(description="What would have been answered at this time.")] = None
    possible: Annotated[
        bool, Meta(description="With `at`: intervals of unknown start too, where they may have been in force.")
    ] = False

    @property
    def is_past(self) -> bool:
        """Whether another time is asked about."""
        return self.at_us is not None or self.known_at_us is not None

    def now_us(self, clock_us: int) -> int:
        """The moment as of which deadlines are judged: `at`, else `knownAt`, else that of the clock."""
        return next((time_us for time_us in (self.at_us, self.known_at_us) if time_us is not None), clock_us)
