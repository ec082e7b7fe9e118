"""Readings and consumption as providers gave them, and what they said before."""

from collections.abc import Sequence
from decimal import Decimal

from handlers.provider_ports import Spans
from schemas.decimals import decimal_text
from schemas.provider_rows import CounterRow, UsageRow
from storage.engine import Connection, Row
from storage.statements import load

SQL = load("provider_usage")


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else decimal_text(amount)


def _usage(row: Row) -> UsageRow:
    amounts = (Decimal(row[7]), *map(_amount, row[8:11]))
    return UsageRow._make((*row[:7], *amounts, *row[11:]))


def _columns(row: UsageRow) -> tuple[object, ...]:
    return (*row[:7], *map(_text, row[7:11]), *row[11:])


class UsageTables:
    """Implements `handlers.provider_ports.Usage`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_spans(self, organization_id: str, kind: str, spans: Spans) -> list[UsageRow]:
        """What is stored for exactly these (meter code, start, end)."""
        rows = await self._connection.fetch(
            SQL["of_spans"],
            organization_id=organization_id,
            kind=kind,
            codes=[span[0] for span in spans],
            starts=[span[1] for span in spans],
            ends=[span[2] for span in spans],
        )
        return [_usage(row) for row in rows]

    async def put(self, rows: Sequence[UsageRow]) -> None:
        """Put what a provider says."""
        await self._connection.execute_many(SQL["put"], [_columns(row) for row in rows])

    async def add_history(self, rows: Sequence[UsageRow], now_us: int) -> None:
        """Keep what is replaced now."""
        await self._connection.execute_many(SQL["add_history"], [(*_columns(row), now_us) for row in rows])

    async def list_usage(
        self,
        organization_id: str,
        asset_id: str,
        meter_code: str,
        kind: str,
        after: tuple[int, int],
        limit: int,
        **filters: object,
    ) -> list[UsageRow]:
        """Usage of a meter of an asset by time, from after (start, end)."""
        rows = await self._connection.fetch(
            SQL["list_usage"],
            organization_id=organization_id,
            asset_id=asset_id,
            meter_code=meter_code,
            kind=kind,
            after_start_us=after[0],
            after_end_us=after[1],
            limit=limit,
            **filters,
        )
        return [_usage(row) for row in rows]

    async def history_of(self, organization_id: str, meter_code: str, kind: str, start_us: int, end_us: int) -> list[UsageRow]:
        """What was said of a span before, oldest first."""
        rows = await self._connection.fetch(
            SQL["history_of"],
            organization_id=organization_id,
            meter_code=meter_code,
            kind=kind,
            start_us=start_us,
            end_us=end_us,
        )
        return [_usage(row) for row in rows]

    async def has_any(self, organization_id: str, meter_code: str) -> bool:
        """Whether there is usage of a meter."""
        found = await self._connection.fetch_one(SQL["has_any"], organization_id=organization_id, meter_code=meter_code)
        return found is not None

    async def put_counters(self, rows: Sequence[CounterRow]) -> None:
        """What is known of counters."""
        await self._connection.execute_many(
            SQL["put_counter"], [(*row[:2], _text(row.rollover), _text(row.reset_to), *row[4:]) for row in rows]
        )

    async def counter_of(self, organization_id: str, meter_code: str) -> CounterRow | None:
        """What is known of the counter behind a meter."""
        row = await self._connection.fetch_one(SQL["counter_of"], organization_id=organization_id, meter_code=meter_code)
        return CounterRow(row[0], row[1], _amount(row[2]), _amount(row[3]), *row[4:]) if row else None
