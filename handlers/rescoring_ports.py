"""What looking again at the candidates of open cases asks of a store: part of `handlers.ports.Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from schemas.vin_records import Touched


class Rescoring(Protocol):
    """What is kept between two looks at the candidates of open cases. Pairs are (organization, id)."""

    async def note(self, touched: Sequence[Touched]) -> None:
        """Candidates of cases may be others: said by the transaction that makes them so."""
        ...

    async def notes(self, limit: int) -> list[tuple[int, Touched]]:
        """Some of what was noted, each with a number."""
        ...

    async def drop_notes(self, notes: Sequence[tuple[int, Touched]]) -> None: ...

    async def place(self) -> tuple[int, int]:
        """How far the change feed was followed; nobody else follows it before this transaction has ended."""
        ...

    async def set_place(self, place: tuple[int, int]) -> None: ...

    async def has_cases(self, organization_id: str) -> bool:
        """Whether any case of an organization has keys."""
        ...

    async def cases_with(self, organization_id: str, keys: Sequence[str]) -> list[str]:
        """The cases that have one of these keys."""
        ...

    async def put_keys(self, cases: Sequence[tuple[str, str]], keys: Sequence[tuple[str, str, str]]) -> None:
        """Let some cases have these keys, given as (organization, key, case), and no others."""
        ...

    async def announced(self, cases: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The best candidates that were last announced of cases."""
        ...

    async def put_announced(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Keep what was announced, as (organization, case, best candidate)."""
        ...

    async def forget_announced(self, cases: Sequence[tuple[str, str]]) -> None:
        """Forget it for cases that are gone."""
        ...
