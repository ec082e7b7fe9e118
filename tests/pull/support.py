"""Definitions for tests, a client of one, and a sink that keeps what it is given."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from receiver.pull.client import ProviderClient
from receiver.pull.definition import check_definition
from receiver.pull.limits import RequestCounter
from receiver.pull.mapping import Mapped
from receiver.pull.reports import Batch, Counts, StreamReport
from receiver.pull.secrets import resolve_secrets
from schemas.provider_records import ProviderConsumption, ProviderReading, ProviderRecord
from schemas.providers import Definition

NOTHING: Mapping[str, str] = {}
QUICK = {"attempts": 3, "wait_initial_s": 0.01, "wait_s_max": 0.05, "retry_after_s_max": 5}
VEHICLES = {
    "entity": "assets",
    "path": "/vehicles",
    "pagination": {"type": "none"},
    "fields": {"external_id": "id", "name": "name"},
}


def definition(base_url: str, streams: Mapping[str, Any] | None = None, **more: Any) -> Definition:  # noqa: ANN401 - TOML's values
    """A definition that holds, with quick retries, for the server at `base_url`."""
    plain: dict[str, Any] = {
        "name": "fleet",
        "organization": "0b9f2f6e-6a0e-4f9a-8a9a-0a8d5f8f3a11",
        "environments": {"production": {"base_url": base_url}},
        "auth": {"type": "none"},
        "time_zone": "Europe/Berlin",
        "retry": QUICK,
        "streams": {"vehicles": VEHICLES} if streams is None else streams,
    }
    made = msgspec.convert(plain | more, Definition)
    assert check_definition(made) == []
    return made


@asynccontextmanager
async def opened(
    made: Definition, environ: Mapping[str, str] = NOTHING, counter: RequestCounter | None = None
) -> AsyncIterator[ProviderClient]:
    """A client of a definition's production environment."""
    async with ProviderClient(made, resolve_secrets(made, "production", environ, Path()), counter=counter) as client:
        yield client


class KeepingSink:
    """A sink in memory: rows by their natural key, watermarks by stream and scope, and everything it was told."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], ProviderRecord] = {}
        self.marks: dict[tuple[str, str], int] = {}
        self.batches: list[Batch] = []
        self.reports: list[StreamReport] = []

    async def watermarks(self, stream: str) -> Mapping[str, int]:
        """The watermark of each scope."""
        return {scope: mark for (name, scope), mark in self.marks.items() if name == stream}

    async def commit(self, batch: Batch) -> Counts:
        """Keep a batch and tell what was new."""
        self.batches.append(batch)
        created = updated = unchanged = 0
        for mapped in batch.records:
            key = natural_key(mapped)
            if key not in self.rows:
                created += 1
            elif self.rows[key] == mapped.record:
                unchanged += 1
            else:
                updated += 1
            self.rows[key] = mapped.record
        if batch.watermark_us is not None:
            self.marks[batch.stream, batch.scope] = batch.watermark_us
        return Counts(created, updated, unchanged)

    async def finish(self, report: StreamReport) -> None:
        """Keep the report."""
        self.reports.append(report)


def natural_key(mapped: Mapped) -> tuple[str, ...]:
    """What makes two records the same thing."""
    record = mapped.record
    if isinstance(record, ProviderReading):
        return ("reading", record.meter_id, str(record.at_us))
    if isinstance(record, ProviderConsumption):
        return ("consumption", record.meter_id, str(record.start_us), str(record.end_us))
    return (type(record).__name__, record.external_id)
