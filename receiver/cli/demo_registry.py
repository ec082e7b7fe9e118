"""The registry's part of the demo: a small set of reference data, one Asset Sync, and what became of it."""

import tomllib
from importlib import resources
from urllib.parse import quote

import httpx2

from receiver.cli.output import print_table

# The organization of the sample batches.
ORGANIZATION = "c8c90b90-ad39-4a3d-8b89-c25a22acaa25"
_SAMPLES = resources.files("fixtures") / "asset_sync"


async def show_sync(client: httpx2.AsyncClient) -> None:
    """Set up what the sample names, send it as a client would, and show the assets with their meters."""
    params = {"organizationId": ORGANIZATION}
    await _set_up(client, params)
    body = (_SAMPLES / "initial-setup.request.json").read_bytes()
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/assets/sync", content=body, params=params, headers=headers)
    rows = []
    for result in answer.raise_for_status().json()["results"]:
        meters = await client.get(f"/api/v1/assets/{result['assetId']}/meters")
        for meter in meters.raise_for_status().json()["items"]:
            latest = meter["latestReading"] or {}
            shown = f"{latest['value']} {latest['unit']}" if latest else None
            row = (result["externalAssetId"], result["status"], meter["meterCode"], shown, latest.get("recordedAt"))
            rows.append((*row, " ".join(result["warnings"]) or None))
    columns = ("asset", "synced", "meter", "latest reading", "recorded", "warnings")
    print_table("An Asset Sync of two assets, with meters and readings", columns, rows)


async def _set_up(client: httpx2.AsyncClient, params: dict[str, str]) -> None:
    reference = tomllib.loads((_SAMPLES / "reference.toml").read_text())
    things: list[tuple[str, object]] = [(f"asset-types/{quote(name)}", {}) for name in reference["asset_types"]]
    things += [(f"sites/{quote(code)}", {"name": name}) for code, name in reference["sites"].items()]
    things += [(f"meters/{quote(code)}", meter) for code, meter in reference["meters"].items()]
    for path, body in things:
        (await client.put(f"/api/v1/{path}", json=body, params=params)).raise_for_status()
