"""Who sent a request, where reverse proxies stand between."""

from pathlib import Path

import msgspec
import pytest

from receiver.proxies import proxy_networks
from schemas.errors import InvalidInputError
from tests.support.facts import body_of
from tests.support.receiver_process import post, receiver
from tests.support.serving import serving
from tests.support.small_app import small_app
from tests.support.store import pairing


@pytest.mark.parametrize(
    ("trusted", "forwarded", "sender"),
    [
        ((), ["192.0.2.1"], "127.0.0.1"),
        (("10.0.0.0/8",), ["192.0.2.1"], "127.0.0.1"),
        (("127.0.0.1",), ["192.0.2.1"], "192.0.2.1"),
        (("127.0.0.0/8",), ["2001:db8::1"], "2001:db8::1"),
        (("127.0.0.1",), [], "127.0.0.1"),
        (("127.0.0.1",), ["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
        (("127.0.0.1",), ["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
        (("127.0.0.1", "10.0.0.0/8"), ["198.51.100.7, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
    ],
    ids=["off", "from another", "a proxy", "a network", "no header", "a forged start", "a forged header", "two proxies"],
)
async def test_a_trusted_proxy_says_who_sent_a_request(trusted: tuple[str, ...], forwarded: list[str], sender: str) -> None:
    """The last address that isn't a trusted proxy's counts; nobody else is believed, and nobody at all unless it is set."""
    lines = "".join(f"X-Forwarded-For: {value}\r\n" for value in forwarded)
    async with serving(small_app(), trusted_proxies=trusted) as address:
        answer = await address.ask(f"POST /echo HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: 0\r\n\r\n".encode())
    assert msgspec.json.decode(answer.body)["client"] == sender


async def test_the_sender_is_what_is_recorded(sqlite_url: str, tmp_path: Path) -> None:
    """A delivery behind a trusted proxy is shown with the address that the proxy names; metrics stay for this host alone."""
    settings = {"DRAWBAR_TRUSTED_PROXIES": "127.0.0.1, ::1"}
    async with receiver(sqlite_url, tmp_path, settings) as running, running.client() as client:
        forwarded = {"X-Forwarded-For": "192.0.2.1"}
        assert (await post(client, body_of([pairing(1)]), **forwarded)).status_code == 200
        (batch,) = (await client.get("/api/v1/batches")).json()["items"]
        assert [delivery["remote"] for delivery in batch["deliveries"]] == ["192.0.2.1"]
        for claimed in ("192.0.2.1", "127.0.0.1"):
            assert (await client.get("/metrics", headers={"X-Forwarded-For": claimed})).status_code == 403


def test_networks_are_known_on_sockets_of_both_families() -> None:
    """An IPv4 proxy is known too where the socket shows its address within IPv6."""
    assert proxy_networks(["10.0.0.1", "192.0.2.0/24", "2001:db8::1"]) == [
        "10.0.0.1/32",
        "::ffff:10.0.0.1/128",
        "192.0.2.0/24",
        "::ffff:192.0.2.0/120",
        "2001:db8::1/128",
    ]


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_address_is_named(wrong: str) -> None:
    """A name, or `*`, would be believed by nobody, or believe everybody: it is an error that names its place."""
    with pytest.raises(InvalidInputError) as raised:
        proxy_networks(["10.0.0.1", wrong])
    (problem,) = raised.value.problems
    assert problem.path == "trusted_proxies[1]"
    assert wrong in problem.message
