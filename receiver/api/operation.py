"""Operations: what can be asked of the API, in one table beside the routes that is their OpenAPI description too."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from handlers.clients import Scope
from handlers.ports import Result, Work
from handlers.queries.lists import Filter, PageAsked, Viewer
from receiver.api.access import Access, answer_headers
from receiver.api.auth import Principal
from receiver.api.problems import NOTHING_HERE, ProblemError, forbidden, wrong_method
from receiver.api.query import QueryReader
from receiver.services import Services
from schemas.wire import to_json

JSON = "application/json"


@dataclass(slots=True)
class Call:
    """One request that was let in: who asks, whose things it is about, and which page of a list."""

    request: Request
    services: Services
    access: Access
    viewer: Viewer
    page: PageAsked
    principal: Principal | None = None

    def path(self, name: str) -> str:
        """A parameter in the path."""
        value: str = self.request.path_params[name]
        return value

    def read(self, work: Work[Result], *, brief: bool = False) -> Awaitable[Result]:
        """Run a query on one snapshot of the store: the one read that a request makes. `brief` for a few look-ups by key."""
        return self.services.store.read(work, brief=brief)

    @property
    def actor(self) -> str:
        """Whose name stands under what an operator says: the client's id."""
        return self.principal.client_id if self.principal else ""


Handler = Callable[[Call, Any], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One method on one path. `query` is the Filter given to the handler; a `scope` of None asks for no credentials.

    Whoever has `or_scope` may do it too.

    A `paged` one takes `limit` and `cursor`, a `limited` one `limit` alone.

    `answer` is the type of the JSON in an answer with `status`, `answers` other media types that it can have, `body` the type
    of the JSON taken in. The `name` in the description is the handler's unless another one is given.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    scope: Scope | None = "read"
    or_scope: Scope | None = None
    query: type[Filter] = Filter
    paged: bool = False
    limited: bool = False
    answer: Any = None
    answers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: int = 200
    name: str = ""

    @property
    def scopes(self) -> frozenset[str]:
        """Of these a client needs one."""
        return frozenset(scope for scope in (self.scope, self.or_scope) if scope is not None)

    @property
    def reader(self) -> QueryReader[Filter]:
        """Reads this operation's query strings."""
        return QueryReader(self.query, paged=self.paged, limited=self.limited or self.paged)


class Resource:
    """The ASGI application of one path: lets requests in, reads their query, and hands them to the operation of their method."""

    def __init__(self, operations: Sequence[Operation], access: Callable[[Services], Access]) -> None:
        self.operations = {operation.method: operation for operation in operations}
        if "GET" in self.operations:
            self.operations["HEAD"] = self.operations["GET"]
        self._readers = {method: operation.reader for method, operation in self.operations.items()}
        self._public = bool(operations) and all(operation.scope is None for operation in operations)
        self._access = access
        self._answering = request_response(self._answer)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one request; errors become problem details below, so that their answers carry the same headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *answer_headers(scope)]
            await send(message)

        await self._answering(scope, receive, send_with_headers)

    async def _answer(self, request: Request) -> Response:
        services: Services = request.app.state.services
        access = self._access(services)
        method = request.scope["method"]
        operation = self.operations.get(method)
        public = operation.scope is None if operation else self._public
        principal = None
        if public:
            access.look(request.scope)
        else:
            principal = await access.enter(request.scope)
        if operation is None:
            raise self._missing(method)
        if principal and not operation.scopes & principal.scopes:
            raise forbidden(f"this needs the scope {' or '.join(sorted(operation.scopes))}")
        asked = self._readers[method].read(request.scope["query_string"], services.settings.limits)
        viewer = principal.viewer(asked.organization_id) if principal else Viewer("", operator=False)
        return await operation.handler(Call(request, services, access, viewer, asked.page, principal), asked.filter)

    def _missing(self, method: str) -> ProblemError:
        if not self.operations:
            return ProblemError(404, NOTHING_HERE)
        allowed = ", ".join(sorted(self.operations))
        return ProblemError(405, wrong_method(method), headers={"Allow": allowed})


def routes_of(operations: Sequence[Operation]) -> list[Route]:
    """One route for each path, in the order in which they first come; a path below /api that nothing has is 404 like the rest."""
    made: list[Access] = []

    def access(services: Services) -> Access:
        if not made:
            made.append(Access(services))
        return made[0]

    by_path: dict[str, list[Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    by_path["/api/{rest:path}"] = []
    return [Route(path, Resource(group, access), name=path) for path, group in by_path.items()]


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A message on the wire."""
    return Response(to_json(value), status, headers, JSON)
