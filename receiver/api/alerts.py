"""`/api/v1/alerts`: messages to addresses outside that could not be delivered."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from handlers.queries.alerts import DeadLetterFilter, list_dead_letters
from handlers.queries.lists import Filter
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.alerts import DeadLetter
from schemas.pages import Page


class ResendRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which dead letters to send again: those to a target, those with an id, or all that may be seen."""

    target: Annotated[str, Meta(max_length=64)] | None = None
    message_ids: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=200)] | None = None


class Resent(Struct, frozen=True):
    """How many dead letters wait again."""

    resent: int


_decode = msgspec.json.Decoder(ResendRequest).decode


async def dead_letters(call: Call, asked: DeadLetterFilter) -> Response:
    """Dead letters, those of the newest changes first."""
    return json_response(await call.read(lambda tx: list_dead_letters(tx, call.viewer, asked, call.page)))


async def resend(call: Call, _: Filter) -> Response:
    """Let dead letters wait again, with all their attempts."""
    asked = await read_json(call, _decode, ResendRequest())
    now_us, organization_id = call.services.clock(), call.viewer.organization_id
    ids = None if asked.message_ids is None else list(asked.message_ids)
    resent = await call.services.store.write(
        lambda tx: tx.alerts.revive(now_us, organization_id, target=asked.target, message_ids=ids)
    )
    call.services.changed.notify()
    return json_response(Resent(resent))


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/alerts/dead-letters",
        dead_letters,
        "Alerts that could not be delivered, those of the newest changes first",
        or_scope="ops",
        query=DeadLetterFilter,
        paged=True,
        answer=Page[DeadLetter],
    ),
    Operation(
        "POST",
        "/api/v1/alerts/dead-letters/resend",
        resend,
        "Send alerts again that could not be delivered",
        scope="ops",
        body=ResendRequest,
        answer=Resent,
    ),
)
