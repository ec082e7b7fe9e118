"""Rows of the index by which assets are found for a sensor's VIN."""

from typing import Literal, NamedTuple


class KeyedAsset(NamedTuple):
    """An asset that is found by a key; `serial` is what its VIN is read from."""

    key: str
    asset_id: str
    serial: str | None


class KeyRow(NamedTuple):
    """A key of an asset, as it is stored."""

    organization_id: str
    key: str
    asset_id: str


class Touched(NamedTuple):
    """A VIN that an asset got or lost, a Datahub asset that became another asset of ours, or an asset that it was before."""

    organization_id: str
    kind: Literal["vin", "datahub", "asset"]
    subject: str
