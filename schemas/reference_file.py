"""The file of `drawbar import reference`: what an organization sets up before it syncs, in TOML."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.assets import Meter
from schemas.json_faults import fault
from schemas.references import ReferenceCode, ReferenceName

SiteName = Annotated[str, Meta(max_length=1000)]


class MeterTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`[meters.CODE]`."""

    unit: ReferenceCode
    name: ReferenceName | None = None
    type: ReferenceName | None = None
    subtype: ReferenceName | None = None


class ReferenceFile(Struct, frozen=True, forbid_unknown_fields=True):
    """All that can stand in it; whatever isn't named there stays as it is. A site is its code with its name."""

    asset_types: tuple[ReferenceCode, ...] = ()
    sites: dict[ReferenceCode, SiteName] = {}
    meters: dict[ReferenceCode, MeterTable] = {}
    custom_fields: tuple[ReferenceCode, ...] = ()

    def all_meters(self) -> tuple[Meter, ...]:
        """The meters as they are stored."""
        return tuple(Meter(code, one.unit, one.name, one.type, one.subtype) for code, one in self.meters.items())


def decode_reference(body: bytes) -> ReferenceFile:
    """What a file says. InvalidInputError with the path of what is wrong."""
    try:
        return msgspec.toml.decode(body, type=ReferenceFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise fault(error, "$") from error
