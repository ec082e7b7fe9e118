"""WireMock's admin interface, as far as the tests use it."""

from collections.abc import Mapping
from typing import Any

import httpx2
from msgspec import Struct


class WireMock(Struct, frozen=True):
    """A running WireMock: `url` is where it answers."""

    url: str
    controls: httpx2.Client

    def stub(self, path: str, *responses: Mapping[str, object], method: str = "GET", **matching: object) -> None:
        """Answer requests for a path one after the other with these responses; the last one stays."""
        for number, response in enumerate(responses):
            following = number + 1 if number + 1 < len(responses) else number
            mapping = {
                "scenarioName": f"{method} {path} {matching}",
                "requiredScenarioState": "Started" if number == 0 else f"after {number}",
                "newScenarioState": "Started" if following == 0 else f"after {following}",
                "request": {"method": method, "urlPath": path, **matching},
                "response": dict(response),
            }
            self.controls.post("/__admin/mappings", json=mapping).raise_for_status()

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The requests for a path so far, oldest first, with the instant of each in milliseconds under `loggedDate`."""
        found = self.controls.post("/__admin/requests/find", json={"method": "ANY", "urlPath": path}).json()["requests"]
        return sorted(found, key=lambda request: request["loggedDate"])


def gives(body: object, **extra: object) -> dict[str, object]:
    """A response with a JSON body."""
    return {"status": 200, "jsonBody": body, "headers": {"Content-Type": "application/json"}, **extra}
