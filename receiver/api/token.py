"""`POST /api/v1/auth/token`: a bearer token for a client's id and secret.

Source: Scan2Evolve's authentication (JSON) and RFC 6749, section 4.4 (form, and the credentials as HTTP Basic).
"""

from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from handlers.clients import issue_token
from handlers.queries.lists import Filter
from receiver.api.access import authorization
from receiver.api.auth import basic_header
from receiver.api.operation import Call, Operation, json_response
from receiver.api.problems import bad_request, unsupported_media_type
from receiver.body import read_body
from schemas.errors import Problem
from schemas.json_faults import DECODE_ERRORS, fault

BODY_BYTES_MAX = 16 * 1024
_FORM = "application/x-www-form-urlencoded"
_FIELDS_MAX = 20


class TokenRequest(Struct, frozen=True, kw_only=True):
    """Credentials in the body, or in the header where both are left out."""

    grant_type: str
    client_id: str | None = None
    client_secret: str | None = None


class TokenAnswer(Struct, frozen=True):
    """A token that ends `expires_in` seconds after its last use."""

    access_token: str
    token_type: str
    expires_in: int


_decode = msgspec.json.Decoder(TokenRequest).decode


async def token(call: Call, _: Filter) -> Response:
    """Check the credentials, keep the hash of a fresh token, and answer it this once."""
    asked = await _read(call.request, call.services.settings.limits.body_timeout_s)
    if asked.grant_type != "client_credentials":
        raise _fault("grant_type", f"expected client_credentials, got {asked.grant_type!r}")
    if asked.client_id is None and asked.client_secret is None:
        header = authorization(call.request.scope)
        if header is None:
            raise _fault("client_id", "is missing")
    elif asked.client_id is None or asked.client_secret is None:
        raise _fault("client_secret" if asked.client_secret is None else "client_id", "is missing")
    else:
        header = basic_header(asked.client_id, asked.client_secret)
    if header is not None and not header.lower().startswith(b"basic "):
        header = None
    principal = await call.access.sign_in(call.request.scope, header)
    now_us = call.services.clock()
    issued = await call.services.store.write(lambda tx: issue_token(tx, principal.client_id, now_us))
    return json_response(TokenAnswer(issued, "Bearer", call.services.settings.token_idle_s), headers={"Pragma": "no-cache"})


async def _read(request: Request, timeout_s: float) -> TokenRequest:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, BODY_BYTES_MAX, timeout_s)
    try:
        if content_type == "application/json":
            return _decode(body)
        if content_type == _FORM:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
            return msgspec.convert(dict(pairs), TokenRequest)
    except (*DECODE_ERRORS, ValueError) as error:
        problem = fault(error, "$")
        raise bad_request(problem.message, problem.problems) from error
    raise unsupported_media_type(f"the body must be application/json or {_FORM}")


def _fault(field: str, message: str) -> Exception:
    problem = Problem(f"$.{field}", message)
    return bad_request(f"{field} {message}", [problem])


OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/auth/token",
        token,
        "A bearer token for client credentials",
        scope=None,
        body=TokenRequest,
        answer=TokenAnswer,
    ),
)
