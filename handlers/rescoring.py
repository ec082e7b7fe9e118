"""Look again at open cases whose candidates may be others, and tell of those whose best candidate is.

What may matter is an asset that got or lost a VIN, which whoever writes the registry notes, and a pairing that began or ended on
a candidate, which the change feed tells; so does a case that opened or failed anew. One process at a time does it.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from handlers.ports import Store, Transaction
from handlers.queries.candidates import find_candidates
from handlers.queries.lists import LAST_TEXT, NEWEST
from handlers.queries.vin import CANDIDATES_MAX
from handlers.refold import tell
from handlers.rules.links import vin_of
from handlers.rules.plan import ChangeDraft
from handlers.rules.rescoring import NOBODY, best_candidate, is_hit, keys_hit
from handlers.rules.views import case_view
from schemas.records import CaseRow, ChangeRecord
from schemas.wire import to_json_text

CHANGES_AT_A_TIME = 500
VINS_AT_A_TIME = 500
CASES_AT_A_TIME = 200


class _Told(Struct, rename="camel"):
    """The fields of a change that say what it is about."""

    case_id: str | None = None
    asset_id: str | None = None


_decode_told = msgspec.json.Decoder(_Told).decode


async def announce_candidates(store: Store, now_us: int, most: int = CANDIDATES_MAX) -> int:
    """Append `case.updated` to the feed for each open case whose best candidate is another than was told; how many there were."""
    announced = 0
    while True:
        told, more = await store.write(lambda tx: _look_again(tx, now_us, most))
        announced += told
        if not more:
            return announced


async def _look_again(tx: Transaction, now_us: int, most: int) -> tuple[int, bool]:
    place = await tx.rescoring.place()
    changes = await tx.changes.after(place, CHANGES_AT_A_TIME, None)
    vins = await tx.rescoring.changed_vins(VINS_AT_A_TIME)
    if not changes and not vins:
        return 0, False
    cases = await _cases_hit(tx, changes, vins)
    drafts = await _announce(tx, cases, now_us, most)
    await tx.rescoring.drop_vins(vins)
    if changes:
        await tx.rescoring.set_place((changes[-1].position, changes[-1].n))
    if drafts:
        await tell(tx, await tx.journal.begin(), drafts, now_us)
    return len(drafts), len(changes) == CHANGES_AT_A_TIME or len(vins) == VINS_AT_A_TIME


async def _cases_hit(tx: Transaction, changes: Sequence[ChangeRecord], vins: Sequence[tuple[str, str]]) -> list[CaseRow]:
    """The open cases that what happened could be about."""
    told = [(row.organization_id, row.type, _decode_told(row.data)) for row in changes]
    paired = {(each[0], each[2].asset_id) for each in told if each[1].startswith("pairing.") and each[2].asset_id is not None}
    opened = {(each[0], each[2].case_id) for each in told if each[1].startswith("case.")}
    by_organization: dict[str, set[str]] = {each[0]: set() for each in (*paired, *opened)}
    for organization_id, vin in vins:
        by_organization.setdefault(organization_id, set()).add(vin)
    hit: list[CaseRow] = []
    for organization_id, changed in sorted(by_organization.items()):
        datahub_asset_ids = sorted(each[1] for each in paired if each[0] == organization_id)
        keys = keys_hit(changed | await _vins_of(tx, organization_id, datahub_asset_ids))
        named = set(datahub_asset_ids)
        before = (LAST_TEXT, NEWEST, LAST_TEXT)
        while rows := await tx.cases.list_cases(before, CASES_AT_A_TIME, organization_id, **_OPEN):
            hit += [row for row in rows if (organization_id, row.case_id) in opened or is_hit(row.episode, keys, named)]
            before = (organization_id, rows[-1].episode.first_at_us, rows[-1].case_id)
    return hit


async def _vins_of(tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]) -> set[str]:
    """The VINs of the assets that Datahub assets are."""
    if not datahub_asset_ids:
        return set()
    links = await tx.registry.assets.links_to(organization_id, datahub_asset_ids)
    assets = await tx.registry.assets.of_ids(organization_id, sorted(set(links.values())))
    return {vin for asset in assets if (vin := vin_of(asset.serial)) is not None}


async def _announce(tx: Transaction, hit: Sequence[CaseRow], now_us: int, most: int) -> list[ChangeDraft]:
    """The changes to tell of these cases, with their units held; what is told of each is kept."""
    if not hit:
        return []
    await tx.histories.hold(sorted({(row.organization_id, row.unit_id) for row in hit}))
    cases = []
    for row in hit:
        now = await tx.cases.find_case(row.case_id, row.organization_id)
        if now is not None and now.case_id == row.case_id and now.episode.status == "open":
            cases.append(now)
    before = await tx.rescoring.announced([(row.organization_id, row.case_id) for row in cases]) if cases else {}
    drafts, kept = [], []
    for row, candidates in zip(cases, await find_candidates(tx, cases, most), strict=True):
        best = best_candidate(candidates)
        if best == before.get((row.organization_id, row.case_id), NOBODY):
            continue
        data = case_view(row.organization_id, row.unit_id, row.episode, now_us, candidates=candidates)
        drafts.append(ChangeDraft(row.organization_id, row.unit_id, "case.updated", to_json_text(data)))
        kept.append((row.organization_id, row.case_id, best))
    await tx.rescoring.put_announced(kept)
    return drafts


_OPEN = {
    "unit_id": None,
    "reason": None,
    "only_resolved": False,
    "only_dismissed": False,
    "only_open": True,
    "due_from_us": None,
    "due_before_us": None,
}
