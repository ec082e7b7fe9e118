"""A write to an organization's registry: who writes, its place in the journal, and the lock that makes it the only one."""

from msgspec import Struct, field

from handlers.ports import Transaction
from handlers.rules.recording import IDS_PER_COMMIT
from schemas.asset_sync_decoding import thresholds_of
from schemas.assets import Explicit
from schemas.readings import NO_THRESHOLDS, Reading, Thresholds
from schemas.registry_records import ActorKind, HistoryRow


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


async def begin(tx: Transaction, organization_id: str, actor: Actor, now_us: int) -> Writing:
    """Be the only writer of an organization's registry until the transaction ends."""
    await tx.registry.assets.lock(organization_id)
    return Writing(organization_id, actor, await tx.journal.begin(), now_us)


def bounds_of(layer: Explicit | None) -> Thresholds:
    """The bounds under which the readings of an assignment are judged."""
    given = layer.fields.validation_thresholds if layer else None
    return thresholds_of(given) if given else NO_THRESHOLDS


def history_row(writing: Writing, subject: str, changes: str, actor: Actor | None = None) -> HistoryRow:
    """What changed of an asset or a meter, as JSON; by the writer, unless it is another's doing."""
    by = actor or writing.actor
    return HistoryRow(subject, writing.new_number(), writing.now_us, by.kind, by.name, changes)
