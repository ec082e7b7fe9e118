"""Look again at open cases whose candidates may be others, and tell of those whose best candidate is.

What may matter is an asset that got or lost a VIN, or that became or ceased to be a Datahub asset, which whoever writes the
registry notes; and a pairing that began or ended on a candidate, which the change feed tells. So does a case that opened or
changed: following the feed, open cases get the keys by which the others find them. One process at a time does it.
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from handlers.ports import Store, Transaction
from handlers.queries.candidates import find_candidates
from handlers.queries.vin import CANDIDATES_MAX
from handlers.refold import tell
from handlers.rules.links import vin_of
from handlers.rules.plan import ChangeDraft
from handlers.rules.rescoring import NOBODY, best_candidate, case_keys, keys_hit
from handlers.rules.views import case_view
from schemas.unit_records import ChangeRecord
from schemas.unit_rows import CaseRow
from schemas.vin_records import Touched
from schemas.wire import to_json_text

# Writers wait for each look: so much of each kind of news it takes at the most.
NEWS_AT_A_TIME = 100

# (organization, case id)
CaseId = tuple[str, str]


class _Told(Struct, rename="camel"):
    """The fields of a change that say what it is about."""

    case_id: str | None = None
    asset_id: str | None = None


class _Seen(Struct):
    """What happened in one organization since the last look, by ids: of cases, VINs, Datahub assets and assets."""

    cases: set[str] = msgspec.field(default_factory=set)
    vins: set[str] = msgspec.field(default_factory=set)
    datahub_assets: set[str] = msgspec.field(default_factory=set)
    assets: set[str] = msgspec.field(default_factory=set)


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
    changes = await tx.changes.after(await tx.rescoring.place(), NEWS_AT_A_TIME, None)
    notes = await tx.rescoring.notes(NEWS_AT_A_TIME)
    if not changes and not notes:
        return 0, False
    seen = _seen(changes, notes)
    changed = sorted((organization_id, case_id) for organization_id, each in seen.items() for case_id in each.cases)
    hit = sorted({*changed, *[case for item in sorted(seen.items()) for case in await _cases_hit(tx, *item)]})
    cases = await _held(tx, hit)
    await _keep_keys(tx, changed, cases)
    drafts = await _announce(tx, [row for row in cases if row.episode.status == "open"], now_us, most)
    await tx.rescoring.drop_notes(notes)
    if changes:
        await tx.rescoring.set_place((changes[-1].position, changes[-1].n))
    if drafts:
        await tell(tx, await tx.journal.begin(), drafts, now_us)
    return len(drafts), NEWS_AT_A_TIME in {len(changes), len(notes)}


def _seen(changes: Sequence[ChangeRecord], notes: Sequence[tuple[int, Touched]]) -> dict[str, _Seen]:
    """By organization, what changes and notes are about."""
    found: defaultdict[str, _Seen] = defaultdict(_Seen)
    for row in changes:
        told = _decode_told(row.data)
        if row.type.startswith("pairing.") and told.asset_id is not None:
            found[row.organization_id].datahub_assets.add(told.asset_id)
        if row.type.startswith("case.") and told.case_id is not None:
            found[row.organization_id].cases.add(told.case_id)
    for _, touched in notes:
        seen = found[touched.organization_id]
        {"vin": seen.vins, "datahub": seen.datahub_assets, "asset": seen.assets}[touched.kind].add(touched.subject)
    return dict(found)


async def _cases_hit(tx: Transaction, organization_id: str, seen: _Seen) -> list[CaseId]:
    """The cases with keys that could be about these assets."""
    if not await tx.rescoring.has_cases(organization_id):
        return []
    datahub_asset_ids = sorted(seen.datahub_assets)
    links = await tx.registry.assets.links_to(organization_id, datahub_asset_ids) if datahub_asset_ids else {}
    asset_ids = sorted({*seen.assets, *links.values()})
    assets = await tx.registry.assets.of_ids(organization_id, asset_ids) if asset_ids else []
    vins = {vin for asset in assets if (vin := vin_of(asset.serial)) is not None}
    keys = keys_hit(seen.vins | vins, datahub_asset_ids)
    return (
        [(organization_id, case_id) for case_id in await tx.rescoring.cases_with(organization_id, sorted(keys))] if keys else []
    )


async def _held(tx: Transaction, case_ids: Sequence[CaseId]) -> list[CaseRow]:
    """Those of these cases that there are, with their units held."""
    rows = await tx.cases.of_ids(case_ids) if case_ids else []
    if not rows:
        return []
    await tx.histories.hold(sorted({(row.organization_id, row.unit_id) for row in rows}))
    return await tx.cases.of_ids(case_ids)


async def _keep_keys(tx: Transaction, changed: Sequence[CaseId], cases: Sequence[CaseRow]) -> None:
    """Let those that changed have their keys while they are open, and forget what was announced of those that are gone."""
    rows = {(row.organization_id, row.case_id): row for row in cases}
    keyed = [each for each in changed if each in rows and rows[each].episode.status == "open"]
    keys = [
        (organization_id, key, case_id)
        for organization_id, case_id in keyed
        for key in sorted(case_keys(rows[organization_id, case_id].episode))
    ]
    await tx.rescoring.put_keys(changed, keys)
    await tx.rescoring.forget_announced([each for each in changed if each not in rows])


async def _announce(tx: Transaction, cases: Sequence[CaseRow], now_us: int, most: int) -> list[ChangeDraft]:
    """The changes to tell of open cases, whose units are held; what is told of each is kept."""
    if not cases:
        return []
    before = await tx.rescoring.announced([(row.organization_id, row.case_id) for row in cases])
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
