"""`/api/v1/cases`: units that could not be matched, and what operators say of them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from handlers.cases import Remarked, add_note, dismiss_case, reopen_case
from handlers.ports import Transaction
from handlers.queries.cases import CaseFilter, get_case, list_cases, show_cases
from handlers.queries.lists import Filter
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.answers import Case
from schemas.pages import Page
from schemas.statements import NOTE_CHARACTERS_MAX
from schemas.unit_rows import CaseRow

Decide = Callable[[Transaction, Remarked, int], Awaitable[CaseRow]]


class DecisionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why; it becomes a note on the case. The body can be left out."""

    text: Annotated[str, Meta(max_length=NOTE_CHARACTERS_MAX)] = ""


class NoteRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A note."""

    text: Annotated[str, Meta(min_length=1, max_length=NOTE_CHARACTERS_MAX)]


_decode_decision = msgspec.json.Decoder(DecisionRequest).decode
_decode_note = msgspec.json.Decoder(NoteRequest).decode


async def cases(call: Call, asked: CaseFilter) -> Response:
    """Cases, newest first."""
    now_us, most = call.services.clock(), call.services.settings.limits.candidates_max
    return json_response(await call.read(lambda tx: list_cases(tx, call.viewer, asked, call.page, now_us, most)))


async def case(call: Call, _: Filter) -> Response:
    """One case."""
    case_id, now_us = call.path("caseId"), call.services.clock()
    most = call.services.settings.limits.candidates_max
    return json_response(await call.read(lambda tx: get_case(tx, call.viewer, case_id, now_us, most)))


async def dismiss(call: Call, _: Filter) -> Response:
    """Say that a case needs no more looking at."""
    return await _say(call, dismiss_case, (await read_json(call, _decode_decision, DecisionRequest())).text)


async def reopen(call: Call, _: Filter) -> Response:
    """Say that it does again."""
    return await _say(call, reopen_case, (await read_json(call, _decode_decision, DecisionRequest())).text)


async def note(call: Call, _: Filter) -> Response:
    """Write a note on a case."""
    return await _say(call, add_note, (await read_json(call, _decode_note)).text)


async def _say(call: Call, decide: Decide, text: str) -> Response:
    """The case as it is after what was said."""
    said = Remarked(call.path("caseId"), call.viewer.organization_id, call.actor, text)
    now_us, most = call.services.clock(), call.services.settings.limits.candidates_max

    async def work(tx: Transaction) -> Case:
        (shown,) = await show_cases(tx, [await decide(tx, said, now_us)], now_us, most)
        return shown

    shown = await call.services.store.write(work)
    call.services.changed.notify()
    return json_response(shown)


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/cases",
        cases,
        "Units that could not be matched, newest first",
        query=CaseFilter,
        paged=True,
        answer=Page[Case],
    ),
    Operation("GET", "/api/v1/cases/{caseId}", case, "A case, by the id that any of its failures gives it", answer=Case),
    Operation(
        "POST",
        "/api/v1/cases/{caseId}/dismiss",
        dismiss,
        "Say that a case needs no more looking at, unless it fails in another way; 409 once it is resolved",
        scope="ops",
        body=DecisionRequest,
        answer=Case,
    ),
    Operation(
        "POST",
        "/api/v1/cases/{caseId}/reopen",
        reopen,
        "Say that a case needs looking at again; 409 once it is resolved",
        scope="ops",
        body=DecisionRequest,
        answer=Case,
    ),
    Operation("POST", "/api/v1/cases/{caseId}/notes", note, "Write a note on a case", scope="ops", body=NoteRequest, answer=Case),
)
