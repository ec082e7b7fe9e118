"""The API over a store, spoken to without a socket, with a clock that the test moves."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware

from handlers.clients import IssuedClient, add_client, ensure_operator
from handlers.rules.recording import Answer
from receiver.api import api_routes
from receiver.api.problems import exception_handlers
from receiver.middleware import RequestContext
from receiver.pull.catalog import Catalog
from receiver.secret import Secret
from receiver.services import Services
from receiver.settings import Settings
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.facts import body_of
from tests.support.store import NOW_US, deliver

OPERATOR_SECRET = "the operator's secret"
Headers = dict[str, str]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_us: int = NOW_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        """Microseconds since 1970."""
        return self.now_us

    def move(self, seconds: float) -> None:
        """Go on by some seconds."""
        self.now_us += round(seconds * 1_000_000)


def basic(client_id: str, secret: str) -> Headers:
    """The header with a client's id and secret."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def bearer(token: str) -> Headers:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Api:
    """An application of the API, and what is behind it. `operator` are the credentials of the client that sees all."""

    app: Starlette
    services: Services
    store: DatabaseStore
    clock: Clock
    http: httpx2.AsyncClient
    operator: Headers

    async def client(self, organization_id: str, *scopes: str) -> IssuedClient:
        """A fresh client."""
        return await add_client(self.store, "a test", organization_id, scopes or ("read",), self.clock())

    async def credentials(self, organization_id: str, *scopes: str) -> Headers:
        """The credentials of a fresh client."""
        issued = await self.client(organization_id, *scopes)
        return basic(issued.client_id, issued.client_secret)

    async def ask(self, path: str, headers: Headers | None = None, method: str = "GET", **options: Any) -> httpx2.Response:  # noqa: ANN401 - options of httpx2
        """The answer to a request, the operator's unless other headers are given."""
        return await self.http.request(method, path, headers=self.operator if headers is None else headers, **options)

    async def get(self, path: str, headers: Headers | None = None, /, **params: str | float) -> Any:  # noqa: ANN401 - JSON
        """The JSON of an answer that is 200."""
        answer = await self.ask(path, headers, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def items(self, path: str, headers: Headers | None = None, /, **params: str | float) -> list[Any]:
        """The items of a list that fits one page."""
        page = await self.get(path, headers, **params)
        assert page["nextCursor"] is None
        return list(page["items"])

    async def all_items(self, path: str, headers: Headers | None = None, /, **params: str | float) -> list[Any]:
        """The items of all pages of a list."""
        page = await self.get(path, headers, **params)
        found = list(page["items"])
        while page["nextCursor"] is not None:
            page = await self.get(path, headers, **params, cursor=page["nextCursor"])
            found += page["items"]
        return found

    async def refused(self, status: int, path: str, headers: Headers | None = None, **options: Any) -> Mapping[str, Any]:  # noqa: ANN401 - options of httpx2
        """The problem with which a request is answered."""
        answer = await self.ask(path, headers, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem: Mapping[str, Any] = answer.json()
        assert problem["status"] == status
        assert problem["requestId"] == answer.headers["x-request-id"]
        return problem

    async def deliver(self, *bodies: bytes, **options: Any) -> list[Answer]:  # noqa: ANN401 - options of deliver
        """Take bodies in, one transaction each, and tell whoever waits."""
        answers = await deliver(self.store, bodies, now_us=self.clock(), **options)
        self.services.changed.notify()
        return answers

    async def events(self, *entries: Any, number: int = 1) -> None:  # noqa: ANN401 - JSON
        """Take in one batch with these entries."""
        await self.deliver(body_of(entries, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}"))


@contextlib.asynccontextmanager
async def running_api(database_url: str, settings: Settings | None = None) -> AsyncIterator[Api]:
    """The API over a database until the block ends; its settings get the operator's secret."""
    engine = open_engine(database_url)
    store = DatabaseStore(engine)
    clock = Clock()
    settings = settings or Settings(operator_secret=Secret(OPERATOR_SECRET))
    catalog = Catalog(settings.providers_folder, settings.providers_environment)
    catalog.refresh()
    services = Services(store, settings, clock, asyncio.Event(), catalog=catalog)
    app = Starlette(routes=api_routes(), middleware=[Middleware(RequestContext)], exception_handlers=exception_handlers())
    app.state.services = services
    if settings.operator_secret is not None:
        await ensure_operator(store, settings.operator_secret.reveal(), clock())
    transport = httpx2.ASGITransport(app)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://drawbar.test") as http:
            yield Api(app, services, store, clock, http, basic("operator", OPERATOR_SECRET))
    finally:
        services.stop.set()
        await engine.close()
