"""`POST /api/v1/pairings/assertions`: what an operator says of pairings and events."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from handlers.ports import Transaction
from handlers.queries.lists import Filter
from handlers.statements import Assertion, Stated, assert_pairing, judge
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.errors import InvalidInputError, at
from schemas.events import UnitId, Uuid, clean_vin
from schemas.statements import NOTE_CHARACTERS_MAX, VIN_CHARACTERS_MAX
from schemas.wire import ZonedTime, microseconds

NoteText = Annotated[str, Meta(max_length=NOTE_CHARACTERS_MAX)]
Vin = Annotated[str, Meta(max_length=VIN_CHARACTERS_MAX)]
EventKey = Annotated[str, Meta(max_length=64)]


class _Assert(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="kind"):
    unit_id: UnitId
    asset_id: Uuid
    at: ZonedTime
    asset_vin: Vin | None = None
    note: NoteText = ""


class AssertPaired(_Assert, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag="paired"):
    """The unit was put on the asset, by its Datahub UUID, at that time."""


class AssertUnpaired(_Assert, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag="unpaired"):
    """The unit was taken off the asset at that time."""


class _Judge(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="kind"):
    event_key: EventKey
    note: NoteText = ""


class VoidEvent(_Judge, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag="void"):
    """The event, or the assertion, takes no part in anything any more."""


class RestoreEvent(_Judge, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag="restore"):
    """It does again."""


AssertionRequest = AssertPaired | AssertUnpaired | VoidEvent | RestoreEvent
_decode = msgspec.json.Decoder(AssertionRequest).decode


async def assert_pairings(call: Call, _: Filter) -> Response:
    """Record what is said, and bring the unit to it."""
    asked = await read_json(call, _decode)
    actor, now_us = call.actor, call.services.clock()

    async def work(tx: Transaction) -> Stated:
        if isinstance(asked, VoidEvent | RestoreEvent):
            key, organization_id = asked.event_key.lower(), call.viewer.organization_id
            kind: Literal["void", "restore"] = "void" if isinstance(asked, VoidEvent) else "restore"
            return await judge(tx, kind, key, organization_id, actor, asked.note, now_us)
        return await assert_pairing(tx, _assertion(call, asked), actor, now_us)

    stated = await call.services.store.write(work)
    call.services.changed.notify()
    return json_response(stated, 201)


def _assertion(call: Call, asked: AssertPaired | AssertUnpaired) -> Assertion:
    organization_id = call.viewer.organization_id
    if organization_id is None:
        raise at("organizationId", "an assertion is about the unit of one organization: say which")
    try:
        at_us = microseconds(asked.at)
    except InvalidInputError as error:
        raise at("$.at", error.message) from error
    return Assertion(
        "paired" if isinstance(asked, AssertPaired) else "unpaired",
        organization_id,
        asked.unit_id,
        asked.asset_id.lower(),
        at_us,
        clean_vin(asked.asset_vin),
        asked.note,
    )


OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/pairings/assertions",
        assert_pairings,
        "Assert a pairing or an unpairing, make an event void, or restore it",
        scope="ops",
        body=AssertionRequest,
        answer=Stated,
        status=201,
    ),
)
