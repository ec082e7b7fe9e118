"""Queries over HTTP on a database that holds the given number of units and events, 16 connections.

`noop` is Starlette with a route that answers a fixed JSON, served as Drawbar is. Goals: a unit by its id at least 0.8 of that, a
list of 100 at least 0.2.
"""

import base64
import sys
from collections.abc import Sequence
from random import Random

import httpx2

from benchmarks.fleet import SECRET, unit_id
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.into_store import prefilled
from benchmarks.load import Load, load
from benchmarks.processes import ProgramError, drawbar, module, serving
from benchmarks.servers import NOOP_PATH

NUMBERS = {
    "units": (20_000, "units in the database"),
    "events": (100_000, "events in the database"),
    "requests": (10_000, "requests for one thing in a run; a tenth as many for lists"),
}
COLUMNS = ("request", "req/s", "p50 ms", "p99 ms", "of noop")
CONNECTIONS = 16
OPERATOR = "an-operator-of-the-benchmarks"
PAGES = 20
_AUTHORIZATION = "Basic " + base64.b64encode(f"operator:{OPERATOR}".encode()).decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("queries", __doc__, NUMBERS, arguments)
    begin("queries", given)
    database = prefilled(given.units, given.events).drawbar
    settings = {
        "DRAWBAR_DATABASE": str(database),
        "DRAWBAR_WEBHOOK_SECRET": SECRET,
        "DRAWBAR_OPERATOR_SECRET": OPERATOR,
        "DRAWBAR_LIMITS_RATE_LIMIT_PER_MINUTE": "0",
    }
    with (
        scratch() as folder,
        serving(module("servers", "noop"), folder / "log") as idle,
        serving(drawbar("serve", "--port", 0), folder / "log", settings) as port,
    ):
        random = Random(1)  # noqa: S311 - a fixed draw
        units = [f"/api/v1/units/{unit_id(random.randrange(given.units))}" for _ in range(given.requests)]
        asked = {
            "noop": (idle, [NOOP_PATH], given.requests),
            "unit by id": (port, units, given.requests),
            "100 units": (port, _pages(port, "/api/v1/units?limit=100"), given.requests // 10),
            "100 pairings": (port, _pages(port, "/api/v1/pairings?limit=100"), given.requests // 10),
        }
        requests = {name: [_request(path) for path in paths] for name, (_, paths, _) in asked.items()}
        found: dict[str, list[Load]] = {name: [] for name in asked}
        for _ in range(given.runs):
            for name, (target, _, total) in asked.items():
                result = load([target], requests[name], total=max(total, CONNECTIONS), connections=CONNECTIONS)
                if result.refused:
                    raise ProgramError(f"{name}: {result.refused} requests were refused: {result.first_refusal}")
                found[name].append(result)
    noop = middle([one.per_second for one in found["noop"]])
    print(f"{CONNECTIONS} connections")
    print_table(COLUMNS, [_row(name, runs, noop) for name, runs in found.items()])
    return 0


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {_AUTHORIZATION}\r\n\r\n".encode()


def _pages(port: int, path: str) -> list[str]:
    """The first pages of a list, each as it is asked for."""
    paths = [path]
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": _AUTHORIZATION}, trust_env=False, timeout=60
    ) as client:
        while len(paths) < PAGES:
            cursor = client.get(paths[-1]).raise_for_status().json()["nextCursor"]
            if cursor is None:
                break
            paths.append(f"{path}&cursor={cursor}")
    return paths


def _row(name: str, runs: list[Load], noop: float) -> Sequence[object]:
    speed = middle([one.per_second for one in runs])
    return name, speed, middle([one.p50_ms for one in runs]), middle([one.p99_ms for one in runs]), speed / noop


if __name__ == "__main__":
    sys.exit(main())
