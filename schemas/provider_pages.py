"""What a run hands to the store: pages of records, and what could not be made one."""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from schemas.errors import Problem
from schemas.provider_records import ProviderRecord
from schemas.providers import Granularity

Kept: TypeAlias = Literal["created", "updated", "unchanged"]


class Refusal(Struct, frozen=True):
    """Why a record can't be stored; `waits_for` is the id of the asset or meter that it names and that isn't known."""

    field: str
    reason: str
    waits_for: str | None = None


Outcome: TypeAlias = Kept | Refusal


class GivenRecord(Struct, frozen=True):
    """A standard record. `key` names the provider's own across runs; `raw` is that one, `parent` what else it was mapped with."""

    key: str
    record: ProviderRecord
    raw: object = None
    parent: object = None


class RefusedRecord(Struct, frozen=True):
    """A record that isn't in the standard form. `raw` is its JSON."""

    key: str
    raw: str
    field: str
    reason: str
    problems: tuple[Problem, ...] = ()
    external_id: str | None = None
    parent: object = None


class CounterKnowledge(Struct, frozen=True):
    """What a definition says of the counters of a stream."""

    rollover: Decimal | None = None
    reset_to: Decimal | None = None
    gap_us_max: int | None = None
    granularity: Granularity | None = None


class ProviderPage(Struct, frozen=True):
    """One page of one stream; with `watermark_us` the last of its chunk."""

    stream: str
    entity: str
    scope: str = ""
    page: int = 0
    url: str = ""
    records: tuple[GivenRecord, ...] = ()
    refused: tuple[RefusedRecord, ...] = ()
    watermark_us: int | None = None
    counter: CounterKnowledge | None = None


class PageCounts(Struct, frozen=True):
    """What became of the records of a page."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
