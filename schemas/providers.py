"""A provider's definition: everything that a pull from its API needs to know, as one TOML file states it.

Source: "API integration requirements": authentication, pagination, date ranges, rate limits, environments, schedule and
entities. Unknown fields are refused. What a shape alone can't say is checked in receiver/pull/definition.py.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from schemas.events import Uuid
from schemas.provider_access import Auth, Count, Environments, Limits, Part, Rates, Retry
from schemas.provider_pagination import Pagination, Whole
from schemas.provider_schedule import Schedule

Scalar: TypeAlias = str | bool | int | float
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\Z")]
Granularity: TypeAlias = Literal["day", "month"]
EntityName: TypeAlias = Literal["assets", "meters", "readings", "consumption"]


class Deactivation(Part, frozen=True):
    """The guard: a run that would deactivate more than `count_max` and more than `share_max` of what is active does nothing."""

    count_max: Whole = 5
    share_max: Annotated[float, Meta(ge=0, le=1)] = 0.5


class Documentation(Part, frozen=True):
    """What the onboarding checklist asks for and no request can find out."""

    reference: str | None = None
    collection: str | None = None
    data_model: str | None = None
    granularity: str | None = None
    edge_cases: str | None = None


class DateRange(Part, frozen=True):
    """How usage is asked for by time: names, form, which end is meant, the longest span of one request, and what is read again.

    `format` is `date`, `datetime` (UTC, whole seconds), `epoch_s`, `epoch_ms` or a strftime pattern in the local time of the
    zone. An inclusive end is rendered one step of the format before the half-open one.
    """

    start_parameter: str
    end_parameter: str
    first: date
    format: str = "date"
    end: Literal["exclusive", "inclusive"] = "exclusive"
    span_days_max: Count | None = None
    span_months_max: Count | None = None
    look_back_days: Whole = 0
    time_zone: str | None = None


class UpdatedSince(Part, frozen=True):
    """An incremental fetch of entities: only what changed since the last run. It never deactivates anything."""

    parameter: str
    format: str = "datetime"
    look_back_days: Whole = 1


class Parent(Part, frozen=True):
    """One request for each record of another stream; `parameters` fill `{name}` in the path, by JMESPath over that record."""

    stream: str
    parameters: dict[str, str]


class Field(Part, frozen=True):
    """Where a standard field comes from: one of `path` (JMESPath over the record), `parent` (over the parent's), `constant`.

    `lookup` names a table of [lookups] or is one; a value it lacks takes `default`, or is a fault. `time_format` is `iso`,
    `epoch_s`, `epoch_ms` or a strptime pattern.
    """

    path: str | None = None
    parent: str | None = None
    constant: Scalar | None = None
    lookup: str | dict[str, Scalar] | None = None
    default: Scalar | None = None
    time_format: str = "iso"


class Aggregation(Part, frozen=True):
    """What is known of the stream's counters: the value at which one rolls over, and the one from which a reset starts again.

    `granularity` is that in which their usage is served unless another is asked for.
    """

    granularity: Granularity | None = None
    rollover: Decimal | None = None
    reset_to: Decimal | None = None
    gap_hours_max: Count | None = None


class Stream(Part, frozen=True):
    """One endpoint and what it brings. A derived stream reads the records of another one instead of a path."""

    entity: EntityName
    fields: dict[str, str | Field]
    path: str | None = None
    derive_from: str | None = None
    parent: Parent | None = None
    query: dict[str, str] = field(default_factory=dict)
    records: str = "@"
    key: str | None = None
    pagination: Pagination | None = None
    date_range: DateRange | None = None
    updated_since: UpdatedSince | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    aggregation: Aggregation | None = None
    requests: Rates = Rates()
    not_found: Literal["fail", "empty"] = "fail"


class Definition(Part, frozen=True):
    """The whole file."""

    name: Name
    organization: Uuid
    environments: Environments
    auth: Auth
    streams: dict[Name, Stream]
    format: Literal["json", "xml"] = "json"
    time_zone: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry: Retry = Retry()
    limits: Limits = Limits()
    schedule: Schedule | None = None
    deactivation: Deactivation = Deactivation()
    lookups: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    documentation: Documentation = Documentation()
