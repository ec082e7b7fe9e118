"""What was held back for a meter: of a field that several syncs said something of, the latest word counts."""

from collections.abc import Iterable, Mapping

from msgspec import UNSET
from msgspec.structs import asdict, replace

from schemas.asset_plans import HeldMeter

# By assetId and the name of a field: the number of the last attempt that said something of it.
LastWords = Mapping[tuple[str, str], int]


def fields_said(held: HeldMeter) -> Iterable[str]:
    """The fields of the assignment that an attempt gave, or cleared."""
    given = asdict(held.fields) if held.fields is not None else {}
    return {name for name, value in given.items() if value is not UNSET}.union(held.cleared)


def still_said(held: HeldMeter, asset_id: str, number: int, last: LastWords) -> HeldMeter:
    """The attempt of this number without the fields that a later one on the same asset said something of."""
    if held.fields is None:
        return held
    outdated = [name for name in fields_said(held) if last.get((asset_id, name), number) > number]
    return replace(held, fields=replace(held.fields, **dict.fromkeys(outdated, UNSET)))
