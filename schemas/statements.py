"""What operators say of pairings and cases."""

from typing import Literal

from msgspec import Struct

from schemas.pairing import FailureKind

# As in events (schemas.events.UnitId).
UNIT_ID_CHARACTERS_MAX = 256
VIN_CHARACTERS_MAX = 256
NOTE_CHARACTERS_MAX = 4000

# The first two are assertions, the next two judge an event or an assertion, the rest is said of a case.
StatementKind = Literal["paired", "unpaired", "void", "restore", "dismiss", "reopen", "note"]


class Details(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What only some kinds say: the asset's VIN of an assertion, and what a dismissed case had failed with."""

    asset_vin: str | None = None
    kinds: tuple[FailureKind, ...] = ()


class Statement(Struct, frozen=True):
    """One statement. `seq` is its place in the journal, `at_us` when it was made, `actor` who made it.

    `event_key` is the fact that it is about: the one that is asserted, judged, or a failure in the case. An assertion names the
    asset and says since when, which is `fact_at_us`.
    """

    organization_id: str
    seq: int
    kind: StatementKind
    unit_id: str
    event_key: str
    actor: str
    at_us: int
    note: str = ""
    asset_id: str | None = None
    fact_at_us: int | None = None
    details: Details = Details()
