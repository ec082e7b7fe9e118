"""Records of providers that could not be stored, on both engines: why they wait, and when they come in after all."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from handlers import provider_assets
from handlers.rules.provider_registry import asset_entry
from schemas.providers import Field
from storage.store import DatabaseStore
from tests.pull.stored import METERS, STANDS, Api, pulling, series, stand
from tests.pull.support import VEHICLES
from tests.pull.wiremock import WireMock
from tests.support.pulling import counts


async def test_what_names_something_unknown_waits_for_it(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """A meter of an unknown asset, and usage of an unknown meter, are stored by the run that brings what they name."""
    pull = pulling(store, wiremock)
    api.vehicles("V1")
    api.meters(("M1", "V1"), ("M2", "V2"))
    api.lists("/stands", [stand(1, 18, 100), stand(2, 18, 7, "M2"), stand(3, 18, 9, "M3")])
    view = await pull.run()
    assert (counts(view, "meters"), counts(view, "stands")) == ((1, 0, 0, 1), (1, 0, 0, 2))
    waiting = await pull.waiting()
    assert [(one.stream, one.key, one.field, one.waits_for) for one in waiting] == [
        ("meters", "M2", "asset_id", "V2"),
        ("stands", "2", "meter_id", "M2"),
        ("stands", "3", "meter_id", "M3"),
    ]
    assert waiting[1].reason == "the provider has delivered no meter 'M2'"
    api.vehicles("V1", "V2")
    api.lists("/stands", [])
    view = await pull.run(ahead_s=3600)
    assert view.replayed == 1
    assert [one.key for one in await pull.waiting()] == ["3"]
    assert await series(pull, "V2", "M2") == [("2024-01-17", "7")]


async def test_a_mended_definition_brings_in_what_waited(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """The next run tries all that waits under the new definition; first and last sight and how often are told until then."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters(("M1", "V1"))
    bad = stand(7, 18, "12,5") | {"note": "comma"}
    api.lists("/stands", [bad, stand(8, 18, "n/a", "M1")])
    await pull.run()
    first = pull.now_us
    await pull.run(ahead_s=86_400)
    [one, other] = await pull.waiting()
    assert (one.field, one.reason, one.times_seen, one.page) == ("value", "expected a number, got '12,5'", 2, 1)
    assert msgspec.json.decode(one.raw) == bad
    assert (one.first_seen_at < one.last_seen_at, one.state, other.key) == (True, "waiting", "8")
    assert first < pull.now_us
    api.lists("/stands", [])
    stream = pull.loaded.definition.streams["stands"]
    mended = replace(stream, fields={**stream.fields, "value": Field(path="value", lookup={"12,5": 12.5})})
    streams = pull.loaded.definition.streams
    pull.mend(streams=streams | {"stands": mended})
    view = await pull.run()
    assert (view.replayed, await series(pull)) == (1, [("2024-01-17", "12.5")])
    [left] = await pull.waiting()
    assert (left.key, left.reason, left.definition_hash) == ("8", "'n/a' is not in the lookup", pull.loaded.digest)
    assert (await pull.run()).replayed == 0


async def test_what_waited_never_replaces_what_came_later(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """An old record that can be understood at last doesn't turn back a value that the provider has sent since then."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters()
    api.lists("/stands", [stand(1, 18, 100)])
    await pull.run()
    api.meters(("M1", "V1"))
    api.lists("/stands", [stand(2, 18, 101)])
    view = await pull.run(ahead_s=3600)
    assert (counts(view, "stands"), view.replayed) == ((1, 0, 0, 0), 1)
    assert await series(pull) == [("2024-01-17", "101")]
    assert await pull.waiting() == []


async def test_a_record_that_cannot_be_stored_keeps_no_other_from_it(
    store: DatabaseStore, wiremock: WireMock, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one is its quarantine entry; ids that the registry can't hold are told before."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    api.lists("/vehicles", [{"id": "V1", "name": "a"}, {"id": "x" * 300, "name": "b"}, {"id": "V3", "name": "boom"}])
    plain = asset_entry

    def broken(provider: str, record: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as there
        if record.name == "boom":
            raise ValueError("no")
        return plain(provider, record, *rest, **more)

    monkeypatch.setattr(provider_assets, "asset_entry", broken)
    assert counts(await pull.run(), "vehicles") == (1, 0, 0, 2)
    assert [(one.field, one.reason) for one in await pull.waiting()] == [
        ("external_id", "is longer than the registry can hold, 256 characters with the provider's name"),
        ("record", "could not be stored: ValueError: no"),
    ]
