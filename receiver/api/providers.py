"""`/api/v1/providers`: what is pulled from, runs to ask for and to look at, and what could not be stored."""

import msgspec
from msgspec import Struct
from starlette.responses import Response

from handlers.ports import Transaction
from handlers.provider_runs import ProviderKey, request_run
from handlers.queries.lists import Filter
from handlers.queries.providers import RefusedFilter, get_run, list_refused, list_runs, show_provider, show_runs
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from receiver.provider_facts import facts_of
from receiver.pull.definition import LoadedDefinition
from schemas.errors import at
from schemas.pages import Page
from schemas.provider_views import ProviderView, RefusedView, RunView

PATH = "/api/v1/providers"


class RunRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which streams to fetch, with those that they need; none, or no body at all, means all."""

    streams: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(RunRequest).decode


async def providers(call: Call, _: Filter) -> Response:
    """All that the client may see, by name; there are few enough for one page."""
    catalog, now_us = call.services.catalog, call.services.clock()
    seen = [
        facts_of(catalog, loaded, now_us)
        for _, loaded in sorted(catalog.all().items())
        if call.viewer.organization_id in (None, loaded.definition.organization.lower())
    ]

    async def work(tx: Transaction) -> Page[ProviderView]:
        return Page(tuple([await show_provider(tx, facts) for facts in seen]), None)

    return json_response(await call.read(work))


async def provider(call: Call, _: Filter) -> Response:
    """One provider."""
    facts = facts_of(call.services.catalog, _loaded(call), call.services.clock())
    return json_response(await call.read(lambda tx: show_provider(tx, facts)))


async def start_run(call: Call, _: Filter) -> Response:
    """Ask for a run, which is made as soon as it can be; the same one while it waits."""
    loaded, services = _loaded(call), call.services
    asked = await read_json(call, _decode, RunRequest())
    for place, stream in enumerate(asked.streams):
        if stream not in loaded.definition.streams:
            known = ", ".join(loaded.definition.streams)
            raise at(f"$.streams[{place}]", f"the provider has no stream {stream!r}, but {known}")
    key, now_us = services.catalog.key(loaded), services.clock()

    async def work(tx: Transaction) -> RunView:
        run = await request_run(tx, key, call.actor, asked.streams, now_us)
        return (await show_runs(tx, key, [run]))[0]

    run = await services.store.write(work)
    services.pull_wanted.set()
    return json_response(run, 202, {"Location": f"{PATH}/{key.provider}/runs/{run.run_id}"})


async def provider_runs(call: Call, _: Filter) -> Response:
    """Runs of a provider."""
    key = _key(call)
    return json_response(await call.read(lambda tx: list_runs(tx, key, call.page)))


async def provider_run(call: Call, _: Filter) -> Response:
    """One run."""
    key, ref = _key(call), call.path("runId")
    return json_response(await call.read(lambda tx: get_run(tx, key, ref)))


async def provider_quarantine(call: Call, asked: RefusedFilter) -> Response:
    """What could not be stored."""
    key = _key(call)
    return json_response(await call.read(lambda tx: list_refused(tx, key, asked, call.page)))


def _loaded(call: Call) -> LoadedDefinition:
    return call.services.catalog.get(call.path("provider"), call.viewer.organization_id)


def _key(call: Call) -> ProviderKey:
    return call.services.catalog.key(_loaded(call))


OPERATIONS = (
    Operation("GET", PATH, providers, "Providers and how their latest runs went", answer=Page[ProviderView]),
    Operation("GET", f"{PATH}/{{provider}}", provider, "A provider", answer=ProviderView),
    Operation(
        "POST",
        f"{PATH}/{{provider}}/runs",
        start_run,
        "Ask for a run, of all streams or of some",
        scope="admin",
        body=RunRequest,
        answer=RunView,
        status=202,
    ),
    Operation(
        "GET", f"{PATH}/{{provider}}/runs", provider_runs, "Runs of a provider, newest first", paged=True, answer=Page[RunView]
    ),
    Operation("GET", f"{PATH}/{{provider}}/runs/{{runId}}", provider_run, "A run", answer=RunView),
    Operation(
        "GET",
        f"{PATH}/{{provider}}/quarantine",
        provider_quarantine,
        "Records of a provider that could not be stored, newest first",
        query=RefusedFilter,
        paged=True,
        answer=Page[RefusedView],
    ),
)
