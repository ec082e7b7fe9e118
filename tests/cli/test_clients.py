"""`drawbar clients`: a secret that is shown once, and what a client may do."""

import re

import pytest

from handlers.credentials import verify_secret
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION


def test_a_client_is_added_and_its_secret_shown_once(cli: Cli) -> None:
    """The JSON is just id and secret; what is kept is a hash of it."""
    issued = cli("clients", "add", "fleet view", "--organization", ORGANIZATION.upper(), "--scopes", "sync,read", "--json").json
    assert sorted(issued) == ["clientId", "clientSecret"]
    url = cli.environment["DRAWBAR_DATABASE"]
    row = on_store(url, lambda store: store.read(lambda tx: tx.clients.find(issued["clientId"])))
    assert row is not None
    assert (row.name, row.organization_id, row.scopes, row.revoked_at_us) == ("fleet view", ORGANIZATION, "read sync", None)
    assert verify_secret(row.secret_hash, issued["clientSecret"])
    listed = cli("clients", "list")
    assert issued["clientId"] in listed.out
    assert issued["clientSecret"] not in listed.out
    assert issued["clientSecret"] not in cli("clients", "list", "--json").out


def test_it_is_said_in_words_too(on_sqlite: Cli) -> None:
    """Id and secret on standard output, the warning beside it."""
    done = on_sqlite("clients", "add", "x", "--organization", "*", "--scopes", "read, ops")
    assert re.fullmatch(r"client id      cl_[0-9a-f]{24}\nclient secret  cs_[0-9a-f]{64}\n", done.out)
    assert done.err == "the secret is not shown again\n"
    (client,) = on_sqlite("clients", "list", "--json").json["items"]
    assert (client["organizationId"], client["scopes"], client["revokedAt"]) == ("*", ["ops", "read"], None)


def test_a_client_can_be_added_before_the_service_ever_ran(fresh: Cli) -> None:
    """The database is made."""
    fresh("clients", "add", "x", "--organization", "*", "--scopes", "read")
    assert (fresh.folder / "drawbar.db").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("x", "--organization", "acme", "--scopes", "read"),
            "expected a UUID, or * for all organizations, got 'acme' - at organization",
        ),
        (("x", "--organization", "*", "--scopes", "read,write"), "got write - at scopes"),
        (("x", "--organization", "*", "--scopes", ","), "got none - at scopes"),
        (("  ", "--organization", "*", "--scopes", "read"), "at name"),
        (("x", "--scopes", "read"), "Missing option '--organization'"),
        (("x", "--organization", "*"), "Missing option '--scopes'"),
    ],
)
def test_what_is_wrong_is_named(on_sqlite: Cli, arguments: tuple[str, ...], says: str) -> None:
    """No client is added."""
    assert says in on_sqlite("clients", "add", *arguments, status=2).err
    assert on_sqlite("clients", "list", "--json").json == {"items": []}


def test_a_revoked_client_stays_in_the_list(cli: Cli) -> None:
    """With the time; it can be revoked once, and one that isn't there not at all."""
    issued = cli("clients", "add", "x", "--organization", "*", "--scopes", "read", "--json").json
    assert cli("clients", "revoke", issued["clientId"]).out == f"{issued['clientId']} is revoked\n"
    (client,) = cli("clients", "list", "--json").json["items"]
    assert client["revokedAt"] >= client["createdAt"]
    again = cli("clients", "revoke", issued["clientId"], status=1)
    assert again.err == f"drawbar: there is no client '{issued['clientId']}' that could be revoked\n"


def test_the_operator_comes_back_and_that_is_said(fresh: Cli) -> None:
    """As long as its secret is configured, the service makes it anew."""
    fresh("init")
    done = fresh("clients", "revoke", "operator")
    assert done.err == "the service makes it anew when it starts, as long as operator_secret is set\n"
