"""Which deliveries count as genuine: properties over generated bodies, secrets and headers."""

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.secret import Secret
from receiver.signature import DATAHUB_HEADERS, verify
from receiver.source_settings import RequiredHeader, Subscription
from tests.support.signing import datahub_headers, standard_headers

NOW_S = 1_747_000_000
NOW_US = NOW_S * 1_000_000

secret_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
keys = st.binary(min_size=1, max_size=64).map(lambda key: "whsec_" + base64.b64encode(key).decode())
bodies = st.binary(max_size=200)
text_bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(str.encode)
SIGNING_HEADERS = (*DATAHUB_HEADERS, b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"authorization", b"x-tenant")
hostile_values = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [b"sha256=" + b"g" * 64, b"v1,", b"v1,=", b",,,", b"v1", b" ", b"\x00", b"Basic", b"9" * 12, b"1e9", b"\xff" * 64]
    ),
)


def _flip(data: bytes, bit: int) -> bytes:
    position = bit // 8 % len(data)
    return data[:position] + bytes([data[position] ^ 1 << bit % 8]) + data[position + 1 :]


@settings(deadline=None, max_examples=100)
@given(st.lists(secret_texts, min_size=1, max_size=4, unique=True), bodies, st.data())
def test_datahub_accepts_any_active_secret(secrets: list[str], body: bytes, data: st.DataObject) -> None:
    """Any body signed with any of the active secrets is accepted."""
    subscription = Subscription(secrets=tuple(map(Secret, secrets)))
    assert verify(subscription, datahub_headers(data.draw(st.sampled_from(secrets)), body), body, NOW_US).accepted


@settings(deadline=None, max_examples=100)
@given(secret_texts, st.binary(min_size=1, max_size=200), st.integers(0, 10_000))
def test_datahub_refuses_a_flipped_bit_of_the_body(secret: str, body: bytes, bit: int) -> None:
    """One bit of the body changed, and the signature no longer holds."""
    verdict = verify(Subscription(secrets=(Secret(secret),)), datahub_headers(secret, body), _flip(body, bit), NOW_US)
    assert verdict.reason == "mismatch"


@settings(deadline=None, max_examples=100)
@given(secret_texts, bodies, st.integers(0, 255))
def test_datahub_refuses_a_flipped_bit_of_the_digest(secret: str, body: bytes, bit: int) -> None:
    """One bit of the digest changed, and it no longer holds."""
    _, (name, value) = datahub_headers(secret, body)
    forged = b"sha256=" + _flip(bytes.fromhex(value[7:].decode()), bit).hex().encode()
    assert verify(Subscription(secrets=(Secret(secret),)), [(name, forged)], body, NOW_US).reason == "mismatch"


@settings(deadline=None, max_examples=100)
@given(st.lists(secret_texts, min_size=2, max_size=2, unique=True), bodies)
def test_datahub_refuses_another_secret(secrets: list[str], body: bytes) -> None:
    """A secret that isn't active signs nothing, unless HMAC itself can't tell the two apart (trailing NULs of a short key)."""
    active, other = (secret.encode().ljust(64, b"\0") for secret in secrets)
    verdict = verify(Subscription(secrets=(Secret(secrets[0]),)), datahub_headers(secrets[1], body), body, NOW_US)
    assert verdict.accepted == (active == other)


@settings(deadline=None, max_examples=100)
@given(st.lists(keys, min_size=1, max_size=4, unique=True), text_bodies, st.integers(-300, 300), st.data())
def test_standard_webhooks_agrees_with_the_reference_library(
    secrets: list[str], body: bytes, offset_s: int, data: st.DataObject
) -> None:
    """What the reference library signs with any active secret within the tolerance is accepted."""
    subscription = Subscription(secrets=tuple(map(Secret, secrets)), scheme="standard-webhooks")
    headers = standard_headers(data.draw(st.sampled_from(secrets)), body, NOW_S + offset_s)
    assert verify(subscription, headers, body, NOW_US).accepted


@settings(deadline=None, max_examples=100)
@given(
    keys, text_bodies, st.integers(0, 10_000), st.sampled_from(["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
)
def test_standard_webhooks_refuses_a_flipped_bit(secret: str, text: bytes, bit: int, place: str) -> None:
    """One bit changed in the body, the id, the timestamp or the signature, and the delivery is refused."""
    body = text + b"."
    headers = [
        (name, _flip(value, bit) if name.decode() == place else value) for name, value in standard_headers(secret, body, NOW_S)
    ]
    received = _flip(body, bit) if place == "body" else body
    assert not verify(Subscription(secrets=(Secret(secret),), scheme="standard-webhooks"), headers, received, NOW_US).accepted


SUBSCRIPTIONS = [
    Subscription(secrets=(Secret("s"),), require_bearer=Secret("token")),
    Subscription(secrets=(Secret("whsec_a2V5"),), scheme="standard-webhooks", require_basic=Secret("user:password")),
    Subscription(secrets=(Secret("s"),), require_header=RequiredHeader("X-Tenant", Secret("blue"))),
]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(SUBSCRIPTIONS),
    st.lists(st.tuples(st.sampled_from(SIGNING_HEADERS), hostile_values), max_size=8),
    st.integers(-(2**63), 2**63),
)
def test_hostile_headers_are_refused_and_never_raise(
    subscription: Subscription, headers: list[tuple[bytes, bytes]], received_at_us: int
) -> None:
    """Headers made of any bytes give a refusal with a message, not an exception."""
    verdict = verify(subscription, headers, b"{}", received_at_us)
    assert not verdict.accepted
    assert verdict.message
