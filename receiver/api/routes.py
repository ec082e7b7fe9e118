"""All routes of the API, the ones asked for most first."""

from starlette.routing import Route

from receiver.api import (
    alerts,
    assertions,
    cases,
    changes,
    export,
    journal,
    openapi,
    pairings,
    patches,
    providers,
    quarantine,
    registry,
    token,
    units,
    vin,
)
from receiver.api.operation import Operation, routes_of

OPERATIONS: tuple[Operation, ...] = (
    *units.OPERATIONS,
    *assertions.OPERATIONS,
    *pairings.OPERATIONS,
    *cases.OPERATIONS,
    *vin.OPERATIONS,
    *changes.OPERATIONS,
    *journal.OPERATIONS,
    *quarantine.OPERATIONS,
    *alerts.OPERATIONS,
    *patches.OPERATIONS,
    *registry.OPERATIONS,
    *providers.OPERATIONS,
    *export.OPERATIONS,
    *token.OPERATIONS,
    *openapi.OPERATIONS,
)


def all_routes() -> list[Route]:
    """Fresh routes for one application."""
    return routes_of(OPERATIONS)
