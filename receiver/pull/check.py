"""A look at a provider that writes nothing: one page of each stream, and what the definition makes of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing

from msgspec import Struct, to_builtins

from receiver.pull.client import ProviderClient, now_us
from receiver.pull.errors import ProviderError
from receiver.pull.mapping import NO_PARENT, Mapped, Mapper, ParentValues, Quarantined, parent_values
from receiver.pull.pages import Page
from receiver.pull.plan import stream_order
from receiver.pull.requests import StreamRequests
from schemas.errors import InvalidInputError
from schemas.provider_records import METER_SUBTYPES, ProviderMeter, ProviderRecord
from schemas.providers import Definition, EntityName
from schemas.wire import time_text

# The latest span may hold nothing yet: so many are tried, backwards, until one has a record; after them the very first.
_CHUNKS_MAX = 4


class FailingField(Struct, frozen=True):
    """A standard field that some records of the page don't fill as they must, with the first reason."""

    field: str
    records: int
    reason: str


class StreamCheck(Struct, frozen=True):
    """What one page of a stream gave. `example` is the first record that could be mapped, by the standard fields' names.

    `mapped` are the standard fields that at least one record filled, `unmapped` the provider's own fields that nothing uses,
    `hints` what is taken, but looks like a slip.
    """

    stream: str
    entity: EntityName
    url: str = ""
    records: int = 0
    usable: int = 0
    mapped: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()
    failing: tuple[FailingField, ...] = ()
    hints: tuple[str, ...] = ()
    example: object = None
    error: str | None = None


async def check_streams(definition: Definition, client: ProviderClient, clock: Callable[[], int] = now_us) -> list[StreamCheck]:
    """Fetch and map one page of every stream; a child stream for one record of its parent, usage for its latest span with any.

    What goes wrong with a stream stands in its `error`; nothing is raised for it.
    """
    checks = []
    pages: dict[str, Page] = {}
    for name in stream_order(definition):
        try:
            values = _parent(definition, name, pages, client)
            page = await _page(definition, name, client, values, clock())
        except (ProviderError, InvalidInputError) as error:
            failed = [
                StreamCheck(each, definition.streams[each].entity, error=error.message)
                for each in _with_derived(definition, name)
            ]
            checks += failed
            continue
        if page is not None:
            pages[name] = page
        for each in _with_derived(definition, name):
            mapper = Mapper(definition, definition.streams[each], client.redactor)
            checks.append(_look(each, definition.streams[each].entity, mapper, page, values))
    return checks


def _with_derived(definition: Definition, name: str) -> list[str]:
    return [*(derived for derived, stream in definition.streams.items() if stream.derive_from == name), name]


def _parent(definition: Definition, name: str, pages: dict[str, Page], client: ProviderClient) -> ParentValues:
    """The values of the first record of the parent's page that a child can be asked for."""
    parent = definition.streams[name].parent
    if parent is None:
        return NO_PARENT
    mapper = Mapper(definition, definition.streams[parent.stream], client.redactor)
    for raw in pages[parent.stream].records if parent.stream in pages else ():
        result = mapper.map(raw)
        if isinstance(result, Mapped):
            return parent_values(definition.streams[name], result.key, raw)
    raise ProviderError(f"its parent {parent.stream} gave no usable record to ask for")


async def _page(definition: Definition, name: str, client: ProviderClient, values: ParentValues, now: int) -> Page | None:
    requests = StreamRequests(definition, name, client, {}, now)
    chunks = list(requests.chunks(values.scope))
    if not chunks:
        raise ProviderError("its date range is empty: nothing is complete yet")
    for chunk in (*reversed(chunks[-_CHUNKS_MAX:]), *chunks[:-_CHUNKS_MAX][:1]):
        async with aclosing(requests.walk(values, chunk).pages()) as pages:
            page = await anext(pages, None)
        if page is not None:
            return page
    return None


def _look(name: str, entity: EntityName, mapper: Mapper, page: Page | None, values: ParentValues) -> StreamCheck:
    if page is None:
        return StreamCheck(name, entity)
    results = [mapper.map(raw, values) for raw in page.records]
    usable = [result.record for result in results if isinstance(result, Mapped)]
    filled = dict.fromkeys(name for record in usable for name in _shown(record))
    unmapped = dict.fromkeys(key for raw in page.records for key in mapper.unmapped(raw))
    reasons: dict[str, str] = {}
    failing: Counter[str] = Counter()
    for result in results:
        if isinstance(result, Quarantined):
            failing.update({problem.path for problem in result.problems})
            reasons = {problem.path: problem.message for problem in result.problems} | reasons
    return StreamCheck(
        name,
        entity,
        page.url,
        len(results),
        len(usable),
        tuple(filled),
        tuple(unmapped),
        tuple(FailingField(path, count, reasons[path]) for path, count in failing.most_common()),
        tuple(dict.fromkeys(hint for record in usable for hint in _hints(record))),
        _shown(usable[0]) if usable else None,
    )


def _hints(record: ProviderRecord) -> Iterator[str]:
    """What is taken as it is, but may be a slip: a subtype that the requirements don't name."""
    if isinstance(record, ProviderMeter) and record.subtype not in (None, *METER_SUBTYPES[record.type]):
        yield f"subtype {record.subtype!r} is none of those of {record.type}: {', '.join(METER_SUBTYPES[record.type])}"


def _shown(record: ProviderRecord) -> dict[str, object]:
    """The fields that a record fills, by the names that they have in a definition; times as text."""
    values = {name: getattr(record, name) for name in sorted(record.__struct_fields__)}
    return {
        name.removesuffix("_us"): time_text(value) if name.endswith("_us") else to_builtins(value)
        for name, value in values.items()
        if value not in (None, {})
    }
