"""What must hold among the streams of a definition: fields, expressions, lookups, parents, pagination and date ranges."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from handlers.rules.provider_mapping import OPTIONAL, REQUIRED, TIME_FIELDS
from handlers.rules.zones import zone_of
from receiver.pull.expressions import expression
from schemas.errors import InvalidInputError, Problem
from schemas.provider_pagination import CursorPagination, LinkPagination, NoPagination, OffsetPagination, PagePagination
from schemas.providers import DateRange, Definition, Field, Stream

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TIME_FORMATS = ("iso", "epoch_s", "epoch_ms")
_RANGE_FORMATS = ("date", "datetime", "epoch_s", "epoch_ms")
_USAGE = ("readings", "consumption")


def stream_problems(definition: Definition) -> Iterator[Problem]:
    """All faults of all streams."""
    if not definition.streams:
        yield Problem("$.streams", "expected at least one stream")
    for name, stream in definition.streams.items():
        path = f"$.streams.{name}"
        yield from _source_problems(definition, name, stream, path)
        yield from _field_problems(definition, stream, path)
        yield from _expression_problems(stream, path)
        if stream.date_range is not None:
            yield from _range_problems(stream, stream.date_range, f"{path}.date_range")
        yield from _parameter_problems(stream, path)
        if stream.updated_since is not None and stream.entity in _USAGE:
            yield Problem(f"{path}.updated_since", "is for assets and meters; usage has a date_range")
        if stream.aggregation is not None and stream.entity not in _USAGE:
            yield Problem(f"{path}.aggregation", "is for readings and consumption")
    yield from _cycle_problems(definition)


def _source_problems(definition: Definition, name: str, stream: Stream, path: str) -> Iterator[Problem]:
    if (stream.path is None) == (stream.derive_from is None):
        yield Problem(path, "expected either path or derive_from")
        return
    if stream.derive_from is not None:
        source = definition.streams.get(stream.derive_from)
        if source is None or source.path is None:
            yield Problem(f"{path}.derive_from", f"no stream with a path is called {stream.derive_from!r}")
        for extra in ("parent", "pagination", "date_range", "updated_since"):
            if getattr(stream, extra) is not None:
                yield Problem(f"{path}.{extra}", "a derived stream has none of its own")
        return
    address = stream.path or ""
    if not address.startswith("/") or "?" in address or "#" in address:
        yield Problem(f"{path}.path", "expected a path that begins with / and has no query; parameters go into query")
    if stream.pagination is None:
        yield Problem(f"{path}.pagination", 'is required; an endpoint without pages says type = "none"')
    yield from _parent_problems(definition, name, stream, path, set(PLACEHOLDER.findall(address)))


def _parent_problems(definition: Definition, name: str, stream: Stream, path: str, placeholders: set[str]) -> Iterator[Problem]:
    if stream.parent is None:
        if placeholders:
            yield Problem(f"{path}.path", "has placeholders, but the stream has no parent to fill them")
        return
    parent = definition.streams.get(stream.parent.stream)
    if parent is None or parent.path is None or stream.parent.stream == name:
        yield Problem(f"{path}.parent.stream", f"no other stream with a path is called {stream.parent.stream!r}")
    elif parent.updated_since is not None or parent.date_range is not None:
        yield Problem(
            f"{path}.parent.stream", "a parent must be fetched in full, or records that didn't change would lose their children"
        )
    if placeholders != set(stream.parent.parameters):
        yield Problem(f"{path}.parent.parameters", f"must be those of the path: {', '.join(sorted(placeholders)) or 'none'}")


def _cycle_problems(definition: Definition) -> Iterator[Problem]:
    for name in definition.streams:
        seen, current = {name}, definition.streams[name].parent
        while current is not None and current.stream in definition.streams:
            if current.stream in seen:
                yield Problem(f"$.streams.{name}.parent", "streams are each other's parents")
                break
            seen.add(current.stream)
            current = definition.streams[current.stream].parent


def _field_problems(definition: Definition, stream: Stream, path: str) -> Iterator[Problem]:
    known = (*REQUIRED[stream.entity], *OPTIONAL[stream.entity])
    for name in REQUIRED[stream.entity]:
        if name not in stream.fields:
            yield Problem(f"{path}.fields.{name}", f"is required of {stream.entity}")
    for name, source in stream.fields.items():
        place = f"{path}.fields.{name}"
        if name not in known:
            yield Problem(place, f"is no field of {stream.entity}: those are {', '.join(known)}; others go into metadata")
        if isinstance(source, Field):
            yield from _source_of_field_problems(definition, stream, name, source, place)


def _source_of_field_problems(definition: Definition, stream: Stream, name: str, source: Field, place: str) -> Iterator[Problem]:
    if sum(given is not None for given in (source.path, source.parent, source.constant)) != 1:
        yield Problem(place, "expected exactly one of path, parent and constant")
    if source.parent is not None and stream.parent is None:
        yield Problem(f"{place}.parent", "the stream has no parent")
    if isinstance(source.lookup, str) and source.lookup not in definition.lookups:
        yield Problem(f"{place}.lookup", f"no table of [lookups] is called {source.lookup!r}")
    if source.time_format != "iso" and name not in TIME_FIELDS:
        yield Problem(f"{place}.time_format", f"is for {', '.join(sorted(TIME_FIELDS))}")
    if source.time_format not in _TIME_FORMATS and "%" not in source.time_format:
        yield Problem(f"{place}.time_format", f"expected one of {', '.join(_TIME_FORMATS)}, or a strptime pattern")


def _expression_problems(stream: Stream, path: str) -> Iterator[Problem]:
    for place, text in _expressions(stream):
        yield from problems_of(f"{path}.{place}", partial(expression, text))


def _expressions(stream: Stream) -> Iterable[tuple[str, str]]:
    """Every JMESPath of a stream, with its place."""
    found: list[tuple[str, str | None]] = [("records", stream.records), ("key", stream.key)]
    for name, source in stream.fields.items():
        if isinstance(source, Field):
            found += [(f"fields.{name}.path", source.path), (f"fields.{name}.parent", source.parent)]
        else:
            found.append((f"fields.{name}", source))
    found += [(f"metadata.{name}", text) for name, text in stream.metadata.items()]
    if stream.parent is not None:
        found += [(f"parent.parameters.{name}", text) for name, text in stream.parent.parameters.items()]
    if stream.pagination is not None:
        found += [(f"pagination.{name}", getattr(stream.pagination, name, None)) for name in ("total", "pages", "next")]
    return [(place, text) for place, text in found if text is not None]


def _range_problems(stream: Stream, wanted: DateRange, path: str) -> Iterator[Problem]:
    if stream.entity not in _USAGE:
        yield Problem(path, "is for readings and consumption")
    if wanted.format not in _RANGE_FORMATS and "%" not in wanted.format:
        yield Problem(f"{path}.format", f"expected one of {', '.join(_RANGE_FORMATS)}, or a strftime pattern")
    if wanted.time_zone is not None:
        yield from problems_of(f"{path}.time_zone", partial(zone_of, wanted.time_zone))


def _parameter_problems(stream: Stream, path: str) -> Iterator[Problem]:
    """No query parameter may be set twice."""
    names = [*stream.query]
    match stream.pagination:
        case OffsetPagination() as style:
            names += [style.offset_parameter, style.limit_parameter]
        case PagePagination() | CursorPagination() | LinkPagination() as style:
            if (style.size is None) != (style.size_parameter is None):
                yield Problem(f"{path}.pagination", "size and size_parameter go together")
            names += [style.size_parameter] if style.size_parameter else []
            if isinstance(style, PagePagination):
                names.append(style.page_parameter)
            if isinstance(style, CursorPagination):
                names.append(style.parameter)
        case NoPagination() | None:
            pass
    if stream.date_range is not None:
        names += [stream.date_range.start_parameter, stream.date_range.end_parameter]
    if stream.updated_since is not None:
        names.append(stream.updated_since.parameter)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(path, f"the query parameter {name} is set twice")


def problems_of(path: str, check: Callable[[], object]) -> Iterator[Problem]:
    """What a check raises, as a problem of this place."""
    try:
        check()
    except InvalidInputError as error:
        yield Problem(path, error.message)
