"""`drawbar rejected`: after a botched rotation of secrets, what was refused is taken in once the secret is mended."""

import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from handlers.rejected import Rejection, hold
from receiver.kept_headers import headers_text
from schemas.wire import time_text
from storage.store import DatabaseStore
from tests.support.batches import batch, digest_in, on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, body_of
from tests.support.signing import HeaderList, datahub_headers, standard_headers
from tests.support.store import OTHER, execute, pairing, rows

STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RECEIVED_S = 1_747_088_400
RECEIVED_US = RECEIVED_S * 1_000_000


def hold_all(cli: Cli, deliveries: Sequence[tuple[HeaderList, bytes]], subscription: str = "default") -> None:
    """Hold deliveries as the webhook does."""

    async def work(store: DatabaseStore) -> None:
        rejections = [
            Rejection(subscription, RECEIVED_US, "10.0.0.7", "mismatch", headers_text(headers, everything=True), body)
            for headers, body in deliveries
        ]
        await store.write(lambda tx: hold(tx, rejections, 1000, 2**30))

    on_store(cli.environment["DRAWBAR_DATABASE"], work)


def configure(cli: Cli, *lines: str) -> None:
    """Write the settings of today."""
    (cli.folder / "drawbar.toml").write_text("\n".join(lines))


def deliveries_in(cli: Cli) -> list[tuple[str, str, str | None, int]]:
    """Subscription, source, sender and time of receipt of what was taken in."""

    async def work(store: DatabaseStore) -> list[Any]:
        return await rows(store, "SELECT subscription, source, remote, received_at_us FROM deliveries ORDER BY delivery_id")

    return on_store(cli.environment["DRAWBAR_DATABASE"], work)


def test_what_is_held_is_listed_without_its_headers(cli: Cli) -> None:
    """Oldest first; headers can hold credentials."""
    hold_all(cli, [([(b"authorization", b"Basic c2VjcmV0")], b"{}"), ([], b"[1]")])
    listed = cli("rejected", "list", "--json")
    assert "c2VjcmV0" not in listed.out
    first, second = listed.json["items"]
    assert (first["subscription"], first["remote"], first["reason"], first["bytes"]) == ("default", "10.0.0.7", "mismatch", 2)
    assert first["receivedAt"] == time_text(RECEIVED_US)
    assert (second["bytes"], listed.json["more"]) == (3, False)
    assert cli("rejected", "list", "--json", "--limit", "1").json == {"items": [first], "more": True}
    assert "there are more" in cli("rejected", "list", "--limit", "1").err
    assert cli("rejected", "list", "--json", "--subscription", "eu").json["items"] == []
    assert first["rejectedId"] in cli("rejected", "list").out


def test_a_botched_rotation_loses_nothing(cli: Cli, tmp_path: Path) -> None:
    """What was signed with the secret that was missing is taken in once it is there; what is forged stays held."""
    hold_all(cli, [(datahub_headers("new", batch(number)), batch(number)) for number in range(250)])
    hold_all(cli, [(datahub_headers("forged", batch(900)), batch(900))])
    configure(cli, 'webhook_secret = "old"')
    refused = cli("rejected", "replay", status=1)
    assert refused.out == "0 taken in, 251 refused still\n"
    assert refused.err == "251 to default: the signature matches no active secret\n"
    assert cli("status", "--json").json["counts"]["deliveries"] == 0
    configure(cli, 'webhook_secret = ["old", "new"]')
    done = cli("rejected", "replay", "--json", status=1).json
    assert (done["taken"], done["refused"]) == (250, 1)
    assert {item["message"] for item in done["items"]} == {"accepted", None}
    counts = cli("status", "--json").json["counts"]
    assert (counts["events"]["applied"], counts["rejected"]["held"]) == (750, 1)
    assert set(deliveries_in(cli)) == {("default", "webhook", "10.0.0.7", RECEIVED_US)}
    straight = Cli(cli.folder, {"DRAWBAR_DATABASE": str(tmp_path / "straight.db")})
    straight("replay", "-", stdin=b"\n".join(batch(number) for number in range(250)))
    assert digest_in(cli.environment["DRAWBAR_DATABASE"]) == digest_in(str(tmp_path / "straight.db"))


def test_running_it_again_changes_nothing(on_sqlite: Cli) -> None:
    """What was taken in is held no more; what Datahub sent again meanwhile is a duplicate."""
    configure(on_sqlite, 'webhook_secret = "s"')
    hold_all(on_sqlite, [(datahub_headers("s", batch(0)), batch(0))] * 2)
    assert on_sqlite("rejected", "replay").out == "2 taken in (1 accepted, 1 duplicate), 0 refused still\n"
    assert on_sqlite("rejected", "replay").out == "0 taken in, 0 refused still\n"


def test_a_timestamp_is_judged_at_the_time_of_receipt(on_sqlite: Cli) -> None:
    """However long it was held; one that was out of tolerance then stays refused."""
    configure(on_sqlite, "[subscriptions.default]", 'scheme = "standard-webhooks"', f'secrets = "{STANDARD_SECRET}"')
    assert abs(time.time() - RECEIVED_S) > 300
    within, beyond = RECEIVED_S + 299, RECEIVED_S - 301
    hold_all(on_sqlite, [(standard_headers(STANDARD_SECRET, batch(n), at), batch(n)) for n, at in enumerate((within, beyond))])
    # A library's header list has no content type, which the webhook asks for after the signature.
    done = on_sqlite("rejected", "replay", status=1)
    assert done.out == "1 taken in (1 quarantined), 1 refused still\n"
    assert done.err == "1 to default: the timestamp is more than 300 s from the time of receipt\n"


def test_what_is_asked_for_on_top_is_judged_with_the_headers_as_they_came(on_sqlite: Cli) -> None:
    """And credentials aren't kept of what is taken in."""
    configure(on_sqlite, "[subscriptions.default]", 'secrets = "s"', 'require_basic = "user:pass"')
    basic = (b"authorization", b"Basic " + base64.b64encode(b"user:pass"))
    hold_all(on_sqlite, [([*datahub_headers("s", batch(0)), basic], batch(0)), (datahub_headers("s", batch(1)), batch(1))])
    done = on_sqlite("rejected", "replay", status=1)
    assert done.out == "1 taken in (1 accepted), 1 refused still\n"
    assert "the Basic credentials are missing or wrong" in done.err

    async def kept(store: DatabaseStore) -> str:
        ((headers,),) = await rows_of(store)
        return str(headers)

    assert "authorization" not in on_store(on_sqlite.environment["DRAWBAR_DATABASE"], kept)


async def rows_of(store: DatabaseStore) -> list[Any]:
    """The headers of what was taken in."""
    return await rows(store, "SELECT headers FROM deliveries")


def test_a_binding_applies(on_sqlite: Cli) -> None:
    """The event of another organization goes to quarantine."""
    configure(on_sqlite, "[subscriptions.eu]", 'secrets = "s"', f'organizations = ["{ORGANIZATION}"]')
    body = body_of([pairing(0), pairing(0, organization_id=OTHER)])
    hold_all(on_sqlite, [(datahub_headers("s", body), body)], "eu")
    on_sqlite("rejected", "replay")
    (entry,) = on_sqlite("quarantine", "list", "--json").json["items"]
    assert (entry["organizationId"], entry["subscription"], entry["receivedAt"]) == (OTHER, "eu", time_text(RECEIVED_US))


@pytest.mark.parametrize(
    ("content_type", "kind"), [(b"application/json; charset=utf-8", None), (b"text/plain", "body"), (None, "body")]
)
def test_the_content_type_is_judged_too(on_sqlite: Cli, content_type: bytes | None, kind: str | None) -> None:
    """What doesn't say that it is JSON goes to quarantine, as it would have at the webhook."""
    configure(on_sqlite, 'webhook_secret = "s"')
    headers = [header for header in datahub_headers("s", batch(0)) if header[0] != b"content-type"]
    hold_all(on_sqlite, [(headers + ([(b"content-type", content_type)] if content_type else []), batch(0))])
    on_sqlite("rejected", "replay")
    assert [entry["kind"] for entry in on_sqlite("quarantine", "list", "--json").json["items"]] == ([kind] if kind else [])


def test_a_body_that_is_no_batch_goes_to_quarantine(on_sqlite: Cli) -> None:
    """It is signed, so it is kept."""
    configure(on_sqlite, 'webhook_secret = "s"')
    hold_all(on_sqlite, [(datahub_headers("s", b"no json \xff"), b"no json \xff")])
    assert on_sqlite("rejected", "replay", "--json").json["items"][0]["message"] == "quarantined"
    assert on_sqlite("status", "--json").json["counts"]["quarantine"]["waiting"] == 1


def test_only_one_subscription_is_judged_if_asked_for(on_sqlite: Cli) -> None:
    """One that isn't configured any more stays refused, and that is said."""
    configure(on_sqlite, "[subscriptions.eu]", 'secrets = "s"')
    hold_all(on_sqlite, [(datahub_headers("s", batch(0)), batch(0))], "eu")
    hold_all(on_sqlite, [(datahub_headers("s", batch(1)), batch(1))], "gone")
    assert on_sqlite("rejected", "replay", "--subscription", "eu").out == "1 taken in (1 accepted), 0 refused still\n"
    assert on_sqlite("rejected", "replay", status=1).err == "1 to gone: no such subscription is configured\n"


def test_one_that_cannot_be_applied_keeps_no_other_out(cli: Cli) -> None:
    """It is taken in with its events in quarantine."""
    configure(cli, 'webhook_secret = "s"')
    hold_all(cli, [(datahub_headers("s", batch(number)), batch(number)) for number in range(3)])

    async def break_a_unit(store: DatabaseStore) -> None:
        columns = "organization_id, unit_id, unit_type, status, last_event_at_us, state"
        sql = f"INSERT INTO units ({columns}) VALUES (:organization_id, 'tp:1', 'tp', 'unpaired', NULL, 'no JSON')"  # noqa: S608 - names of ours
        await execute(store, sql, organization_id=ORGANIZATION)

    on_store(cli.environment["DRAWBAR_DATABASE"], break_a_unit)
    done = cli("rejected", "replay", "--json").json
    assert done["taken"] == 3
    counts = cli("status", "--json").json["counts"]
    assert (counts["events"]["applied"], counts["events"]["quarantined"]) == (6, 3)
    assert counts["rejected"]["held"] == 0
