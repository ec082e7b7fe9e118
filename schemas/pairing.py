"""Who was on what, when: intervals, episodes in which matching failed, and the changes that tell of both."""

from typing import Literal

from msgspec import Struct

from schemas.facts import Location, Meaning

EndedBy = Literal["unpaired", "superseded"]
UnitStatus = Literal["paired", "unpaired", "unmatched"]
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


class Interval(Struct, frozen=True, omit_defaults=True, rename="camel"):
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


class Episode(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A maximal run of failures of one unit. `reason`, `sensor_vin`, `location` and the candidates are the latest failure's.

    `run_from_us` is the first failure of the last unbroken run of one reason and sensorVIN: the 48 h clock starts there.
    `kinds` is the sorted set of `[reason, sensorVIN]` that the episode had, and `failures` are its event keys, oldest first.
    """

    reason: str
    failures: tuple[str, ...]
    kinds: tuple[tuple[str, str | None], ...]
    attempts: int
    first_at_us: int
    last_at_us: int
    run_from_us: int
    sensor_vin: str | None = None
    location: Location | None = None
    candidate_asset_ids: tuple[str, ...] = ()
    resolved_at_us: int | None = None
    resolved_by: Literal["paired", "unpaired"] | None = None


class UnitState(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """All that the fold of a unit needs to go on after `at_us`, the instant of its latest fact.

    `held` are the assets that the unit was ever on, sorted, and `last_end_us` is the end of its last closed interval.
    """

    at_us: int | None = None
    open: Interval | None = None
    held: tuple[str, ...] = ()
    last_end_us: int | None = None
    episode: Episode | None = None

    @property
    def status(self) -> UnitStatus:
        """`paired` if an interval is open, else `unmatched` while a failure case is, else `unpaired`."""
        if self.open:
            return "paired"
        return "unmatched" if self.episode else "unpaired"
