"""The provider's pre-onboarding checklist, answered as far as a definition states it and a check could verify it.

Source: "API integration requirements", "Pre-onboarding checklist for providers", items 1 to 9.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from receiver.pull.check import StreamCheck
from schemas.provider_access import EnvironmentName, Rates
from schemas.provider_pagination import NoPagination
from schemas.providers import Definition

UNKNOWN = "not stated"


class ChecklistAnswer(Struct, frozen=True):
    """One item: what is known, and whether a request of this check has shown it to be so."""

    item: str
    answer: str
    verified: bool


def answer_checklist(
    definition: Definition, environment: EnvironmentName, checks: Sequence[StreamCheck]
) -> list[ChecklistAnswer]:
    """The nine items in their order; `checks` are those made against `environment`."""
    reached = any(check.error is None for check in checks)
    return [
        ChecklistAnswer("API base URLs", _urls(definition), reached),
        ChecklistAnswer("Authentication method and test account", _authentication(definition, environment), reached),
        ChecklistAnswer("API reference documentation", definition.documentation.reference or UNKNOWN, verified=False),
        ChecklistAnswer("Postman collection or equivalent", definition.documentation.collection or UNKNOWN, verified=False),
        ChecklistAnswer("Rate limits and access restrictions", ", ".join(_rates(definition)) or UNKNOWN, verified=False),
        ChecklistAnswer("Data types and their granularity", _types(definition, checks), _all_usable(checks)),
        ChecklistAnswer("How meters relate to assets", _relation(definition), _usable(definition, checks, "meters")),
        ChecklistAnswer(
            "Date range parameters and limits", ", ".join(_ranges(definition)) or UNKNOWN, _ranges_verified(definition, checks)
        ),
        ChecklistAnswer("Known edge cases", ", ".join(_edge_cases(definition)) or UNKNOWN, verified=False),
    ]


def _urls(definition: Definition) -> str:
    staging = definition.environments.staging
    return f"production {definition.environments.production.base_url}, staging {UNKNOWN if staging is None else staging.base_url}"


def _authentication(definition: Definition, environment: EnvironmentName) -> str:
    chosen = definition.environments.staging if environment == "staging" else definition.environments.production
    auth = definition.auth if chosen is None or chosen.auth is None else chosen.auth
    return str(auth.__struct_config__.tag)


def _rates(definition: Definition) -> Iterator[str]:
    yield from _stated(definition.limits.requests, "")
    for name, stream in definition.streams.items():
        yield from _stated(stream.requests, f" for {name}")


def _stated(rates: Rates, suffix: str) -> Iterator[str]:
    for period in ("second", "minute", "hour", "day"):
        count: int | None = getattr(rates, f"per_{period}")
        if count is not None:
            yield f"{count} requests per {period}{suffix}"


def _types(definition: Definition, checks: Sequence[StreamCheck]) -> str:
    streams = ", ".join(f"{check.stream} ({check.entity}): {check.usable} of {check.records} usable" for check in checks)
    return f"{streams}; granularity {definition.documentation.granularity or UNKNOWN}"


def _relation(definition: Definition) -> str:
    if definition.documentation.data_model is not None:
        return definition.documentation.data_model
    derived = [
        name for name, stream in definition.streams.items() if stream.derive_from is not None and stream.entity == "assets"
    ]
    return f"assets are derived ({', '.join(derived)})" if derived else "each meter carries the identifier of its asset"


def _ranges(definition: Definition) -> Iterator[str]:
    for name, stream in definition.streams.items():
        wanted = stream.date_range
        if wanted is not None:
            spans = [
                f"{count} {unit}" if count == 1 else f"{count} {unit}s"
                for count, unit in ((wanted.span_days_max, "day"), (wanted.span_months_max, "month"))
                if count is not None
            ]
            longest = f"at most {' and '.join(spans)}" if spans else "without a longest span"
            yield f"{name}: {wanted.start_parameter} and {wanted.end_parameter} ({wanted.end}), {longest}"


def _ranges_verified(definition: Definition, checks: Sequence[StreamCheck]) -> bool:
    ranged = [check for check in checks if definition.streams[check.stream].date_range is not None]
    return bool(ranged) and all(check.error is None for check in ranged)


def _edge_cases(definition: Definition) -> Iterator[str]:
    if definition.documentation.edge_cases is not None:
        yield definition.documentation.edge_cases
    for name, stream in definition.streams.items():
        known = stream.aggregation
        if known is not None and known.rollover is not None:
            yield f"{name}: counters roll over at {known.rollover}"
        if known is not None and known.reset_to is not None:
            yield f"{name}: a reset starts from {known.reset_to}"
        for field in ("estimated", "redelivery", "production"):
            if field in stream.fields:
                yield f"{name}: {field} is delivered"
        if isinstance(stream.pagination, NoPagination):
            yield f"{name}: one answer without pages"


def _usable(definition: Definition, checks: Sequence[StreamCheck], entity: str) -> bool:
    return any(check.usable for check in checks if definition.streams[check.stream].entity == entity)


def _all_usable(checks: Sequence[StreamCheck]) -> bool:
    return bool(checks) and all(check.usable for check in checks)
