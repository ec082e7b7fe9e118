"""Every error as RFC 9457 problem details, with two members more: `error`, the one-line message, and `requestId`."""

import http.client
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler, Scope

from schemas.errors import ConflictError, DrawbarError, InvalidInputError, NotFoundError, Problem, StoreUnavailableError
from schemas.wire import to_json

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"
# Datahub tries again at once, after 5 s, 30 s, 5 min and 30 min; other clients are asked to wait as long as its first pause.
RETRY_AFTER_S = 5
CHALLENGE = 'Basic realm="drawbar", charset="UTF-8", Bearer realm="drawbar"'
NOTHING_HERE = "there is nothing at this path"
_STATUS: dict[type[DrawbarError], int] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    ConflictError: 409,
}


class ProblemError(HTTPException):
    """An error answer. `error` is one line for a person, `problems` are places in the input, `members` further JSON members."""

    def __init__(
        self,
        status: int,
        error: str,
        *,
        headers: Mapping[str, str] | None = None,
        problems: Sequence[Problem] = (),
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(status, error, headers)
        self.problems = problems
        self.members = members or {}


def wrong_method(method: str) -> str:
    """What 405 says."""
    return f"{method} is not possible here"


def bad_request(error: str, problems: Sequence[Problem] = ()) -> ProblemError:
    """400: malformed."""
    return ProblemError(400, error, problems=problems)


def unauthorized(error: str, challenge: str = CHALLENGE, members: Mapping[str, object] | None = None) -> ProblemError:
    """401 with `WWW-Authenticate`: no credentials, or wrong ones."""
    return ProblemError(401, error, headers={"WWW-Authenticate": challenge}, members=members)


def forbidden(error: str) -> ProblemError:
    """403: the credentials lack a scope."""
    return ProblemError(403, error)


def too_large(limit: int) -> ProblemError:
    """413 for a body of more than `limit` bytes. The connection ends, or the server would have to take in all the rest."""
    return ProblemError(413, f"the body is larger than {limit} bytes", headers={"Connection": "close"})


def unsupported_media_type(
    error: str = "the body must be application/json", members: Mapping[str, object] | None = None
) -> ProblemError:
    """415: not JSON."""
    return ProblemError(415, error, headers={"Accept": "application/json"}, members=members)


def too_many_requests(error: str, retry_after_s: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """429 with `Retry-After`. Never for a webhook: Datahub doesn't send again what was answered 4xx."""
    return ProblemError(429, error, headers={**(headers or {}), "Retry-After": str(retry_after_s)})


def unavailable(error: str, retry_after_s: int = RETRY_AFTER_S) -> ProblemError:
    """503 with `Retry-After`: what was sent was not taken, and can be sent again."""
    return ProblemError(503, error, headers={"Retry-After": str(retry_after_s)})


def request_id(scope: Scope) -> str:
    """The id that the request has in the log and in its answer."""
    found: str = scope.get("state", {}).get("request_id", "")
    return found


def problem_response(scope: Scope, problem: ProblemError) -> Response:
    """The answer to an error: `instance` is the path of the request."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": http.client.responses.get(problem.status_code, "Error"),
        "status": problem.status_code,
        "detail": _text(problem.detail),
        "instance": quote(scope["path"], safe="/:@!$&'()*+,;=~"),
        "error": _text(problem.detail),
        "requestId": request_id(scope),
    }
    if problem.problems:
        body["errors"] = [{"path": _text(place.path), "message": _text(place.message)} for place in problem.problems]
    return Response(to_json(body | dict(problem.members)), problem.status_code, problem.headers, CONTENT_TYPE)


def _text(text: str) -> str:
    """A message can quote what was sent, and that can hold what UTF-8 has no bytes for."""
    return text.encode("utf-8", "backslashreplace").decode()


def as_problem(error: DrawbarError) -> ProblemError | None:
    """The answer to one of our own errors, or None for one that nobody is meant to see."""
    if isinstance(error, StoreUnavailableError):
        return unavailable(error.message)
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
    return None if status is None else ProblemError(status, error.message, problems=error.problems)


def internal_error(scope: Scope) -> Response:
    """The answer to what nobody expected. What happened stands in the log, under the same request id."""
    return problem_response(scope, ProblemError(500, "something went wrong here; the log says what, under this request id"))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code < http.HTTPStatus.BAD_REQUEST:
        return Response(status_code=error.status_code, headers=error.headers)
    problem = error if isinstance(error, ProblemError) else _routing_problem(request, error)
    if problem.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers = {**(problem.headers or {}), **_allow(request)}
    return problem_response(request.scope, problem)


def _routing_problem(request: Request, error: HTTPException) -> ProblemError:
    """Starlette's own errors, in words that say more than their titles do."""
    said = {404: NOTHING_HERE, 405: wrong_method(request.method)}.get(error.status_code, error.detail)
    return ProblemError(error.status_code, said, headers=error.headers)


def _allow(request: Request) -> dict[str, str]:
    """All methods of a path. Starlette names those of the first route that has the path, and a path can have several."""
    if "app_root_path" in request.scope:
        return {}  # below a mount, where Starlette's word has to do
    routes = [
        route for route in request.app.routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
    ]
    methods = {method for route in routes for method in route.methods or ()}
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


async def _on_drawbar_error(request: Request, error: Exception) -> Response:
    problem = as_problem(error) if isinstance(error, DrawbarError) else None
    if problem is None:
        raise error
    if isinstance(error, StoreUnavailableError):
        log.warning("store.unavailable", error=error.message, cause=repr(error.__cause__) if error.__cause__ else None)
    return problem_response(request.scope, problem)


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """For `Starlette(exception_handlers=…)`. What is in none of them is answered by `receiver.middleware.RequestContext`."""
    return {HTTPException: _on_http_exception, DrawbarError: _on_drawbar_error}
