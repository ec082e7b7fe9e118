"""What an organization sets up before it syncs, as it is sent and shown. The meter itself is `schemas.assets.Meter`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ReferenceKind = Literal["asset_type", "site", "custom_field"]
# As for what syncs send: an index of PostgreSQL holds no longer keys.
CODE_MAX = 256
ReferenceCode = Annotated[str, Meta(min_length=1, max_length=CODE_MAX)]
ReferenceName = Annotated[str, Meta(max_length=1000)]


class AssetType(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An asset type: syncs name it."""

    name: ReferenceCode


class Site(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A site: syncs give its code."""

    code: ReferenceCode
    name: ReferenceName | None = None


class CustomField(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A custom field that patches may set; once there is one, they may set no other."""

    name: ReferenceCode


class NameBody(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is put under a name that stands in the path, and may stand here too."""

    name: ReferenceCode | None = None


class SiteBody(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is put under a code that stands in the path, and may stand here too."""

    code: ReferenceCode | None = None
    name: ReferenceName | None = None


class MeterBody(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is put under a code that stands in the path, and may stand here too. Units compare exactly."""

    unit: ReferenceCode
    code: ReferenceCode | None = None
    name: ReferenceName | None = None
    type: ReferenceName | None = None
    subtype: ReferenceName | None = None
