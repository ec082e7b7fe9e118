"""`drawbar demo`: signed sample batches into a real receiver, who is on what, a sync, a pull from a provider, and the service."""

import asyncio
import os
import secrets
import tempfile
from importlib import resources
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from receiver.cli.common import run
from receiver.cli.output import print_table, say
from receiver.logs import configure_logging
from receiver.outward_settings import Log
from receiver.safety import secret_values
from receiver.secret import Secret
from receiver.server import ServeError, listen, serve
from receiver.settings import DEFAULT_SUBSCRIPTION, Settings
from receiver.signing import signed_headers
from receiver.stopping import stop_event
from receiver.wiring import now_us

# In the order of a story: pairings, moves, failures that resolve and one that waits, deliveries that come twice or late.
STORIES = (
    "manual_pair_then_unpair",
    "auto_pair_on_first_contact",
    "swap_of_units",
    "pairings_through_three_assets",
    "double_subscription_v1_v2",
    "hourly_not_found_then_success",
    "not_found_with_changing_sensor_vin",
    "multiple_match_candidates_split",
    "late_unpair_inside_closed_interval",
    "duplicate_batch",
    "bad_events_among_good",
)
PORT = 8000


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Exit after the table instead of serving on.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the service; a free one if it is taken.")] = PORT,
) -> None:
    """Show the main job: sample batches come in signed, land durably, and turn into who is on what."""
    from receiver.cli.demo_provider import example_provider  # noqa: PLC0415 - as below

    os.environ["no_proxy"] = "127.0.0.1"  # everything here is on this machine, whatever proxy the environment names
    with tempfile.TemporaryDirectory(prefix="drawbar-demo-") as folder, example_provider(Path(folder)) as definitions:
        run(_demo(Path(folder), definitions, port, once=once))


async def _demo(folder: Path, definitions: Path, port: int, *, once: bool) -> None:
    from receiver.app import create_app  # noqa: PLC0415 - other commands needn't load all of the service

    secret, operator = Secret(secrets.token_urlsafe(32)), Secret(secrets.token_urlsafe(24))
    settings = Settings(
        database=str(folder / "demo.db"),
        port=_free(port),
        webhook_secret=(secret,),
        operator_secret=operator,
        providers_folder=str(definitions),
        providers_environment="staging",
        log=Log(level="error"),
    )
    configure_logging(settings.log, secret_values(settings))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    service = asyncio.create_task(serve(create_app(settings), settings, on_ready=ready.set_result))
    tour = asyncio.create_task(_tour(ready, settings, once=once))
    waiting: set[asyncio.Task[None]] = {service, tour}
    try:
        # The service ends before the tour does when it can't start, and when it is interrupted.
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if tour.done() and not stop_event().is_set():
            await tour
            if not once:
                await service
    finally:
        tour.cancel()
        stop_event().set()
        await asyncio.gather(*waiting, return_exceptions=True)
    await service


async def _tour(ready: asyncio.Future[str], settings: Settings, *, once: bool) -> None:
    """Send the batches, pull from the example provider, and show what became of it all."""
    from receiver.cli.demo_provider import pull_example  # noqa: PLC0415 - as above
    from receiver.cli.demo_registry import show_sync  # noqa: PLC0415 - as above

    url = await ready
    operator = settings.operator_secret.reveal() if settings.operator_secret else ""
    async with httpx2.AsyncClient(base_url=url, auth=("operator", operator), timeout=30) as client:
        await _send(client, settings)
        await _show(client)
        await show_sync(client)
        await pull_example(client)
    if not once:
        _invite(url, operator)


def _free(port: int) -> int:
    try:
        listen("127.0.0.1", port).close()
    except ServeError:
        return 0
    return port


async def _send(client: httpx2.AsyncClient, settings: Settings) -> None:
    subscription = settings.subscriptions[DEFAULT_SUBSCRIPTION]
    rows = []
    stories = resources.files("fixtures") / "stories"
    for story in STORIES:
        for name in sorted(path.name for path in (stories / story).iterdir() if path.name.endswith(".json")):
            body = (stories / story / name).read_bytes()
            headers = signed_headers(subscription, subscription.secrets[0], body, now_us())
            answer = await client.post(f"/webhooks/datahub/{DEFAULT_SUBSCRIPTION}", content=body, headers=headers)
            said = answer.json()
            counts = (said.get(count) for count in ("received", "applied", "duplicates", "quarantined", "ignored"))
            rows.append((story, name, answer.status_code, said.get("message"), *counts))
    columns = ("story", "batch", "status", "message", "received", "applied", "duplicates", "quarantined", "ignored")
    print_table("Signed batches, as Datahub would send them", columns, rows)


async def _show(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/units", params={"limit": 1000})
    rows = []
    for unit in answer.raise_for_status().json()["items"]:
        pairing, case = unit["pairing"] or {}, unit["case"] or {}
        rows.append(
            (
                unit["unitId"],
                unit["state"],
                pairing.get("vin") or pairing.get("assetId"),
                pairing.get("pairedAt"),
                pairing.get("reason"),
                f"{case['reason']} ({case['sensorVin']}), {case['attempts']} attempts" if case else None,
            )
        )
    print_table("Who is on what", ("unit", "state", "on asset", "since", "paired by", "open case"), rows)


def _invite(url: str, operator: str) -> None:
    say(f"\nThe service is live at {url} until you press Ctrl-C. Ask it, for example:")
    for path in ("/api/v1/units?state=unmatched", "/api/v1/pairings?at=2025-06-01T00:00:00Z", "/api/v1/assets"):
        say(f"  curl -s -u operator:{operator} '{url}{path}'")
