"""The operations of the registry: assets, their meters and readings, and what is set up before them."""

from receiver.api import asset_sync, assets, links, meters, missing_meters, references, unit_readings
from receiver.api.operation import Operation

# The fixed paths first: what follows `/assets/` can be any reference to an asset.
OPERATIONS: tuple[Operation, ...] = (
    *asset_sync.OPERATIONS,
    *links.OPERATIONS,
    *assets.OPERATIONS,
    *references.OPERATIONS,
    *meters.OPERATIONS,
    *unit_readings.OPERATIONS,
    *missing_meters.OPERATIONS,
)
