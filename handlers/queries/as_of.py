"""The parameters with which a query asks about another time than now."""

from typing import Annotated

from msgspec import Meta

from handlers.queries.lists import Filter
from schemas.errors import at


class AsOf(Filter, frozen=True, kw_only=True):
    """`at` asks what was in force then, `knownAt` what we would have answered then."""

    at_us: Annotated[int | None, Meta(description="What was in force at this time.")] = None
    known_at_us: Annotated[int | None, Meta(description="What would have been answered at this time. Not available yet.")] = None
    possible: Annotated[
        bool, Meta(description="With `at`: intervals of unknown start too, where they may have been in force.")
    ] = False

    def check(self) -> None:
        """Raises InvalidInputError that names the parameter for what can't be answered."""
        if self.known_at_us is not None:
            raise at("knownAt", "is not available yet")
