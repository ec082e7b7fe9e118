"""Who was on what, when: intervals, episodes in which matching failed, and the changes that tell of both."""

from typing import Literal

from msgspec import Struct

from schemas.facts import Location, Meaning

EndedBy = Literal["unpaired", "superseded"]
UnitStatus = Literal["paired", "unpaired", "unmatched"]
EpisodeStatus = Literal["open", "resolved", "dismissed"]
# A reason, and the sensor's VIN as received.
FailureKind = tuple[str, str | None]
ChangeType = Literal[
    "pairing.opened",
    "pairing.closed",
    "pairing.revised",
    "pairing.removed",
    "case.opened",
    "case.updated",
    "case.escalated",
    "case.resolved",
    "case.dismissed",
    "case.reopened",
    "case.removed",
]


class Interval(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """`[paired_at_us, unpaired_at_us)` in which a unit is on an asset.

    An unknown start is None, and `paired_after_us` then says what is known of it. `opening_key` is the fact from which the
    pairingId is made, `meaning` what that fact says, `events` the evidence: the facts that opened, confirmed and ended it.
    """

    asset_id: str
    paired_at_us: int | None
    opening_key: str
    meaning: Meaning
    events: tuple[str, ...]
    paired_after_us: int | None = None
    unpaired_at_us: int | None = None
    ended_by: EndedBy | None = None


class Dismissal(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """An operator's word that a case needs no more looking at, while it has no other failures than of these kinds."""

    kinds: tuple[FailureKind, ...]
    at_us: int


class Remark(Struct, frozen=True, gc=False, rename="camel"):
    """What an operator wrote on a case."""

    text: str
    author: str
    at_us: int


class Episode(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """A maximal run of failures of one unit, or of doubtful automatic successes on one interval (reason VinMismatch).

    `reason`, `sensor_vin`, `location`, the candidates and the asset with its VIN are those of the latest fact in it; only a
    VinMismatch has an asset. `run_from_us` is the first fact of the last unbroken run of one reason and sensorVIN: the 48 h clock
    starts there. `kinds` is the sorted set of what the episode had, and `failures` are the event keys of its facts, oldest first.
    `dismissal` is the latest word of an operator on whether to look at it, None if that word is to look at it.
    """

    reason: str
    failures: tuple[str, ...]
    kinds: tuple[FailureKind, ...]
    attempts: int
    first_at_us: int
    last_at_us: int
    run_from_us: int
    sensor_vin: str | None = None
    location: Location | None = None
    candidate_asset_ids: tuple[str, ...] = ()
    asset_id: str | None = None
    asset_vin: str | None = None
    resolved_at_us: int | None = None
    resolved_by: Literal["paired", "unpaired"] | None = None
    dismissal: Dismissal | None = None
    notes: tuple[Remark, ...] = ()

    @property
    def status(self) -> EpisodeStatus:
        """`resolved`; else `dismissed` while a dismissal holds for all its failures; else `open`."""
        if self.resolved_at_us is not None:
            return "resolved"
        return "dismissed" if self.dismissal and set(self.kinds) <= set(self.dismissal.kinds) else "open"


class UnitState(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """All that the fold of a unit needs to go on after `at_us`, the instant of its latest fact.

    `held` are the assets that the unit was ever on, sorted, and `last_end_us` is the end of its last closed interval. `episode`
    and `mismatch` are its unresolved cases, one of each kind. `void` are the keys of facts that operators made void, sorted: they
    take no part, and neither does another copy of them.
    """

    at_us: int | None = None
    open: Interval | None = None
    held: tuple[str, ...] = ()
    last_end_us: int | None = None
    episode: Episode | None = None
    mismatch: Episode | None = None
    void: tuple[str, ...] = ()

    @property
    def status(self) -> UnitStatus:
        """`paired` if an interval is open, else `unmatched` while a failure case is, else `unpaired`."""
        if self.open:
            return "paired"
        return "unmatched" if self.episode and self.episode.status == "open" else "unpaired"

    @property
    def case(self) -> Episode | None:
        """The case to show where there is room for one: one that needs looking at, a failure case rather than a mismatch."""
        return next((case for case in (self.episode, self.mismatch) if case and case.status == "open"), None)
