"""What operators say of cases: dismiss them, reopen them, write notes on them."""

from msgspec import Struct

from handlers.ports import Transaction
from handlers.rules.cases import case_id
from handlers.statements import record
from schemas.errors import ConflictError, NotFoundError
from schemas.statements import Details, Statement, StatementKind
from schemas.unit_rows import CaseRow


class Remarked(Struct, frozen=True):
    """Who says what of which case, in whose name: `organization_id` None finds the case in any organization."""

    case_id: str
    organization_id: str | None
    actor: str
    text: str = ""


async def dismiss_case(tx: Transaction, said: Remarked, now_us: int) -> CaseRow:
    """Say that a case needs no more looking at, while it has no failures of other kinds than now. A text becomes a note on it.

    A case that is dismissed stays so. NotFoundError: there is no such case. ConflictError: it is resolved.
    """
    return await _decide(tx, said, "dismiss", "dismissed", now_us)


async def reopen_case(tx: Transaction, said: Remarked, now_us: int) -> CaseRow:
    """Say that a case needs looking at again. A text becomes a note on it. Errors as for `dismiss_case`."""
    return await _decide(tx, said, "reopen", "open", now_us)


async def add_note(tx: Transaction, said: Remarked, now_us: int) -> CaseRow:
    """Write a note on a case, whatever its state. NotFoundError: there is no such case."""
    return await _say(tx, said, await _held(tx, said), "note", now_us)


async def _decide(tx: Transaction, said: Remarked, kind: StatementKind, aim: str, now_us: int) -> CaseRow:
    case = await _held(tx, said)
    if case.episode.status == "resolved":
        raise ConflictError("the case is resolved already")
    if case.episode.status == aim and not said.text:
        return case
    return await _say(tx, said, case, kind, now_us)


async def _held(tx: Transaction, said: Remarked) -> CaseRow:
    """The case, with its unit locked. NotFoundError."""
    case = await tx.cases.find_case(said.case_id, said.organization_id)
    if case is not None:
        await tx.histories.hold([(case.organization_id, case.unit_id)])
        case = await tx.cases.find_case(said.case_id, said.organization_id)
    if case is None:
        raise NotFoundError(f"there is no case {said.case_id!r}")
    return case


async def _say(tx: Transaction, said: Remarked, case: CaseRow, kind: StatementKind, now_us: int) -> CaseRow:
    """The statement names the failure whose id was given, and follows it, whatever case that is in later."""
    ids = {case_id(case.organization_id, case.unit_id, key): key for key in case.episode.failures}
    details = Details(kinds=case.episode.kinds) if kind == "dismiss" else Details()
    statement = Statement(
        organization_id=case.organization_id,
        seq=0,
        kind=kind,
        unit_id=case.unit_id,
        event_key=ids[said.case_id],
        actor=said.actor,
        at_us=now_us,
        note=said.text,
        details=details,
    )
    await record(tx, [statement], now_us)
    after = await tx.cases.find_case(said.case_id, case.organization_id)
    if after is None:
        raise NotFoundError(f"there is no case {said.case_id!r}")
    return after
