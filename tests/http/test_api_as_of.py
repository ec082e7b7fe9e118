"""What was in force at a time, in every answer that can be asked for it, against a naive scan of all intervals."""

import asyncio
from typing import Any

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.settings import Settings
from schemas.wire import time_text
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.facts import UNITS, Delivery, deliveries, minute
from tests.support.store import wipe

NO_LIMIT = Settings(operator_secret=Secret(OPERATOR_SECRET), limits=Limits(rate_limit_per_minute=0))


def holds(pairing: dict[str, Any], time: str, *, possible: bool) -> bool:
    """Whether an interval is in force, read off its times; texts of one length in UTC compare like times."""
    if pairing["unpairedAt"] is not None and pairing["unpairedAt"] <= time:
        return False
    if pairing["pairedAt"] is None:
        return possible and (pairing["pairedAfter"] is None or pairing["pairedAfter"] <= time)
    return bool(pairing["pairedAt"] <= time)


def test_as_of_agrees_with_a_scan(sqlite_url: str) -> None:
    """At any time, lists, export and units show the intervals that a scan of all of them finds, and each unit's state follows."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = running_api(sqlite_url, NO_LIMIT)
        api = runner.run(context.__aenter__())

        @settings(max_examples=25, deadline=None)
        @given(arriving=deliveries(), at=st.integers(-1, 6), possible=st.booleans())
        def check(arriving: list[Delivery], at: int, possible: bool) -> None:
            runner.run(_check(api, arriving, time_text(minute(at)), possible=possible))

        try:
            check()
        finally:
            runner.run(context.__aexit__(None, None, None))


async def _check(api: Api, arriving: list[Delivery], time: str, *, possible: bool) -> None:
    await wipe(api.store)
    await api.deliver(*(delivery.body for delivery in arriving))
    everything = await api.all_items("/api/v1/pairings", limit=3)
    expected = [pairing for pairing in everything if holds(pairing, time, possible=possible)]
    asked = {"at": time, "possible": "true" if possible else "false"}
    assert await api.all_items("/api/v1/pairings", limit=2, **asked) == expected
    exported = await api.ask("/api/v1/export/pairings", params=asked)
    assert len(exported.content.splitlines()) == len(expected)
    units = await api.all_items("/api/v1/units", limit=1, **asked)
    assert [unit["pairing"] for unit in units if unit["pairing"]] == sorted(expected, key=lambda pairing: pairing["unitId"])
    for unit in units:
        assert await api.get(f"/api/v1/units/{unit['unitId']}", **asked) == unit
        assert (unit["state"] == "paired") == (unit["pairing"] is not None)
        assert unit["lastEventAt"] is None or unit["lastEventAt"] <= time
        mine = await api.items(f"/api/v1/units/{unit['unitId']}/pairings", **asked)
        assert mine == [pairing for pairing in expected if pairing["unitId"] == unit["unitId"]]
        assert len(mine) <= 1
        in_state = await api.all_items("/api/v1/units", state=unit["state"], **asked)
        assert unit in in_state
    latest = await api.items("/api/v1/units", at=time_text(minute(10_000)))
    now = await api.items("/api/v1/units")
    assert [(unit["state"], unit["pairing"]) for unit in latest] == [(unit["state"], unit["pairing"]) for unit in now]
    assert {unit["unitId"] for unit in now} <= set(UNITS)
