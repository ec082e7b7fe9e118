"""Tell of cases whose deadline has passed: once for each case and deadline, whichever process sees it first."""

from handlers.ports import Store, Transaction
from handlers.refold import tell
from handlers.rules.cases import deadline_us, is_escalated
from handlers.rules.plan import ChangeDraft
from handlers.rules.views import case_view
from schemas.unit_rows import CaseRow
from schemas.wire import to_json_text

CASES_AT_A_TIME = 200


async def announce_escalations(store: Store, now_us: int) -> int:
    """Append `case.escalated` to the feed for each case past a deadline that was not announced yet; how many there were."""
    announced = 0
    while True:
        due = await store.read(lambda tx: tx.cases.due(now_us, CASES_AT_A_TIME))
        told = await store.write(lambda tx, due=due: _announce(tx, due, now_us)) if due else 0  # type: ignore[misc] # bound early
        announced += told
        if len(due) < CASES_AT_A_TIME or not told:
            return announced


async def _announce(tx: Transaction, due: list[CaseRow], now_us: int) -> int:
    """Look again at what was due, with the units held, and announce what still is."""
    await tx.histories.hold(sorted({(row.organization_id, row.unit_id) for row in due}))
    drafts: list[ChangeDraft] = []
    for row in due:
        case = await tx.cases.find_case(row.case_id, row.organization_id)
        if case is None or case.case_id != row.case_id or not is_escalated(case.episode, now_us):
            continue
        if await tx.cases.claim(case.organization_id, case.case_id, deadline_us(case.episode)):
            data = to_json_text(case_view(case.organization_id, case.unit_id, case.episode, now_us))
            drafts.append(ChangeDraft(case.organization_id, case.unit_id, "case.escalated", data))
    if drafts:
        await tell(tx, await tx.journal.begin(), drafts, now_us)
    return len(drafts)
