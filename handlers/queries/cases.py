"""Cases: units that could not be matched, and those that were matched doubtfully."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from handlers.ports import Transaction
from handlers.queries.candidates import find_candidates
from handlers.queries.lists import LAST_TEXT, NEWEST, Filter, Number, PageAsked, Text, Viewer, cursor_key, part_of
from handlers.queries.vin import CANDIDATES_MAX
from handlers.rules.views import case_view
from schemas.answers import Case, CaseState
from schemas.errors import NotFoundError
from schemas.pages import Page
from schemas.unit_rows import CaseRow


class CaseFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of cases."""

    state: Annotated[
        CaseState | Literal["unresolved"] | None,
        Meta(description="Cases in this state: `open` until their deadline, `escalated` past it; `unresolved` is either."),
    ] = None
    reason: Annotated[
        Literal["InvalidData", "NotFound", "MultipleMatchFound", "Unknown", "VinMismatch"] | None,
        Meta(description="Cases whose latest failure has this reason."),
    ] = None
    unit_id: Annotated[str | None, Meta(description="Cases of this unit.")] = None


async def list_cases(
    tx: Transaction, viewer: Viewer, asked: CaseFilter, page: PageAsked, now_us: int, most: int = CANDIDATES_MAX
) -> Page[Case]:
    """Cases, newest first by their first failure, with `most` candidates each besides those that Datahub named."""
    before = cursor_key(page, tuple[Text, Number, Text], (LAST_TEXT, NEWEST, LAST_TEXT))
    rows = await tx.cases.list_cases(
        before,
        page.limit + 1,
        viewer.organization_id,
        unit_id=asked.unit_id,
        reason=asked.reason,
        only_resolved=asked.state == "resolved",
        only_dismissed=asked.state == "dismissed",
        only_open=asked.state in {"open", "escalated", "unresolved"},
        due_from_us=now_us if asked.state == "open" else None,
        due_before_us=now_us if asked.state == "escalated" else None,
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.organization_id, row.episode.first_at_us, row.case_id))
    return Page(tuple(await show_cases(tx, shown, now_us, most)), more)


async def get_case(tx: Transaction, viewer: Viewer, case_id: str, now_us: int, most: int = CANDIDATES_MAX) -> Case:
    """One case, by its own id or by one made from another failure in it. NotFoundError."""
    row = await tx.cases.find_case(case_id, viewer.organization_id)
    if row is None:
        raise NotFoundError(f"there is no case {case_id!r}")
    (case,) = await show_cases(tx, [row], now_us, most)
    return case


async def show_cases(tx: Transaction, rows: Sequence[CaseRow], now_us: int, most: int = CANDIDATES_MAX) -> list[Case]:
    """Cases on the wire as of a time, in their order, with the candidates of the moment."""
    found = await find_candidates(tx, rows, most)
    return [
        case_view(row.organization_id, row.unit_id, row.episode, now_us, candidates=candidates)
        for row, candidates in zip(rows, found, strict=True)
    ]
