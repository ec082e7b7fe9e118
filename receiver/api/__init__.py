"""The HTTP API: one file a resource, and what they share."""

from starlette.routing import Route


def api_routes() -> list[Route]:
    """All routes of the API for one application, whose `state.services` is a `receiver.services.Services`."""
    from receiver.api.routes import all_routes  # noqa: PLC0415 - they use what itself uses receiver.api.problems

    return all_routes()
