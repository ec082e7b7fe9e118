"""Readings of meters: as recorded, as judged, and as shown.

Source: the Asset Sync tables "Current Reading" and "Historical Meter Readings". A reading is recorded once and never
changed; its mark is derived from the whole series of its asset and meter, and can change whenever the series does.
"""

from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from schemas.decimals import Number

JsonObject = dict[str, Any]
Source = Literal["SYNC", "INSPECTION"]
ReadingStatus = Literal["NORMAL", "NOT_EQUIPPED"]
ShownStatus = Literal["NORMAL", "NOT_EQUIPPED", "SUSPECT", "CORRECTED"]


class Reading(Struct, frozen=True, gc=False):
    """One reading as recorded.

    `(seq, position)` is its identity: the journal sequence of what brought it, at first receipt, and its place in there.
    `value` is None exactly when the status is NOT_EQUIPPED; `unit` is the meter's, or what was sent if that isn't known yet.
    """

    seq: int
    position: int
    meter_code: str
    value: Decimal | None
    at_us: int
    unit: str | None = None
    status: ReadingStatus = "NORMAL"
    source: Source = "SYNC"
    note: str | None = None
    unit_id: str | None = None


class Mark(Struct, frozen=True, gc=False):
    """What the series makes of a reading.

    `shown` is false for a duplicate, which has the status of the reading that it repeats; `reason` names the bound that a
    SUSPECT reading breaks.
    """

    status: ShownStatus
    shown: bool = True
    reason: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether it can be the latest value, and is what later ones are judged against."""
        return self.shown and self.status == "NORMAL"


class Thresholds(Struct, frozen=True, rename="camel"):
    """The bounds of `validationThresholds` that are known; other keys are kept with the assignment and judge nothing."""

    max_delta_per_day: Number | None = None
    min: Number | None = None
    max: Number | None = None
    monotonic: bool | None = None


class ReadingView(Struct, frozen=True, rename="camel"):
    """A reading in an answer."""

    reading_id: str
    meter_code: str
    value: Number | None
    unit: str | None
    recorded_at: str
    source: Source
    status: ShownStatus
    note: str | None
    unit_id: str | None
    received_at: str


NO_THRESHOLDS = Thresholds()
