"""The one entrance to the registry: whoever writes assets, meters or readings (syncs, patches, providers, pairings) does it here.

A write begins with `begin`, which makes it the only one of its organization, plans on a `RegistryView`, and is applied by
`apply`. Everything that changes an asset or an assignment is told in its history, with who did it.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from handlers.ports import Transaction
from handlers.registry_view import RegistryView, vin_of
from handlers.rules.asset_index import AssetIndex
from handlers.rules.effective import effective
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.rules.series_change import Arrival, SeriesChange, numbered, reading_no
from handlers.rules.telematics import is_missed
from handlers.series import change_series
from schemas.asset_plans import AssetPlan
from schemas.asset_sync_decoding import thresholds_of
from schemas.assets import Asset, Explicit
from schemas.errors import InvalidInputError
from schemas.readings import NO_THRESHOLDS, Mark, Reading, Thresholds
from schemas.registry_records import ActorKind, AssetMeterRow, AttemptRow, HistoryRow, SeriesKey
from schemas.wire import to_json_text

# By the (seq, position) of a reading.
Marks = dict[tuple[int, int], Mark]


class Actor(Struct, frozen=True):
    """Who changes the registry: an API client, an event by its key, a patch job, a provider's run, or a command."""

    kind: ActorKind
    name: str


class Writing(Struct):
    """One write to one organization's registry, and the numbers of its commit.

    `receipts` are the times at which what it applies came first, by sequence, where that wasn't now.
    """

    organization_id: str
    actor: Actor
    commit_id: int
    now_us: int
    used: int = 1
    receipts: dict[int, int] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        """The journal sequence of what is written; the numbers of its readings follow it."""
        return self.commit_id * IDS_PER_COMMIT + 1

    def received_at_us(self, reading: Reading) -> int:
        """When a reading was received."""
        return self.receipts.get(reading.seq, self.now_us)

    def new_number(self) -> int:
        """A number for a row of its history or its log, rising."""
        self.used += 1
        return self.commit_id * IDS_PER_COMMIT + self.used


class Origin(Struct, frozen=True):
    """What a write came in, for the log of missing meters."""

    seq: int
    client_id: str
    sync_batch_id: str | None = None


async def begin(tx: Transaction, organization_id: str, actor: Actor, now_us: int) -> Writing:
    """Be the only writer of an organization's registry until the transaction ends."""
    await tx.registry.assets.lock(organization_id)
    return Writing(organization_id, actor, await tx.journal.begin(), now_us)


async def apply(
    tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], view: RegistryView, origin: Origin | None = None
) -> Marks:
    """Write all that plans say, which were made on `view` in their order; what the series make of their readings.

    `origin` is where attempts on meters that don't exist came from.
    """
    final = {plan.asset.asset_id: plan.asset for plan in plans}
    await _write_assets(tx, writing, plans, final)
    await tx.registry.meters.put(writing.organization_id, list(_assignments(plans, view, final)))
    marks = await _write_readings(tx, writing, plans, view)
    if origin is not None:
        await tx.registry.missing_meters.add(list(_attempts(writing, plans, origin)))
    await tx.registry.journal.add_asset_changes(
        writing.organization_id,
        [_history(writing, plan.asset.asset_id, to_json_text(plan.changes)) for plan in plans if plan.changes],
    )
    return marks


async def _write_assets(tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], final: dict[str, Asset]) -> None:
    changed = {plan.asset.asset_id for plan in plans if plan.asset_changed}
    await tx.registry.assets.put(
        writing.organization_id,
        [(asset, vin_of(asset.serial)) for asset_id, asset in final.items() if asset_id in changed],
    )
    identities = {
        identity: plan.asset.asset_id for plan in plans for identity in _identities(plan.asset) - _identities(plan.before)
    }
    await tx.registry.assets.add_identities(writing.organization_id, list(identities.items()))


def _identities(asset: Asset | None) -> set[str]:
    return {asset.external_asset_id, *asset.aliases} if asset else set()


def _assignments(plans: Sequence[AssetPlan], view: RegistryView, final: dict[str, Asset]) -> Iterator[AssetMeterRow]:
    """The rows that differ: what was said or counted, and whether a meter is expected, which the asset's status decides too."""
    said: dict[str, set[str]] = {}
    counted: dict[str, set[str]] = {}
    for plan in plans:
        said.setdefault(plan.asset.asset_id, set()).update(meter.meter_code for meter in plan.meters)
        counted.setdefault(plan.asset.asset_id, set()).update(count.meter_code for count in plan.counts)
    for asset_id, asset in final.items():
        stored = view.meters.get(asset_id, {})
        for code in sorted(stored.keys() | view.index.explicit(asset_id).keys() | counted[asset_id]):
            row = assignment_row(asset, code, view.index)
            if row != stored.get(code) or code in said[asset_id]:
                yield row


def assignment_row(asset: Asset, code: str, index: AssetIndex) -> AssetMeterRow:
    """What is to be stored of a meter of an asset."""
    layer = index.explicit(asset.asset_id).get(code)
    values = effective(layer, asset.status, implied=code in index.implied(asset.asset_id))
    return AssetMeterRow(asset.asset_id, code, layer, index.telematics(asset.asset_id, code), is_missed(values))


async def _write_readings(tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], view: RegistryView) -> Marks:
    changes: dict[SeriesKey, SeriesChange] = {}
    for plan in plans:
        for reading in plan.readings:
            if reading.position >= IDS_PER_COMMIT - 2:
                raise InvalidInputError("more readings than one request can bring")
            change = _change(changes, (plan.asset.asset_id, reading.meter_code), view)
            change.arrivals.append(Arrival(numbered(reading), writing.received_at_us(reading)))
        for meter in plan.meters:
            key = (plan.asset.asset_id, meter.meter_code)
            row = view.meters.get(key[0], {}).get(key[1])
            if bounds_of(row.explicit if row else None) != bounds_of(view.index.explicit(key[0]).get(key[1])):
                _change(changes, key, view).anew = True
    marks = await change_series(tx, writing.organization_id, changes)
    return {(reading.seq, reading.position): marks[reading_no(reading)] for plan in plans for reading in plan.readings}


def _change(changes: dict[SeriesKey, SeriesChange], key: SeriesKey, view: RegistryView) -> SeriesChange:
    if key not in changes:
        changes[key] = SeriesChange(bounds_of(view.index.explicit(key[0]).get(key[1])))
    return changes[key]


def bounds_of(layer: Explicit | None) -> Thresholds:
    """The bounds under which the readings of an assignment are judged."""
    given = layer.fields.validation_thresholds if layer else None
    return thresholds_of(given) if given else NO_THRESHOLDS


def _attempts(writing: Writing, plans: Sequence[AssetPlan], origin: Origin) -> Iterator[AttemptRow]:
    for plan in plans:
        for held in plan.held:
            yield AttemptRow(
                organization_id=writing.organization_id,
                attempt_id=writing.new_number(),
                sync_seq=origin.seq,
                entry=plan.number,
                meter_code=held.meter_code,
                sync_type=held.sync_type,
                state="open",
                asset_id=plan.asset.asset_id,
                external_asset_id=plan.external_asset_id,
                asset_name=plan.asset.name,
                unit_id=None,
                client_id=origin.client_id,
                sync_batch_id=origin.sync_batch_id,
                received_at_us=writing.now_us,
                resolved_at_us=None,
                resolved_by=None,
                replayed_at_us=None,
                held=to_json_text(held),
            )


def _history(writing: Writing, subject: str, changes: str) -> HistoryRow:
    actor = writing.actor
    return HistoryRow(subject, writing.new_number(), writing.now_us, actor.kind, actor.name, changes)
