"""What holds of an assignment: what syncs said, else what pairings imply, else the default."""

from functools import cache
from typing import Any

from msgspec import UNSET, UnsetType

from handlers.rules.telematics import is_missed
from schemas.assets import AssetStatus, Assignment, EffectiveAssignment, EquipmentStatus, Explicit
from schemas.readings import Reading
from schemas.registry_records import ALWAYS, NEVER, WHILE_IMPLIED, Expectation

_DEFAULT = EffectiveAssignment()
_IMPLIED = EffectiveAssignment(equipment_status="EQUIPPED", expected_from_sync=True)
_NOTHING = Explicit()


def effective(
    explicit: Explicit | None, status: AssetStatus, *, implied: bool, newest: Reading | None = None
) -> EffectiveAssignment:
    """The assignment's values on an asset of that status. `implied`: a pairing open now implies the meter.

    No meter is active on an asset that isn't: so its deactivation turns all meters off, and its reactivation brings back
    just those that it turned off. `newest` is the newest reading of either status: where it says NOT_EQUIPPED, only an
    `equipmentStatus` that a sync set after it says otherwise.
    """
    base = _IMPLIED if implied else _DEFAULT
    fields = (explicit or _NOTHING).fields
    return EffectiveAssignment(
        is_active=status == "ACTIVE" and _or(fields.is_active, base.is_active),
        is_applicable=_or(fields.is_applicable, base.is_applicable),
        equipment_status=_equipment(explicit, _or(fields.equipment_status, base.equipment_status), newest),
        initial_reading=_or(fields.initial_reading, None),
        installed_at_us=_or(fields.installed_at_us, None),
        expected_from_sync=_or(fields.expected_from_sync, base.expected_from_sync),
        validation_thresholds=_or(fields.validation_thresholds, None),
    )


def tracked(explicit: Explicit | None, status: AssetStatus, *, implied: bool) -> EffectiveAssignment:
    """As much of the assignment as telematics heed: is it active, applicable, expected? All else is left at its default."""
    fields = (explicit or _NOTHING).fields
    return _tracked(fields.is_active, fields.is_applicable, fields.expected_from_sync, status, implied=implied)


def expectation(explicit: Explicit | None, status: AssetStatus) -> Expectation:
    """When a sync that is silent about the meter counts as missing: always, never, or while a pairing implies the meter."""
    fields = (explicit or _NOTHING).fields
    return _expectation(fields.is_active, fields.is_applicable, fields.expected_from_sync, status)


@cache
def _tracked(
    is_active: bool | UnsetType,
    is_applicable: bool | UnsetType,
    expected_from_sync: bool | UnsetType,
    status: AssetStatus,
    *,
    implied: bool,
) -> EffectiveAssignment:
    """Every sync asks this of each of its meters, and there are few cases."""
    said = Assignment(is_active=is_active, is_applicable=is_applicable, expected_from_sync=expected_from_sync)
    return effective(Explicit(said), status, implied=implied)


@cache
def _expectation(
    is_active: bool | UnsetType, is_applicable: bool | UnsetType, expected_from_sync: bool | UnsetType, status: AssetStatus
) -> Expectation:
    if is_missed(_tracked(is_active, is_applicable, expected_from_sync, status, implied=False)):
        return ALWAYS
    return WHILE_IMPLIED if is_missed(_tracked(is_active, is_applicable, expected_from_sync, status, implied=True)) else NEVER


def _or(value: Any, otherwise: Any) -> Any:  # noqa: ANN401 - any field, and its own type again
    return otherwise if value is UNSET else value


def _equipment(explicit: Explicit | None, said: EquipmentStatus, newest: Reading | None) -> EquipmentStatus:
    if newest is None or newest.status != "NOT_EQUIPPED":
        return said
    set_after = explicit is not None and explicit.equipment_seq is not None and explicit.equipment_seq > newest.seq
    return said if set_after else "NOT_EQUIPPED"
