"""The registry over HTTP: an organization with its reference data, a client that syncs, and what tests ask of its answers."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import Response

from tests.support.api import Api, Headers
from tests.support.facts import ORGANIZATION

FIXTURES = Path(__file__).parents[2] / "fixtures" / "asset_sync"


def fixture(name: str) -> bytes:
    """A body of the fixtures, byte for byte."""
    return (FIXTURES / f"{name}.json").read_bytes()


@dataclass
class RegistryApi:
    """What one client of one organization, with every scope, makes of the API."""

    api: Api
    headers: Headers

    async def put(self, path: str, body: object = None, status: int = 201) -> Any:  # noqa: ANN401 - JSON
        """The answer to a PUT."""
        return _json(await self.api.ask(f"/api/v1/{path}", self.headers, "PUT", json={} if body is None else body), status)

    async def delete(self, path: str, status: int = 204) -> Any:  # noqa: ANN401 - JSON
        """The answer to a DELETE."""
        answer = await self.api.ask(f"/api/v1/{path}", self.headers, "DELETE")
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def post(self, path: str, body: object = None, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """The answer to a POST."""
        return _json(await self.api.ask(f"/api/v1/{path}", self.headers, "POST", json={} if body is None else body), status)

    async def get(self, path: str, **params: str | float) -> Any:  # noqa: ANN401 - JSON
        """The answer to a GET."""
        return await self.api.get(f"/api/v1/{path}", self.headers, **params)

    async def items(self, path: str, **params: str | float) -> list[Any]:
        """All items of a list, page by page."""
        return await self.api.all_items(f"/api/v1/{path}", self.headers, **params)

    async def refused(self, status: int, path: str, **options: Any) -> Mapping[str, Any]:  # noqa: ANN401 - options of httpx2
        """The problem with which a request is answered."""
        return await self.api.refused(status, f"/api/v1/{path}", self.headers, **options)

    async def sync(self, body: bytes | Mapping[str, Any], status: int = 200) -> dict[str, Any]:
        """The answer to a sync."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        answer = _json(await self.api.ask("/api/v1/assets/sync", headers, "POST", content=content), status)
        assert isinstance(answer, dict)
        return answer

    async def put_asset(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an asset entry
        """The only result, or the only error, of syncing one asset: externalAssetId `A` and a name unless others are given."""
        answer = await self.sync({"assets": [{"externalAssetId": "A", "name": "Pump", **fields}]})
        only: dict[str, Any] = (answer["results"] + answer["errors"])[0]
        return only

    async def set_up(self, *, without: str = "") -> None:
        """The reference data of the fixtures, but for one meter."""
        reference = tomllib.loads((FIXTURES / "reference.toml").read_text())
        for name in reference["asset_types"]:
            await self.put(f"asset-types/{name}")
        for code, name in reference["sites"].items():
            await self.put(f"sites/{code}", {"name": name})
        for code, meter in reference["meters"].items():
            if code != without:
                await self.put(f"meters/{code}", meter)


async def registry_api(api: Api, organization_id: str = ORGANIZATION, *, reference: bool = True) -> RegistryApi:
    """A fresh client of an organization, whose reference data is there."""
    registry = RegistryApi(api, await api.credentials(organization_id, "read", "sync", "admin", "ops"))
    if reference:
        await registry.set_up()
    return registry


def _json(answer: Response, status: int) -> Any:  # noqa: ANN401 - JSON
    assert answer.status_code == status, answer.text
    return answer.json()
